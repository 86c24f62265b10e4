"""Whole generations with the built-in model: forced text on and off, `model.generate` with the processor and without.

    python -m benchmarks.generation [--rounds 7]

Prints a table and appends one dated JSON line.  One core, medians over rounds; the two sides of a ratio take turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results_file import machine, write_line

N_FIELDS = 20
BATCH = 8
N_TOKENS = 128
FORCED = {  # figure -> white space, temperature; the last are the defaults of json_schema and generate
    "forced_text": ("compact", 0.0),
    "forced_text_flexible": ("flexible", 0.0),
    "forced_text_defaults": ("flexible", 1.0),
}
KINDS: list[dict[str, Any]] = [
    {"type": "string", "maxLength": 12},
    {"type": "integer", "minimum": 0, "maximum": 999},
    {"type": "boolean"},
    {"enum": ["red", "green", "blue"]},
]
NAMES = ("title", "count", "active", "colour", "author", "height", "public", "border", "editor", "width")


def schema() -> dict[str, Any]:
    """An object of 20 required fields: strings, numbers, truth values and choices in turn."""
    names = [f"{NAMES[number % len(NAMES)]}_{number}" for number in range(N_FIELDS)]
    properties = {name: KINDS[number % len(KINDS)] for number, name in enumerate(names)}
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


def take_turns(first: Callable[[], int], second: Callable[[], int], rounds: int) -> tuple[float, float, int, int]:
    """Median seconds of two calls that alternate, and what each returned (tokens written); one round to warm up."""
    seconds: tuple[list[float], list[float]] = ([], [])
    counts = [0, 0]
    for number in range(rounds + 1):
        for side, call in enumerate((first, second)):
            start = time.perf_counter()
            counts[side] = call()
            if number:
                seconds[side].append(time.perf_counter() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1]), counts[0], counts[1]


def forced_on_and_off(lm: Any, rounds: int, whitespace: str, temperature: float) -> dict[str, Any]:
    """Where white space is free little is forced, and this model likes to write runs of it: so both settings.

    Off is forced=False, which also turns drafts off.  At temperature 1 every round writes another text.
    """
    import guided

    constraint = guided.json_schema(schema(), whitespace=whitespace)
    seeds = {True: 0, False: 0}

    def write(forced: bool) -> int:
        options = {"max_tokens": 500, "temperature": temperature, "seed": seeds[forced], "forced": forced}
        seeds[forced] += 1
        out = guided.generate(lm, "A record, as JSON:\n", constraint, **options)
        assert out.is_complete
        return len(out.tokens)

    on, off, tokens_on, tokens_off = take_turns(lambda: write(True), lambda: write(False), rounds)
    return {"on_s": on, "off_s": off, "tokens_on": tokens_on, "tokens_off": tokens_off, "ratio": on / off, "bar": 0.75}


def processor_and_none(lm: Any, rounds: int) -> dict[str, Any]:
    import guided

    # A text that cannot end before 4,000 characters: 128 tokens of it are 128 tokens on both sides.
    processor = guided.ConstraintLogitsProcessor(guided.regex(r"([A-Za-z]{1,12}[ ,.\n]){400,}"), lm.tokenizer)
    prompts = lm.tokenizer(["The little model writes: "] * BATCH, return_tensors="pt")
    options = {"do_sample": False, "min_new_tokens": N_TOKENS, "max_new_tokens": N_TOKENS}
    pad = {"pad_token_id": lm.tokenizer.eos_token_id}

    def write(processors: list[Any]) -> int:
        rows = lm.model.generate(**prompts, **options, **pad, logits_processor=processors)
        return int(rows.shape[1] - prompts["input_ids"].shape[1])

    with_it, without, tokens_with, tokens_without = take_turns(lambda: write([processor]), lambda: write([]), rounds)
    assert tokens_with == tokens_without == N_TOKENS
    return {"with_s": with_it, "without_s": without, "tokens": N_TOKENS, "ratio": with_it / without, "bar": 1.03}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/generation.jsonl"))
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})

    import torch
    import transformers

    import guided

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    lm = guided.tiny()
    figures = {
        **{name: forced_on_and_off(lm, options.rounds, *setting) for name, setting in FORCED.items()},
        "processor": processor_and_none(lm, options.rounds),
    }
    shown = Table("measure, built-in model", "with", "without", "ratio", "bar")
    processor = figures["processor"]
    for name, (whitespace, temperature) in FORCED.items():
        forced = figures[name]
        label = f"generate, {N_FIELDS} fields, {whitespace}, temperature {temperature:g}: forced text on / off, s"
        shown.add_row(label, f"{forced['on_s']:.3f}", f"{forced['off_s']:.3f}", f"{forced['ratio']:.3f}", "<= 0.75")
    label = f"model.generate, batch {BATCH}, {N_TOKENS} tokens: processor / none, s"
    row = (f"{processor['with_s']:.3f}", f"{processor['without_s']:.3f}", f"{processor['ratio']:.3f}")
    shown.add_row(label, *row, "<= 1.03")
    Console(width=max(100, Console().width)).print(shown)
    line = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "command": f"python -m benchmarks.generation --rounds {options.rounds}",
        "versions": {"guided": guided.__version__, **{name: version(name) for name in ("torch", "transformers")}},
        **figures,
    }
    write_line(options.out, line)


if __name__ == "__main__":
    main()
