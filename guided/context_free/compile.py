"""Lark text -> recogniser: which parser, the order of the stages, and what explain() tells of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lark.indenter import Indenter, PythonIndenter

from guided import _fast
from guided.context_free import kernels as earley
from guided.context_free.completion import Completion, IndentedCompletion
from guided.context_free.derivations import Derivations, Lexemes, Rules, Terminals
from guided.context_free.earley_completion import EarleyCompletion
from guided.context_free.embedding import placeholder_names
from guided.context_free.indents import IndentedLookaheads, Places, check, doubled
from guided.context_free.lexers import Lexers
from guided.context_free.liveness import Lookaheads, Outcomes
from guided.context_free.source import Indents, NotLalr, Source, Table, error_at, lalr_table, read, unproductive
from guided.context_free.stacks import Stacks, describe
from guided.errors import GrammarError
from guided.limits import DEFAULT_LIMITS, Limits

Parser = Literal["auto", "lalr", "earley"]
Lexer = Literal["auto", "contextual", "dynamic", "dynamic_complete"]


@dataclass
class Compiled:
    """A recogniser and where it came from.

    parser    : what explain() calls it.
    conflicts : what Lark says of the LALR table; with parser="lalr" it shifts there, and texts may be lost.
    make      : makes the recogniser and its details; again when the first one is worn.
    """

    recognizer: _fast.Grammar | _fast.Earley
    source: Source
    parser: str
    conflicts: str | None
    details: tuple[Any, ...]
    make: Callable[[], tuple[_fast.Grammar | _fast.Earley, tuple[Any, ...]]]

    def fresh(self) -> _fast.Grammar | _fast.Earley:
        """The recogniser, or a new one if it is worn; what was found out about the grammar is shared."""
        if self.recognizer.is_worn():
            self.recognizer, self.details = self.make()
        return self.recognizer

    def explain(self) -> dict[str, Any]:
        """The parser, and the sizes of what was compiled."""
        known = {
            "parser": self.parser,
            "conflicts": self.conflicts,
            "terminals": len(self.source.terminals),
            "rules": len(self.source.rules),
        }
        if isinstance(self.details[0], Stacks):
            stacks, table = self.details
            return {
                **known,
                "table_states": len(table.actions),
                "lexers": len(stacks.lookaheads.lexers.terminals),
                "lexer_states": stacks.lookaheads.automaton.n_states,
                "lookaheads": len(stacks.lookaheads.names),
                **describe(stacks),
            }
        (kernels,) = self.details
        return {
            **known,
            "lexer_states": kernels.lookaheads.automaton.n_states,
            "lookaheads": len(kernels.lookaheads.names),
            **earley.describe(kernels),
        }


def compile_grammar(
    text_or_path: str | Path,
    start: str = "start",
    *,
    parser: Parser = "auto",
    lexer: Lexer = "auto",
    postlex: Any = None,
    limits: Limits = DEFAULT_LIMITS,
    embeds: bool = False,
) -> Compiled:
    """Compile a grammar.

    parser : "auto" takes "lalr" where the grammar has no conflict, else "earley"; "lalr" resolves shift/reduce
        conflicts as Lark does, by shifting.
    lexer  : "contextual" with "lalr"; "dynamic" or "dynamic_complete" with "earley".
    postlex : a lark.indenter.Indenter, whose rules of indentation are followed; the parser is "lalr" then.
    embeds : its placeholders stand for texts of other languages (embedding.py); the parser is "lalr" then.
    Raises GrammarError with the place, LimitExceeded.
    """
    parser = _choice(parser, lexer)
    indents = None
    if postlex is not None:
        if postlex == "python":
            postlex = PythonIndenter()
        if not isinstance(postlex, Indenter):
            raise GrammarError(f"postlex must be a lark.indenter.Indenter, not {type(postlex).__name__}")
        if parser == "earley":
            raise GrammarError("Lark's Earley parser takes no postlex")
        indents, parser = Indents.of(postlex), "lalr"
    source = read(text_or_path, start, limits, indents)
    if embeds:
        source = replace(source, embedded=placeholder_names(source.terminals))
    endless = unproductive(source)
    if endless is not None:
        raise error_at(f"no finite text fits rule {endless}: it derives only itself", source, endless)
    conflict = None
    if parser != "earley":
        table, conflict = (lalr_table(source, strict=False), None) if indents else _table(source, parser)
        if table is not None:
            return _lalr(source, table, conflict, limits)
        if embeds:
            raise GrammarError(f"a grammar with embed= must be LALR(1), or parser='lalr', which shifts: {conflict}")
    return _earley(source, conflict, limits, complete=lexer == "dynamic_complete")


def _choice(parser: Parser, lexer: Lexer) -> Parser:
    """The parser, from both options."""
    if parser not in ("auto", "lalr", "earley"):
        raise GrammarError(f"parser={parser!r}: there are 'auto', 'lalr' and 'earley'")
    if lexer not in ("auto", "contextual", "dynamic", "dynamic_complete"):
        raise GrammarError(f"lexer={lexer!r}: there are 'auto', 'contextual', 'dynamic' and 'dynamic_complete'")
    if lexer == "auto":
        return parser
    needed: Parser = "lalr" if lexer == "contextual" else "earley"
    if parser not in ("auto", needed):
        raise GrammarError(f"lexer={lexer!r} goes with parser={needed!r}, not with parser={parser!r}")
    return needed


def _lalr(source: Source, table: Table, conflict: str | None, limits: Limits) -> Compiled:
    lexers = Lexers(source, table, limits.max_nfa_states, limits.max_dfa_states)
    lookaheads: Lookaheads
    if source.indents is None:
        lookaheads = Lookaheads(lexers, table, limits.max_dfa_states)
    else:
        check(source, source.indents)
        table = doubled(table, source.indents)
        lookaheads = IndentedLookaheads(lexers, table, limits.max_dfa_states)
    outcomes = Outcomes(lookaheads, table, limits.max_states)

    def make() -> tuple[_fast.Grammar, tuple[Any, ...]]:
        stacks = Stacks(lookaheads, outcomes, table, limits.max_states)
        if isinstance(lookaheads, IndentedLookaheads):
            places = Places(stacks, lookaheads)
            first = places.begin(places.bottom, lookaheads.first_control)
            made = _fast.Grammar(lexers.automaton, places, first, IndentedCompletion(places), limits.max_states)
        else:
            first = stacks.begin(stacks.bottom, lookaheads.first_control)
            made = _fast.Grammar(lexers.automaton, stacks, first, Completion(stacks, outcomes), limits.max_states)
        return made, (stacks, table)

    recognizer, details = make()
    if recognizer.start == _fast.DEAD:
        raise error_at(
            f"no text fits rule {source.start}: under Lark's lexer some terminal that every text needs always loses "
            "its characters to another one (a longer or earlier terminal takes them)",
            source,
            source.start,
        )
    return Compiled(recognizer, source, "lalr, contextual lexer", conflict, details, make)


def _earley(source: Source, conflict: str | None, limits: Limits, *, complete: bool) -> Compiled:
    terminals = Terminals(source, limits.max_nfa_states, limits.max_dfa_states, complete=complete)
    lexemes = Lexemes(terminals, limits.max_dfa_states, munch=not complete)
    derivations = Derivations(Rules(source, terminals), lexemes, limits.max_states)

    def make() -> tuple[_fast.Earley, tuple[Any, ...]]:
        kernels = earley.Kernels(derivations, limits.max_states)
        nothing: tuple[tuple[tuple[int, int], ...], bool] = ((), False)
        first = kernels.open(kernels.first, lexemes.first_control) if kernels.first >= 0 else nothing
        made = _fast.Earley(terminals.automaton, kernels, first, EarleyCompletion(kernels), limits.max_states)
        return made, (kernels,)

    recognizer, details = make()
    if recognizer.start == _fast.DEAD:
        raise error_at(
            f"no text fits rule {source.start}: a terminal is always read to its longest end, and then what every "
            "text needs after it cannot follow (lexer='dynamic_complete' lets it end earlier)",
            source,
            source.start,
        )
    name = "earley, dynamic_complete lexer" if complete else "earley, dynamic lexer"
    return Compiled(recognizer, source, name, conflict, details, make)


def _table(source: Source, parser: Parser) -> tuple[Table | None, str | None]:
    """(table, conflicts); no table where parser="auto" goes on to Earley."""
    conflict = None
    try:
        return lalr_table(source, strict=True), None
    except NotLalr as found:
        conflict = found.conflict
    if parser == "auto":
        return None, conflict
    try:
        return lalr_table(source, strict=False), conflict
    except NotLalr as found:
        raise GrammarError(f"the grammar is not LALR(1), and no priority decides: {found.conflict}") from None
