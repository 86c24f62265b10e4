"""`guided match`: does a text match, and if not, at which byte does it fail and what was allowed there?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from guided.cli import options
from guided.cli.show import byte_name, byte_set, place, spell

DEAD = -1  # of every recogniser
SHOWN = 12  # phrases of allowed bytes that a line holds


def command(
    text: Annotated[str, typer.Argument(help="The text; - reads stdin, less one newline at its end.")],
    regex: options.Regex = None,
    choice: options.Choice = None,
    schema: options.Schema = None,
    grammar: options.Grammar = None,
    keep_newline: Annotated[bool, typer.Option("--keep-newline", help="Keep a newline at the end of stdin.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Test a text against a constraint; exit 0 if it matches, 1 if not."""
    options.one_stdin(text, schema)
    constraint = options.need_constraint(regex, choice, schema, grammar)
    data = options.text_from(text, keep_newline=keep_newline)
    answer = examine(constraint.recognizer(), data)
    if as_json:
        options.print_json(answer)
    else:
        print(describe(answer, data))
    raise typer.Exit(0 if answer["match"] else 1)


def examine(recognizer: Any, text: bytes) -> dict[str, Any]:
    """Read `text` byte by byte.

    Returns {"match": True, "bytes": n}, or {"match": False, "reason": "byte" | "end", "offset": of the first failing
    byte or of the end, "byte": that byte or None, "allowed": phrases, "may_end": whether the text could have ended
    there, "completion": a text that would do from there, or None}.
    """
    state = recognizer.start
    for offset, byte in enumerate(text):
        after = recognizer.step(state, byte) if state != DEAD else DEAD
        if after == DEAD:
            return failure(recognizer, state, "byte", offset, byte)
        state = after
    if state == DEAD or not recognizer.is_accepting(state):
        return failure(recognizer, state, "end", len(text), None)
    return {"match": True, "bytes": len(text)}


def failure(recognizer: Any, state: int, reason: str, offset: int, byte: int | None) -> dict[str, Any]:
    live = recognizer.live_bytes(state) if state != DEAD else b""
    completion = recognizer.completion(state) if state != DEAD else None
    return {
        "match": False,
        "reason": reason,
        "offset": offset,
        "byte": byte,
        "allowed": byte_set(live),
        "may_end": state != DEAD and recognizer.is_accepting(state),
        "completion": None if completion is None else completion.decode("utf-8", "replace"),
    }


def describe(answer: dict[str, Any], text: bytes, no: str = "no match") -> str:
    """The answer of `examine` for people; `no` is what a negative one begins with."""
    if answer["match"]:
        return f"match: all {answer['bytes']:,} bytes"
    offset = answer["offset"]
    if answer["reason"] == "end":
        lines = [f"{no}: the text ends after {offset:,} bytes, and more must follow"]
    else:
        name = byte_name(answer["byte"])
        lines = [f"{no}: byte {offset:,} of {len(text):,} ({name}) cannot stand here (the first byte is 0)"]
    lines.append(place(text, offset))
    phrases = answer["allowed"][:SHOWN]
    more = len(answer["allowed"]) - len(phrases)
    allowed = "  ".join(phrases) + (f"  and {more} more" if more else "")
    if answer["may_end"]:
        allowed = f"{allowed}  or the end of the text" if allowed else "the end of the text"
    lines.append(f"allowed here: {allowed or 'nothing: no text at all matches'}")
    if answer["reason"] == "end" and answer["completion"]:
        lines.append(f"a way to finish: {spell(answer['completion'].encode())}")
    return "\n".join(lines)
