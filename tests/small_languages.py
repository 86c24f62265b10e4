"""Small regular languages for tests of decoding, each beside the Python pattern that says the same."""

from __future__ import annotations

import json
import re

from guided.automata.compile import compile_dfa
from guided.automata.syntax import Literal, Node, Repeat, Union, chars, concat
from guided.constraints.base import Constraint


def language(node: Node, pattern: str, **options) -> Constraint:
    """A constraint whose `pattern` is the same language in Python's words."""
    made = Constraint(pattern, lambda: compile_dfa(node), node=node, **options)
    made.pattern = re.compile(pattern)
    return made


def fits(constraint: Constraint, text: str) -> bool:
    """Whether `text` is a member, asked of Python."""
    return constraint.pattern.fullmatch(text) is not None


WORDS = language(
    concat(Repeat(chars("ab"), 3, 3), Literal("c"), Repeat(Literal("the"), 0, 3), Literal("d")), "[ab]{3}c(the){0,3}d"
)
DIGITS = language(concat(Repeat(chars("0123456789"), 2, 4), Literal("日")), "[0-9]{2,4}日")
LETTERS = language(Repeat(chars("ab"), 1, 6), "[ab]{1,6}")
ANSWER = language(Union((Literal("the"), Literal("a"), Literal("b"))), "the|a|b")
ONE = language(Literal("the same"), "the same")
RECORD = language(
    concat(
        Literal('{"name": "'),
        Repeat(chars("abc日"), 1, 6),
        Literal('", "email": "'),
        Repeat(chars("xyz"), 2, 9),
        Literal('", "age": '),
        Repeat(chars("123"), 1, 3),
        Literal("}"),
    ),
    '\\{"name": "[abc日]{1,6}", "email": "[xyz]{2,9}", "age": [123]{1,3}\\}',
    parse=json.loads,
    value_kind="json",
)
