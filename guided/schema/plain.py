"""What the compiled contexts (`_fast/plain.pyx`) ask of a schema: the shapes of plain arrays and objects, and all the rest.

An array or object is *plain* if its formula is a conjunction of: these items, these properties without patterns, these
names needed, at least and at most so many members.  Any other is read by the contexts of contexts.py, at whose places
the compiled ones return.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from guided import _fast
from guided.errors import LimitExceeded
from guided.schema.analysis import MAX_COMPLETION
from guided.schema.contexts import JsonContexts
from guided.schema.document import ANYTHING, NOTHING
from guided.schema.formula import FALSE, TRUE
from guided.schema.keytests import NO_TESTS, names_of_letters
from guided.schema.locations import Goal
from guided.schema.value_lexers import Opening

MAX_PLAIN_BOUND = 100_000  # members asked for or allowed; larger bounds are counted in formulas

Shape = tuple[tuple[str, ...], int, list[int], int, int]


class Front:
    """Answers of one schema, each asked once.  Texts are bytes."""

    def __init__(self, contexts: JsonContexts) -> None:
        self.contexts, self.in_order = contexts, contexts.residuals.in_order
        self.formulas, self.nodes = contexts.locations.formulas, contexts.document.nodes
        self.goal: Goal = (contexts.document.root,) if contexts.document.root > 1 else ()
        self.colon, self.free_keys = contexts.structure.colon, contexts.key_lexers.free
        self.known_keys = contexts.key_lexers.known
        self.colon_text = contexts.analysis.colon.encode()
        self.facts, self.exit, self.completion = contexts.facts, contexts.exit, contexts.completion
        self.value, self.finish = contexts.value_of, contexts.finish
        self.goal_at, self.is_end = contexts.goal_at, contexts.is_accepting
        self.name_of = contexts.name_of
        self._asks: dict[tuple[Goal, bool], list[int]] = {}  # a plain goal -> the nodes whose members it asks about

    # ---- shapes ----

    def shape(self, goal: Goal, is_object: bool) -> Shape | tuple[()] | None:
        """(names, number of names or of items in the prefix, needed names, bounds on members); () if none fits, None if not plain.

        The upper bound is -1 where there is none.  Whether the members have values is not looked at.
        """
        kind = "object" if is_object else "array"
        formulas = self.formulas
        formula = self.contexts.locations.goal_formula(goal, kind)
        if formula == FALSE:
            return ()
        names = self.contexts.locations.names(tuple(sorted(goal))) if is_object else ()
        asks: list[int] = []
        needed: list[str] = []
        at_least, at_most = 0, -1
        for part in formulas.conjuncts(formula) if formula != TRUE else ():
            if not formulas.is_literal(part):
                return None
            what = formulas.payload(part)
            if what[0] == "count":
                bound = what[1] if part > 0 else what[1] - 1
                if bound > MAX_PLAIN_BOUND:
                    return None
                if part > 0:
                    at_least = max(at_least, bound)
                else:
                    at_most = bound if at_most < 0 else min(at_most, bound)
            elif part > 0 and what[0] == "has":
                needed.append(what[1])
            elif part > 0 and what[0] in ("props", "items") and not self.nodes[what[1]].patterns:
                asks.append(what[1])
            else:
                return None
        self._asks[goal, is_object] = asks
        if not is_object:
            return (), max([len(self.nodes[number].prefix) for number in asks], default=0), [], at_least, at_most
        places = self.contexts.residuals.place_of(names)
        return names, len(names), [places[name] for name in needed], at_least, at_most

    def child(self, goal: Goal, is_object: bool, place: int | None) -> Goal | None:
        """The goal of a member of a plain goal, by place (None: any other); None if it has no value."""
        found: set[int] = set()
        name = None
        if is_object and place is not None:
            name = self.contexts.locations.names(tuple(sorted(goal)))[place]
        for number in self._asks[goal, is_object]:
            node = self.nodes[number]
            if is_object:
                found.update(node.property(name, NO_TESTS))
            else:
                item = node.item(len(node.prefix) if place is None else place)
                found.add(ANYTHING if item is None else item)
        if NOTHING in found:
            return None
        found.discard(ANYTHING)
        child = tuple(sorted(found))
        return child if self.contexts.analysis.is_inhabited(child) else None

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
        return self.contexts.structure.after_value(
            "}" if is_object else "]", may_go_on=may_go_on, may_close=may_close
        )

    # ---- texts ----

    def value_text(self, goal: Goal) -> bytes:
        """A short value of a goal that has one."""
        return self.contexts.analysis.text(goal).encode()

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
        found: list[str] = []
        for name in names_of_letters():
            if len(found) == n:
                break
            if name not in taken:
                found.append(name)
        return found
