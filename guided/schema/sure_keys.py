"""Keys that surely may come next in an object: those that one plain way of finishing it leaves room for.

A way is a cube of the residual formula: members that it needs, names that it forbids, properties that its values fit or
break, at most so many members.  What is not found here may come all the same: frames.py then tries the key.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from guided.errors import LimitExceeded
from guided.schema.analysis import Analysis
from guided.schema.document import ANYTHING, NOTHING
from guided.schema.formula import FALSE, Cube
from guided.schema.keytests import NO_TESTS, Class
from guided.schema.locations import Goal
from guided.schema.residuals import Residual

MAX_WAYS: Final = 8  # cubes that are looked at
MAX_STEPS: Final = 300  # on the way to them, about a microsecond each
MAX_MEMBERS: Final = 1 << 62


class Way:
    """One way of finishing an object.

    needed, forbidden : names.      room : members that may come at most.
    props, broken     : nodes whose properties the members must fit, or not all fit.       judged : propertyNames.
    goals             : the members that are counted on, and what their values must fit.
    known             : what the values of other names must fit, as far as it was asked.
    """

    def __init__(self, residual: Residual) -> None:
        self.residual = residual
        self.needed: set[str] = set()
        self.forbidden: set[str] = set()
        self.props: list[int] = []
        self.broken: list[int] = []
        self.judged: list[int] = []
        self.room = MAX_MEMBERS
        self.goals: dict[str, Goal] = {}
        self.known: dict[str, Goal | None] = {}


class SureKeys:
    """What may surely be written, for the objects of one schema."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis, self.residuals, self.tests = analysis, analysis.residuals, analysis.tests
        self.formulas, self.nodes = analysis.formulas, analysis.document.nodes
        self._known: dict[Any, dict[str, Goal | None]] = {}  # props, propertyNames and tests -> what _goal found

    def lives(self, residual: Residual) -> bool:
        """Whether there is such a way at all; if not, the object may be finished all the same."""
        return next(self._ways(residual), None) is not None

    def of(self, residual: Residual) -> tuple[frozenset[int], bool]:
        """(numbers of declared names, whether a name that is not declared) of an object with one question."""
        found = residual.facts.get("sure keys")
        if found is None:
            numbers: set[int] = set()
            others = False
            for way in self._ways(residual):
                others = self._add(way, numbers) or others
                if others and len(numbers) == len(residual.names) - residual.place:
                    break
            found = residual.facts["sure keys"] = frozenset(numbers), others
        return found

    def any_of(self, residual: Residual) -> bool:
        """Whether there is such a key; the first way that has one tells."""
        if "sure keys" in residual.facts:
            return any(residual.facts["sure keys"])
        numbers: set[int] = set()
        return any(self._add(way, numbers) or numbers for way in self._ways(residual))

    def _ways(self, residual: Residual) -> Iterator[Way]:
        """The plain ways of finishing an object, each found once."""
        if "ways" not in residual.facts:
            residual.facts["ways"] = [], self._find(residual)
        found: list[Way] = residual.facts["ways"][0]
        more: Iterator[Way] = residual.facts["ways"][1]
        yield from tuple(found)
        for way in more:
            found.append(way)
            yield way

    def _find(self, residual: Residual) -> Iterator[Way]:
        if residual.outs[0] == FALSE or residual.tracks:
            return
        try:
            cubes = self.formulas.cubes(residual.outs[0], self.analysis.scalars.spender(MAX_STEPS))
            for cube in islice(cubes, MAX_WAYS):
                way = self._way(residual, cube)
                if way is not None:
                    yield way
        except LimitExceeded as error:
            if error.limit != "max_formula_steps":
                raise

    def _way(self, residual: Residual, cube: Cube) -> Way | None:
        """The way of a cube; None if it is not plain, or not possible."""
        way = Way(residual)
        for literal in cube:
            what = self.formulas.payload(literal)
            if what[0] == "has":
                (way.needed if literal > 0 else way.forbidden).add(what[1])
            elif what[0] == "props":
                (way.props if literal > 0 else way.broken).append(what[1])
            elif what[0] == "names" and literal > 0:
                way.judged.append(what[1])
            elif what[0] == "count" and literal < 0:
                way.room = min(way.room, what[1] - 1)
            else:
                return None
        about = (tuple(way.props), tuple(way.judged), self.tests.tests(residual))
        way.known = self._known.setdefault(about, {})
        is_possible = all(self._take(way, name, ()) for name in sorted(way.needed))
        is_possible = is_possible and all(self._break(way, number) for number in way.broken)
        return way if is_possible and len(way.goals) <= way.room else None

    def _add(self, way: Way, numbers: set[int]) -> bool:
        """Add the names that may come in one way of finishing; returns whether others may."""
        residual, n_needed, in_order = way.residual, len(way.goals), self.residuals.in_order
        places = self.residuals.place_of(residual.names)
        last = min((places[name] for name in way.goals), default=len(places)) if in_order else len(places)
        for number in range(residual.place, min(last + 1, len(places))):
            name = residual.names[number]
            if number in numbers or name in residual.seen or n_needed + (name not in way.goals) > way.room:
                continue
            if name in way.goals or self._goal(way, name) is not None:
                numbers.add(number)
        if (in_order and n_needed) or n_needed >= way.room or self.tests.tests(residual):
            return False
        return self.goal_of(way.props, None, NO_TESTS) is not None

    def _take(self, way: Way, name: str, more: Goal) -> bool:
        """Count on a member, whose value must fit `more` besides; False if there is none."""
        goal = way.goals.get(name)
        if goal is None:
            if (
                self.residuals.place_of(way.residual.names).get(name, -1) < way.residual.place
                or name in way.residual.seen
            ):
                return False
            goal = self._goal(way, name)
        if goal is None:
            return False
        goal = tuple(sorted({*goal, *more}))
        if any(-node in goal for node in more) or not self.analysis.is_inhabited(goal):
            return False
        way.goals[name] = goal
        return True

    def _break(self, way: Way, number: int) -> bool:
        """Count on a member that does not fit the properties of a node."""
        node = self.nodes[number]
        for name in dict.fromkeys((*way.goals, *(node.properties or ()))):
            for sub in node.property(name, self.tests.class_of(way.residual, name)):
                if sub != ANYTHING and self._take(way, name, () if sub == NOTHING else (-sub,)):
                    return True
        return False

    def _goal(self, way: Way, name: str) -> Goal | None:
        """What the value of a declared name must fit; None if the name may not come or has no value."""
        if name in way.forbidden:
            return None
        if name not in way.known:
            matched = self.tests.class_of(way.residual, name)
            may_come = all(("names", node) in matched for node in way.judged)
            way.known[name] = self.goal_of(way.props, name, matched) if may_come else None
        return way.known[name]

    def goal_of(self, props: list[int], name: str | None, matched: Class) -> Goal | None:
        """What the value of a member must fit; None if no value does."""
        asked: set[int] = set()
        for number in props:
            asked.update(self.nodes[number].property(name, matched))
        asked.discard(ANYTHING)
        goal = tuple(sorted(asked))
        return None if NOTHING in asked or not self.analysis.is_inhabited(goal) else goal
