"""Lark text -> terminals, rules and the LALR table, as Lark itself makes them; its errors as GrammarError with a
place.

Not here: lexers (lexers.py), liveness (liveness.py). Lark's front end is used as it is, because names that it makes
up and the spelling of patterns decide the order of its lexers.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from lark import exceptions
from lark.grammar import Rule, Terminal
from lark.lexer import PatternStr, TerminalDef
from lark.load_grammar import FromPackageLoader, load_grammar

from guided.context_free.lalr import Automaton, Conflict
from guided.errors import GrammarError, LimitExceeded
from guided.limits import Limits

MAX_BRACKETS = 500  # nested; Lark recurses on them
IN_BRACKETS = " in brackets"  # ends the names of nonterminals of the second half of a doubled table (indents.py)
ROOT = "$root"  # of the rule that Lark puts above the start rule
Rest = tuple[str, int, float]  # (nonterminal, symbols that were read of it, least number of bytes of the others)


@dataclass(frozen=True)
class Source:
    """A grammar as Lark read it.

    terminals : those in use, in Lark's order of preference, which is one order for all lexers.
    ignored   : names of ignored terminals.
    embedded  : names of terminals that stand for texts of other languages (embedding.py).
    indents   : how lines are indented, if Lark's Indenter is asked for.
    """

    text: str
    start: str
    terminals: list[TerminalDef]
    rules: list[Rule]
    ignored: frozenset[str]
    embedded: frozenset[str] = frozenset()
    indents: Indents | None = None


@dataclass(frozen=True)
class Indents:
    """What Lark's Indenter is told: names of terminals, and columns of a tab."""

    newline: str
    indent: str
    dedent: str
    opens: frozenset[str]
    closes: frozenset[str]
    tab: int

    @classmethod
    def of(cls, indenter: Any) -> Indents:
        """From an instance of lark.indenter.Indenter."""
        return cls(
            indenter.NL_type,
            indenter.INDENT_type,
            indenter.DEDENT_type,
            frozenset(indenter.OPEN_PAREN_types),
            frozenset(indenter.CLOSE_PAREN_types),
            int(indenter.tab_len),
        )


@dataclass(frozen=True)
class Table:
    """Lark's LALR table.

    actions : per state, terminal name -> (True, state to shift to) or (False, number of the rule to reduce).
    gotos   : per state, nonterminal -> state.
    rules   : (nonterminal, number of symbols) by number.
    rests   : per state, what is left of each rule that is being read; nonterminals without IN_BRACKETS.
    also    : a second state to shift to, which only the stack decides (indents.py).
    """

    start: int
    end: int
    actions: list[dict[str, tuple[bool, int]]]
    gotos: list[dict[str, int]]
    rules: list[tuple[str, int]]
    rests: list[list[Rest]]
    also: dict[tuple[int, str], int] = field(default_factory=dict)


class NotLalr(Exception):
    """The grammar has a conflict.  conflict : what Lark says about it."""

    def __init__(self, conflict: str) -> None:
        self.conflict = conflict
        super().__init__(conflict)


