"""The command line: `guided demo | generate | complete | match | mask | explain | bench`.

Exit codes: 0 yes, or done; 1 no (the text does not match, nothing can follow the prefix); 2 bad usage or bad input,
with one message on stderr.  Not here: what each command does (one file per command), and anything slow to import: torch
and transformers are loaded by the commands that run a model.
"""

from __future__ import annotations

import sys

import typer

from guided.cli import bench, complete, demo, explain, generate, mask, match
from guided.errors import GuidedError

__all__ = ["app", "main"]

app = typer.Typer(
    name="guided",
    help="Texts from a language, drawn from a language model: test, inspect, generate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.command)
app.command("generate")(generate.command)
app.command("complete")(complete.command)
app.command("match")(match.command)
app.command("mask")(mask.command)
app.command("explain")(explain.command)
app.command("bench")(bench.command)


def main() -> None:
    """Entry point of the command `guided`."""
    try:
        app()
    except (GuidedError, OSError, UnicodeError) as error:
        print(f"guided: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
