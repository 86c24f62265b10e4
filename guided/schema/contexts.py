"""The context half of the JSON Machine: what may be written next, and what follows it.

A context is one of a few kinds of places (see Kind) with a link or a frame; contexts are interned, and numbered when
first reached.  The lexer half is the automata of lexers.py.  Protocol: guided.protocols.Contexts.
"""

from __future__ import annotations

import json
from typing import Any, Final

from guided import _fast
from guided.errors import ConstraintError
from guided.schema import lexers
from guided.schema.analysis import Analysis
from guided.schema.completions import Completions
from guided.schema.document import Document
from guided.schema.frames import Answers, Frame, Frames, Link
from guided.schema.keytests import NO_TESTS, KeyTests
from guided.schema.lexers import KEY, STRING, TEST, Keys
from guided.schema.locations import Goal, Locations
from guided.schema.numbers import Numbers
from guided.schema.residuals import Residuals
from guided.schema.scalars import Scalars
from guided.schema.strings import Spelling
from guided.schema.value_lexers import Opening, ValueLexers
from guided.schema.values import Value, parsed

DEAD: Final = -1
MAX_REMEMBERED: Final = 20_000  # completions kept

# Where in the text a context is; what it holds besides.
VALUE: Final = 0  # a link
KEY_PLACE: Final = 1  # a frame
FREE_KEY: Final = 2  # a frame
COLON: Final = 3  # a link
AFTER: Final = 4  # a frame
END: Final = 5


