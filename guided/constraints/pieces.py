"""The shape of a composition: parts in sequence, alternatives, repeats; as a graph of positions, and back from a text.

A tree of Part, Seq, Alt and Many.  `graph` makes the positions of a Network of it (the construction of Glushkov, 1961,
with recognisers in the place of letters); `Reader` cuts a complete text into the parts again.  Not here: what users
call (composition.py), automata.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from guided import _fast
from guided.constraints.base import Constraint
from guided.errors import LimitExceeded

MAX_POSITIONS = 20_000  # parts of one composition, those of counted repeats each time
MAX_DEPTH = 100  # nested seq, many and |: what reads the tree calls itself for each level


@dataclass(frozen=True, eq=False)
class Part:
    """One constraint.  is_literal : a plain string, which has no value of its own in a sequence."""

    constraint: Constraint
    is_literal: bool = False
    depth: int = 1


@dataclass(frozen=True, eq=False)
class Seq:
    """One after the other.  make : the value, from the values of the parts that are not plain strings."""

    parts: tuple[Tree, ...]
    make: Callable[[tuple[Any, ...]], Any] = tuple
    depth: int = 1


@dataclass(frozen=True, eq=False)
class Alt:
    """Any of the parts; the value is that of the first one that the text fits."""

    parts: tuple[Tree, ...]
    depth: int = 1


@dataclass(frozen=True, eq=False)
class Many:
    """`part` from `least` to `most` times (None: without end), `between` between them.

    make : the value, from the list of values.
    """

    part: Tree
    least: int
    most: int | None
    between: Tree | None = None
    make: Callable[[list[Any]], Any] = list
    depth: int = 1


Tree = Part | Seq | Alt | Many


def depth_of(*parts: Tree) -> int:
    """The depth of a tree over `parts`.  Raises LimitExceeded."""
    depth = 1 + max((part.depth for part in parts), default=0)
    if depth > MAX_DEPTH:
        raise LimitExceeded("max_depth", MAX_DEPTH, depth, "a composition, in nested parts,")
    return depth


@dataclass
class Fragment:
    """A piece of the graph: positions that may begin and end it, and whether it may be left out."""

    first: list[int]
    last: list[int]
    nullable: bool


@dataclass
class Graph:
    """Positions with their constraints, and which may follow which."""

    constraints: list[Constraint] = field(default_factory=list)
    follow: list[dict[int, None]] = field(default_factory=list)

    def add(self, constraint: Constraint) -> Fragment:
        if len(self.constraints) >= MAX_POSITIONS:
            raise LimitExceeded("max_positions", MAX_POSITIONS, len(self.constraints) + 1, "a composition, in parts,")
        self.constraints.append(constraint)
        self.follow.append({})
        number = len(self.constraints) - 1
        return Fragment([number], [number], False)

    def link(self, before: list[int], after: list[int]) -> None:
        for position in before:
            self.follow[position].update(dict.fromkeys(after))

    def chain(self, fragments: list[Fragment]) -> Fragment:
        """One after the other."""
        first: list[int] = []
        last: list[int] = []
        nullable = True
        for fragment in fragments:
            self.link(last, fragment.first)
            if nullable:
                first = first + fragment.first
            last = last + fragment.last if fragment.nullable else fragment.last
            nullable = nullable and fragment.nullable
        return Fragment(first, last, nullable)

    def build(self, tree: Tree) -> Fragment:
        if isinstance(tree, Part):
            return self.add(tree.constraint)
        if isinstance(tree, Seq):
            return self.chain([self.build(part) for part in tree.parts])
        if isinstance(tree, Alt):
            fragments = [self.build(part) for part in tree.parts]
            first = [position for fragment in fragments for position in fragment.first]
            last = [position for fragment in fragments for position in fragment.last]
            return Fragment(first, last, any(fragment.nullable for fragment in fragments))
        return self.many(tree)

    def many(self, tree: Many) -> Fragment:
        """Copies of the part, the last of them repeated if there is no end; those beyond `least` may be left out."""
        if tree.most == 0:
            return Fragment([], [], True)
        copies = tree.most if tree.most is not None else max(tree.least, 1) + (tree.between is not None)
        if copies > MAX_POSITIONS:
            raise LimitExceeded("max_positions", MAX_POSITIONS, copies, "a composition, in parts,")
        whole = Fragment([], [], True)
        for number in reversed(range(copies)):  # from the end: one that is left out leaves out all after it
            unit = self.build(tree.part)
            if number and tree.between is not None:
                unit = self.chain([self.build(tree.between), unit])
            if tree.most is None and number == copies - 1:
                self.link(unit.last, unit.first)
            rest = self.chain([unit, whole])
            whole = Fragment(rest.first, rest.last, rest.nullable or number >= tree.least)
        return whole


class Reader:
    """Cuts one text into the parts of a tree.

    Where there are several ways, every part takes as little as it can, from the left; of alternatives the first that
    fits.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.known: dict[tuple[int, int], list[int]] = {}

    def ends(self, tree: Tree, start: int) -> list[int]:
        """Where a tree that begins at `start` may end, ascending."""
        key = (id(tree), start)
        found = self.known.get(key)
        if found is None:
            if isinstance(tree, Part):
                found = _fast.member_ends(tree.constraint.recognizer(), self.text, start)
            elif isinstance(tree, Alt):
                found = sorted({end for part in tree.parts for end in self.ends(part, start)})
            elif isinstance(tree, Seq):
                found = sorted(self.layers(tree, start)[-1])
            else:
                layers = self.layers(tree, start)
                found = sorted({end for number, layer in enumerate(layers) if number >= tree.least for end in layer})
            self.known[key] = found
        return found

    def unit(self, tree: Seq | Many, number: int, starts: set[int]) -> set[int]:
        """Where the unit `number` of a sequence or a repeat may end, from any of `starts`.

        Units of a repeat beyond `least` hold at least a byte: an empty one would add nothing.
        """
        if isinstance(tree, Seq):
            return {end for start in starts for end in self.ends(tree.parts[number], start)}
        found = set()
        for start in starts:
            between = self.ends(tree.between, start) if number and tree.between is not None else [start]
            ends = {end for at in between for end in self.ends(tree.part, at)}
            found |= ends if number < tree.least else ends - {start}
        return found

    def layers(self, tree: Seq | Many, start: int) -> list[set[int]]:
        """Places after 0, 1, 2, .. units, up to where no unit fits."""
        most = len(tree.parts) if isinstance(tree, Seq) else tree.most
        layers = [{start}]
        while most is None or len(layers) <= most:
            after = self.unit(tree, len(layers) - 1, layers[-1])
            if isinstance(tree, Many) and not after:
                break
            layers.append(after)
        return layers

    def value(self, tree: Tree, start: int, end: int) -> Any:
        """The value of a tree that is known to read text[start:end]."""
        if isinstance(tree, Part):
            return tree.constraint.parse(self.text[start:end].decode("utf-8", "surrogatepass"))
        if isinstance(tree, Alt):
            return next(self.value(part, start, end) for part in tree.parts if end in self.ends(part, start))
        layers = self.layers(tree, start)
        n_units = len(tree.parts) if isinstance(tree, Seq) else max(
            number for number, layer in enumerate(layers) if number >= tree.least and end in layer
        )  # fmt: skip
        good = [set[int]() for _ in range(n_units)] + [{end}]
        for number in reversed(range(n_units)):
            good[number] = {at for at in layers[number] if self.unit(tree, number, {at}) & good[number + 1]}
        values, here = [], start
        for number in range(n_units):
            after = min(self.unit(tree, number, {here}) & good[number + 1])
            if isinstance(tree, Seq):
                part = tree.parts[number]
                if not (isinstance(part, Part) and part.is_literal):
                    values.append(self.value(part, here, after))
            else:
                if number and tree.between is not None:
                    here = next(at for at in self.ends(tree.between, here) if after in self.ends(tree.part, at))
                values.append(self.value(tree.part, here, after))
            here = after
        return tree.make(tuple(values)) if isinstance(tree, Seq) else tree.make(values)