def read(text_or_path: str | Path, start: str, limits: Limits, indents: Indents | None = None) -> Source:
    """Read a grammar: its text, or a path (a Path, or one line that ends in ".lark").

    Raises GrammarError.  Text imports only what comes with Lark; a file may import its neighbours.
    """
    path = None
    if isinstance(text_or_path, Path) or ("\n" not in text_or_path and text_or_path.endswith(".lark")):
        path = Path(text_or_path)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise GrammarError(f"the grammar file {path} cannot be read: {error.strerror}") from None
    else:
        text = str(text_or_path)
    _check_size(text, limits)
    try:
        loaded, _ = load_grammar(text, str(path) if path else "<text>", [_Importer(path)], True)
        terminals, rules, ignored = loaded.compile([start], "*")
    except RecursionError:
        raise GrammarError("the grammar is nested too deeply for Lark to read it") from None
    except (
        exceptions.LarkError,
        re.error,
        SyntaxError,
        KeyError,
        AssertionError,
        ValueError,
        TypeError,
        OSError,
    ) as error:
        raise _placed(error, text) from None
    if all(rule.origin.name != start for rule in rules):
        raise _at(f"there is no rule {start!r} to start from", text, "")
    used = {symbol.name for rule in rules for symbol in rule.expansion if symbol.is_term} | set(ignored)
    if indents is not None:
        used = used - {indents.indent, indents.dedent} | {indents.newline}
    kept = []
    for terminal in terminals:
        if terminal.name not in used:
            continue
        if terminal.pattern is None:
            raise _at(f"terminal {terminal.name} is declared, but nothing says what it looks like", text, terminal.name)
        _check_width(terminal, text)
        kept.append(terminal)
    missing = used - {terminal.name for terminal in kept}
    if missing:
        raise _at(f"terminal {min(missing)} is declared, but nothing says what it looks like", text, min(missing))
    kept.sort(key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    return Source(text, start, kept, rules, frozenset(ignored), indents=indents)


_NOT_CODE = re.compile(r"//[^\n]*|#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|/(?!/)(?:[^/\\\n]|\\.)+/")


def _check_size(text: str, limits: Limits) -> None:
    """Refuse what Lark would chew on for minutes: counted in characters, rules and nested brackets."""
    if len(text) > limits.max_grammar_length:
        raise LimitExceeded("max_grammar_length", limits.max_grammar_length, len(text), "the text of the grammar")
    n_rules = len(
        re.findall(r"^[?!_a-z][?!\w]*(?:\{[^}\n]*\})?(?:\.-?\d+)?[ \t]*:", text, re.MULTILINE | re.IGNORECASE)
    )
    if n_rules > limits.max_grammar_rules:
        raise LimitExceeded("max_grammar_rules", limits.max_grammar_rules, n_rules, "the grammar")
    depth = 0
    for match in re.finditer(r"[(\[]|[)\]]", _NOT_CODE.sub(lambda found: " " * len(found[0]), text)):
        depth += 1 if match[0] in "([" else -1
        if depth > MAX_BRACKETS:
            line = text.count("\n", 0, match.start()) + 1
            column = match.start() - text.rfind("\n", 0, match.start())
            raise GrammarError(f"more than {MAX_BRACKETS} nested brackets", line, column)


def lalr_table(source: Source, *, strict: bool) -> Table:
    """Lark's table.  strict : raise NotLalr for a shift/reduce conflict, where Lark would shift; others
    always raise it.
    """
    automaton = Automaton(source.rules, source.start)
    try:
        made = automaton.actions(strict=strict)
    except Conflict as error:
        raise NotLalr(str(error)) from None
    names = [sys.intern(name) for name in automaton.names]
    rules = [(sys.intern(str(rule.origin.name)), len(rule.expansion)) for rule in source.rules]
    actions = [{sys.intern(name): action for name, action in row.items()} for row in made]
    gotos = [
        {names[name]: to for name, to in row.items() if automaton.is_nonterminal[name]} for row in automaton.transitions
    ]
    return Table(0, gotos[0][source.start], actions, gotos, rules, _rests(source, automaton))


def _rests(source: Source, automaton: Automaton) -> list[list[Rest]]:
    """What is left of the rules of every state of the table."""
    widths = {terminal.name: int(terminal.pattern.min_width) for terminal in source.terminals}
    if source.indents is not None:
        widths |= {source.indents.indent: 1, source.indents.dedent: 0}
    expansions = [(rule.origin.name, [symbol.name for symbol in rule.expansion]) for rule in source.rules]
    least = least_bytes(expansions, widths)
    expansions.append((ROOT, [source.start]))
    behind: list[tuple[str, int, float]] = []  # by dot
    for origin, parts in expansions:
        for read in range(len(parts) + 1):
            behind.append((origin, read, sum(least.get(part, inf) for part in parts[read:])))
    return [[behind[dot] for dot in kernel] for kernel in automaton.kernels]


def least_bytes(rules: list[tuple[str, list[str]]], widths: dict[str, int]) -> dict[str, float]:
    """Symbol -> the least number of bytes of its texts; widths are those of terminals."""
    found: dict[str, float] = dict(widths)
    changed = True
    while changed:
        changed = False
        for origin, parts in rules:
            cost = sum(found.get(part, inf) for part in parts)
            if cost < found.get(origin, inf):
                found[origin] = cost
                changed = True
    return found


def is_string(terminal: TerminalDef) -> bool:
    """Whether a terminal is a plain string, which may be a keyword among the words of another one."""
    return isinstance(terminal.pattern, PatternStr)


def retypes(source: Source) -> dict[str, list[tuple[str, bool]]]:
    """Pattern terminal -> [(string that it prefers to read whole, whether that string then leaves the lexer)]."""
    found: dict[str, list[tuple[str, bool]]] = {}
    strings = [t for t in source.terminals if is_string(t) and t.name not in source.embedded]
    for pattern in source.terminals:
        if is_string(pattern):
            continue
        compiled = re.compile(pattern.pattern.to_regexp())
        for string in strings:
            if string.priority == pattern.priority:
                match = compiled.match(string.pattern.value)
                if match and match.group() == string.pattern.value:
                    leaves = string.pattern.flags <= pattern.pattern.flags
                    found.setdefault(pattern.name, []).append((string.name, leaves))
    return found


def unproductive(source: Source) -> str | None:
    """A rule that no finite text fits, and that the start needs; None if there is none.  It derives only itself."""
    lacking = {}
    waiting: dict[str, list[int]] = {}
    ready = []
    for number, rule in enumerate(source.rules):
        parts = {symbol.name for symbol in rule.expansion if not isinstance(symbol, Terminal)}
        lacking[number] = len(parts)
        for part in parts:
            waiting.setdefault(part, []).append(number)
        if not parts:
            ready.append(number)
    productive = set()
    while ready:
        name = source.rules[ready.pop()].origin.name
        if name not in productive:
            productive.add(name)
            for number in waiting.get(name, []):
                lacking[number] -= 1
                if lacking[number] == 0:
                    ready.append(number)
    return None if source.start in productive else source.start


def place_of(text: str, name: str) -> tuple[int, int]:
    """(line, column), 1-based, of the first time that a name stands in the text; (1, 1) if Lark made it up."""
    match = re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", text)
    position = match.start() if match else 0
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def error_at(message: str, source: Source, name: str) -> GrammarError:
    """An error about a symbol, with its place."""
    return _at(message, source.text, name)


def _at(message: str, text: str, name: str) -> GrammarError:
    return GrammarError(message, *place_of(text, name))


def _placed(error: BaseException, text: str) -> GrammarError:
    """Lark's error, with a line and a column: its own, or those of the name that it speaks of."""
    message = str(error).strip() or type(error).__name__
    if isinstance(error, FileNotFoundError):
        message = f"the import {error.filename} was not found"
    line, column = getattr(error, "line", None), getattr(error, "column", None)
    if isinstance(line, int) and line > 0:
        return GrammarError(message, line, column if isinstance(column, int) else 1)
    match = re.search(r"line (\d+),? column (\d+)", message)
    if match:
        return GrammarError(message, int(match[1]), int(match[2]))
    names = re.findall(r"[A-Za-z_][A-Za-z0-9_]*", " ".join(re.findall(r"['\"<(]([^'\"()<>]+)", message)) or message)
    known = [name for name in names if re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", text)]
    return GrammarError(message, *place_of(text, known[0] if known else ""))


def _check_width(terminal: TerminalDef, text: str) -> None:
    try:
        re.compile(terminal.pattern.to_regexp())
        if terminal.pattern.min_width == 0:
            raise _at(
                f"terminal {terminal.name} can match the empty text, which Lark's lexers do not allow",
                text,
                terminal.name,
            )
    except (ValueError, re.error, RecursionError, OverflowError) as error:
        if isinstance(error, GrammarError):
            raise
        raise _at(f"terminal {terminal.name}: {error}", text, terminal.name) from None


class _Importer:
    """Lark asks it first for every import: the folder of the file, or else only what comes with Lark."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.folder = path, path.parent if path else None
        self.shipped = FromPackageLoader("lark", ("grammars",))

    def __call__(self, base_path: str | None, grammar_path: str) -> tuple[Any, str]:
        if self.folder is not None:
            neighbour = self.folder / grammar_path
            if neighbour.is_file() and neighbour != self.path:
                return str(neighbour), neighbour.read_text(encoding="utf-8")
        try:
            found: tuple[Any, str] = self.shipped(None, grammar_path)
            return found
        except OSError:
            raise exceptions.GrammarError(
                f"cannot import {grammar_path!r}: it does not come with Lark"
                + ("" if self.folder else ", and a grammar given as text imports nothing else; pass its path instead")
            ) from None
