"""cfg() and grammar(): languages given by Lark grammars."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guided import _fast
from guided.constraints.base import Constraint
from guided.constraints.coerce import as_constraint
from guided.constraints.composition import closing_bytes
from guided.errors import ConstraintError, GrammarError
from guided.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from guided.context_free.compile import Lexer, Parser


def cfg(
    lark_text_or_path: str | Path,
    start: str = "start",
    *,
    parser: Parser = "auto",
    embed: Mapping[str, Any] | None = None,
    lexer: Lexer = "auto",
    postlex: object = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Constraint:
    """The texts that Lark itself parses with a grammar.

    lark_text_or_path : the grammar, a Path, or the path of a file as one line that ends in ".lark".
    parser : "lalr" with Lark's contextual lexer, where it shifts if it could also reduce; "earley" with its dynamic
        one; "auto" is "lalr" where the grammar has no conflict, and "earley" otherwise (explain() says which).
    lexer  : "contextual" goes with "lalr"; "dynamic" (a terminal is read to the end that `re` prefers) or
        "dynamic_complete" (and to shorter ones) with "earley".
    postlex : a lark.indenter.Indenter, for languages whose blocks are indented, or "python" for Lark's PythonIndenter;
        goes with "lalr".
    embed  : rule or terminal name -> constraint (or type, or JSON Schema dict): the grammar uses the name and does
         not define it (a terminal may be in a %declare), and the other language's texts stand there.  Goes with "lalr".
         An embedded text may end wherever it is complete; if more than one way to go on is possible, all are followed.
         No other terminal of such a grammar matches characters of plane 16 (private use), and no embedded language
         may hold the empty text.
    Raises GrammarError with line and column, also where no text fits at all; LimitExceeded.
    """
    if not isinstance(lark_text_or_path, str | Path):
        raise ConstraintError(
            f"cfg() takes the text or the path of a Lark grammar, not {type(lark_text_or_path).__name__}"
        )
    if embed:
        if parser == "earley" or lexer not in ("auto", "contextual") or postlex is not None:
            raise GrammarError("embed goes with parser='lalr' and its contextual lexer, without postlex")
        return _embedding(lark_text_or_path, start, parser, dict(embed), limits)
    if postlex is not None or isinstance(lark_text_or_path, Path) or is_path(lark_text_or_path):
        return _make(lark_text_or_path, start, parser, lexer, limits, postlex)  # files change: read anew
    return _of_text(lark_text_or_path, start, parser, lexer, limits)


def grammar(name: str, start: str = "start") -> Constraint:
    """A grammar that comes with guided, by name: "json", "arithmetic", ...; see grammar_names()."""
    if name not in grammar_names():
        raise ConstraintError(f"there is no grammar {name!r}; there are {', '.join(grammar_names())}")
    return _shipped(name, start)


def is_path(text: str) -> bool:
    """Whether a string is the path of a grammar rather than its text: one line that ends in ".lark"."""
    return "\n" not in text and text.endswith(".lark")


def grammar_names() -> list[str]:
    """The names of the grammars that come with guided."""
    return sorted(path.stem for path in _folder().glob("*.lark"))


def _folder() -> Path:
    """Installed, the grammars are guided/grammars; in a source tree they lie at its top."""
    installed = Path(str(resources.files("guided"))) / "grammars"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "grammars"


def _make(
    text_or_path: str | Path,
    start: str,
    parser: Parser,
    lexer: Lexer,
    limits: Limits,
    postlex: object = None,
) -> Constraint:
    from guided.context_free.collisions import collisions
    from guided.context_free.compile import compile_grammar  # Lark is loaded when the first grammar is

    compiled = compile_grammar(text_or_path, start, parser=parser, lexer=lexer, postlex=postlex, limits=limits)

    build = compiled.fresh

    def explain() -> dict[str, Any]:
        return {**compiled.explain(), **collisions(compiled.source)}

    return Constraint(f"cfg({start})", build, explain=explain, limits=limits)


def _embedding(
    text_or_path: str | Path, start: str, parser: Parser, embed: dict[str, Any], limits: Limits
) -> Constraint:
    """A grammar with other languages inside."""
    from guided.context_free.compile import compile_grammar
    from guided.context_free.embedding import placeholder, with_placeholders

    inner: dict[str, Constraint] = {}
    for name, given in embed.items():
        constraint = as_constraint(given)
        if constraint is None:
            raise GrammarError(f"embed={{{name!r}: None}} is no language; for free text pass guided.text()")
        if constraint.accepts(b""):
            raise GrammarError(
                f"the language embedded as {name} holds the empty text, which no terminal may; "
                f"leave it out and write {name}?"
            )
        inner[name] = constraint
    compiled = compile_grammar(with_placeholders(text_or_path, inner), start, parser=parser, limits=limits, embeds=True)

    def build() -> _fast.Recognizer:
        return _fast.Embedding(
            compiled.fresh(),
            [placeholder(number).encode() for number in range(len(inner))],
            [constraint.recognizer() for constraint in inner.values()],
            [closing_bytes(constraint) for constraint in inner.values()],
            limits.max_states,
        )

    def explain() -> dict[str, Any]:
        return {**compiled.explain(), "embedded": {name: part.explain() for name, part in inner.items()}}

    def approximate() -> bool:
        return any(constraint.approximate for constraint in inner.values())

    name = f"cfg({start}, embed={', '.join(inner)})"
    return Constraint(name, build, explain=explain, limits=limits, approximate=approximate)


@lru_cache(maxsize=32)
def _of_text(text: str, start: str, parser: Parser, lexer: Lexer, limits: Limits) -> Constraint:
    """The last grammars given as text, so that a second request shares tables and masks."""
    return _make(text, start, parser, lexer, limits)


@lru_cache(maxsize=32)
def _shipped(name: str, start: str) -> Constraint:
    postlex = "python" if name == "python" else None
    return _make(_folder() / f"{name}.lark", start, "auto", "auto", DEFAULT_LIMITS, postlex)
