"""unevaluatedProperties and unevaluatedItems: which sub-schemas may have evaluated a member, and on what condition.

Every sub-schema in place below N (but not below a `not`, whose annotations are dropped) is a source.  It counts if all
the sub-schemas on the way to it hold, which is known when the location is closed; until then their residual formulas
are *tracked*.  A cover is a list of ways, a way a tuple of terms, all of which must hold:

    node         that node holds for the location       -node    it does not (for `else`)
    "name"       the location has that member           ("value", node)   the item itself fits (`contains`)
"""

from __future__ import annotations

from guided.schema.document import ANYTHING, NOTHING, Document
from guided.schema.locations import Locations

Term = int | str
Way = tuple[int | str | tuple[str, int], ...]
Cover = tuple[Way, ...]


class Covers:
    """Sources and covers of the nodes of one document."""

    def __init__(self, document: Document, locations: Locations) -> None:
        self.document, self.locations = document, locations
        self._sources: dict[tuple[int, str], list[tuple[int, Way]]] = {}

    def sources(self, number: int, kind: str) -> list[tuple[int, Way]]:
        """The nodes in place at and below `number`, with the condition under which each counts."""
        found = self._sources.get((number, kind))
        if found is not None:
            return found
        found = []
        seen: set[tuple[int, Way]] = set()
        waiting: list[tuple[int, Way]] = [(number, ())]
        while waiting:
            here, way = waiting.pop()
            if here == NOTHING or (here, way) in seen:
                continue
            seen.add((here, way))
            node = self.document.nodes[here]
            if node.types is not None and kind not in node.types:
                continue
            found.append((here, way))
            below: list[tuple[int, Way]] = [(part, (part,)) for part in node.all_of]
            below += [(part, (part,)) for group in (*node.any_of, *node.one_of) for part in group]
            if node.condition is not None:
                condition = node.condition
                below.append((condition, (condition,)))
                if node.then is not None:
                    below.append((node.then, (condition, node.then)))
                if node.otherwise is not None and condition != ANYTHING:
                    below.append((node.otherwise, (-condition, node.otherwise)))
            if kind == "object":
                below += [(part, (name, part)) for name, part in node.dependent_schemas]
            for part, terms in below:
                kept = [term for term in terms if term not in (ANYTHING, -NOTHING)]
                if NOTHING in kept:
                    continue
                waiting.append((part, (*way, *(term for term in kept if term not in way))))
        self._sources[number, kind] = found
        return found

    def terms(self, number: int, kind: str) -> set[Term]:
        """What must be tracked for the `unevaluated` atom of a node."""
        return {
            abs(term) if isinstance(term, int) else term
            for _, way in self.sources(number, kind)
            for term in way
            if not isinstance(term, tuple)
        }

    def member(self, number: int, name: str | None, matched: frozenset[object]) -> Cover:
        """The ways in which the member with this name (None: not declared) can have been evaluated below `number`."""
        found: dict[Way, None] = {}
        for here, way in self.sources(number, "object"):
            node = self.document.nodes[here]
            if (
                (name is not None and node.properties and name in node.properties)
                or any(pattern in matched for pattern, _ in node.patterns)
                or node.covers_others
                or (node.unevaluated_properties is not None and here != number)
            ):
                found[way] = None
        return tuple(found)

    def item(self, number: int, index: int) -> Cover:
        """The ways in which the item at `index` can have been evaluated below `number`."""
        found: dict[Way, None] = {}
        for here, way in self.sources(number, "array"):
            node = self.document.nodes[here]
            if index < len(node.prefix) or node.covers_rest or (node.unevaluated_items is not None and here != number):
                found[way] = None
            elif node.contains is not None and node.contains_covers and node.contains != NOTHING:
                found[way if node.contains == ANYTHING else (*way, ("value", node.contains))] = None
        return tuple(found)

    def longest(self, number: int) -> int:
        """The longest prefix that speaks of items."""
        return max(len(self.document.nodes[here].prefix) for here, _ in self.sources(number, "array"))
