"""What a composition costs: the same documents alone, and as a part of a sequence, of tool calls, and inside a grammar.

    python -m benchmarks.composition --tokenizer DIR [--rounds 5] [--write]

Per document and form: mask + advance for every token of the document's own text (tokens that cross a border are fed,
not timed), by a matcher whose constraint was compiled anew (cold) and by the next one (warm).  One process, one core,
forms in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import guided
from benchmarks.results_file import write_line
from guided import Constraint, Matcher, Vocabulary

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0},
        "email": {"type": "string", "format": "email"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"enum": ["Bern", "Basel", "Biel"]}},
            "required": ["street", "city"],
        },
        "notes": {"type": "array", "items": {"type": "object", "properties": {"text": {"type": "string"}}}},
    },
    "required": ["name", "age", "address"],
}
DOCUMENT = json.dumps(
    {
        "name": "Margrit Äschbacher-O'Neill",
        "age": 47,
        "email": "margrit@example.org",
        "tags": ["reads {a lot}", "</tool_call> in a string", "plays the cello"],
        "address": {"street": "Länggassstrasse 12, 3rd floor", "city": "Bern"},
        "notes": [{"text": "called twice; asked for the invoice of March"}, {"text": "prefers e-mail"}],
    },
    ensure_ascii=False,
)
FORMS: dict[str, tuple[Callable[[], Constraint], str, str]] = {
    "alone": (lambda: guided.json_schema(PERSON), "", ""),
    "after free text": (
        lambda: guided.seq(guided.text(until="</think>"), "\n", guided.json_schema(PERSON)),
        "Well.</think>\n",
        "",
    ),
    "between tags": (
        lambda: guided.seq("<answer>", guided.json_schema(PERSON), "</answer>"),
        "<answer>",
        "</answer>",
    ),
    "before free text": (lambda: guided.seq(guided.json_schema(PERSON), guided.text()), "", "\nDone."),
    "one of 20 tools": (
        lambda: guided.tools([guided.Tool(f"tool_{n}", guided.json_schema(PERSON)) for n in range(20)]),
        'I call.<tool_call>\n{"name": "tool_7", "arguments": ',
        "}\n</tool_call>",
    ),
    "inside a grammar": (
        lambda: guided.cfg(
            'start: NAME "(" args ")"\nNAME: /[a-z]+/', embed={"args": guided.json_schema(PERSON)}
        ),
        "save(",
        ")",
    ),
}  # fmt: skip


def tokens_of(text: str, vocab: Vocabulary, longest: int, ids: dict[bytes, int]) -> list[int]:
    """`text` in the longest tokens from the left."""
    encoded, found, at = text.encode(), [], 0
    while at < len(encoded):
        size = next(n for n in range(min(longest, len(encoded) - at), 0, -1) if encoded[at : at + n] in ids)
        found.append(ids[encoded[at : at + size]])
        at += size
    return found


def one_pass(
    constraint: Constraint, vocab: Vocabulary, before: list[int], inside: list[int], after: list[int]
) -> list[float]:
    """Microseconds of mask + advance for each token inside."""
    out = np.zeros((vocab.size + 31) // 32, np.uint32)
    matcher = Matcher(constraint, vocab)
    for token in before:
        matcher.advance(token)
    spent = []
    for token in inside:
        start = time.perf_counter()
        matcher.mask(out)
        matcher.advance(token)
        spent.append((time.perf_counter() - start) * 1e6)
    for token in after:
        matcher.advance(token)
    assert matcher.is_accepting
    return spent


def summary(spent: list[float]) -> dict[str, float]:
    ordered = sorted(spent)
    return {
        "mean_us": round(statistics.fmean(spent), 2),
        "median_us": round(statistics.median(spent), 2),
        "p99_us": round(ordered[int(0.99 * (len(ordered) - 1))], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="append a line to benchmarks/results/composition.jsonl")
    options = parser.parse_args()
    from transformers import AutoTokenizer

    vocab = Vocabulary.from_tokenizer(AutoTokenizer.from_pretrained(options.tokenizer))
    ids = {token: number for number, token in enumerate(vocab.tokens) if token}
    longest = max(map(len, ids))
    inside = tokens_of(DOCUMENT, vocab, longest, ids)
    times: dict[str, dict[str, list[float]]] = {name: {"cold": [], "warm": []} for name in FORMS}
    one_pass(guided.json_schema(PERSON), vocab, [], inside, [])  # the process-wide masks of strings and numbers
    for _ in range(options.rounds):
        for name, (make, before, after) in FORMS.items():
            constraint = make()
            fed = [tokens_of(text, vocab, longest, ids) for text in (before, after)]
            times[name]["cold"] += one_pass(constraint, vocab, fed[0], inside, fed[1])
            times[name]["warm"] += one_pass(constraint, vocab, fed[0], inside, fed[1])
    figures: dict[str, Any] = {
        name: {kind: summary(spent) for kind, spent in kinds.items()} for name, kinds in times.items()
    }
    print(f"{len(inside)} tokens a document, {vocab.size:,} tokens in the vocabulary; us for mask + advance")
    for name, kinds in figures.items():
        cells = [f"{kinds[k]['mean_us']:>8.1f} {kinds[k]['median_us']:>7.2f} {kinds[k]['p99_us']:>8.1f}" for k in kinds]
        print(f"{name:<20} cold {cells[0]}   warm {cells[1]}")
    if options.write:
        line = {"date": datetime.now(timezone.utc).date().isoformat(), "version": guided.__version__, "forms": figures}
        write_line(Path(__file__).parent / "results" / "composition.jsonl", line)


if __name__ == "__main__":
    main()
