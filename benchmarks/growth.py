"""How start-up, mask time and memory grow with the input: n, 2n, 4n and 8n of one thing at a time, and the exponents.

    python -m benchmarks.growth [--tokenizer DIR] [--axes properties,enum] [--rounds 3] [--write]

Every point is measured in children of one process that has the tokenizer in memory; of the rounds, the least time and
the median memory count.  An exponent is the slope of a straight line through (log size, log figure): 1 is linear, 0 is
flat.  Times are of the processor, so that waiting for a busy machine is not counted; masks are means over the tokens of
one document, a mask and a step for each: *first* as it is written for the first time, *seen* for the second.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import guided
from benchmarks.measure import resident_mb
from benchmarks.reliability import longest_tokens, vocabularies
from benchmarks.results_file import write_line
from guided import Matcher, Vocabulary

FACTORS = (1, 2, 4, 8)
FIGURES = ("start_ms", "first_us", "seen_us", "memory_mb")


class Point(NamedTuple):
    """What is measured at one size: a schema and a document of it, in the first `tokens` tokens (0: all)."""

    schema: dict[str, Any]
    document: Any
    tokens: int = 0


def properties(n: int) -> Point:
    """Closed objects with n optional members, of which the document has 20, spread over all of them."""
    kinds = (
        {"type": "string"},
        {"type": "integer"},
        {"type": "boolean"},
        {"type": "array", "items": {"type": "number"}},
    )
    values = ("some text", 17, True, [1.5, 2.5])
    members = {f"member_{k}": kinds[k % 4] for k in range(n)}
    chosen = range(0, n, max(n // 20, 1))
    document = {f"member_{k}": values[k % 4] for k in chosen}
    return Point({"type": "object", "properties": members, "additionalProperties": False}, document)


def required(n: int) -> Point:
    """Objects with n required members; the document has all of them."""
    members = {f"member_{k}": {"type": "integer"} for k in range(n)}
    schema = {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}
    return Point(schema, dict.fromkeys(members, 7))


def enum(n: int) -> Point:
    """An array of words out of n; the document has 20 of them."""
    words = [f"{k * 2654435761 % 2**32:08x} value {k}" for k in range(n)]
    return Point({"type": "array", "items": {"enum": words}}, words[:: max(n // 20, 1)])


def nesting(n: int) -> Point:
    """Objects in objects, n deep; so is the document."""
    schema: dict[str, Any] = {"type": "integer"}
    document: Any = 7
    for k in range(n):
        schema = {"type": "object", "properties": {f"level_{k}": schema}, "required": [f"level_{k}"]}
        document = {f"level_{k}": document}
    return Point(schema, document)


def length(n: int) -> Point:
    """A string of at most n characters; the document has 200."""
    return Point({"type": "string", "maxLength": n}, ("some words " * 18).strip())


def counted(n: int) -> Point:
    """A pattern with a repeat of up to n rounds between word boundaries; the document has 200 characters."""
    return Point({"type": "string", "pattern": rf"^\b(?:[a-z]+ ){{0,{n}}}\b[a-z]*$"}, ("some words " * 18).strip())


def branches(n: int) -> Point:
    """oneOf of n objects told apart by a tag; the document is the middle one."""
    kinds = [{"properties": {"kind": {"const": f"kind {k}"}, f"only_{k}": {"type": "string"}}} for k in range(n)]
    tagged = [{"type": "object", "required": ["kind"], **kind, "additionalProperties": False} for kind in kinds]
    return Point({"oneOf": tagged}, {"kind": f"kind {n // 2}", f"only_{n // 2}": "some text"})


def vocabulary(n: int) -> Point:
    """The first n tokens of the tokenizer, an object of a few members."""
    return properties(40)._replace(tokens=n)


AXES: dict[str, tuple[Callable[[int], Point], int]] = {  # how a point is made, and its smallest size
    "properties": (properties, 100),
    "required": (required, 25),
    "enum": (enum, 1_000),
    "nesting": (nesting, 15),
    "length": (length, 1_000),
    "counted": (counted, 100),
    "branches": (branches, 10),
    "vocabulary": (vocabulary, 16_000),
}


def measured(point: Point, vocab: Vocabulary) -> dict[str, float]:
    """The figures of one point, in this process."""
    ids = {token: number for number, token in enumerate(vocab.tokens) if token}
    text = json.dumps(point.document, ensure_ascii=False)
    tokens = longest_tokens(text.encode(), vocab, max(map(len, ids)), ids)
    del ids
    before_mb = resident_mb()
    begun = time.process_time()
    constraint = guided.json_schema(point.schema, order="any")
    matcher = Matcher(constraint, vocab)
    words = matcher.mask()
    start_ms = (time.process_time() - begun) * 1e3
    means = []
    for _ in range(2):
        matcher = Matcher(constraint, vocab)
        begun = time.process_time()
        for token in tokens:
            matcher.mask(words)
            matcher.advance(token)
        means.append((time.process_time() - begun) / len(tokens) * 1e6)
    if not matcher.is_accepting:
        raise AssertionError("the document is not a member")
    memory_mb = max(resident_mb() - before_mb, 0.0)
    return dict(zip(FIGURES, (start_ms, *means, memory_mb), strict=True))


def in_a_child(point: Point, vocab: Vocabulary) -> dict[str, float]:
    """measured(), where nothing that one point leaves behind helps or hinders the next."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        answer = b"{}"
        try:
            answer = json.dumps(measured(point, vocab)).encode()
        finally:
            os.write(writing, answer)
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = json.loads(stream.read())
    os.wait()
    if not answer:
        raise RuntimeError("a child failed")
    return dict(answer)


