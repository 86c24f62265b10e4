"""Lark text -> recogniser: the order of the stages, and what explain() tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from guided import _fast
from guided.context_free.completion import Completion
from guided.context_free.lexers import Lexers
from guided.context_free.liveness import Lookaheads, Outcomes
from guided.context_free.source import NotLalr, Source, Table, error_at, lalr_table, read, unproductive
from guided.context_free.stacks import Stacks, describe
from guided.errors import GrammarError
from guided.limits import DEFAULT_LIMITS, Limits

Parser = Literal["auto", "lalr"]


@dataclass(frozen=True)
class Compiled:
    """A recogniser and where it came from.  conflicts : Lark shifts where it could also reduce; texts may be lost."""

    recognizer: _fast.Grammar
    source: Source
    table: Table
    lexers: Lexers
    stacks: Stacks
    conflicts: str | None

    def explain(self) -> dict[str, Any]:
        """The parser, and the sizes of what was compiled."""
        return {
            "parser": "lalr, contextual lexer",
            "conflicts": self.conflicts,
            "terminals": len(self.source.terminals),
            "rules": len(self.source.rules),
            "table_states": len(self.table.actions),
            "lexers": len(self.lexers.terminals),
            "lexer_states": self.lexers.automaton.n_states,
            "lookaheads": len(self.stacks.lookaheads.names),
            **describe(self.stacks),
        }


def compile_grammar(
    text_or_path: str | Path, start: str = "start", *, parser: Parser = "auto", limits: Limits = DEFAULT_LIMITS
) -> Compiled:
    """Compile a grammar.

    parser : "auto" refuses grammars with conflicts; "lalr" resolves shift/reduce conflicts as Lark does, by shifting.
    Raises GrammarError with the place, LimitExceeded.
    """
    if parser not in ("auto", "lalr"):
        raise GrammarError(f"parser={parser!r}: there are 'auto' and 'lalr'")
    source = read(text_or_path, start, limits)
    endless = unproductive(source)
    if endless is not None:
        raise error_at(f"no finite text fits rule {endless}: it derives only itself", source, endless)
    table, conflicts = _table(source, parser)
    lexers = Lexers(source, table, limits.max_nfa_states, limits.max_dfa_states)
    lookaheads = Lookaheads(lexers, table, limits.max_dfa_states)
    outcomes = Outcomes(lookaheads, table, limits.max_states)
    stacks = Stacks(lookaheads, outcomes, table, limits.max_states)
    first = stacks.begin(stacks.bottom, lookaheads.first_control)
    recognizer = _fast.Grammar(
        lexers.automaton, stacks, first, Completion(stacks, outcomes), limits.max_states
    )
    if recognizer.start == _fast.DEAD:
        raise error_at(
            f"no text fits rule {source.start}: under Lark's lexer some terminal that every text needs always loses "
            "its characters to another one (a longer or earlier terminal takes them)",
            source,
            source.start,
        )
    return Compiled(recognizer, source, table, lexers, stacks, conflicts)


def _table(source: Source, parser: Parser) -> tuple[Table, str | None]:
    """(table, conflicts that Lark resolves by shifting)."""
    conflict = None
    try:
        return lalr_table(source, strict=True), None
    except NotLalr as found:
        conflict = found.conflict
    if parser == "lalr":
        try:
            return lalr_table(source, strict=False), conflict
        except NotLalr as found:
            raise GrammarError(f"the grammar is not LALR(1), and no priority decides: {found.conflict}") from None
    hint = (
        " Or pass parser='lalr' to shift where both are possible, as Lark does." if "Shift/Reduce" in conflict else ""
    )
    raise GrammarError(
        "the grammar is not LALR(1), and guided has no Earley parser yet. Rewrite the rules that Lark names: "
        + " ".join(conflict.split())
        + hint
    )
