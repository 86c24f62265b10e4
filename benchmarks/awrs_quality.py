"""How close the samplers come to the true posterior, with the built-in model: local masking, sample and rerank, SMC.

    python -m benchmarks.awrs_quality [--model DIR] [--runs 20] [--plot docs/awrs_quality.svg]

Truth is exact: the probability of every member, over all its spellings.  The measure is what a user feels: the
distribution over texts of one text drawn from a run, averaged over many runs, against the truth.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import guided
from benchmarks.awrs import as_black_box, table
from guided.engines.posterior import Posterior

MAX_TOKENS = 24
Task = tuple[str, Any, list[str]]  # prompt, constraint, all members


def digits_task() -> Task:
    """A pattern with a condition on the whole text that no mask of it sees: the digits of a time add up to 10."""

    def is_ten(text: str) -> bool:
        return sum(int(letter) for letter in text if letter.isdigit()) == 10

    texts = [f"{hour:02}:{minute:02}" for hour in range(30) for minute in range(60)]
    times = guided.regex(r"[012]\d:[0-5]\d") & guided.predicate(complete=is_ten)
    return "The train leaves at ", times, [text for text in texts if is_ten(text)]


def fields_task() -> Task:
    """JSON with a rule across fields: the second number exceeds the first."""

    def is_ordered(text: str) -> bool:
        found = json.loads(text)
        return bool(found["low"] < found["high"])

    texts = [f'{{"low": {low}, "high": {high}}}' for low in range(10) for high in range(10)]
    form = guided.regex(r'\{"low": \d, "high": \d\}') & guided.predicate(complete=is_ordered)
    return "A range as JSON: ", form, [text for text in texts if is_ordered(text)]


def dead_end_task() -> Task:
    """A mask that looks one word ahead walks into a corner: after the usual first words no usual second one fits."""
    pairs = [f"{first} {second}" for first in ("the", "a", "an", "my", "his") for second in ("xylophone", "dog", "qat")]
    texts = [text for text in pairs if not text.startswith(("the ", "a ")) or text.endswith("xylophone")]
    return "She was looking for ", guided.choice(texts), texts


TASKS = {"digits sum to 10": digits_task, "JSON, low < high": fields_task, "dead ends": dead_end_task}
METHODS: dict[str, dict[str, Any]] = {
    "local masking": {"n_particles": 1, "sampler": "auto"},
    "sample and rerank, 10": {"n_particles": 10, "sampler": "auto", "ess_threshold": 0},
    "SMC with masks, 10": {"n_particles": 10, "sampler": "auto", "ess_threshold": 0.9},
    "SMC with AWRS, 5": {"n_particles": 5, "sampler": "awrs", "ess_threshold": 0.5},
}


def probabilities(runs: list[Posterior]) -> dict[str, float]:
    """Distribution of one text drawn from each run that found one."""
    found: dict[str, float] = {}
    for run in runs:
        if run.log_z > -math.inf:
            for text, prob in run.probabilities.items():
                found[text] = found.get(text, 0.0) + prob
    total = math.fsum(found.values())
    return {text: value / total for text, value in found.items()} if total else {}


def blind(constraint: Any) -> Any:
    """The same texts, by tests alone."""
    if not hasattr(constraint, "tests"):
        return as_black_box(constraint)
    box = as_black_box(constraint.language)
    for test in constraint.tests:
        box = box & guided.predicate(complete=test.complete)
    return box


def distance(left: dict[str, float], right: dict[str, float]) -> float:
    """Total variation."""
    return sum(abs(left.get(text, 0.0) - right.get(text, 0.0)) for text in left.keys() | right.keys()) / 2


def divergence(truth: dict[str, float], found: dict[str, float]) -> float:
    """KL(truth, found), with a thousandth of the truth mixed in: a text never drawn counts, but not infinitely."""
    return sum(p * math.log(p / (0.999 * found.get(text, 0.0) + 0.001 * p)) for text, p in truth.items() if p > 0)


def measure(lm: Any, n_runs: int) -> list[list[Any]]:
    rows = []
    for task, make in TASKS.items():
        prompt, constraint, texts = make()
        logp = guided.choice_logprobs(lm, prompt, texts, end=True, tolerance=1e-3)
        total = math.fsum(math.exp(value) for value in logp.values())
        truth = {text: math.exp(value) / total for text, value in logp.items()}
        for name, given in METHODS.items():
            # AWRS is given the language as a test alone; the others its masks.
            used = blind(constraint) if given["sampler"] == "awrs" else constraint
            runs = [guided.smc(lm, prompt, used, max_tokens=MAX_TOKENS, seed=seed, **given) for seed in range(n_runs)]
            found = probabilities(runs)
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
