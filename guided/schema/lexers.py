"""The automata of single lexemes, one object for equal contents in the whole process, and their labels.

A value is one lexeme where it can be: a whole string, a whole number, `null`; an array or object is opened by one.
White space belongs to the lexeme of the bracket, comma or colon beside it, so that no lexeme is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from guided import _fast
from guided.automata import parse
from guided.automata.compile import compile_dfa
from guided.automata.syntax import EMPTY, Both, Literal, Node, Not, Repeat, Words, chars, concat, union
from guided.errors import ConstraintError, GuidedError, LimitExceeded
from guided.limits import DEFAULT_LIMITS, Limits
from guided.schema.strings import ANY_SPELLING, EVERY_STRING, FREE_STRING, QUOTE, Spelling, counted, quoted_text

# Labels of lexemes.  Those of strings, numbers and keys are followed by the number of the question, or of the name.
NULL: Final = 0
TRUE: Final = 1
FALSE: Final = 2
OPEN_OBJECT: Final = 3
EMPTY_OBJECT: Final = 4
OPEN_ARRAY: Final = 5
EMPTY_ARRAY: Final = 6
COMMA: Final = 7
CLOSE: Final = 8
COLON: Final = 9
NEW_KEY: Final = 10
TAKEN: Final = 11
CONSTANTS: Final = {NULL: "null", TRUE: "true", FALSE: "false"}
STRING: Final = 1_000_000
NUMBER: Final = 2_000_000
KEY: Final = 3_000_000
TEST: Final = 4_000_000

SPACE: Final = chars(" \t\n\r")
# States of 100 bytes each; then a new one is begun, and the old one lives with those who read it.
MAX_COUNTED_STATES: Final = 200_000
MAX_SPACES: Final = 32  # JSON white space characters in a row under whitespace="flexible"

Alternatives = tuple[tuple[int, Node], ...]
Part = tuple[_fast.Recognizer, int]  # and the state in which it begins


@lru_cache(maxsize=2048)
def shared_dfa(alternatives: Alternatives, limits: Limits = DEFAULT_LIMITS) -> _fast.Recognizer:
    """The automaton of labelled alternatives, the same object for equal ones."""
    return word_list(alternatives) or compile_dfa(dict(alternatives), limits=limits)


def part(label: int, node: Node, limits: Limits, universe: Node | None = None) -> Part:
    """A part of a value's lexer: that of one alternative.  universe : strings of which all of `node` are some."""
    about = counted(node)
    if about is not None and (about[2] is not None or about[1] > (0 if about[0] is ANY_SPELLING else 1)):
        strings = counted_strings(label, concat(QUOTE, Repeat(about[0], 0, None), QUOTE))
        return strings, strings.begin(*about[1:])
    listed = _less_words(node)
    if listed is not None:
        every, begin = part(label, listed[0], limits, universe)
        lessened = _fast.Without(every, begin, listed[1])
        return lessened, lessened.start
    measured = _measured(node)
    if measured is not None:
        try:
            strings = counted_strings(label, measured[0])
        except LimitExceeded as error:
            if error.limit != "max_dfa_states":
                raise
        else:
            return strings, strings.begin(*measured[1:])
    return within(shared_dfa(((label, node),), limits), universe)


def within(lexer: _fast.Recognizer, universe: Node | None) -> Part:
    """A lexer of strings out of a wider language: where they are as free, masks are those of the wider one."""
    if universe is not None and lexer.universe is None and not isinstance(lexer, _fast.WordList):
        wider, widest = shared_dfa(((STRING + 1, universe),)), shared_dfa(((STRING + 1, FREE_STRING),))
        if wider is not widest:
            wider.universe = widest  # as lengths are asked of any spelling
        if wider is not lexer is not widest:
            lexer.universe = wider
    return lexer, lexer.start


