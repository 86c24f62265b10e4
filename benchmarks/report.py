"""The newest results as Markdown, so that docs/benchmarks.md is never typed by hand: python -m benchmarks.report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.patterns import PATTERNS
from benchmarks.run import ROWS, shown_as

RESULTS = Path(__file__).parent / "results"


def newest(name: str) -> dict[str, Any] | None:
    """The last line of a results file, or None if there is none."""
    path = RESULTS / f"{name}.jsonl"
    if not path.exists():
        return None
    line: dict[str, Any] = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    return line


def conditions(line: dict[str, Any]) -> str:
    machine = line["machine"]
    where = f"{machine['processor']}, {machine['cores']} cores of which one is used, {machine['system']}"
    return f"{line['date']}; {where}, Python {machine['python']}. `{line['command']}`"


def core_table(line: dict[str, Any]) -> str:
    """Ours, every rival, the bar; the ratio is to the bar's rival, or to the best one where the bar is a number."""
    engines: dict[str, dict[str, Any]] = line["engines"]
    rivals = [name for name in engines if name != "guided"]
    heads = [f"{name} {engines[name]['version']}" for name in ("guided", *rivals)]
    lines = [f"| measure, `{line['tokenizer']}` | {' | '.join(heads)} | bar |", "|---" * (len(heads) + 2) + "|"]
    details = [(f"first_mask_ms/{name}", f"&nbsp;&nbsp;`{name}`, ms", None) for name in PATTERNS]
    for figure, label, bar in [ROWS[0], *details, *ROWS[1:]]:
        values = [engines[name].get(figure) for name in ("guided", *rivals)]
        if isinstance(bar, tuple):
            share, rival = bar
            wanted = f"<= {share * engines[rival][figure]:.1f} ({share:.2f} x {rival})" if rival in engines else ""
        else:
            wanted = "" if bar is None else f"<= {bar:g}"
        lines.append(f"| {label} | {' | '.join(map(shown_as, values))} | {wanted} |")
    notes = [f"* {name}: {note}" for name, figures in engines.items() for note in figures["notes"]]
    ready = [name for name in engines if engines[name]["vocabulary_from"] == "bytes"]
    notes += [
        f"* {name}: its vocabulary is built from bytes made beforehand, whose making is not timed" for name in ready
    ]
    return "\n".join([*lines, "", *notes])


def generation_table(line: dict[str, Any]) -> str:
    compact, flexible, processor = line["forced_text"], line["forced_text_flexible"], line["processor"]
    rows = [
        ("generate, 20 fields, compact: forced text on / off, s", compact["on_s"], compact["off_s"], compact),
        ("the same, flexible white space, s", flexible["on_s"], flexible["off_s"], flexible),
        ("model.generate, batch 8: processor / none, s", processor["with_s"], processor["without_s"], processor),
    ]
    lines = ["| measure, built-in model | with | without | ratio | bar |", "|---|---|---|---|---|"]
    for label, with_it, without, figures in rows:
        lines.append(f"| {label} | {with_it:.3f} | {without:.3f} | {figures['ratio']:.3f} | <= {figures['bar']} |")
    return "\n".join(lines)


def main() -> None:
    for name, table in (("core", core_table), ("generation", generation_table)):
        line = newest(name)
        if line is not None:
            print(f"{conditions(line)}\n\n{table(line)}\n")


if __name__ == "__main__":
    main()
