"""The table is Lark's own: same states, actions and gotos up to the numbers of the states, same conflicts."""

from __future__ import annotations

from pathlib import Path

import pytest
from lark import exceptions
from lark.common import ParserConf
from lark.parsers.lalr_analysis import LALR_Analyzer, Shift

import guided
from guided.constraints.cfg import grammar_names
from guided.context_free.source import NotLalr, Source, lalr_table, read
from guided.limits import DEFAULT_LIMITS
from tests.context_free.random_grammars import random_grammar

FOLDER = Path(__file__).parents[2] / "grammars"


def assert_same_table(source: Source, *, strict: bool) -> bool:
    """Compare with Lark's analysis, walking both tables from their starts.  Returns whether there is a table."""
    theirs = LALR_Analyzer(ParserConf(source.rules, {}, [source.start]), strict=strict)
    try:
        theirs.compute_lalr()
    except exceptions.GrammarError as error:
        if "conflict" not in str(error) and "collision" not in str(error):
            return False
        with pytest.raises(NotLalr):
            lalr_table(source, strict=strict)
        return False
    ours, made = lalr_table(source, strict=strict), theirs.parse_table
    nonterminals = {rule.origin.name for rule in source.rules}
    same = {made.start_states[source.start]: ours.start}
    todo = [made.start_states[source.start]]
    for state in todo:  # grows while it is read
        action, goto = ours.actions[same[state]], ours.gotos[same[state]]
        assert set(made.states[state]) == set(action) | set(goto)
        for token, (kind, argument) in made.states[state].items():
            if kind is Shift:
                target = goto[token] if token in nonterminals else action[token][1]
                assert token in nonterminals or action[token][0]
                if argument not in same:
                    same[argument] = target
                    todo.append(argument)
                assert same[argument] == target
            else:
                shifts, rule = action[token]
                assert not shifts
                assert source.rules[rule] == argument
    assert len(same) == len(ours.actions)
    assert same[made.end_states[source.start]] == ours.end
    return True


@pytest.mark.parametrize("name", [name for name in grammar_names() if name != "python"])
def test_tables_of_the_grammars_that_come_with_guided_are_larks(name):
    source = read(FOLDER / f"{name}.lark", "start", DEFAULT_LIMITS)
    assert assert_same_table(source, strict=True)


def test_tables_of_random_grammars_are_larks():
    n_tables = 0
    for seed in range(150):
        try:
            source = read(random_grammar(seed), "start", DEFAULT_LIMITS)
        except guided.GrammarError:
            continue
        n_tables += assert_same_table(source, strict=False)
        assert_same_table(source, strict=True)
    assert n_tables > 70
