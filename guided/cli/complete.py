"""`guided complete`: what stands at the cursor of a file, by fill in the middle; with -k several drafts and scores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from guided.cli import options
from guided.cli.load import load_model


def command(
    file: Annotated[str, typer.Argument(help="The file; - reads stdin.")],
    at: Annotated[str, typer.Option("--at", metavar="LINE:COL", help="The cursor: line from 1, column from 1.")],
    regex: options.Regex = None,
    schema: options.Schema = None,
    grammar: options.Grammar = None,
    model: options.Model = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Drafts to show, with scores.")] = 1,
    layout: Annotated[str, typer.Option("--layout", help="psm or spm.")] = "psm",
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Most tokens to write.")] = 48,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, help="0 takes the most probable token.")
    ] = 0.0,
    seed: options.Seed = None,
    write: Annotated[bool, typer.Option("--whole", help="Print the whole file with the middle in it.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Complete a file at the cursor; what follows the cursor is taken into account.  Exit 1 if nothing fits."""
    import guided
    from guided.errors import DeadEnd

    options.one_stdin(file, schema)
    constraint = options.constraint_from(regex, None, schema, grammar, optional=True)
    if k > 1 and constraint is not None:
        raise typer.BadParameter("drafts (-k) are of the model alone: give no constraint, or -k 1")
    text = (options.read_stdin() if file == "-" else Path(file).read_bytes()).decode()
    cut = offset_of(text, at)
    prefix, suffix = text[:cut], text[cut:]
    lm = load_model(model)
    try:
        if k > 1:
            found = drafts(lm, prefix, suffix, k, max_tokens, layout)
        else:
            out = guided.infill(
                lm,
                prefix,
                suffix,
                constraint,
                layout=layout,
                max_tokens=max_tokens,
                temperature=temperature,
                seed=seed,
                trim=True,
            )
            found = [{"text": out.text, "score": out.logp, "tokens": len(out.tokens), "ended": out.finish_reason}]
    except DeadEnd as error:
        typer.echo(f"guided: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        options.print_json({"file": file, "at": at, "completions": found})
    elif write:
        typer.echo(prefix + found[0]["text"] + suffix, nl=False)
    elif k == 1:
        typer.echo(found[0]["text"])
    else:
        for one in found:
            typer.echo(f"{one['score']:8.2f}  {one['text']!r}")


def drafts(lm: Any, prefix: str, suffix: str, k: int, max_tokens: int, layout: str) -> list[dict[str, Any]]:
    """k drafts by superposed decoding, best first; the cursor is healed by the heaviest way to go on."""
    import guided
    from guided.engines.infill import Frame, Given

    frame = Frame(lm, layout, None)
    frame.need_exact()
    context, rest = frame.prompt(prefix.encode(), suffix.encode(), True, max_tokens, True)
    best = frame.ways(context, rest)[0]
    written = guided.superpose(Given(lm, frame.vocab), [[*context, *best.tokens]], k=k, max_tokens=max_tokens)[0]
    return [
        {
            "text": best.beyond.decode("utf-8", "replace") + draft.text,
            "score": draft.score,
            "tokens": len(best.tokens) + len(draft.tokens),
        }
        for draft in written
    ]


def offset_of(text: str, at: str) -> int:
    """The character at LINE:COL, both from 1; a column one beyond the line's end is the place before its line end.

    Raises typer.BadParameter, naming what the file has, for a place that is not in it.
    """
    found = re.fullmatch(r"(\d+):(\d+)", at)
    if found is None:
        raise typer.BadParameter(f"--at wants LINE:COL, two numbers from 1, not {at!r}")
    line, column = int(found[1]), int(found[2])
    lines = text.split("\n")
    if not 1 <= line <= len(lines):
        raise typer.BadParameter(f"--at {at}: the file has {len(lines):,} lines")
    length = len(lines[line - 1].removesuffix("\r"))
    if not 1 <= column <= length + 1:
        raise typer.BadParameter(f"--at {at}: line {line} has {length:,} characters, so columns 1 to {length + 1:,}")
    return sum(len(one) + 1 for one in lines[: line - 1]) + column - 1
