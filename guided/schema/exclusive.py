"""oneOf: exact where no value fits two of its branches, which is then the same as anyOf; refused elsewhere."""

from __future__ import annotations

from itertools import combinations

from guided.schema.contexts import JsonContexts
from guided.schema.document import Document
from guided.schema.formula import FALSE
from guided.schema.keywords import TYPES
from guided.schema.locations import Goal


def check_one_of(document: Document, contexts: JsonContexts) -> None:
    """Refuse every oneOf with two branches that one value can fit.

    The proof reads nested oneOf as anyOf, which can only make branches larger: what it calls disjoint is disjoint.
    """
    for node in list(document.nodes):
        for first, second in combinations(dict.fromkeys(node.one_of), 2):
            goal: Goal = frozenset((first, second)) - {0}
            kinds = [kind for kind in TYPES if contexts.locations.goal_formula(goal, kind) != FALSE]
            if kinds and contexts.analysis.is_inhabited(goal):
                document.refuse(
                    f"'oneOf' is enforced only if no value fits two branches; branches {node.one_of.index(first)} and "
                    f"{node.one_of.index(second)} both allow {contexts.analysis.text(goal)[:80]}.",
                    f"{node.pointer}/oneOf",
                    "use 'anyOf', or give the branches a property with different 'const' values",
                )
                break
        if len(set(node.one_of)) < len(node.one_of):
            document.refuse(
                "the same schema stands twice under 'oneOf', so it fits no value once.", f"{node.pointer}/oneOf"
            )
