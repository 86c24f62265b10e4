"""What the compiled contexts (`_fast/plain.pyx`) ask of a schema: shapes of plain arrays and objects, and the rest.

Arrays and objects that are not plain (shapes.py) are read by the contexts of contexts.py, and the compiled ones return
where a value inside of one is plain again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from guided import _fast
from guided.errors import LimitExceeded
from guided.schema.contexts import JsonContexts
from guided.schema.keytests import fresh_names
from guided.schema.locations import Goal
from guided.schema.shapes import Shape
from guided.schema.texts import MAX_COMPLETION
from guided.schema.value_lexers import Opening

Told = tuple[()] | tuple[tuple[str, ...], int, tuple[int, ...], int, int]


class Front:
    """Answers of one schema, each asked once.  Texts are bytes."""

    def __init__(self, contexts: JsonContexts) -> None:
        self.contexts, self.in_order = contexts, contexts.residuals.in_order
        self.shapes = contexts.analysis.shapes
        self.goal: Goal = (contexts.document.root,) if contexts.document.root > 1 else ()
        self.colon, self.free_keys = contexts.structure.colon, contexts.key_lexers.free
        self.known_keys = contexts.key_lexers.known
        self.colon_text = contexts.analysis.colon.encode()
        self.facts, self.exit, self.completion = contexts.facts, contexts.exit, contexts.completion
        self.value, self.finish = contexts.value_of, contexts.finish
        self.goal_at, self.is_end = contexts.goal_at, contexts.is_accepting
        self.name_of = contexts.name_of

    def is_worn(self) -> bool:
        """Whether half of what the contexts may ever intern is."""
        return self.contexts.is_worn()

    # ---- shapes ----

    def shape(self, goal: Goal, is_object: bool) -> Told | None:
        """(names, places, needed places, bounds) of shapes.Shape; () if none fits, None if it is not plain."""
        shape = self.shapes.shape(goal, is_object)
        if isinstance(shape, bool):
            return None if shape else ()
        return shape.names, shape.n_places, shape.needed, shape.at_least, shape.at_most

    def child(self, goal: Goal, is_object: bool, place: int | None) -> Goal | None:
        """The goal of a member of a plain goal, by place (None: any other); None if it has no value."""
        shape = self.shapes.shape(goal, is_object)
        assert isinstance(shape, Shape)
        child = self.shapes.child(shape, is_object, place)
        return child if child is not None and self.contexts.analysis.is_inhabited(child) else None

    # ---- automata ----

    def lexer(self, goal: Goal, array: Opening | None, obj: Opening | None) -> tuple[_fast.Recognizer, bool]:
        """The automaton of the values of a goal, and whether all that it reads fits.

        array, obj : what may come behind an opening bracket; None where it must be found out.
        """
        return self.contexts.lexer_of_goal(goal, array, obj)

    def only_keys(self, names: Sequence[str], numbers: Iterable[int]) -> _fast.Recognizer:
        """The automaton of some declared names."""
        return self.contexts.key_lexers.only({names[number]: number for number in numbers})

    def after(self, is_object: bool, may_go_on: bool, may_close: bool) -> _fast.Recognizer:
        """The automaton of what follows a member."""
        return self.contexts.structure.after_value("}" if is_object else "]", may_go_on=may_go_on, may_close=may_close)

    # ---- texts ----

    def value_text(self, goal: Goal) -> bytes:
        """A short value of a goal that has one."""
        return self.contexts.completions.texts.text(goal).encode()

    def key_text(self, name: str) -> bytes:
        """A key with its quotes."""
        return self.contexts.scalars.spelling.text(name).encode()

    def member_text(self, name: str, goal: Goal) -> bytes:
        """A key and a value."""
        return self.key_text(name) + self.colon_text + self.value_text(goal)

    def rest(self, members: Sequence[tuple[str | None, Goal]], is_object: bool) -> bytes:
        """Members after another one, and the closing bracket."""
        analysis = self.contexts.analysis
        comma, found, size = analysis.comma.encode(), list[bytes](), 0
        for name, goal in members:
            text = self.value_text(goal) if name is None else self.member_text(name, goal)
            size += len(comma) + len(text)
            if size > MAX_COMPLETION:
                raise LimitExceeded("max_states", MAX_COMPLETION, size, "the shortest value")
            found += (comma, text)
        found.append((analysis.space + ("}" if is_object else "]")).encode())
        return b"".join(found)

    def fresh_names(self, taken: frozenset[str], n: int) -> list[str]:
        """Short names that are not among those taken."""
        return list(islice(fresh_names(taken), n))
