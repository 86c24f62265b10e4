"""Plain arrays and objects: those whose formula is a conjunction of what can be told in a few numbers.

These items, these properties without patterns, these names needed, at least and at most so many members.  Nine in ten
are plain; they need no formula and no derivative.
"""

from __future__ import annotations

from typing import Final

from guided.schema.document import ANYTHING, NOTHING, Document
from guided.schema.formula import FALSE, TRUE
from guided.schema.keytests import NO_TESTS
from guided.schema.locations import Goal, Locations

MAX_PLAIN_BOUND: Final = 100_000  # members asked for or allowed; larger bounds are counted in formulas


class Shape:
    """What a goal asks of its arrays or objects.

    names    : the declared names of an object, in order.
    n_places : how many names there are, or how many items have a schema of their own.
    needed   : the numbers of the needed names, ascending.
    at_least, at_most : members; at_most is -1 where there is no bound.
    asks     : the nodes that ask something of the members.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        n_places: int,
        needed: tuple[int, ...],
        at_least: int,
        at_most: int,
        asks: tuple[int, ...],
    ) -> None:
        self.names, self.n_places, self.needed = names, n_places, needed
        self.at_least, self.at_most, self.asks = at_least, at_most, asks


class Shapes:
    """The shapes of one schema, by goal."""

    def __init__(self, document: Document, locations: Locations) -> None:
        self.nodes, self.locations, self.formulas = document.nodes, locations, locations.formulas
        self._shapes: dict[tuple[Goal, bool], Shape | bool] = {}

    def shape(self, goal: Goal, is_object: bool) -> Shape | bool:
        """The shape of a goal's arrays or objects; False if none can fit, True if it is not plain."""
        found = self._shapes.get((goal, is_object))
        if found is None:
            found = self._shapes[goal, is_object] = self._make(goal, is_object)
        return found

    def _make(self, goal: Goal, is_object: bool) -> Shape | bool:
        formulas, kind = self.formulas, "object" if is_object else "array"
        for number in goal:
            types = self.nodes[number].types if number > 0 else None
            if types is not None and kind not in types:
                return False
        if len(goal) == 1 and goal[0] > 0 and next(self.nodes[goal[0]].in_place(), None) is None:
            return self._of_object(goal[0]) if is_object else self._of_array(goal[0])
        formula = self.locations.goal_formula(goal, kind)
        if formula == FALSE:
            return False
        asks: list[int] = []
        needed: list[str] = []
        at_least, at_most = 0, -1
        for part in formulas.conjuncts(formula) if formula != TRUE else ():
            if not formulas.is_literal(part):
                return True
            what = formulas.payload(part)
            if what[0] == "count":
                bound = what[1] if part > 0 else what[1] - 1
                if bound > MAX_PLAIN_BOUND:
                    return True
                if part > 0:
                    at_least = max(at_least, bound)
                else:
                    at_most = bound if at_most < 0 else min(at_most, bound)
            elif part > 0 and what[0] == "has":
                needed.append(what[1])
            elif part > 0 and what[0] in ("props", "items") and not self.nodes[what[1]].patterns:
                asks.append(what[1])
            else:
                return True
        if not is_object:
            n_places = max([len(self.nodes[number].prefix) for number in asks], default=0)
            return Shape((), n_places, (), at_least, at_most, tuple(asks))
        names = self.locations.names(tuple(sorted(goal)))
        places = {name: place for place, name in enumerate(names)} if needed else {}
        numbers = tuple(sorted(places[name] for name in needed))
        return Shape(names, len(names), numbers, at_least, at_most, tuple(asks))

    def _of_object(self, number: int) -> Shape | bool:
        """The shape of the objects of a node that no other judges: the same, without a formula."""
        node = self.nodes[number]
        most = -1 if node.max_properties is None else node.max_properties
        if node.verdict is False or node.constants is not None:  # of an enum that holds no object: those are in place
            return False
        if (
            node.patterns
            or node.names is not None
            or node.dependent
            or max(node.min_properties, most) > MAX_PLAIN_BOUND
        ):
            return True
        if node.unevaluated_properties not in (None, ANYTHING):
            return True
        names = tuple(dict.fromkeys((*(node.properties or ()), *node.required)))
        places = {name: place for place, name in enumerate(names)} if node.required else {}
        needed = tuple(sorted({places[name] for name in node.required}))
        asks = (number,) if node.properties or node.additional is not None else ()
        return Shape(names, len(names), needed, node.min_properties, most, asks)

    def _of_array(self, number: int) -> Shape | bool:
        """The same for arrays."""
        node = self.nodes[number]
        most = -1 if node.max_items is None else node.max_items
        if node.verdict is False or node.constants is not None:
            return False
        if node.contains is not None or node.is_unique or max(node.min_items, most) > MAX_PLAIN_BOUND:
            return True
        if node.unevaluated_items not in (None, ANYTHING):
            return True
        asks = (number,) if node.prefix or node.items is not None else ()
        return Shape((), len(node.prefix), (), node.min_items, most, asks)

    def child(self, shape: Shape, is_object: bool, place: int | None) -> Goal | None:
        """The goal of a member, by place (None: any other); None where `false` is asked of it."""
        if len(shape.asks) == 1 and is_object:  # most: one schema, and no patterns
            sub = self.nodes[shape.asks[0]].property(None if place is None else shape.names[place], NO_TESTS)
            return () if not sub or sub[0] == ANYTHING else None if sub[0] == NOTHING else (sub[0],)
        found: set[int] = set()
        for number in shape.asks:
            node = self.nodes[number]
            if is_object:
                found.update(node.property(None if place is None else shape.names[place], NO_TESTS))
            else:
                item = node.item(len(node.prefix) if place is None else place)
                found.add(ANYTHING if item is None else item)
        if NOTHING in found:
            return None
        found.discard(ANYTHING)
        return tuple(sorted(found))
