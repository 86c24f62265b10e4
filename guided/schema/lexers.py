"""The automata of single lexemes, one object for equal contents in the whole process, and their labels.

A value is one lexeme where it can be: a whole string, a whole number, `null`; an array or object is opened by one.
White space belongs to the lexeme of the bracket, comma or colon beside it, so that no lexeme is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from guided import _fast
from guided.automata import parse
from guided.automata.compile import compile_dfa
from guided.automata.syntax import EMPTY, Both, Literal, Node, Not, Repeat, Words, chars, concat, invert, union
from guided.automata.syntax import Chars as CharsNode
from guided.errors import ConstraintError, GuidedError
from guided.limits import DEFAULT_LIMITS, Limits
from guided.schema.strings import ONE_SPELLING, QUOTE, spell_chars, spell_text

# Labels of lexemes.  Those of strings, numbers and keys are followed by the number of the question, or of the name.
NULL, TRUE, FALSE, OPEN_OBJECT, EMPTY_OBJECT, OPEN_ARRAY, EMPTY_ARRAY = range(7)
COMMA, CLOSE, COLON, TAIL, DIVERGED, DIVERGED_OPEN, NEW_KEY = range(7, 14)
STRING, NUMBER, KEY = 1_000_000, 2_000_000, 3_000_000

SPACE = chars(" \t\n\r")
MAX_SPACES = 32  # JSON white space characters in a row under whitespace="flexible"

Alternatives = tuple[tuple[int, Node], ...]


@lru_cache(maxsize=2048)
def shared_dfa(alternatives: Alternatives) -> _fast.Dfa:
    """The automaton of labelled alternatives, the same object for equal ones."""
    return compile_dfa(dict(alternatives))


@lru_cache(maxsize=256)
def restricted_dfa(alternatives: Alternatives, needs: tuple[frozenset[int], ...], limits: Limits) -> _fast.Dfa:
    """The same where a string or number must answer enough questions: all those of one of `needs`."""
    return compile_dfa(dict(alternatives), accept=accepts(needs), limits=limits)


def accepts(needs: tuple[frozenset[int], ...]) -> Callable[[tuple[int, ...]], bool]:
    """Whether labels end a value that the parent can live with."""

    def is_enough(labels: tuple[int, ...]) -> bool:
        if any(label < STRING for label in labels):
            return True
        answered = answers(labels)
        return bool(labels) and any(need <= answered for need in needs)

    return is_enough


def answers(labels: tuple[int, ...]) -> frozenset[int]:
    """The questions that a string or number with these labels answers; label STRING + 0 is "a string at all"."""
    return frozenset(label % STRING - 1 for label in labels if label % STRING)


@lru_cache(maxsize=64)
def white_space(setting: str, limits: Limits = DEFAULT_LIMITS) -> Node:
    """What may stand between two lexemes: "flexible", "compact", or a regular expression of JSON white space."""
    if setting == "flexible":
        return Repeat(SPACE, 0, MAX_SPACES)
    if setting == "compact":
        return EMPTY
    try:
        node: Node = parse.parse(setting, limits=limits)
    except GuidedError as error:
        raise ConstraintError(f"whitespace is 'flexible', 'compact' or a regular expression: {error}") from None
    if compile_dfa(node, limits=limits).start == _fast.DEAD:
        raise ConstraintError(f"the whitespace {setting!r} matches nothing; use 'compact' for none")
    if compile_dfa(Both((node, Not(Repeat(SPACE, 0, None)))), limits=limits).start != _fast.DEAD:
        raise ConstraintError(
            f"the whitespace {setting!r} also matches text that is no JSON white space (space, tab, newline)"
        )
    return node


class Structure:
    """The lexemes of brackets, commas and colons for one setting of white space."""

    def __init__(self, whitespace: str, limits: Limits) -> None:
        space = self.space = white_space(whitespace, limits)
        shortest = compile_dfa(space, limits=limits)
        self.shortest = str(bytes(shortest.completion(shortest.start)), "ascii")  # the least white space
        self.opening: dict[int, Node] = {
            OPEN_OBJECT: concat(Literal("{"), space),
            EMPTY_OBJECT: concat(Literal("{"), space, Literal("}")),
            OPEN_ARRAY: concat(Literal("["), space),
            EMPTY_ARRAY: concat(Literal("["), space, Literal("]")),
        }
        self.colon = shared_dfa(((COLON, concat(space, Literal(":"), space)),))

    def after_value(self, bracket: str, *, may_go_on: bool, may_close: bool) -> _fast.Dfa:
        """What follows a value inside an array or object."""
        alternatives: list[tuple[int, Node]] = []
        if may_go_on:
            alternatives.append((COMMA, concat(self.space, Literal(","), self.space)))
        if may_close:
            alternatives.append((CLOSE, concat(self.space, Literal(bracket))))
        return shared_dfa(tuple(alternatives))


FREE_KEY = concat(QUOTE, Repeat(ONE_SPELLING, 0, None), QUOTE)
REST_OF_KEY = concat(Repeat(ONE_SPELLING, 0, None), QUOTE)
LONGER_REST_OF_KEY = concat(Repeat(ONE_SPELLING, 1, None), QUOTE)


def key_lexer(names: Mapping[str, int], taken: frozenset[str] | None) -> _fast.Dfa:
    """The keys that may be written next.

    names : declared names -> their numbers.      taken : names that a free key must differ from; None: no free keys.
    A free key is read by this lexer as long as it agrees with one of these names, and then by REST_OF_KEY: the label
    is DIVERGED where the key might also end, DIVERGED_OPEN where it must go on, NEW_KEY if it ended by itself.
    """
    if taken is None:
        return shared_dfa(tuple((KEY + number, Literal(f'"{spell_text(name)}"')) for name, number in names.items()))
    if not names and not taken:
        return shared_dfa(((NEW_KEY, FREE_KEY),))
    return _trie_lexer(tuple(names.items()), taken)


@lru_cache(maxsize=256)
def _trie_lexer(names: tuple[tuple[str, int], ...], taken: frozenset[str]) -> _fast.Dfa:
    alternatives: list[tuple[int, Node]] = [(KEY + number, Literal(f'"{spell_text(name)}"')) for name, number in names]
    known = sorted(taken | {name for name, _ in names})
    nexts: dict[str, set[str]] = {"": set()}
    for name in known:
        for size in range(len(name)):
            nexts.setdefault(name[:size], set()).add(name[size])
            nexts.setdefault(name[: size + 1], set())
    known_set = set(known)
    apart: dict[bool, list[str]] = {
        False: [],
        True: [],
    }  # texts after which the next lexer may take over; by "is itself a known name"
    leaving: list[Node] = []  # ways to differ in the middle of a character or of an escape
    for prefix, following in nexts.items():
        text = '"' + spell_text(prefix)
        apart[prefix in known_set].append(text)
        wide = sorted(ord(character) for character in following if ord(character) > 0x7F)
        escaped = sorted(ord(character) for character in following if len(spell_text(character)) > 1)
        others: list[tuple[int, int]] = []
        if wide:
            others += invert([(0, 0x7F), *((code, code) for code in wide)])
        if escaped:
            special = [code for code in (*range(0x20), 0x22, 0x5C) if code not in escaped]
            others += [(code, code) for code in special]
        if others:
            leaving.append(concat(Literal(text), spell_chars(CharsNode(tuple(sorted(others))).ranges)))
    taken_over = [Words(tuple(apart[False]))] if apart[False] else []
    alternatives.append((DIVERGED, union(*taken_over, *leaving)))
    alternatives.append((DIVERGED_OPEN, Words(tuple(apart[True])) if apart[True] else union()))
    return compile_dfa({label: node for label, node in alternatives if node != union()})
