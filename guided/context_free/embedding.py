"""Languages inside a grammar: a symbol of it stands for the texts of another recogniser.

Lark sees a terminal that is one character of the private use plane 16, a placeholder; no other terminal of such a
grammar matches characters of that plane.  A text fits if its embedded pieces, wherever they are cut, can be replaced
by placeholders so that Lark parses what is left.  Not here: running both together (_fast/embedding.pyx).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from lark.lexer import PatternStr, TerminalDef

from guided.errors import GrammarError

FIRST_PLACEHOLDER = 0x10FF00
MAX_EMBEDDED = 200
_DECLARE = re.compile(r"^([ \t]*)%declare\b([^\n]*)", re.MULTILINE)
_NAME = re.compile(r"_?[a-z][_a-z0-9]*|_?[A-Z][_A-Z0-9]*")
_PLANE = re.compile(r"[\U00100000-\U0010FFFF]|\\U0010")


def placeholder(number: int) -> str:
    """The character that stands for the language with this number."""
    return chr(FIRST_PLACEHOLDER + number)


def placeholder_names(terminals: Iterable[TerminalDef]) -> frozenset[str]:
    """The names that Lark gave to the terminals of placeholders."""
    return frozenset(
        terminal.name
        for terminal in terminals
        if isinstance(terminal.pattern, PatternStr) and terminal.pattern.value >= chr(FIRST_PLACEHOLDER)
    )


def with_placeholders(text_or_path: str | Path, names: Collection[str]) -> str:
    """The text of a grammar in which every one of `names` is a placeholder.

    A name is a rule or a terminal that the grammar uses and does not define; terminals may be in a %declare.  What is
    added stands at the end, so that places in errors stay.  Raises GrammarError.
    """
    if isinstance(text_or_path, Path) or ("\n" not in text_or_path and text_or_path.endswith(".lark")):
        try:
            text = Path(text_or_path).read_text(encoding="utf-8")
        except OSError as error:
            raise GrammarError(f"the grammar file {text_or_path} cannot be read: {error.strerror}") from None
    else:
        text = text_or_path
    if len(names) > MAX_EMBEDDED:
        raise GrammarError(f"a grammar embeds at most {MAX_EMBEDDED} languages, not {len(names)}")
    found = _PLANE.search(text)
    if found:
        raise GrammarError(
            "a grammar that embeds languages cannot speak of characters of plane 16 (private use, U+100000 and on)",
            text.count("\n", 0, found.start()) + 1,
            found.start() - text.rfind("\n", 0, found.start()),
        )
    for name in names:
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise GrammarError(f"embed={{{name!r}: ...}}: a rule is named in lower case, a terminal in upper case")
        defined = re.search(rf"^[?!]*{name}\s*(?:\.-?\d+)?\s*:", text, re.MULTILINE)
        if defined:
            line = text.count("\n", 0, defined.start()) + 1
            raise GrammarError(f"{name} is embedded, so the grammar must not define it", line, 1)
        if not re.search(rf"(?<![A-Za-z0-9_]){name}(?![A-Za-z0-9_])", text):
            raise GrammarError(f"embed names {name}, which the grammar does not use")

    def undeclared(match: re.Match[str]) -> str:
        kept = [name for name in match[2].split() if name not in names]
        return f"{match[1]}%declare {' '.join(kept)}" if kept else ""

    lines = [f'{name}: "{placeholder(number)}"' for number, name in enumerate(names)]
    return _DECLARE.sub(undeclared, text) + "\n" + "\n".join(lines) + "\n"
