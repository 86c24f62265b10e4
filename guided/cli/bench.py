"""`guided bench`: a self-check of speeds in a few seconds, with the built-in model's vocabulary or another one.

Not here: the comparison with other libraries, which needs environments of its own (benchmarks/ in the source tree).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from guided.cli import options
from guided.cli.load import load_tokenizer

BATCH = 64
PATTERNS = {
    "date": r"\d{4}-\d{2}-\d{2}",
    "email": r"[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}",
    "any text": ".{0,1000}",
}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def command(tokenizer: options.Tokenizer = None, as_json: options.AsJson = False) -> None:
    """Measure compilation, masks and batches on this machine."""
    figures = measure(load_tokenizer(tokenizer))
    if as_json:
        options.print_json(figures)
        return
    for name, value in figures.items():
        print(f"{name:<44} {value:>12,.2f}" if isinstance(value, float) else f"{name:<44} {value:>12,}")


def measure(tokenizer: Any) -> dict[str, float | int]:
    """Figures by name; the unit is the last word of the name."""
    import numpy as np

    import guided

    start = time.perf_counter()
    vocab = guided.Vocabulary.from_tokenizer(tokenizer)
    figures: dict[str, float | int] = {"tokens": vocab.size, "vocabulary, ms": (time.perf_counter() - start) * 1e3}
    out = np.zeros((BATCH, (vocab.size + 31) // 32), np.uint32)
    constraints = {name: guided.regex(pattern) for name, pattern in PATTERNS.items()}
    constraints["JSON object"] = guided.json_schema(SCHEMA)
    matchers = []
    for name, constraint in constraints.items():
        start = time.perf_counter()
        matcher = guided.Matcher(constraint, vocab)
        matcher.mask(out[0])
        figures[f"{name}: compile + first mask, ms"] = (time.perf_counter() - start) * 1e3
        matchers.append(matcher)
    figures["mask at a state seen before, us"] = median_us(lambda: matchers[0].mask(out[0]))
    batch = [matchers[row % len(matchers)].fork() for row in range(BATCH)]
    figures[f"masks of {BATCH} matchers in one call, us"] = median_us(lambda: guided.fill_masks(batch, out))
    return figures


def median_us(call: Callable[[], object], n_calls: int = 2000) -> float:
    """Median duration of a call in microseconds."""
    durations = []
    for _ in range(n_calls):
        start = time.perf_counter_ns()
        call()
        durations.append(time.perf_counter_ns() - start)
    return statistics.median(durations) / 1e3
