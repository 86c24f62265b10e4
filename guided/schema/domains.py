"""The values of a goal, one after the other: what uniqueItems must tell apart before it can say that there are enough.

Scalars are those of an enum, or a shortest one as an example.  Arrays and objects are walked through member by member,
as they would be written, in bounded work: MAX_STEPS members, MAX_LEVELS of brackets.  Where that is not all there is,
or may not be, the list says that it is not complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from guided.schema.formula import FALSE
from guided.schema.keytests import KeyTests
from guided.schema.keywords import TYPES
from guided.schema.locations import Goal
from guided.schema.members import Members
from guided.schema.residuals import Member, Residual, Residuals
from guided.schema.values import Value, parsed

MAX_DISTINCT: Final = 64  # values of one goal that are told apart under uniqueItems
MAX_STEPS: Final = 2_000  # members that are looked at on the way to one domain
MAX_LEVELS: Final = 6  # arrays and objects inside each other

Domain = tuple[tuple[tuple[str, Value], ...], bool]  # texts and values; whether these are all


def with_value(residuals: Residuals, residual: Residual, value: Value) -> Residual:
    """A unique array after an item with this value; any other as it is."""
    if not any(residuals.formulas.payload(atom)[0] == "unique" for atom in residual.atoms):
        return residual
    return residuals.with_seen(residual, residual.seen | {value})


class Domains:
    """The first values of the goals of one schema, remembered.

    answered : the ways of answering what a member asks: rules (text, goal of its value, residual after it, ..).
    """

    def __init__(
        self,
        residuals: Residuals,
        members: Members,
        tests: KeyTests,
        space: str,
        answered: Callable[[Member, str], Iterator[tuple[Any, ...]]],
    ) -> None:
        self.residuals, self.members, self.tests, self.space = residuals, members, tests, space
        self.scalars = members.scalars
        self.locations, self.formulas, self._answered = residuals.locations, residuals.formulas, answered
        self._known: dict[Goal, Domain] = {}
        self._steps = 0
        self._is_complete = True

    def values(self, goal: Goal) -> Domain:
        """Up to MAX_DISTINCT values of a goal; if they are not complete, as few as one."""
        found = self._known.get(goal)
        if found is None:
            self._steps, self._is_complete = 0, True
            listed: dict[Value, str] = {}
            for text, value in self._values(goal, 0):
                listed.setdefault(value, text)
                if len(listed) > MAX_DISTINCT or not self._is_complete:
                    break
            is_complete = self._is_complete and len(listed) <= MAX_DISTINCT
            pairs = tuple((text, value) for value, text in islice(listed.items(), MAX_DISTINCT))
            found = self._known[goal] = pairs, is_complete
        return found

    def _values(self, goal: Goal, level: int) -> Iterator[tuple[str, Value]]:
        """level : brackets around the value; no more than MAX_LEVELS, which bounds the recursion."""
        for kind in TYPES:
            formula = self.locations.goal_formula(goal, kind)
            if formula == FALSE:
                continue
            if kind in ("null", "true", "false"):
                yield kind, parsed(kind)
            elif kind in ("string", "number"):
                yield from ((text, parsed(text)) for text in self._scalars(formula, kind))
            elif level < MAX_LEVELS:
                yield from self._containers(self.residuals.opened((goal,), kind), level)
            else:
                self._is_complete = False

    def _scalars(self, formula: int, kind: str) -> list[str]:
        """The texts of an enum; else a shortest text."""
        for unit in self.formulas.units(formula):
            payload = self.formulas.payload(unit)
            if unit < 0 or payload[0] not in ("strings", "numbers") or len(payload[1]) > 4 * MAX_DISTINCT:
                continue
            if kind == "string":
                fitting = sorted(text for text in payload[1] if self.scalars.holds(formula, text))
                return [self.scalars.spelling.text(text) for text in fitting]
            return self.scalars.fitting_numbers(formula, payload[1])
        shortest = self.members.shortest(formula, kind)
        self._is_complete = self._is_complete and shortest is None
        return [] if shortest is None else [shortest]

    def _containers(self, opened: Residual, level: int) -> Iterator[tuple[str, Value]]:
        """The arrays or objects that begin with this residual, shorter ones first along each way."""
        is_array = opened.kind == "array"
        texts: list[str] = []
        parts: list[Any] = []
        ways = [self._members(opened, 0, level)]
        residual: Residual | None = opened
        while ways:
            if residual is not None and self.residuals.closed(residual)[0]:
                yield (
                    self._text(texts, "[]" if is_array else "{}"),
                    (("array", tuple(parts)) if is_array else ("object", frozenset(parts))),
                )
            step = next(ways[-1], None)
            if step is None:
                ways.pop()
                if texts:
                    texts.pop()
                    parts.pop()
                residual = None
                continue
            name, place, text, value, residual = step
            texts.append(text)
            parts.append(value if is_array else (name, value))
            ways.append(self._members(residual, place + 1, level))

    def _members(self, residual: Residual, first: int, level: int) -> Iterator[tuple[str, int, str, Value, Residual]]:
        """Members that may come next, with their values: items, or keys in the order of their names, each set once."""
        keys: list[tuple[str, int, Any]] = [("", 0, None)]
        if residual.kind == "object":
            places = range(max(first, residual.place), len(residual.names))
            keys = [(residual.names[place], place, (place, residual.names[place])) for place in places]
            keys += [(name, len(residual.names), (None, name, matched)) for matched, name in self.tests.fresh(residual)]
        for name, place, key in keys:
            if key is not None and len(key) == 2:
                key = (*key, self.tests.class_of(residual, name))
            member = self.residuals.member(residual, key)
            before = "" if key is None else self.scalars.spelling.text(name) + f"{self.space}:{self.space}"
            for _, goal, after, _ in () if member is None else self._answered(member, ""):
                if key is not None and key[0] is None:
                    self._is_complete = False  # names that are not declared are as good as endless
                for text, value in self._values(goal, level + 1):
                    self._steps += 1
                    if self._steps > MAX_STEPS:
                        self._is_complete = False
                        return
                    following = with_value(self.residuals, after, value) if key is None else after
                    yield name, place, before + text, value, following

    def _text(self, texts: list[str], brackets: str) -> str:
        comma = f"{self.space},{self.space}"
        end = self.space if texts else ""
        return brackets[0] + self.space + comma.join(texts) + end + brackets[1]
