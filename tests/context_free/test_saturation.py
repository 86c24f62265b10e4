"""What becomes of the states of a table: the core and its slow twin say the same."""

from __future__ import annotations

import pytest
from lark.indenter import PythonIndenter

from guided.constraints.cfg import _folder
from guided.context_free.indents import IndentedLookaheads, doubled
from guided.context_free.lexers import Lexers
from guided.context_free.liveness import Lookaheads, Outcomes
from guided.context_free.source import Indents, NotLalr, lalr_table, read
from guided.errors import GuidedError
from guided.limits import DEFAULT_LIMITS
from tests.context_free.random_grammars import random_grammar
from tests.oracle.slow_outcomes import Outcomes as SlowOutcomes

INDENTED = """
start: (_NEWLINE | line)*
line: item _NEWLINE | NAME ":" _NEWLINE _INDENT line+ _DEDENT
item: NAME | "(" [item ("," item)*] ")"
NAME: /[a-z]+/
_NEWLINE: /\\n */
%ignore / +/
%declare _INDENT _DEDENT
"""


def both_agree(text: str, indents: Indents | None = None) -> int:
    """The number of sets of outcomes that were compared."""
    source = read(text, "start", DEFAULT_LIMITS, indents)
    table = lalr_table(source, strict=False)
    lexers = Lexers(source, table, DEFAULT_LIMITS.max_nfa_states, DEFAULT_LIMITS.max_dfa_states)
    if indents is not None:
        table = doubled(table, indents)
    lookaheads = (Lookaheads if indents is None else IndentedLookaheads)(lexers, table, DEFAULT_LIMITS.max_dfa_states)
    slow = SlowOutcomes(lookaheads, table, DEFAULT_LIMITS.max_states)
    fast = Outcomes(lookaheads, table, DEFAULT_LIMITS.max_states)
    compared = 0
    for state in range(len(table.actions)):
        assert {fast.names[k]: found for k, found in fast.reduced[state].items()} == {
            outcome: found for outcome, found in slow.reduced[state].items() if found
        }
        found: dict[int, dict[tuple[str, int], int]] = {}
        for fed, outcomes in fast.popped(state):
            for lookahead in range(fed.bit_length()):
                if fed >> lookahead & 1:
                    row = found.setdefault(lookahead, {})
                    for number, after in outcomes.items():
                        row[fast.names[number]] = row.get(fast.names[number], 0) | after
        assert found == {lookahead: row for lookahead, row in slow.popped[state].items() if row}
        compared += len(found)
    return compared


@pytest.mark.parametrize("name", ["arithmetic", "json", "regex", "graphql"])
def test_what_becomes_of_states_is_what_the_slow_twin_says(name):
    assert both_agree((_folder() / f"{name}.lark").read_text(encoding="utf-8")) > 20


def test_indented_tables_agree_as_well():
    assert both_agree(INDENTED, Indents.of(PythonIndenter())) > 20


def test_random_tables_agree():
    compared = 0
    for seed in range(60):
        try:
            compared += both_agree(random_grammar(seed))
        except (NotLalr, GuidedError):
            continue
    assert compared > 100