class JsonContexts:
    """Contexts of one schema (guided.protocols.Contexts)."""

    def __init__(
        self,
        document: Document,
        *,
        in_order: bool,
        whitespace: str,
        numbers: str = "json",
        bare: bool = False,
        escapes: str = "shortest",
    ) -> None:
        """Raises ConstraintError if no value fits the schema; UnsupportedSchema for a schema that means nothing."""
        self.document, self.whitespace = document, whitespace
        limits = document.options.limits
        self.structure = lexers.structure(whitespace, limits)
        self.locations = Locations(document)
        spelling = Spelling(escapes)
        self.key_lexers = Keys(spelling, limits)
        self.scalars = Scalars(self.locations, spelling, Numbers(numbers, bare))
        self.limits = self.scalars.limits
        self.residuals = Residuals(document, self.locations, in_order=in_order)
        self.tests = KeyTests(self.residuals, self.scalars)
        self.analysis = Analysis(self.residuals, self.scalars, self.tests, self.structure.shortest)
        self.frames = Frames(self.residuals, self.analysis)
        self.contexts: list[tuple[int, Link | Frame | None]] = []
        self._numbers: dict[tuple[int, int], int] = {}
        self.completions = Completions(self.frames, self.tests, self.scalars, self.limits)
        self._completions: dict[int, bytes] = {}
        self.values = ValueLexers(self.frames, self.scalars, self.structure)
        self.locations.check_loops()
        root = self.frames.link(None, None, (), ((document.root,) if document.root > 1 else (),))
        if document.root == 1 or not self.frames.link_is_alive(root):
            raise ConstraintError("no JSON value fits the schema: its demands contradict each other")
        self.start = self._number(VALUE, root)

    @property
    def is_approximate(self) -> bool:
        """Whether some "this can be finished" was assumed, as finding out took more steps than allowed."""
        return self.analysis.approximate or self.values.is_approximate

    def is_worn(self) -> bool:
        """Whether half of the residuals or frames that may ever be made are made."""
        most = self.document.options.limits.max_states // 2
        return len(self.residuals.all) > most or len(self.frames.frames) > most

    def prepare(self, number: int) -> None:
        """Find out now whether the strings of a node make an automaton: lookahead must be built in full.

        Raises LimitExceeded or ConstraintError if that is not possible.
        """
        self.analysis.members.shortest(self.locations.formula(number, "string"), "string")

    def _number(self, kind: int, about: Link | Frame | None) -> int:
        key = (kind, -1 if about is None else about.number)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.contexts)
            self.contexts.append((kind, about))
        return number

    # ---- guided.protocols.Contexts ----

    def lexer(self, context: int) -> _fast.Recognizer | None:
        """The automaton of what may be written in `context`; None after the document."""
        kind, about = self.contexts[context]
        if kind == VALUE:
            return self.values.lexer(_link(about))
        if kind == COLON:
            return self.structure.colon
        if kind == FREE_KEY:
            return self._free_keys(_frame(about))
        if kind == END:
            return None
        frame = _frame(about)
        if kind == KEY_PLACE:
            return self._key_lexer(frame)
        is_object = frame.residual.kind == "object"
        return self.structure.after_value(
            "}" if is_object else "]",
            may_go_on=self.frames.has_keys(frame) if is_object else self.frames.has_item(frame),
            may_close=self._may_close(frame),
        )

    def facts(self, context: int) -> tuple[_fast.Recognizer | None, bool, int, bool]:
        """lexer, captures, fallback and is_accepting of a context, in one question."""
        return self.lexer(context), self.captures(context), self.fallback(context), self.is_accepting(context)

    # ---- what the compiled contexts ask besides (plain.py) ----

    def value_of(self, goal: Goal) -> int:
        """The context of a value that is a document of its own."""
        return self._number(VALUE, self._link_of_goal(goal))

    def goal_at(self, context: int) -> Goal | None:
        """What a value must fit where nothing else is asked about it; None in other contexts."""
        kind, about = self.contexts[context]
        if kind != VALUE:
            return None
        link = _link(about)
        return link.questions[0] if len(link.questions) == 1 and not link.records else None

    def finish(self, context: int) -> int:
        """The context after a value in such a place."""
        return self._finished(_link(self.contexts[context][1]), (True,), None)

    def lexer_of_goal(self, goal: Goal, array: Opening | None, obj: Opening | None) -> tuple[_fast.Recognizer, bool]:
        """The automaton of the values of a goal, and whether all that it reads fits (plain.Front.lexer)."""
        known = self.values.of_types(goal, array, obj)
        if known is not None:
            return known, True
        link = self._link_of_goal(goal)
        lexer = self.values.lexer(link, {"array": array, "object": obj})
        return lexer, not self.values.is_asked_later(link)

    def _link_of_goal(self, goal: Goal) -> Link:
        return self.frames.link(None, None, (), (goal,))

    @staticmethod
    def name_of(text: bytes) -> str:
        """The characters of a key with its quotes."""
        decoded: str = json.loads(text)
        return decoded

    def _key_lexer(self, frame: Frame) -> _fast.Recognizer:
        numbers, classes = self.frames.keys(frame)
        residual = frame.residual
        if self._is_free(frame):
            return self._free_keys(frame)
        if classes and not self.tests.tests(residual):  # exceptions among free keys; exit() knows which may come
            return self.key_lexers.known(residual.names, residual.seen)
        return self.key_lexers.only({residual.names[number]: number for number in sorted(numbers)})

    def _free_keys(self, frame: Frame) -> _fast.Recognizer:
        """The keys that are not declared; with tests, those of classes that may come and were not there before."""
        if self.tests.tests(frame.residual):
            return self.tests.lexer(frame.residual, self.frames.keys(frame)[1])
        return self.key_lexers.free

    def _may_close(self, frame: Frame) -> bool:
        return self.frames.suffices(frame.link, self.residuals.closed(frame.residual))

    def captures(self, context: int) -> bool:
        """Whether exit() needs the text: that of a free key, or of a value that must not come again."""
        kind, about = self.contexts[context]
        if kind == VALUE:
            return _link(about).records
        if kind == FREE_KEY:
            return True
        return kind == KEY_PLACE and self._is_free(_frame(about))

    def fallback(self, context: int) -> int:
        """Before a key that may be a known one or a free one: the context of free keys."""
        kind, about = self.contexts[context]
        if kind != KEY_PLACE:
            return DEAD
        frame = _frame(about)
        if self._is_free(frame) or not self.frames.keys(frame)[1]:
            return DEAD
        return self._number(FREE_KEY, frame)

    def _is_free(self, frame: Frame) -> bool:
        """Whether the lexer of its keys reads free ones by itself."""
        residual = frame.residual
        numbers, classes = self.frames.keys(frame)
        return bool(classes) and not (numbers if self.tests.tests(residual) else residual.names or residual.seen)

    def is_accepting(self, context: int) -> bool:
        """Whether the document is complete."""
        return self.contexts[context][0] == END

    def exit(self, context: int, labels: tuple[int, ...], text: bytes | None) -> int:
        """The context after a lexeme with these labels; DEAD if nothing can follow."""
        kind, about = self.contexts[context]
        if not labels:
            return DEAD
        if kind == VALUE:
            return self._after_value_lexeme(_link(about), labels, text)
        if kind == COLON:
            return self._number(VALUE, about)
        frame = _frame(about)
        if kind == AFTER:
            if labels[0] == lexers.CLOSE:
                return self._closed(frame)
            return self._number(KEY_PLACE, frame) if frame.residual.kind == "object" else self._item(frame)
        known = [label - KEY for label in labels if KEY <= label < TEST]
        if known:
            number = known[0]
            if number not in self.frames.keys(frame)[0]:
                return DEAD  # a key that was there before, or whose turn is over
            name = frame.residual.names[number]
            return self._key(frame, (number, name, self.tests.class_of(frame.residual, name)))
        if labels[0] != lexers.NEW_KEY:
            return DEAD
        matched = self.tests.class_by(labels, self.tests.tests(frame.residual)) if len(labels) > 1 else NO_TESTS
        return self._key(frame, (None, None if text is None else self.name_of(text), matched))

    def completion(self, context: int) -> bytes:
        """A short text that finishes the document: needed members only, then every bracket that is open."""
        found = self._completions.get(context)
        if found is None:
            if len(self._completions) >= MAX_REMEMBERED:
                self._completions.clear()
            found = self._completions[context] = self._complete(context).encode()
        return found

    # ---- values ----

    def _after_value_lexeme(self, link: Link, labels: tuple[int, ...], text: bytes | None) -> int:
        label = labels[-1]
        if label in lexers.CONSTANTS:
            kind = lexers.CONSTANTS[label]
            return self._finished(
                link, self.values.constant_answers(link, kind), parsed(kind) if link.records else None
            )
        if label >= STRING:
            value = None if text is None or not link.records else parsed(text)
            return self._finished(link, self.values.scalar_answers(link, labels), value)
        frame = self.frames.opened(link, "array" if label in (lexers.OPEN_ARRAY, lexers.EMPTY_ARRAY) else "object")
        if frame is None:
            return DEAD
        if label in (lexers.EMPTY_ARRAY, lexers.EMPTY_OBJECT):
            return self._closed(frame)
        return self._item(frame) if label == lexers.OPEN_ARRAY else self._number(KEY_PLACE, frame)

    def _closed(self, frame: Frame) -> int:
        """The context after the closing bracket."""
        value: Value | None = None
        if frame.link.records and frame.partial is not None:
            members = [part if frame.residual.kind == "array" else part[1] for part in frame.partial]
            if None not in members:  # else a new text stands somewhere in it, so the whole is new
                value = (frame.residual.kind, frame.partial)
        return self._finished(frame.link, self.residuals.closed(frame.residual), value)

    def _finished(self, link: Link, answers: Answers, value: Value | None) -> int:
        """The context after a whole value with these answers."""
        if link.above is None:
            return self._number(END, None) if answers[0] else DEAD
        frame = self.frames.finished(link, answers, value)
        return DEAD if frame is None else self._number(AFTER, frame)

    def _item(self, frame: Frame) -> int:
        link = self.frames.item(frame)
        return DEAD if link is None else self._number(VALUE, link)

    def _key(self, frame: Frame, key: Any) -> int:
        link = self.frames.member(frame, key)
        return DEAD if link is None else self._number(COLON, link)

    # ---- completions ----

    def _complete(self, context: int) -> str:
        kind, about = self.contexts[context]
        if kind == END:
            return ""
        if kind == VALUE:
            return self.completions.value(_link(about))
        if kind == COLON:
            return self.analysis.colon + self.completions.value(_link(about))
        frame = _frame(about)
        if kind == AFTER:
            return self.completions.frame(frame)
        return self.completions.key(frame, is_free=kind == FREE_KEY)


def _link(about: Link | Frame | None) -> Link:
    if not isinstance(about, Link):
        raise TypeError("a context of this kind has a link")
    return about


def _frame(about: Link | Frame | None) -> Frame:
    if not isinstance(about, Frame):
        raise TypeError("a context of this kind has a frame")
    return about