def exponent(sizes: list[int], values: list[float]) -> float:
    """The slope of log(value) over log(size), by least squares."""
    xs = [math.log(size) for size in sizes]
    ys = [math.log(max(value, 1e-3)) for value in values]
    x, y = statistics.mean(xs), statistics.mean(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--tokenizer", help="a folder with tokenizer.json; without it the 256 bytes, and no vocabulary axis"
    )
    parser.add_argument("--axes", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="append a line to benchmarks/results/growth.jsonl")
    options = parser.parse_args()
    whole = vocabularies(options.tokenizer)[-1]
    axes = (
        options.axes.split(",")
        if options.axes
        else [axis for axis in AXES if options.tokenizer or axis != "vocabulary"]
    )
    guided.json_schema({"type": "array", "uniqueItems": True}).recognizer()  # imports what is imported lazily
    line: dict[str, Any] = {"date": datetime.now(timezone.utc).date().isoformat(), "version": guided.__version__}
    line["tokens"] = whole.size
    print("| | sizes | " + " | ".join(f"{name}: exponent, first to last" for name in FIGURES) + " |\n|" + "---|" * 6)
    for axis in axes:
        make, smallest = AXES[axis]
        sizes = [smallest * factor for factor in FACTORS]
        found: dict[str, list[float]] = {name: [] for name in FIGURES}
        for size in sizes:
            point, vocab = make(size), whole
            if point.tokens:
                vocab = Vocabulary(whole.tokens[: point.tokens], eos_ids={point.tokens}, size=point.tokens + 1)
            Matcher(guided.regex("[a-z]*"), vocab).mask()  # what a vocabulary makes once is made before the children
            rounds = [in_a_child(point, vocab) for _ in range(options.rounds)]
            for name in FIGURES:
                best = statistics.median if name == "memory_mb" else min
                found[name].append(best(one[name] for one in rounds))
        slopes = {name: exponent(sizes, found[name]) for name in FIGURES}
        line[axis] = {"sizes": sizes, **found, "exponents": slopes}
        cells = [f"{slopes[name]:.2f}, {found[name][0]:.3g} to {found[name][-1]:.3g}" for name in FIGURES]
        print(f"| {axis} | {sizes[0]:,} to {sizes[-1]:,} | {' | '.join(cells)} |", flush=True)
    if options.write:
        write_line(Path(__file__).parent / "results" / "growth.jsonl", line)


if __name__ == "__main__":
    main()
