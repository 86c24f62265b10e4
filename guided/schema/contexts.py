"""The context half of the JSON Machine: what may be written next, and what follows it.

A context is one of a few kinds of places (see Kind) with a link or a frame; contexts are interned, and numbered when
first reached.  The lexer half is the automata of lexers.py.  Protocol: guided.protocols.Contexts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from guided import _fast
from guided.automata.syntax import Literal, Node, union
from guided.errors import ConstraintError
from guided.schema import lexers
from guided.schema.analysis import Analysis
from guided.schema.document import Document
from guided.schema.formula import FALSE, TRUE
from guided.schema.frames import ROOT_NEEDS, Frame, Frames, Link, Needs, Way
from guided.schema.lexers import KEY, NUMBER, STRING, Structure
from guided.schema.locations import Goal, Locations
from guided.schema.shapes import ObjectShape
from guided.schema.strings import FREE_STRING, spell_text

DEAD = -1
MAX_REMEMBERED = 20_000  # completions kept


class Kind(Enum):
    """Where in the text we are."""

    VALUE = "before a value"  # .link
    KEY = "before a key"  # .frame
    FREE_KEY = "before a key that is none of the known ones"  # .frame
    COLON = "after a key"  # .link
    AFTER = "after a member"  # .frame
    END = "after the document"


@dataclass(frozen=True, slots=True)
class Context:
    """One place."""

    kind: Kind
    link: Link | None = None
    frame: Frame | None = None


class JsonContexts:
    """Contexts of one schema (guided.protocols.Contexts)."""

    def __init__(self, document: Document, *, in_order: bool, whitespace: str) -> None:
        """Raises ConstraintError if no value fits the schema; UnsupportedSchema for a oneOf that is not exclusive."""
        self.document, self.whitespace = document, whitespace
        self.structure = Structure(whitespace, document.options.limits)
        self.locations = Locations(document)
        self.analysis = Analysis(document, self.locations, self.structure.shortest)
        self.frames = Frames(document, self.locations, self.analysis, in_order=in_order)
        self.contexts: list[Context] = []
        self._numbers: dict[Context, int] = {}
        self._completions: dict[int, bytes] = {}
        self._value_lexers: dict[tuple[tuple[Goal, ...], Needs], _fast.Recognizer] = {}
        self.locations.check_loops()
        root: Goal = frozenset((document.root,))
        if not self.analysis.is_inhabited(root):
            raise ConstraintError("no JSON value fits the schema: its demands contradict each other")
        self.start = self._number(Context(Kind.VALUE, self.frames.link(None, (), (root,), ROOT_NEEDS)))

    def prepare(self, lexeme: Node) -> None:
        """Compile the automaton of a lexeme now.  Raises LimitExceeded or ConstraintError if that is not possible."""
        if lexeme != union():
            lexers.shared_dfa(((STRING + 1, lexeme),), self.document.options.limits)

    def _number(self, context: Context) -> int:
        number = self._numbers.get(context)
        if number is None:
            number = self._numbers[context] = len(self.contexts)
            self.contexts.append(context)
        return number

    # ---- guided.protocols.Contexts ----

    def lexer(self, context: int) -> _fast.Recognizer | None:
        """The automaton of what may be written in `context`; None after the document."""
        here = self.contexts[context]
        if here.kind is Kind.VALUE:
            link: Link = _known(here.link)
            key = (link.questions, link.needs)
            found = self._value_lexers.get(key)
            if found is None:
                found = self._value_lexers[key] = self._value_lexer(link)
            return found
        if here.kind is Kind.COLON:
            return self.structure.colon
        if here.kind is Kind.FREE_KEY:
            return lexers.free_key()
        if here.kind is Kind.END:
            return None
        frame = _known(here.frame)
        if here.kind is Kind.KEY:
            numbers, others = self.frames.available(frame)
            if others:  # known keys are exceptions; exit() knows which of them may come
                return lexers.known_keys(frame.names, frame.seen) if frame.names or frame.seen else lexers.free_key()
            return lexers.keys({frame.names[number]: number for number in numbers})
        is_object = frame.kind == "object"
        return self.structure.after_value(
            "}" if is_object else "]",
            may_go_on=any(self.frames.available(frame, only_one=True))
            if is_object
            else self.frames.may_add_item(frame),
            may_close=self.frames.may_suffice(self.frames.closed(frame), frame.link),
        )

    def captures(self, context: int) -> bool:
        """Whether exit() needs the text: that of a free key."""
        here = self.contexts[context]
        return here.kind is Kind.FREE_KEY or (here.kind is Kind.KEY and self._is_free(_known(here.frame)))

    def fallback(self, context: int) -> int:
        """Before a key that may be a known one or a free one: the context of free keys."""
        here = self.contexts[context]
        if here.kind is not Kind.KEY:
            return DEAD
        frame = _known(here.frame)
        if self._is_free(frame) or not self.frames.available(frame)[1]:
            return DEAD
        return self._number(Context(Kind.FREE_KEY, frame=frame))

    def facts(self, context: int) -> tuple[_fast.Recognizer | None, bool, int, bool, int]:
        """lexer, captures, fallback, is_accepting and the likeness of a context, in one question."""
        here = self.contexts[context]
        lexer = self.lexer(context)
        if here.kind is Kind.VALUE:
            link = _known(here.link)
            local = self.frames.link(None, (), link.questions, link.needs)
            return lexer, False, DEAD, False, self._number(Context(Kind.VALUE, local))
        if here.kind is Kind.KEY:
            return lexer, self.captures(context), self.fallback(context), False, DEAD
        return lexer, here.kind is Kind.FREE_KEY, DEAD, here.kind is Kind.END, DEAD

    def _is_free(self, frame: Frame) -> bool:
        """Whether there are no known keys at all, and any may come."""
        return not frame.names and not frame.seen and self.frames.available(frame)[1]

    def is_accepting(self, context: int) -> bool:
        """Whether the document is complete."""
        return self.contexts[context].kind is Kind.END

    def exit(self, context: int, labels: tuple[int, ...], text: bytes | None) -> int:
        """The context after a lexeme with these labels; DEAD if nothing can follow."""
        here = self.contexts[context]
        if not labels:
            return DEAD
        if here.kind is Kind.VALUE:
            return self._after_value_lexeme(_known(here.link), labels)
        if here.kind is Kind.COLON:
            return self._number(Context(Kind.VALUE, here.link))
        frame = _known(here.frame)
        if here.kind is Kind.AFTER:
            if labels[0] == lexers.CLOSE:
                return self._finished(frame.link, self.frames.closed(frame))
            return self._number(Context(Kind.KEY, frame=frame)) if frame.kind == "object" else self._item(frame)
        if labels[0] == lexers.NEW_KEY:
            return self._key(frame, None, None if text is None else _unquote(text))
        number = labels[-1] - KEY
        if number < 0 or number not in self.frames.available(frame)[0]:
            return DEAD  # a key that was there before, or whose turn is over
        return self._key(frame, number, frame.names[number])

    def completion(self, context: int) -> bytes:
        """A short text that finishes the document: needed members only, then every bracket that is open."""
        found = self._completions.get(context)
        if found is None:
            if len(self._completions) >= MAX_REMEMBERED:
                self._completions.clear()
            found = self._completions[context] = self._complete(context).encode()
        return found

    # ---- values ----

    def _value_lexer(self, link: Link) -> _fast.Recognizer:
        """All values that `link` may get; arrays and objects only as far as their opening bracket."""
        alternatives: list[tuple[int, Node]] = []
        for label, text in ((lexers.NULL, "null"), (lexers.TRUE, "true"), (lexers.FALSE, "false")):
            if self.frames.may_suffice(self._constant_answers(link, text), link):
                alternatives.append((label, Literal(text)))
        restricted = False
        for kind, base in (("string", STRING), ("number", NUMBER)):
            added, is_restricted = self._scalar_alternatives(link, kind, base)
            alternatives += added
            restricted = restricted or is_restricted
        for kind, opening, empty in (
            ("array", lexers.OPEN_ARRAY, lexers.EMPTY_ARRAY),
            ("object", lexers.OPEN_OBJECT, lexers.EMPTY_OBJECT),
        ):
            frame = self.frames.opened(link, kind)
            if frame is None:
                continue
            if self.frames.may_suffice(self.frames.closed(frame), link):
                alternatives.append((empty, self.structure.opening[empty]))
            if self.frames.may_add_item(frame) if kind == "array" else any(self.frames.available(frame, only_one=True)):
                alternatives.append((opening, self.structure.opening[opening]))
        if restricted:
            return lexers.restricted_dfa(tuple(alternatives), link.needs, self.document.options.limits)
        return lexers.shared_dfa(tuple(alternatives), self.document.options.limits)

    def _constant_answers(self, link: Link, kind: str) -> frozenset[int]:
        return frozenset(
            number for number, goal in enumerate(link.questions) if self.locations.goal_formula(goal, kind) == TRUE
        )

    def _scalar_alternatives(self, link: Link, kind: str, base: int) -> tuple[list[tuple[int, Node]], bool]:
        """One alternative per question that a string (number) can answer, and whether some answers are not enough."""
        found: list[tuple[int, Node]] = []
        for number, goal in enumerate(link.questions):
            formula = self.locations.goal_formula(goal, kind)
            node = self._scalar(formula, kind) if formula != FALSE else union()
            if node != union():
                found.append((base + 1 + number, node))
        answerable = frozenset(label - base - 1 for label, _ in found)
        if not self.frames.may_suffice(answerable, link):
            return [], False
        if frozenset() in link.needs:  # any string will do, but the parent wants to know which
            return [(base, self._scalar(TRUE, kind)), *found], False
        return found, not all(self.frames.may_suffice((number,), link) for number in answerable)

    def _scalar(self, formula: int, kind: str) -> Node:
        return FREE_STRING if formula == TRUE and kind == "string" else self.locations.lexeme(formula, kind)

    def _after_value_lexeme(self, link: Link, labels: tuple[int, ...]) -> int:
        label = labels[-1]
        if label in (lexers.NULL, lexers.TRUE, lexers.FALSE):
            text = {lexers.NULL: "null", lexers.TRUE: "true", lexers.FALSE: "false"}[label]
            return self._finished(link, self._constant_answers(link, text))
        if label >= STRING:
            return self._finished(link, lexers.answers(labels))
        frame = self.frames.opened(link, "array" if label in (lexers.OPEN_ARRAY, lexers.EMPTY_ARRAY) else "object")
        if frame is None:
            return DEAD
        if label in (lexers.EMPTY_ARRAY, lexers.EMPTY_OBJECT):
            return self._finished(link, self.frames.closed(frame))
        return self._item(frame) if label == lexers.OPEN_ARRAY else self._number(Context(Kind.KEY, frame=frame))

    def _finished(self, link: Link, answers: frozenset[int]) -> int:
        """The context after a whole value that answers these questions of `link`."""
        if not self.frames.may_suffice(answers, link):
            return DEAD
        frame = self.frames.reported(link, answers)
        return self._number(Context(Kind.END) if frame is None else Context(Kind.AFTER, frame=frame))

    def _item(self, frame: Frame) -> int:
        link = self.frames.item(frame)
        return DEAD if link is None else self._number(Context(Kind.VALUE, link))

    def _key(self, frame: Frame, number: int | None, name: str | None) -> int:
        link = self.frames.property(frame, number, name)
        return DEAD if link is None else self._number(Context(Kind.COLON, link))

    # ---- completions ----

    def _complete(self, context: int) -> str:
        here = self.contexts[context]
        colon = self.analysis.colon
        if here.kind is Kind.END:
            return ""
        if here.kind is Kind.VALUE:
            return self._complete_value(_known(here.link))
        if here.kind is Kind.COLON:
            return colon + self._complete_value(_known(here.link))
        frame = _known(here.frame)
        if here.kind is Kind.AFTER:
            return self._complete_frame(frame, is_first=False)
        if here.kind is Kind.KEY:
            return self._complete_key(frame)
        return self._complete_free_key(frame)

    def _complete_value(self, link: Link) -> str:
        """A shortest value that answers enough, then the rest of the document."""
        options: list[tuple[int, frozenset[int], Goal]] = []
        for need in link.needs:
            goal = frozenset[int]().union(*(link.questions[question] for question in need))
            cost = self.analysis.cost(goal)
            if cost is not None:
                options.append((cost, need, goal))
        _, need, goal = min(options, key=lambda option: option[0])
        above = self.frames.reported(link, need)
        return self.analysis.text(goal) + ("" if above is None else self._complete_frame(above, is_first=False))

    def _complete_frame(self, frame: Frame | None, *, is_first: bool) -> str:
        """Needed members and closing brackets, from `frame` up to the root."""
        parts: list[str] = []
        while frame is not None:
            way, text = min(
                ((way, self._rest(frame, way, is_first)) for way in self.frames.ways(frame)), key=lambda w: len(w[1])
            )
            parts.append(text)
            frame, is_first = self.frames.reported(frame.link, way.answers), False
        return "".join(parts)

    def _rest(self, frame: Frame, way: Way, is_first: bool) -> str:
        """The needed members of one way and the closing bracket; `is_first`: no comma before the first."""
        analysis, opening = self.analysis, "" if is_first else self.analysis.comma
        if isinstance(way.shape, ObjectShape):
            rule = analysis.object_rule(way.shape, frame.names, opening)
        else:
            rule = analysis.array_rule(way.shape, frame.place, opening)
        if rule is None:
            raise ValueError("a live way has a completion")
        parts = rule.parts if len(rule.parts) > 2 else rule.parts[1:]
        return "".join(part if isinstance(part, str) else analysis.text(part) for part in parts)

    def _complete_key(self, frame: Frame) -> str:
        """A key must come: a needed one if there is one, else the one with the shortest value."""
        colon = self.analysis.colon
        needing = [way for way in self.frames.ways(frame) if isinstance(way.shape, ObjectShape) and way.shape.needed]
        if needing and all(isinstance(way.shape, ObjectShape) and way.shape.needed for way in self.frames.ways(frame)):
            return self._complete_frame(frame, is_first=True)
        numbers, others = self.frames.available(frame)
        options: list[tuple[str, Link]] = []
        for number in numbers:
            link = self.frames.property(frame, number, frame.names[number])
            if link is not None:
                options.append((f'"{spell_text(frame.names[number])}"', link))
        texts = [key + colon + self._complete_value(link) for key, link in options]
        return min(texts + ([self._complete_free_key(frame)] if others else []), key=len)

    def _complete_free_key(self, frame: Frame) -> str:
        taken = frame.seen.union(frame.names)
        name = next(name for name in _fresh_names() if name not in taken)
        return f'"{name}"{self.analysis.colon}{self._complete_value(_known(self.frames.property(frame, None, name)))}'


def _known(value: Any) -> Any:
    if value is None:
        raise TypeError("a context of this kind has a link or a frame")
    return value


def _unquote(text: bytes) -> str:
    """The characters of a key with its quotes."""
    decoded: str = json.loads(text)
    return decoded


def _fresh_names() -> Any:
    yield ""
    size = 0
    while True:
        size += 1
        yield from ("a" * size, "b" * size)
