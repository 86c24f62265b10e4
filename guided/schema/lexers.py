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
from guided.automata.syntax import EMPTY, Both, Literal, Node, Not, Repeat, Words, chars, concat
from guided.errors import ConstraintError, GuidedError
from guided.limits import DEFAULT_LIMITS, Limits
from guided.schema.strings import ONE_SPELLING, QUOTE, spell_text

# Labels of lexemes.  Those of strings, numbers and keys are followed by the number of the question, or of the name.
NULL, TRUE, FALSE, OPEN_OBJECT, EMPTY_OBJECT, OPEN_ARRAY, EMPTY_ARRAY = range(7)
COMMA, CLOSE, COLON, NEW_KEY, TAKEN = range(7, 12)
STRING, NUMBER, KEY = 1_000_000, 2_000_000, 3_000_000

SPACE = chars(" \t\n\r")
MAX_SPACES = 32  # JSON white space characters in a row under whitespace="flexible"

Alternatives = tuple[tuple[int, Node], ...]


@lru_cache(maxsize=2048)
def shared_dfa(alternatives: Alternatives, limits: Limits = DEFAULT_LIMITS) -> _fast.Recognizer:
    """The automaton of labelled alternatives, the same object for equal ones."""
    words, labels = list[bytes](), list[int]()
    for label, node in alternatives:
        if isinstance(node, Literal):
            texts: tuple[str, ...] = (node.text,)
        elif isinstance(node, Words):
            texts = node.texts
        else:
            return compile_dfa(dict(alternatives), limits=limits)
        words += [text.encode() for text in texts]
        labels += [label] * len(texts)
    return _fast.WordList(words, labels)


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

    def after_value(self, bracket: str, *, may_go_on: bool, may_close: bool) -> _fast.Recognizer:
        """What follows a value inside an array or object."""
        alternatives: list[tuple[int, Node]] = []
        if may_go_on:
            alternatives.append((COMMA, concat(self.space, Literal(","), self.space)))
        if may_close:
            alternatives.append((CLOSE, concat(self.space, Literal(bracket))))
        return shared_dfa(tuple(alternatives))


FREE_KEY = concat(QUOTE, Repeat(ONE_SPELLING, 0, None), QUOTE)


def free_key() -> _fast.Recognizer:
    """Any key; one automaton for all objects, so that its masks are made once."""
    return shared_dfa(((NEW_KEY, FREE_KEY),))


def keys(names: Mapping[str, int]) -> _fast.Recognizer:
    """The keys of an object that has no others; `names` : their numbers, which are the labels above KEY."""
    return _keys(tuple(names.items()))


@lru_cache(maxsize=1024)
def _keys(names: tuple[tuple[str, int], ...]) -> _fast.Recognizer:
    return _fast.WordList([_quoted(name) for name, _ in names], [KEY + number for _, number in names])


def known_keys(names: tuple[str, ...], seen: frozenset[str]) -> _fast.Recognizer:
    """The keys that a free key must differ from: declared ones (label KEY + place), and free ones seen before (TAKEN).

    Not which of them may come: so all positions in an object share one automaton, as long as no free key was written.
    """
    return exceptions(names, seen.difference(names))


@lru_cache(maxsize=1024)
def exceptions(names: tuple[str, ...], free: frozenset[str]) -> _fast.Recognizer:
    """known_keys, for free keys that are none of `names`."""
    words, labels = quoted(names), list(range(KEY, KEY + len(names)))
    if free:
        words, labels = words + [_quoted(name) for name in free], labels + [TAKEN] * len(free)
    return _fast.WordList(words, labels)


@lru_cache(maxsize=1024)
def quoted(names: tuple[str, ...]) -> list[bytes]:
    """The keys as they are written."""
    return [_quoted(name) for name in names]


def _quoted(name: str) -> bytes:
    return f'"{spell_text(name)}"'.encode()
