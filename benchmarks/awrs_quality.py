"""How close the samplers come to the true posterior, with the built-in model: local masking, sample and rerank, SMC.

    python -m benchmarks.awrs_quality [--model DIR] [--runs 20] [--plot docs/awrs_quality.svg]

Truth is long runs: SMC with many particles, twice, so that its own noise is seen beside the others.  The measure is
what a user feels: the distribution over texts of one text drawn from a run, averaged over many runs, against the truth.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import guided
from benchmarks.awrs import table
from guided.engines.posterior import Posterior

LONG = 600  # particles of a long run
MAX_TOKENS = 24


def pattern_task() -> tuple[str, Any, Callable[[str], str]]:
    """A pattern with a global condition that no mask of the pattern sees: the digits of a time add up to 10."""
    times = guided.regex(r"[012]\d:[0-5]\d")
    total = guided.predicate(complete=lambda text: sum(int(c) for c in text if c.isdigit()) == 10, name="sum is 10")
    return "The train leaves at ", times & total, str


def cross_field_task() -> tuple[str, Any, Callable[[str], str]]:
    """JSON whose second number must exceed the first."""
    form = guided.regex(r'\{"low": \d{1,2}, "high": \d{1,2}\}')

    def ordered(text: str) -> bool:
        found = json.loads(text)
        return bool(found["low"] < found["high"])

    return "The range is ", form & guided.predicate(complete=ordered, name="low < high"), str


def dead_end_task() -> tuple[str, Any, Callable[[str], str]]:
    """Local masking walks into a corner: most first words have no good second one."""
    pairs = guided.regex(r"(the|a|an|my|his) (xylophone|dog|qat)")
    return "She was looking for ", pairs & guided.predicate(
        complete=lambda text: not text.startswith(("the ", "a ")) or text.endswith("xylophone"), name="rare"
    ), str


TASKS = {"digits sum to 10": pattern_task, "JSON, low < high": cross_field_task, "dead ends": dead_end_task}
METHODS: dict[str, dict[str, Any]] = {
    "local masking": {"n_particles": 1, "sampler": "mask"},
    "sample and rerank, 10": {"n_particles": 10, "sampler": "mask", "ess_threshold": 0},
    "SMC with masks, 10": {"n_particles": 10, "sampler": "mask", "ess_threshold": 0.9},
    "SMC with AWRS, 5": {"n_particles": 5, "sampler": "awrs", "ess_threshold": 0.5},
}


def probabilities(runs: list[Posterior], proper: bool) -> dict[str, float]:
    """Distribution of one text drawn from each run that found one; with `proper`, runs weighted by their log_z."""
    found: dict[str, float] = {}
    for run in runs:
        if run.log_z > -math.inf:
            share = math.exp(run.log_z) if proper else 1.0
            for text, prob in run.probabilities.items():
                found[text] = found.get(text, 0.0) + share * prob
    total = math.fsum(found.values())
    return {text: value / total for text, value in found.items()} if total else {}


def distance(left: dict[str, float], right: dict[str, float]) -> float:
    """Total variation."""
    return sum(abs(left.get(text, 0.0) - right.get(text, 0.0)) for text in left.keys() | right.keys()) / 2


def divergence(truth: dict[str, float], found: dict[str, float]) -> float:
    """KL(truth, found), with a thousandth of the truth mixed in: a text never drawn counts, but not infinitely."""
    return sum(p * math.log(p / (0.999 * found.get(text, 0.0) + 0.001 * p)) for text, p in truth.items() if p > 0)


def measure(lm: Any, n_runs: int) -> list[list[Any]]:
    rows = []
    for task, make in TASKS.items():
        prompt, constraint, _ = make()
        options = {"max_tokens": MAX_TOKENS, "end": "free"}
        long = [
            guided.smc(lm, prompt, constraint, n_particles=LONG, sampler="awrs", seed=seed, **options)
            for seed in (1, 2)
        ]
        truth = probabilities(long, proper=True)
        rows.append([task, "a second long run", distance(long[0].probabilities, long[1].probabilities), 0.0, 0.0, 0.0])
        for name, given in METHODS.items():
            runs = [guided.smc(lm, prompt, constraint, seed=100 + seed, **given, **options) for seed in range(n_runs)]
            found = probabilities(runs, proper=False)
            failed = sum(run.log_z == -math.inf for run in runs) / n_runs
            asked = sum(run.n_asked for run in runs) / n_runs
            rows.append([task, name, distance(truth, found), divergence(truth, found), failed, asked])
    return rows


def plot(rows: list[list[Any]]) -> str:
    """Bars of the total variation, one group a task: SVG by hand, no library."""
    tasks = list(dict.fromkeys(row[0] for row in rows))
    colours = dict(zip(METHODS, ("#9fb0c0", "#d9a441", "#4a7fb5", "#5aa469"), strict=True))
    width, parts = 60 + 200 * len(tasks), []
    for number, task in enumerate(tasks):
        x = 60 + 200 * number
        parts.append(f'<text x="{x}" y="262">{task.replace("<", "&lt;")}</text>')
        for place, name in enumerate(METHODS):
            value = next(row[2] for row in rows if row[:2] == [task, name])
            height = 200 * value
            parts.append(
                f'<rect x="{x + 40 * place}" y="{240 - height:.1f}" width="34" height="{height:.1f}" '
                f'fill="{colours[name]}"><title>{name}: {value:.2f}</title></rect>'
                f'<text class="small" x="{x + 40 * place + 4}" y="{234 - height:.1f}">{value:.2f}</text>'
            )
    for place, (name, colour) in enumerate(colours.items()):
        x = 60 + 160 * place
        parts.append(f'<rect x="{x}" y="280" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text class="small" x="{x + 16}" y="289">{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(width, 720)}" height="304">'
        "<style>text { font: 13px sans-serif; } .small { font-size: 11px; }</style>"
        '<text x="8" y="24">total variation from the true posterior, of a text drawn from one run</text>'
        '<line x1="50" y1="240" x2="100%" y2="240" stroke="#9fb0c0"/>' + "".join(parts) + "</svg>\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder; default: the built-in model")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    lm = guided.load(options.model, dtype="float32") if options.model else guided.tiny()
    rows = measure(lm, options.runs)
    table(["task", "method", "total variation", "KL", "runs without a text", "questions a run"], rows)
    print(json.dumps({"quality": rows}))
    if options.plot:
        options.plot.write_text(plot(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
