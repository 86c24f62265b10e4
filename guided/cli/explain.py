"""`guided explain`: what a constraint compiled to."""

from __future__ import annotations

from typing import Any

from guided.cli import options


def command(
    regex: options.Regex = None,
    choice: options.Choice = None,
    schema: options.Schema = None,
    grammar: options.Grammar = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what a constraint compiled to, a shortest text that it allows, and what that text may begin with."""
    from guided.cli.show import byte_set

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
        shown = "  ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        print(f"{name.replace('_', ' '):<{width}}  {shown}")
