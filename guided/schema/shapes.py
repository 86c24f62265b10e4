"""One way of satisfying an array or object formula: what a cube of its literals still asks for."""

from __future__ import annotations

from dataclasses import dataclass

from guided.schema.document import ANYTHING, NOTHING, Document
from guided.schema.formula import Cube
from guided.schema.locations import Goal


@dataclass(frozen=True, slots=True)
class ObjectShape:
    """needed : numbers of the names that must still come, ascending.      props : nodes whose properties must hold."""

    needed: tuple[int, ...]
    props: tuple[int, ...]

    def value(self, document: Document, name: str | None) -> Goal | None:
        """The goal of the value of property `name` (None: any other name); None if no value fits."""
        return goal_of([document.nodes[node].property(name) for node in self.props])


@dataclass(frozen=True, slots=True)
class ArrayShape:
    """least, most : items that must, may still come (most None: any number).    items : nodes whose items must hold."""

    least: int
    most: int | None
    items: tuple[int, ...]

    def value(self, document: Document, index: int) -> Goal | None:
        """The goal of the item at `index`; None if no value fits."""
        return goal_of([document.nodes[node].item(index) for node in self.items])


def goal_of(nodes: list[int | None]) -> Goal | None:
    """The goal made of these nodes, where None and the schema true ask for nothing; None if one is the schema false."""
    return None if NOTHING in nodes else frozenset(node for node in nodes if node is not None and node != ANYTHING)


def object_shape(cube: Cube, numbers: dict[str, int]) -> ObjectShape:
    """The shape of a cube of object literals; `numbers` gives the place of each name."""
    needed, props = [], []
    for atom, _ in cube:
        if atom[0] == "has":
            needed.append(numbers[atom[1]])
        else:
            props.append(atom[1])
    return ObjectShape(tuple(sorted(needed)), tuple(sorted(props)))


def array_shape(cube: Cube) -> ArrayShape:
    """The shape of a cube of array literals; least may be more than most."""
    least, most, items = 0, None, []
    for atom, positive in cube:
        if atom[0] == "items":
            items.append(atom[1])
        elif positive:
            least = max(least, atom[1])
        else:
            most = atom[1] - 1 if most is None else min(most, atom[1] - 1)
    return ArrayShape(least, most, tuple(sorted(items)))
