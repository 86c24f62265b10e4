"""oneOf: exact where no value fits two of its branches, which is then the same as anyOf; refused elsewhere.

Branches are first compared by their types and by the constants of required members, which settles tagged unions of any
size; only pairs that this leaves open are asked of the analysis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

from guided.schema.contexts import JsonContexts
from guided.schema.document import ANYTHING, Document
from guided.schema.keywords import TYPES
from guided.schema.locations import Goal


@dataclass
class Outline:
    """What is plain to see about a branch: types it allows, and what its required members may be."""

    kinds: frozenset[str] = frozenset(TYPES)
    tags: dict[str, frozenset[str]] = field(default_factory=dict)  # required member -> its values, as texts

    def excludes(self, other: Outline) -> bool:
        """Whether no value can fit both; False means "not seen"."""
        kinds = self.kinds & other.kinds
        if kinds != {"object"}:
            return not kinds
        return any(key in other.tags and values.isdisjoint(other.tags[key]) for key, values in self.tags.items())


def check_one_of(document: Document, contexts: JsonContexts) -> None:
    """Refuse every oneOf with two branches that one value can fit.

    The proof reads nested oneOf as anyOf, which can only make branches larger: what it calls disjoint is disjoint.
    """
    for number, node in enumerate(list(document.nodes)):
        if not node.one_of:
            continue
        outlines = {branch: outline(document, branch, node.types) for branch in node.one_of}
        for first, second in combinations(node.one_of, 2):
            if first != second and outlines[first].excludes(outlines[second]):
                continue
            goal: Goal = frozenset((number, first, second)) - {ANYTHING}
            if contexts.analysis.is_inhabited(goal):
                document.refuse(
                    f"'oneOf' is enforced only if no value fits two branches; branches {node.one_of.index(first)} and "
                    f"{node.one_of.index(second)} both allow {contexts.analysis.text(goal)[:80]}.",
                    f"{node.pointer}/oneOf",
                    "use 'anyOf', or give the branches a property with different 'const' values",
                )
                break


def in_place(document: Document, number: int) -> Iterator[int]:
    """`number` and the nodes that hold wherever it holds: targets of $ref, members of allOf."""
    reached, waiting = set[int](), [number]
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            yield here
            waiting.extend(document.nodes[here].all_of)


def outline(document: Document, branch: int, kinds: frozenset[str] | None) -> Outline:
    """The outline of a branch below a node with these types."""
    found = Outline(frozenset(TYPES) if kinds is None else kinds)
    nodes = [document.nodes[number] for number in in_place(document, branch)]
    required = {name for node in nodes for name in node.required}
    for node in nodes:
        if node.types is not None:
            found.kinds &= node.types
        for name, member in (node.properties or {}).items():
            values = constants(document, member) if name in required else None
            if values is not None:
                found.tags[name] = found.tags.get(name, values) & values
    return found


def constants(document: Document, number: int) -> frozenset[str] | None:
    """The strings, numbers and constants that a node allows, as texts; None if it is not only those."""
    found: frozenset[str] | None = None
    for here in in_place(document, number):
        node = document.nodes[here]
        if node.strings is not None and node.numbers is not None and node.constants is not None and not node.values:
            texts = (
                node.constants | {f'"{text}"' for text in node.strings} | {str(float(text)) for text in node.numbers}
            )
            found = frozenset(texts) if found is None else found & texts
    return found
