"""Goals that have a value at a look, so that no search need find one.  Not here: goals without any, and the values."""

from __future__ import annotations

from guided.schema.document import ANYTHING, NOTHING, Document
from guided.schema.keytests import NO_TESTS
from guided.schema.keywords import TYPES
from guided.schema.locations import Goal

MAX_NEEDED = 6  # objects inside each other that are looked into


class Glance:
    """What a look tells of the goals of one schema."""

    def __init__(self, document: Document) -> None:
        self.nodes = document.nodes
        self._known: dict[Goal, bool] = {}

    def is_inhabited(self, goal: Goal, depth: int = MAX_NEEDED) -> bool:
        """Whether a goal takes all scalars of a type, or those of an enum, or the empty array, or an object at a look.

        depth : objects inside each other that are looked into, which bounds the recursion.
        """
        found = self._known.get(goal)
        if found is None:
            kinds, waiting, reached, n_enums = set(TYPES), list(goal), set(goal), 0
            while kinds and waiting:
                number = waiting.pop()
                node = self.nodes[number]
                n_enums += node.constants is not None
                if number < 0 or n_enums > 1 or not node.is_conjunction():
                    kinds.clear()
                kinds &= node.undemanding_types()
                waiting += [part for part in node.all_of if part not in reached]
                reached.update(node.all_of)
            found = bool(kinds) or (depth > 0 and len(goal) == 1 and self._has_plain_members(goal[0], depth))
            if found or depth == MAX_NEEDED:
                self._known[goal] = found
        return found

    def _has_plain_members(self, number: int, depth: int) -> bool:
        """Whether an object is asked for nothing but some members, which have values at a look."""
        node = self.nodes[number]
        if number < 0 or node.all_of or not node.is_conjunction() or not node.asks_for_members_only():
            return False
        for name in node.required:
            for sub in node.property(name, NO_TESTS):
                if sub == NOTHING or (sub != ANYTHING and not self.is_inhabited((sub,), depth - 1)):
                    return False
        return True
