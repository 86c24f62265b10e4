"""Run every engine in its own environment, print one table, and append one dated JSON line.

    python -m benchmarks.run --tokenizer DIR [--rivals .venv-rivals] [--rounds 3] [--engines guided,llguidance,...]

All processes run one after another on one core; a figure is the median over the rounds.  An engine whose first round
takes longer than `SLOW_S` is measured once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.engines import FILES
from benchmarks.patterns import PATTERNS
from benchmarks.results_file import machine, write_line

SLOW_S = 60.0
# Figure, what it is, and the bar: a number to stay under, or a share of a rival's figure.
ROWS: list[tuple[str, str, float | tuple[float, str] | None]] = [
    ("first_masks_ms", "compile + first mask, ten patterns, ms", (1 / 3, "llguidance")),
    ("seen_mask_us", "mask at a state seen before, us", 1.5),
    ("fill_64_us", "masks of 64 matchers, seen before, us", 40.0),
    ("vocabulary_s", "vocabulary from the tokenizer, s", 0.5),
    ("vocabulary_cached_s", "vocabulary from its cache, s", 0.1),
    ("resident_mb", "resident memory: vocabulary, ten masks, MB", 60.0),
]


def one_process(python: Path, engine: str, options: argparse.Namespace, patterns: list[str]) -> tuple[list[Any], int]:
    command = [str(python), "-m", "benchmarks.measure", engine, "--tokenizer", options.tokenizer]
    command += ["--core", str(options.core), "--limit-s", str(options.limit_s), "--patterns", ",".join(patterns)]
    # One thread everywhere: the figures are per core.
    threads = {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, **threads, **offline}, check=False)
    lines = [json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith("{")]
    if done.returncode not in (0, -signal.SIGALRM):
        raise SystemExit(f"{engine} ended with status {done.returncode} after {lines[-1:]}")
    return lines, done.returncode


def one_round(python: Path, engine: str, options: argparse.Namespace) -> dict[str, Any]:
    """All figures of one engine; a pattern that ran into the time limit counts with the limit."""
    figures: dict[str, Any] = {}
    notes: list[str] = []
    todo = list(PATTERNS)
    while todo:
        lines, status = one_process(python, engine, options, todo)
        for line in lines:
            if "figure" in line:
                figures[line["figure"]] = line["value"]
            if "version" in line:
                figures["version"], figures["vocabulary_from"] = line["version"], line["vocabulary_from"]
            if "refused" in line:
                notes.append(f"{line['refused']}: {line['error']}")
        if status == 0:
            break
        reached = [line["begun"] for line in lines if "begun" in line][-1]
        notes.append(f"{reached}: over the limit of {options.limit_s} s, counted with the limit")
        figures[f"first_mask_ms/{reached}"] = options.limit_s * 1e3
        todo = todo[todo.index(reached) + 1 :]
    figures["first_masks_ms"] = sum(value for name, value in figures.items() if name.startswith("first_mask_ms/"))
    figures["notes"] = notes
    return figures


def measure(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Every engine, in turn within a round, so that slow minutes of the machine hit all of them."""
    rounds: dict[str, list[dict[str, Any]]] = {}
    slow: set[str] = set()
    for number in range(options.rounds):
        for engine in options.engines.split(","):
            python = Path(sys.executable) if engine == "guided" else options.rivals / engine / "bin" / "python"
            if not python.exists():
                print(f"{engine}: no environment at {python.parent.parent} (make rivals)", file=sys.stderr)
                continue
            if engine in slow:
                continue
            start = time.perf_counter()
            rounds.setdefault(engine, []).append(one_round(python, engine, options))
            took_s = time.perf_counter() - start
            print(f"round {number + 1}: {engine} took {took_s:.0f} s", file=sys.stderr)
            if took_s > SLOW_S:
                slow.add(engine)
    return {engine: medians(results) for engine, results in rounds.items()}


def medians(results: list[dict[str, Any]]) -> dict[str, Any]:
    first = results[0]
    numbers = {name: [result[name] for result in results if name in result] for name in first}
    merged = {
        name: round(statistics.median(values), 4) if isinstance(values[0], int | float) else first[name]
        for name, values in numbers.items()
    }
    return {"rounds": len(results), **merged}


def shown_as(value: float | None) -> str:
    """Two decimals, or two digits that are not zero; empty for what was not measured."""
    return "" if value is None else f"{value:,.2f}" if value >= 0.1 else f"{value:.2g}"


def table(engines: dict[str, dict[str, Any]]) -> Table:
    """Ours, rivals, ratio to the fastest rival, bar."""
    ours = engines.get("guided", {})
    rivals = [engine for engine in engines if engine != "guided"]
    shown = Table("measure", "guided", *rivals, "ratio to best rival", "bar")
    patterns = [(f"first_mask_ms/{name}", f"  {name}, ms", None) for name in PATTERNS]
    for figure, label, bar in [ROWS[0], *patterns, *ROWS[1:]]:
        values = [engines[rival].get(figure) for rival in rivals]
        known = [value for value in values if value is not None]
        own = ours.get(figure)
        ratio = f"{own / min(known):.3f}" if own is not None and known else ""
        if isinstance(bar, tuple):
            share, rival = bar
            wanted = f"<= {share * engines[rival][figure]:.1f}" if figure in engines.get(rival, {}) else ""
        else:
            wanted = "" if bar is None else f"<= {bar:g}"
        shown.add_row(label, *(shown_as(value) for value in [own, *values]), ratio, wanted)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True, help="folder with a byte-level tokenizer.json")
    parser.add_argument("--rivals", type=Path, default=Path(".venv-rivals"))
    parser.add_argument("--engines", default=",".join(FILES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit-s", type=int, default=60, help="longest time for one pattern")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/core.jsonl"))
    options = parser.parse_args()
    engines = measure(options)
    console = Console(width=max(120, Console().width))
    console.print(table(engines))
    for engine, figures in engines.items():
        for note in figures["notes"]:
            console.print(f"{engine}: {note}", style="dim", highlight=False)
    name = Path(options.tokenizer).name
    line = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "tokenizer": name,
        "command": f"python -m benchmarks.run --tokenizer {name} --rounds {options.rounds} --limit-s {options.limit_s}",
        "engines": engines,
    }
    write_line(options.out, line)


if __name__ == "__main__":
    main()