def _less_words(node: Node) -> tuple[Node, _fast.Recognizer] | None:
    """(strings, the few) of an intersection with all strings but a few, in one spelling; None for other trees."""
    if not isinstance(node, Both) or EVERY_STRING not in node.parts:
        return None
    refused = [part.node for part in node.parts if isinstance(part, Not)]
    if not refused or not all(isinstance(words, Words) for words in refused):
        return None
    rest: list[Node] = []
    for part in node.parts:
        if part is not FREE_STRING and not isinstance(part, Not):
            rest += part.parts if isinstance(part, Both) else [part]
    if any(part is not EVERY_STRING and counted(part) is None for part in rest):
        rest.remove(EVERY_STRING)  # a pattern's strings are spelled so already
    texts = {text for words in refused if isinstance(words, Words) for text in words.texts}
    few = shared_dfa(((TAKEN, Words(tuple(sorted(texts)))),))
    return (rest[0] if len(rest) == 1 else Both(tuple(dict.fromkeys(rest))), few)


def _measured(node: Node) -> tuple[Node, int, int | None] | None:
    """(strings, least, most) of an intersection with the strings of some lengths; None for other trees."""
    if not isinstance(node, Both):
        return None
    sizes = [(part, about) for part in node.parts if (about := counted(part)) is not None and about[0] is ANY_SPELLING]
    if len(sizes) != 1:
        return None
    rest = tuple(part for part in node.parts if part is not sizes[0][0])
    return (rest[0] if len(rest) == 1 else Both(rest), *sizes[0][1][1:])


_counted: dict[tuple[int, Node], _fast.Counted] = {}


def counted_strings(label: int, strings: Node) -> _fast.Counted:
    """The automaton of some strings by their length, for all bounds, one for the process until it is large.

    Raises LimitExceeded (max_dfa_states) where the strings are too many different ones.
    """
    found = _counted.get((label, strings))
    if found is None or found.n_states > MAX_COUNTED_STATES:
        if len(_counted) >= MAX_KNOWN:
            _counted.clear()
        frame = shared_dfa(((STRING + 1, FREE_STRING),))
        found = _counted[label, strings] = _fast.Counted(shared_dfa(((label, strings),)), frame)
    return found


@lru_cache(maxsize=2048)
def listed(label: int, texts: frozenset[str]) -> Part:
    """Some strings in their shortest spelling."""
    made = _fast.WordList([quoted_text(text).encode() for text in texts], [label] * len(texts))
    return made, made.start


@lru_cache(maxsize=8)
def constants(labels: tuple[int, ...]) -> Part:
    """Some of null, true and false."""
    made = _fast.WordList([CONSTANTS[label].encode() for label in labels], labels)
    return made, made.start


def disjoint(parts: tuple[Part, ...]) -> _fast.Recognizer:
    """The lexer of parts that differ in their first byte; the same object for equal ones."""
    if len(parts) == 1 and parts[0][1] == parts[0][0].start:
        return parts[0][0]
    if any(isinstance(recognizer, _fast.Restricted) for recognizer, _ in parts):
        return _fast.Disjoint(parts)  # it belongs to one schema: not to be kept longer
    return _disjoint(parts)


@lru_cache(maxsize=2048)
def _disjoint(parts: tuple[Part, ...]) -> _fast.Recognizer:
    return _fast.Disjoint(parts)


def word_list(alternatives: Iterable[tuple[int, Node]]) -> _fast.WordList | None:
    """The same for alternatives that are lists of texts, which need no automaton; None for others."""
    words, labels = list[bytes](), list[int]()
    for label, node in alternatives:
        if isinstance(node, Literal):
            words.append(node.text.encode())
            labels.append(label)
        elif isinstance(node, Words):
            words += [text.encode() for text in node.texts]
            labels += [label] * len(node.texts)
        else:
            return None
    return _fast.WordList(words, labels)


@lru_cache(maxsize=256)
def restricted_dfa(alternatives: Alternatives, accepted: frozenset[tuple[int, ...]], limits: Limits) -> _fast.Dfa:
    """The same where only these sets of labels may end a text."""
    return compile_dfa(dict(alternatives), accept=accepted.__contains__, limits=limits)


@lru_cache(maxsize=256)
def filtered(alternatives: Alternatives, accepted: frozenset[tuple[int, ...]], limits: Limits) -> _fast.Restricted:
    """The same, found out as the text is written."""
    return _fast.Restricted(shared_dfa(alternatives, limits), accepted.__contains__, limits.max_states)


