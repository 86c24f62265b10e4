"""What the commands share: the options that give a constraint and a tokenizer, text from stdin, output as JSON."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guided.cli.load import load_tokenizer

if TYPE_CHECKING:
    from guided.constraints.base import Constraint
    from guided.vocab import Vocabulary

Regex = Annotated[str | None, typer.Option("--regex", metavar="PATTERN", help="Texts that match this pattern in full.")]
Choice = Annotated[
    list[str] | None,
    typer.Option("--choice", metavar="A,B", help="One of these texts; may be repeated; '\"a,b\",c' quotes a comma."),
]
Schema = Annotated[
    str | None, typer.Option("--schema", metavar="FILE", help="JSON that fits this JSON Schema; - reads stdin.")
]
Grammar = Annotated[
    str | None,
    typer.Option("--grammar", metavar="FILE|NAME", help="Texts of a Lark grammar: a file, or one that comes along."),
]
Tokenizer = Annotated[
    str | None,
    typer.Option("--tokenizer", metavar="DIR", help="Folder of a Hugging Face tokenizer [default: the built-in one]."),
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="DIR", help="Folder of a Hugging Face model [default: the built-in one]."),
]
Seed = Annotated[int | None, typer.Option("--seed", help="The same seed, the same texts.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text for people.")]


def constraint_from(
    regex: str | None, choice: list[str] | None, schema: str | None, grammar: str | None, *, optional: bool = False
) -> Constraint | None:
    """The constraint that the options ask for: exactly one, or none where that is allowed.

    Raises typer.BadParameter for none or several, OSError for a file that cannot be read, ConstraintError for a bad
    pattern or schema.
    """
    import guided

    named = (("--regex", regex), ("--choice", choice), ("--schema", schema), ("--grammar", grammar))
    given = [name for name, value in named if value is not None]
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} exclude each other: give one constraint")
    if not given and not optional:
        raise typer.BadParameter("give a constraint: --regex PATTERN, --choice A,B, --schema FILE or --grammar FILE")
    if regex is not None:
        return guided.regex(regex)
    if choice is not None:
        return guided.choice([option for row in csv.reader(choice) for option in row])
    if schema is not None:
        return guided.json_schema(read_stdin().decode() if schema == "-" else Path(schema).read_text(encoding="utf-8"))
    if grammar is not None:
        return guided.cfg(Path(grammar)) if Path(grammar).exists() else guided.grammar(grammar)
    return None


def only(name: str, value: str, other: str, given: str | None) -> str:
    """The value of one of two ways to say the same.  Raises typer.BadParameter if both were given."""
    if given is not None:
        raise typer.BadParameter(f"{name} and {other} exclude each other: give one constraint")
    return value


def need_constraint(regex: str | None, choice: list[str] | None, schema: str | None, grammar: str | None) -> Constraint:
    """As `constraint_from`, for commands that cannot do without one."""
    constraint = constraint_from(regex, choice, schema, grammar)
    assert constraint is not None
    return constraint


def vocabulary_from(folder: str | None) -> Vocabulary:
    """The vocabulary of the tokenizer in `folder`, or of the built-in model's, without loading a model."""
    import guided

    return guided.Vocabulary.from_tokenizer(load_tokenizer(folder))


def one_stdin(*arguments: str | None) -> None:
    """Raise typer.BadParameter if more than one of the arguments is "-"."""
    if arguments.count("-") > 1:
        raise typer.BadParameter("stdin can be read once: only one argument can be -")


def text_from(argument: str, *, keep_newline: bool = False) -> bytes:
    """The bytes of an argument; "-" reads stdin, less one newline at its end (the one that `echo` adds)."""
    if argument != "-":
        # Bytes that are not UTF-8 come in as surrogates, and go out as what they were.
        return argument.encode("utf-8", "surrogateescape")
    text = read_stdin()
    return text if keep_newline else text.removesuffix(b"\n").removesuffix(b"\r")


def read_stdin() -> bytes:
    """All of stdin."""
    return sys.stdin.buffer.read()


def print_json(value: Any) -> None:
    """One JSON object on one line of stdout; what JSON has no form for is written as text."""
    print(json.dumps(value, ensure_ascii=False, default=str))
