"""How close the samplers come to the true posterior, with the built-in model, and a drawing of it.

    python -m benchmarks.awrs_quality [--runs 200] [--model DIR] [--plot docs/awrs_quality.svg]

Truth is exact: every member of a task, over all its spellings (awrs_tasks.py).  What is measured is what a user gets
who takes one text from one run: its distribution, averaged over all runs that found a text, against the truth, as
KL(found, truth) in nats and as total variation, with 95 % intervals (bootstrap over runs).  "exact samples" is what
independent exact samples would show, one a run: the noise of counting.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Collection
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import guided
from benchmarks.awrs import table
from benchmarks.awrs_tasks import MAX_TOKENS, TASKS, Remembering, Task, effective
from benchmarks.results_file import write_line
from guided.engines.posterior import Posterior

Run = Callable[[Any, Task, int], Posterior]


def local(lm: Any, task: Task, seed: int) -> Posterior:
    """Masking a token at a time, as everybody does: a text that does not pass in the end is thrown away."""
    return guided.importance(lm, task.prompt, task.late, n=1, max_tokens=MAX_TOKENS, end="free", seed=seed)


def rerank(lm: Any, task: Task, seed: int) -> Posterior:
    """Ten texts under the mask; of those that pass, one by weight."""
    return guided.importance(lm, task.prompt, task.late, n=10, max_tokens=MAX_TOKENS, end="free", seed=seed)


def masks(n_particles: int, **options: Any) -> Run:
    """Masks of the language; the test, as a potential, judges every text after every token."""

    def run(lm: Any, task: Task, seed: int) -> Posterior:
        given = {"n_particles": n_particles, "max_tokens": MAX_TOKENS, "end": "free", "seed": seed, **options}
        judge = task.critic
        result = guided.smc(lm, task.prompt, task.language, potentials=[judge], **given)
        result.n_asked += judge.n_calls
        return result

    return run


def awrs(n_particles: int, **options: Any) -> Run:
    """Masks of the language; the test is asked of tokens before they are drawn."""

    def run(lm: Any, task: Task, seed: int) -> Posterior:
        given = {"n_particles": n_particles, "max_tokens": MAX_TOKENS, "end": "free", "seed": seed, **options}
        return guided.smc(lm, task.prompt, task.product, **given)

    return run


# As in arXiv:2504.05410: stratified copies when the effective size falls below so much.
COPIES_MASKS, COPIES_AWRS = ({"resampling": "stratified", "ess_threshold": share} for share in (0.9, 0.5))
METHODS: dict[str, Run] = {
    "local masking": local,
    "sample and rerank, 10": rerank,
    "SMC with masks, 5": masks(5, **COPIES_MASKS),
    "SMC with masks, 10": masks(10, **COPIES_MASKS),
    "SMC with masks, 10, branching": masks(10, resampling="distinct"),
    "SMC with AWRS, 5, copies": awrs(5, **COPIES_AWRS),
    "SMC with AWRS, 5": awrs(5, resampling="distinct"),
}
COLOURS = dict(zip(METHODS, ("#9aa5b1", "#d9a441", "#9dbfe0", "#4a7fb5", "#1f4e79", "#a3d1ae", "#3f8f58"), strict=True))
CLAIM = ("SMC with AWRS, 5", "SMC with masks, 10")


def distances(found: Any, truth: Any) -> tuple[float, float]:
    """(KL(found, truth), total variation) of the mean of the rows that are not 0; if all are 0, the worst there is."""
    total = found.sum()
    if total == 0:
        return math.inf, 1.0
    law = found.sum(0) / total
    there = law > 0
    return float((law[there] * np.log(law[there] / truth[there])).sum()), float(np.abs(law - truth).sum() / 2)


def interval(found: Any, truth: Any, rng: Any, n: int = 400) -> list[list[float]]:
    """95 % intervals of both: runs drawn anew from the runs."""
    again = [distances(found[rng.integers(0, len(found), len(found))], truth) for _ in range(n)]
    return np.nanpercentile(np.array(again), [2.5, 97.5], axis=0).T.tolist()


def measure(lm: Any, make: Callable[[], Task], n_runs: int, methods: Collection[str]) -> list[dict[str, Any]]:
    """One line per method."""
    task = make()
    model, rng = Remembering(lm, task.prompt), np.random.default_rng(0)
    truth = model.truth(task)
    print(task.name, f"{len(truth)} texts, in effect {effective(truth):.1f}", flush=True)
    place, exact = {text: number for number, text in enumerate(truth)}, np.array(list(truth.values()))
    draws = np.zeros((n_runs, len(truth)))
    draws[np.arange(n_runs), rng.choice(len(truth), n_runs, p=exact)] = 1
    kl, variation = distances(draws, exact)
    lines = [
        {
            "task": task.name, "method": "exact samples", "kl": kl, "tv": variation,
            "texts": effective(truth),
            "interval": interval(draws, exact, rng), "failed": 0.0, "asked": 0.0, "seconds": 0.0,
        }
    ]  # fmt: skip
    drawn: dict[str, Any] = {}
    for name in methods:
        run = METHODS[name]
        found, n_failed, n_asked, start = np.zeros((n_runs, len(truth))), 0, 0, time.process_time()
        for seed in range(n_runs):
            result = run(model, task, seed)
            n_asked += result.n_asked
            if result.log_z == -math.inf:
                n_failed += 1
                continue
            for text, share in result.probabilities.items():
                found[seed, place[text]] += share
        kl, variation = distances(found, exact)
        drawn[name] = found
        lines.append(
            {
                "task": task.name, "method": name, "kl": kl, "tv": variation, "texts": effective(truth),
                "interval": interval(found, exact, rng), "failed": n_failed / n_runs, "asked": n_asked / n_runs,
                "seconds": (time.process_time() - start) / n_runs,
            }
        )  # fmt: skip
        print(task.name, name, f"{kl:.3f}", flush=True)
    if drawn.keys() >= set(CLAIM):
        lines[-1]["claim"] = difference(*(drawn[name] for name in CLAIM), exact, rng)
    return lines


def difference(mine: Any, theirs: Any, truth: Any, rng: Any, n: int = 400) -> list[list[float]]:
    """KL and total variation of one method less those of another: value, and a 95 % interval."""

    def less(rows: Any) -> Any:
        with np.errstate(invalid="ignore"):  # inf - inf, where neither found a text
            return np.subtract(distances(mine[rows], truth), distances(theirs[rows], truth))

    again = np.array([less(rng.integers(0, len(mine), len(mine))) for _ in range(n)])
    low, high = np.nanpercentile(again, [2.5, 97.5], axis=0)
    found: list[list[float]] = np.stack([less(np.arange(len(mine))), low, high], 1).tolist()
    return found


def rows_of(lines: list[dict[str, Any]]) -> list[list[Any]]:
    """The table: figures with their intervals."""
    return [
        [
            line["task"],
            line["method"],
            *(
                f"{line[key]:.3f} ({low:.3f} to {high:.3f})"
                for key, (low, high) in zip(("kl", "tv"), line["interval"], strict=True)
            ),
            f"{line['failed']:.0%}",
            f"{line['asked']:.0f}",
            f"{line['seconds'] * 1e3:.0f}",
        ]
        for line in lines
    ]


def claims(lines: list[dict[str, Any]]) -> list[list[Any]]:
    """Whether AWRS is at least as good as masks with twice the particles."""
    return [
        [line["task"], *(f"{value:+.3f} ({low:+.3f} to {high:+.3f})" for value, low, high in line["claim"])]
        for line in lines
        if "claim" in line
    ]


def plot(lines: list[dict[str, Any]]) -> str:
    """Bars of the total variation with intervals, and under them the share of runs without a text: SVG by hand."""
    tasks = list(dict.fromkeys(line["task"] for line in lines))
    group, bar, top, floor = 236, 28, 76, 296

    def y(value: float) -> float:
        return floor - (floor - top) * value

    width = max(64 + group * len(tasks), 880)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 394" width="{width}" height="394" role="img" '
        'aria-label="Total variation from the true posterior by task and method">',
        "<style>text{font:12px system-ui,sans-serif;fill:#1c2733}.small{font-size:11px;fill:#5b6b7a}"
        ".grid{stroke:#dfe5ea}.whisker{stroke:#1c2733;stroke-width:1.2}.noise{stroke:#cc5a4f;stroke-dasharray:4 3}"
        "</style>",
        f'<rect width="{width}" height="394" fill="#fff"/>',
        '<text x="14" y="22" style="font-size:14px">How far a text of one run is from the true posterior</text>',
        '<text class="small" x="14" y="42">total variation, 95 % intervals; under the bars: runs without a text</text>',
    ]
    for step in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line class="grid" x1="44" x2="{width - 8}" y1="{y(step):.1f}" y2="{y(step):.1f}"/>')
        parts.append(f'<text class="small" x="38" y="{y(step) + 4:.1f}" text-anchor="end">{step:g}</text>')
    for number, task in enumerate(tasks):
        left = 60 + group * number
        mine = {line["method"]: line for line in lines if line["task"] == task}
        for place, (name, colour) in enumerate(COLOURS.items()):
            line, x = mine[name], left + bar * place
            low, high = line["interval"][1]
            middle = x + (bar - 6) / 2
            parts.append(
                f'<g><title>{name}: {line["tv"]:.3f} ({low:.3f} to {high:.3f})</title><rect x="{x}" '
                f'y="{y(line["tv"]):.1f}" width="{bar - 6}" height="{floor - y(line["tv"]):.1f}" fill="{colour}"/>'
                f'<line class="whisker" x1="{middle}" x2="{middle}" y1="{y(low):.1f}" y2="{y(high):.1f}"/></g>'
                f'<text class="small" x="{middle}" y="{y(high) - 5:.1f}" text-anchor="middle">{line["tv"]:.2f}</text>'
                f'<text class="small" x="{middle}" y="{floor + 15}" text-anchor="middle">{line["failed"]:.0%}</text>'
            )
        noise = y(mine["exact samples"]["tv"])
        parts.append(
            f'<line class="noise" x1="{left - 6}" x2="{left + group - 40}" y1="{noise:.1f}" y2="{noise:.1f}"/>'
        )
        label = task.replace("<", "&lt;")
        parts.append(f'<text x="{left + bar * len(COLOURS) / 2 - 3}" y="334" text-anchor="middle">{label}</text>')
    for number, (name, colour) in enumerate([*COLOURS.items(), ("exact samples, as many as runs", "#cc5a4f")]):
        x, y_mark = 14 + 236 * (number % 4), 354 + 20 * (number // 4)
        mark = f'<rect x="{x}" y="{y_mark}" width="10" height="10" rx="2" fill="{colour}"/>'
        if name not in COLOURS:
            mark = f'<line class="noise" x1="{x - 4}" x2="{x + 11}" y1="{y_mark + 5}" y2="{y_mark + 5}"/>'
        parts.append(f'{mark}<text class="small" x="{x + 15}" y="{y_mark + 9}">{name}</text>')
    return "".join([*parts, "</svg>\n"])


def newest(path: Path) -> list[dict[str, Any]]:
    """The last figures of every task and method in a file of results, in the order of this page."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        found.update({(line["task"], line["method"]): line for line in json.loads(text)["lines"]})
    names = ["exact samples", *METHODS]
    tasks = list(dict.fromkeys(task for task, _ in found))
    return [found[task, name] for task in tasks for name in names if (task, name) in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder; default: the built-in model")
    parser.add_argument("--runs", type=int, default=200, help="0: only show what was measured before")
    parser.add_argument("--only", choices=[make.__name__ for make in TASKS], help="one task")
    parser.add_argument("--method", choices=METHODS, help="one method")
    parser.add_argument("--plot", type=Path, help="draw the newest figures of all tasks and methods")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "awrs_quality.jsonl")
    options = parser.parse_args()
    if options.runs:
        import torch
        import transformers

        torch.set_num_threads(1)
        transformers.utils.logging.disable_progress_bar()
        lm = guided.load(options.model, dtype="float32") if options.model else guided.tiny()
        methods = METHODS if options.method is None else [options.method]
        tasks = [make for make in TASKS if options.only in (None, make.__name__)]
        for make in tasks:
            found = {
                "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "command": "python -m benchmarks.awrs_quality " + " ".join(sys.argv[1:]),
                "lines": measure(lm, make, options.runs, methods),
            }
            write_line(options.out, found)
    lines = newest(options.out)
    heads = ["task", "method", "KL from the truth", "total variation", "runs without a text", "questions", "ms"]
    table(heads, rows_of(lines))
    print()
    table([f"{CLAIM[0]}, less {CLAIM[1]}", "KL", "total variation"], claims(lines))
    if options.plot:
        options.plot.write_text(plot(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
