"""What the anchors of a text tell apart: classes of characters, and what may stand after a place (for around.py)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from guided.automata.syntax import (
    ANY_CHAR,
    ANY_TEXT,
    EMPTY,
    Ahead,
    Boundary,
    Chars,
    Concat,
    End,
    Literal,
    Node,
    Ranges,
    Repeat,
    Start,
    Union,
    concat,
    intersect,
    invert,
    union,
)

NEWLINE = ((0x0A, 0x0A),)


@lru_cache(maxsize=64)
def partition(sets: frozenset[Ranges]) -> tuple[Ranges, ...]:
    """The classes of characters that no set of `sets` tells apart."""
    parts = [ANY_CHAR.ranges]
    for ranges in sorted(sets):
        halves = [intersect(part, half) for part in parts for half in (ranges, invert(ranges))]
        parts = [half for half in halves if half]
    return tuple(parts)


class Scope:
    """One text and what its anchors speak of: classes of characters, and how a text is written.

    What may stand after a place is a set of bits: one for each class, `last` (a newline that is the last character; the
    bit of its class stands for other newlines) and `over` (nothing).
    """

    def __init__(self, node: Node, write: Callable[[Node], Node], end: Node) -> None:
        self.write, self.end = write, end
        self.parts = partition(frozenset(_told_apart(node)))
        self.last, self.over = 1 << len(self.parts), 2 << len(self.parts)
        self.any = (4 << len(self.parts)) - 1
        self._bits: dict[Ranges, int] = {(): 0}
        self._numbers: dict[str, int] = {}

    def bits(self, ranges: Ranges) -> int:
        """What may stand after a place if a character of `ranges`, which classes make up, must."""
        found = self._bits.get(ranges)
        if found is None:
            found = sum(1 << number for number, part in enumerate(self.parts) if intersect(part[:1], ranges))
            found |= self.last if intersect(ranges, NEWLINE) else 0
            self._bits[ranges] = found
        return found

    def is_in(self, before: int, ranges: Ranges) -> bool:
        """Whether what stands before a place is a character of `ranges`, which classes make up."""
        return before >= 0 and bool(self.bits(ranges) >> before & 1)

    def number(self, character: str) -> int:
        """The class of a character."""
        found = self._numbers.get(character)
        if found is None:
            one = ((ord(character), ord(character)),)
            found = next(number for number, part in enumerate(self.parts) if intersect(part, one))
            self._numbers[character] = found
        return found

    def opening(self, after: int) -> Node:
        """Every way in which a written text can go on, to its end and beyond, with what may stand first."""
        if after == self.any:
            return ANY_TEXT
        beyond = EMPTY if self.end == EMPTY else concat(self.end, ANY_TEXT)
        ways = [concat(self.write(Chars(p)), ANY_TEXT) for number, p in enumerate(self.parts) if after >> number & 1]
        ways += [beyond] if after & self.over else []
        ways += [concat(self.write(Literal("\n")), beyond)] if after & self.last else []
        return union(*ways)


def _told_apart(root: Node) -> set[Ranges]:
    """The sets of characters that the anchors of a tree ask for."""
    found: set[Ranges] = set()
    stack, seen = [root], {id(root)}
    while stack:
        node = stack.pop()
        if isinstance(node, Boundary):
            found.add(node.word)
        elif isinstance(node, (Start, End)):
            found.update([node.line] if node.line else [])
            found.update([NEWLINE] if isinstance(node, End) and node.newline else [])
        below = node.parts if isinstance(node, (Concat, Union)) else ()
        for part in (node.node,) if isinstance(node, (Repeat, Ahead)) else below:
            if id(part) not in seen:
                seen.add(id(part))
                stack.append(part)
    return found
