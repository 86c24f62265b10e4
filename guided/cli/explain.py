"""`guided explain`: what a constraint compiled to, what it enforces and where, and what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from guided.cli import options

File = Annotated[
    str | None,
    typer.Argument(metavar="[FILE]", help="A JSON Schema, or a Lark grammar (.lark), as for --schema and --grammar."),
]


def command(
    file: File = None,
    regex: options.Regex = None,
    choice: options.Choice = None,
    schema: options.Schema = None,
    grammar: options.Grammar = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what a constraint compiled to, what is enforced where, and a shortest text that it allows."""
    from guided.cli.show import byte_set

    if file is not None and file.endswith(".lark"):
        grammar = options.only("FILE", file, "--grammar", grammar)
        if not Path(file).exists():
            raise FileNotFoundError(2, "No such file or directory", file)
    elif file is not None:
        schema = options.only("FILE", file, "--schema", schema)
    constraint = options.need_constraint(regex, choice, schema, grammar)
    recognizer = constraint.recognizer()
    shortest = recognizer.completion(recognizer.start)
    facts: dict[str, Any] = dict(constraint.explain())
    facts["example"] = None if shortest is None else shortest.decode("utf-8", "replace")
    facts["begins_with"] = byte_set(recognizer.live_bytes(recognizer.start))
    if as_json:
        options.print_json(facts)
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        lines = lines_of(value)
        print(f"{name.replace('_', ' '):<{width}}  {lines[0]}".rstrip())
        for line in lines[1:]:
            print(f"{'':<{width}}  {line}")


def lines_of(value: Any) -> list[str]:
    """A fact in lines: one for each place of a schema, one for each thing that is listed."""
    if isinstance(value, dict):
        return [f"{key}: {'  '.join(lines_of(inner))}" for key, inner in value.items()] or ["none"]
    if isinstance(value, list | tuple):
        if any(isinstance(inner, dict) for inner in value) or sum(len(str(inner)) for inner in value) > 100:
            return ["  ".join(lines_of(inner)) for inner in value]
        return ["  ".join(map(str, value)) or "none"]
    return [str(value)]
