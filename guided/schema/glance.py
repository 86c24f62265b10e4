"""Goals that have a value, or endless ones, at a look: no search need find one.  Not here: goals without any."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from guided.automata.facts import surely_holds_text
from guided.schema.document import ANYTHING, NOTHING, Document
from guided.schema.keytests import NO_TESTS
from guided.schema.keywords import TYPES
from guided.schema.locations import Goal
from guided.schema.nodes import SchemaNode

NEVER: Final = SchemaNode("", verdict=False)
MAX_NEEDED: Final = 6  # arrays, objects and alternatives inside each other that are looked into
LARGE: Final = Decimal(10**15)  # numbers far within the digits that are written


class Glance:
    """What a look tells of the goals of one schema.

    depth : how many arrays, objects and alternatives inside each other are looked into, which bounds the recursion.
    """

    def __init__(self, document: Document) -> None:
        self.document, self.nodes = document, document.nodes
        # with the depth, and a "no" as well as a "yes": without it, wide schemas would take width ** depth looks
        self._known: dict[tuple[Goal, int], bool] = {}
        self._endless: dict[tuple[Goal, int], bool] = {}
        self._taken: dict[tuple[int, int], tuple[frozenset[str], int]] = {}

    def is_inhabited(self, goal: Goal, depth: int = MAX_NEEDED) -> bool:
        """Whether a goal has a value, as far as a look tells."""
        found = self._known.get((goal, depth))
        if found is None:
            found = self._takes_a_kind(goal, depth)
            if not found and depth and len(goal) == 1 and goal[0] > 0:
                found = self._holds_alone(self.nodes[goal[0]], depth) or self._has_plain_members(goal[0], depth)
            elif not found and goal and goal[0] < 0:  # the opposites come first
                lists = [-number for number in goal if number < 0 and self._is_a_list(-number)]
                wanted = tuple(number for number in goal if -number not in lists)
                found = bool(lists) and (self.is_endless(wanted) or self._has_other_text(wanted, lists))
            self._known[goal, depth] = found
        return found

    def is_endless_object(self, goal: Goal) -> bool:
        """Whether a goal takes nothing but objects, and more of them than any list has."""
        types = self.nodes[goal[0]].types if len(goal) == 1 and goal[0] > 0 else None
        return types == frozenset(("object",)) and self.is_endless(goal)

    def _is_a_list(self, number: int) -> bool:
        """Whether a node takes a list of values at most: an enum or const, or values that were written."""
        return number >= self.document.n_declared or self.nodes[number].constants is not None

    def _has_other_text(self, goal: Goal, lists: list[int]) -> bool:
        """Whether a goal is an enum with a string that stands in none of some lists."""
        node = self.nodes[goal[0]] if len(goal) == 1 and goal[0] > 0 else NEVER
        if node.all_of or not node.is_conjunction() or "string" not in node.undemanding_types():
            return False
        refused = {text for number in lists for text in self.nodes[number].strings or ()}
        return any(text not in refused for text in node.strings or ())

    # ---- all of a type ----

    def _takes_a_kind(self, goal: Goal, depth: int) -> bool:
        """Whether a goal takes all scalars of a type, or those of one enum, or `[]` or `{}`."""
        kinds, n_enums = set(TYPES), 0
        for number in goal:
            taken, n = self._kinds(number, depth)
            kinds &= taken
            n_enums += n
        return bool(kinds) and n_enums <= 1

    def _kinds(self, number: int, depth: int) -> tuple[frozenset[str], int]:
        """Types of which a node takes all scalars, or those of an enum, or `[]` or `{}`; and how many enums it has."""
        found = self._taken.get((number, depth))
        if found is None:
            found = self._taken[number, depth] = self._find_kinds(number, depth)
        return found

    def _find_kinds(self, number: int, depth: int) -> tuple[frozenset[str], int]:
        node = self.nodes[number] if number > 0 and depth else NEVER
        if node.verdict is False or node.negated is not None or node.condition is not None:
            return frozenset(), 0
        kinds, n_enums = node.undemanding_types(), int(node.constants is not None)
        for part in node.all_of:
            taken, n = self._kinds(part, depth - 1)
            kinds &= taken
            n_enums += n
        for group in node.any_of if kinds else ():
            looks = [self._kinds(part, depth - 1) for part in group]
            kinds &= set().union(*(taken for taken, _ in looks))
            n_enums += any(n for _, n in looks)
        for group in node.one_of if kinds else ():
            looks = [self._kinds(part, depth - 1) for part in group]
            kinds = {kind for kind in kinds if self._is_taken_once(kind, group, looks)}
            n_enums += any(n for _, n in looks)
        return frozenset(kinds), n_enums

    def _is_taken_once(self, kind: str, group: tuple[int, ...], looks: list[tuple[frozenset[str], int]]) -> bool:
        """Whether one alternative takes a type, and the others are not about it."""
        about = [index for index, part in enumerate(group) if self._is_about(part, kind)]
        return len(about) == 1 and kind in looks[about[0]][0]

    def _is_about(self, number: int, kind: str) -> bool:
        """Whether a node might take a value of some type."""
        node = self.nodes[number]
        return node.verdict is not False and (node.types is None or kind in node.types)

    # ---- one node ----

    def _holds_alone(self, node: SchemaNode, depth: int) -> bool:
        """Whether a node takes strings between two lengths or of one pattern, numbers in a range, or a short array."""
        if node.all_of or not node.is_conjunction() or node.constants is not None:
            return False
        types = TYPES if node.types is None else node.types
        if "string" in types:
            is_free = not node.min_length and node.max_length is None
            if (is_free and len(node.texts) == 1 and surely_holds_text(node.texts[0][1])) or (
                not node.texts and (node.max_length is None or node.min_length <= node.max_length)
            ):
                return True
        if "number" in types and not node.multiples:
            low = -LARGE if node.low is None else max(node.low, -LARGE)
            high = LARGE if node.high is None else min(node.high, LARGE)
            if high - low >= 2:  # an integer lies strictly between
                return True
        return "array" in types and self._has_plain_items(node, depth)

    def _has_plain_items(self, node: SchemaNode, depth: int) -> bool:
        """Whether an array is asked for nothing but some items, which have values at a look."""
        if node.contains is not None or node.is_unique or node.unevaluated_items is not None:
            return False
        if node.max_items is not None and node.max_items < node.min_items:
            return False
        asked = [*node.prefix[: node.min_items], *([node.items] if node.min_items > len(node.prefix) else [])]
        return all(item is None or self._has_value(item, depth) for item in asked)

    def _has_plain_members(self, number: int, depth: int) -> bool:
        """Whether an object is asked for nothing but some members, which have values at a look."""
        node = self.nodes[number]
        needed = None if node.all_of else self._needed(node)
        if needed is None or not node.asks_for_members_only():
            return False
        return all(self._has_value(sub, depth) for name in needed for sub in node.property(name, NO_TESTS))

    def _needed(self, node: SchemaNode) -> tuple[str, ...] | None:
        """The names of an object that are enough, with one alternative of each anyOf that asks for names alone."""
        if not node.any_of:
            return node.required if node.is_conjunction() else None
        if node.one_of or node.negated is not None or node.condition is not None or node.max_properties is not None:
            return None
        needed = node.required
        for group in node.any_of:
            names = next((self.nodes[part].required for part in group if self._asks_for_names(part)), None)
            if names is None:
                return None
            needed += names
        return needed

    def _asks_for_names(self, number: int) -> bool:
        node = self.nodes[number]
        is_alone = node.is_conjunction() and not node.all_of and node.properties is None and node.additional is None
        return is_alone and node.max_properties is None and node.asks_for_members_only()

    def _has_value(self, number: int, depth: int) -> bool:
        return number == ANYTHING or (number != NOTHING and self.is_inhabited((number,), depth - 1))

    # ---- endless values ----

    def is_endless(self, goal: Goal, depth: int = MAX_NEEDED) -> bool:
        """Whether a goal takes more values than any list has: scalars of a type, or objects with such a member."""
        found = self._endless.get((goal, depth))
        if found is None:
            kinds, waiting, reached = set(TYPES), list(goal), set(goal)
            while kinds and waiting:
                node = self.nodes[number] if (number := waiting.pop()) > 0 else NEVER
                kinds &= node.endless_types() if node.is_conjunction() else set()
                waiting += [part for part in node.all_of if part not in reached]
                reached.update(node.all_of)
            found = bool(kinds) or (depth > 0 and len(goal) == 1 and self._has_endless_member(goal[0], depth))
            self._endless[goal, depth] = found
        return found

    def _has_endless_member(self, number: int, depth: int) -> bool:
        node = self.nodes[number] if number > 0 else NEVER
        if number < 0 or not self._has_plain_members(number, depth):
            return False
        if node.max_properties is None and node.additional in (None, ANYTHING):
            return True
        names = node.required if node.max_properties is not None else (node.properties or ())
        return any(
            sub == ANYTHING or (sub != NOTHING and self.is_endless((sub,), depth - 1))
            for name in names
            for sub in node.property(name, NO_TESTS)
        )
