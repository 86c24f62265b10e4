"""Keys that surely may come next in an object: those that one plain way of finishing it leaves room for.

A way is a cube of the residual formula: members that it needs, names that it forbids, schemas of its values, at most so
many members.  What is not found here may come all the same; frames.py then asks for it by writing the key.
"""

from __future__ import annotations

from itertools import islice

from guided.errors import LimitExceeded
from guided.schema.analysis import Analysis
from guided.schema.document import ANYTHING, NOTHING
from guided.schema.formula import FALSE, Cube
from guided.schema.keytests import NO_TESTS, Class
from guided.schema.residuals import Residual

MAX_WAYS = 8  # cubes that are looked at


class SureKeys:
    """What may surely be written, for the objects of one schema."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis, self.residuals, self.tests = analysis, analysis.residuals, analysis.tests
        self.formulas, self.nodes = analysis.formulas, analysis.document.nodes

    def of(self, residual: Residual) -> tuple[frozenset[int], bool]:
        """(numbers of declared names, whether a name that is not declared) of an object with one question."""
        found = residual.facts.get("sure keys")
        if found is None:
            numbers: set[int] = set()
            others = False
            n_left = len(residual.names) - residual.place
            try:
                if residual.outs[0] != FALSE and not residual.tracks:
                    ways = self.formulas.cubes(residual.outs[0], self.analysis.scalars.spender())
                    for cube in islice(ways, MAX_WAYS):
                        others = self._add(residual, cube, numbers) or others
                        if len(numbers) == n_left and others:
                            break
            except LimitExceeded as error:
                if error.limit != "max_formula_steps":
                    raise
            found = residual.facts["sure keys"] = frozenset(numbers), others
        return found

    def _add(self, residual: Residual, cube: Cube, numbers: set[int]) -> bool:
        """Add the names that may come in one way of finishing; returns whether others may."""
        needed: dict[str, None] = {}
        forbidden: set[str] = set()
        props: list[int] = []
        judged: list[int] = []
        room: int | None = None
        for literal in cube:
            what = self.formulas.payload(literal)
            if what[0] == "has":
                if literal > 0:
                    needed[what[1]] = None
                else:
                    forbidden.add(what[1])
            elif what[0] == "props" and literal > 0:
                props.append(what[1])
            elif what[0] == "names" and literal > 0:
                judged.append(what[1])
            elif what[0] == "count" and literal < 0:
                room = what[1] - 1 if room is None else min(room, what[1] - 1)
            else:
                return False
        if room is not None and len(needed) > room:
            return False
        places = self.residuals.place_of(residual.names)
        last = len(residual.names) - 1
        if self.residuals.in_order and needed:
            last = min(places[name] for name in needed)
            if last < residual.place:
                return False
        if not all(name not in forbidden and self._fits(residual, name, props, judged) for name in needed):
            return False
        for number in range(residual.place, last + 1):
            name = residual.names[number]
            if number in numbers or name in forbidden or name in residual.seen:
                continue
            if room is not None and len(needed) + (name not in needed) > room:
                continue
            if name in needed or self._fits(residual, name, props, judged):
                numbers.add(number)
        if (self.residuals.in_order and needed) or (room is not None and len(needed) >= room):
            return False
        return not self.tests.tests(residual) and self._has_value(props, None, NO_TESTS)

    def _fits(self, residual: Residual, name: str, props: list[int], judged: list[int]) -> bool:
        """Whether a declared name may be written, and has a value."""
        matched = self.tests.class_of(residual, name)
        return all(("names", node) in matched for node in judged) and self._has_value(props, name, matched)

    def _has_value(self, props: list[int], name: str | None, matched: Class) -> bool:
        goal: set[int] = set()
        for number in props:
            goal.update(self.nodes[number].property(name, matched))
        goal.discard(ANYTHING)
        return NOTHING not in goal and self.analysis.is_inhabited(tuple(sorted(goal)))