@lru_cache(maxsize=256)
def label_sets(alternatives: Alternatives, limits: Limits) -> frozenset[tuple[int, ...]]:
    """All sets of labels with which a text of these alternatives can end; builds the whole automaton."""
    made = _fast.tabulate(compile_dfa(dict(alternatives), limits=limits), limits.max_dfa_states)
    return frozenset(labels for labels in made.labels if labels)


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
        self._after: dict[tuple[str, bool, bool], _fast.Recognizer] = {}
        self._brackets: dict[tuple[int, ...], Part] = {}

    def after_value(self, bracket: str, *, may_go_on: bool, may_close: bool) -> _fast.Recognizer:
        """What follows a value inside an array or object."""
        key = (bracket, may_go_on, may_close)
        found = self._after.get(key)
        if found is None:
            alternatives: list[tuple[int, Node]] = []
            if may_go_on:
                alternatives.append((COMMA, concat(self.space, Literal(","), self.space)))
            if may_close:
                alternatives.append((CLOSE, concat(self.space, Literal(bracket))))
            found = self._after[key] = shared_dfa(tuple(alternatives))
        return found

    def brackets(self, labels: tuple[int, ...]) -> Part:
        """How an array (an object) may begin."""
        found = self._brackets.get(labels)
        if found is None:
            made = shared_dfa(tuple((label, self.opening[label]) for label in labels))
            found = self._brackets[labels] = made, made.start
        return found


@lru_cache(maxsize=64)
def structure(whitespace: str, limits: Limits) -> Structure:
    """The Structure of a setting, made once."""
    return Structure(whitespace, limits)


@lru_cache(maxsize=16)
def free_keys(spelling: bool, limits: Limits) -> _fast.Recognizer:
    """Any key; one automaton for all objects, so that its masks are made once.  spelling : in any escape."""
    return shared_dfa(((NEW_KEY, Spelling("any" if spelling else "shortest").every),))


class Keys:
    """The lexemes of property names in one spelling."""

    def __init__(self, spelling: Spelling, limits: Limits) -> None:
        self.spelling, self.limits = spelling, limits
        self.free = free_keys(spelling.is_any, limits)
        self._known: dict[tuple[tuple[str, ...], frozenset[str]], _fast.Recognizer] = {}
        self._only: dict[tuple[tuple[str, int], ...], _fast.Recognizer] = {}

    def only(self, names: Mapping[str, int]) -> _fast.Recognizer:
        """The keys of an object that has no others; `names` : their numbers, which are the labels above KEY."""
        about = tuple(names.items())
        found = self._only.get(about)
        if found is None:
            if len(self._only) > MAX_KNOWN:
                self._only.clear()
            found = self._only[about] = self._of([(KEY + number, name) for name, number in about])
        return found

    def known(self, names: tuple[str, ...], seen: frozenset[str]) -> _fast.Recognizer:
        """The keys that a free key must differ from: declared ones (KEY + place), and free ones seen before (TAKEN).

        Not which of them may come: so all positions in an object share one automaton until a free key is written.
        """
        free = seen.difference(names)
        found = self._known.get((names, free))
        if found is None:
            if len(self._known) > MAX_KNOWN:
                self._known.clear()
            known = [(KEY + number, name) for number, name in enumerate(names)]
            known += [(TAKEN, name) for name in sorted(free)]
            found = self._known[names, free] = self._of(known)
        return found

    def _of(self, keys: list[tuple[int, str]]) -> _fast.Recognizer:
        if not self.spelling.is_any:
            return _fast.WordList([quoted_text(name).encode() for _, name in keys], [label for label, _ in keys])
        alternatives: dict[int, list[Node]] = {}
        for label, name in keys:
            alternatives.setdefault(label, []).append(self.spelling.words((name,)))
        return compile_dfa({label: union(*nodes) for label, nodes in alternatives.items()})


MAX_KNOWN: Final = 1024  # automata of known keys kept
