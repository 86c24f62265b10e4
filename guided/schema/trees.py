"""Passes over syntax trees that nest as deep as a user's pattern: bottom-up, with a list instead of recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeVar

from guided.automata.syntax import (
    Ahead,
    Both,
    Boundary,
    Chars,
    Concat,
    End,
    Literal,
    Node,
    Not,
    Repeat,
    Start,
    Union,
    Words,
    concat,
    union,
)

Result = TypeVar("Result")


def children(node: Node) -> tuple[Node, ...]:
    """The trees directly below `node`."""
    if isinstance(node, (Concat, Union, Both)):
        return node.parts
    if isinstance(node, (Repeat, Not, Ahead)):
        return (node.node,)
    return ()


def fold(node: Node, combine: Callable[[Node, list[Result]], Result]) -> Result:
    """The value of `node`, computed from the values of its children by `combine`; shared trees are visited once."""
    values: dict[int, Result] = {}
    stack: list[tuple[Node, bool]] = [(node, False)]
    while stack:
        here, is_ready = stack.pop()
        if id(here) in values:
            continue
        below = children(here)
        if is_ready or not below:
            values[id(here)] = combine(here, [values[id(child)] for child in below])
        else:
            stack.append((here, True))
            stack.extend((child, False) for child in below)
    return values[id(node)]


def walk(node: Node) -> Iterator[Node]:
    """Every tree in `node`, itself first."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(children(here))


def depth(node: Node) -> int:
    """Levels of nesting."""
    return fold(node, lambda here, below: 1 + max(below, default=0))


def has_anchor(node: Node) -> bool:
    """Whether `^`, `$` or a word boundary occurs in `node`."""
    return any(isinstance(part, (Start, End, Boundary)) for part in walk(node))


@lru_cache(maxsize=256)
def _looks_around(kept: Kept) -> bool:
    return any(isinstance(part, (Ahead, Start, End, Boundary)) for part in walk(kept.node))


class Kept:
    """A tree that is compared by identity: comparing by content walks all of it."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def __hash__(self) -> int:
        return id(self.node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kept) and self.node is other.node


def looks_around(node: Node) -> bool:
    """Whether lookahead or an anchor occurs in `node`; remembered for trees that are used again, as formats are."""
    return _looks_around(Kept(node))


def is_nullable(node: Node) -> bool:
    """Whether `node`, which holds no anchor, can match the empty text (a lookahead counts as if it could)."""

    def combine(here: Node, below: list[bool]) -> bool:
        if isinstance(here, Literal):
            return here.text == ""
        if isinstance(here, Words):
            return "" in here.texts
        if isinstance(here, (Concat, Both)):
            return all(below)
        if isinstance(here, Union):
            return any(below)
        if isinstance(here, Repeat):
            return here.least == 0 or below[0]
        if isinstance(here, Not):
            return not below[0]
        return isinstance(here, (Ahead, Start, End, Boundary))

    return fold(node, combine)


def lengths(node: Node) -> tuple[int, int | None]:
    """Bounds on the code points of a match: never more than the least, never less than the most (None: unbounded)."""

    def combine(here: Node, below: list[tuple[int, int | None]]) -> tuple[int, int | None]:
        if isinstance(here, Literal):
            return len(here.text), len(here.text)
        if isinstance(here, Words):
            sizes = [len(text) for text in here.texts] or [0]
            return min(sizes), max(sizes)
        if isinstance(here, Chars):
            return 1, 1
        if isinstance(here, Concat):
            mosts = [most for _, most in below]
            known = [most for most in mosts if most is not None]
            return sum(least for least, _ in below), sum(known) if len(known) == len(mosts) else None
        if isinstance(here, Union):
            mosts = [most for _, most in below]
            known = [most for most in mosts if most is not None]
            return min(least for least, _ in below), max(known) if len(known) == len(mosts) else None
        if isinstance(here, Both):
            known = [most for _, most in below if most is not None]
            return max(least for least, _ in below), min(known) if known else None
        if isinstance(here, Repeat):
            least, most = below[0]
            return least * here.least, None if most is None or here.most is None else most * here.most
        return 0, None if isinstance(here, Not) else 0

    return fold(node, combine)


def bound(node: Node, least: int, most: int | None) -> Node | None:
    """The texts of `node` with `least` to `most` characters, if counting the rounds of one repeat is enough; else None.

    That is so for `^abc(x|yy)[a-z]*$`: one repeat of single characters, and a few lengths of everything else.
    """
    waiting: list[list[Node]] = [[node]]
    sequences: list[list[Node]] = []
    while waiting:
        parts = waiting.pop()
        if len(waiting) + len(sequences) > MAX_SEQUENCES:
            return None
        for index, part in enumerate(parts):
            if isinstance(part, Concat):
                waiting.append([*parts[:index], *part.parts, *parts[index + 1 :]])
                break
            low, high = lengths(part)
            if low == high or (isinstance(part, Repeat) and isinstance(part.node, Chars)):
                continue
            if isinstance(part, Union):
                waiting.extend([*parts[:index], choice, *parts[index + 1 :]] for choice in part.parts)
            elif isinstance(part, Words):
                by_size: dict[int, list[str]] = {}
                for text in part.texts:
                    by_size.setdefault(len(text), []).append(text)
                waiting.extend([*parts[:index], Words(tuple(texts)), *parts[index + 1 :]] for texts in by_size.values())
            elif isinstance(part, Repeat) and part.most is not None and part.most - part.least < MAX_SEQUENCES // 4:
                size, most_size = lengths(part.node)
                if size != most_size:
                    return None
                waiting.extend(
                    [*parts[:index], Repeat(part.node, count, count), *parts[index + 1 :]]
                    for count in range(part.least, part.most + 1)
                )
            else:
                return None
            break
        else:
            sequences.append(parts)
    found: list[Node] = []
    for parts in sequences:
        open_parts = [index for index, part in enumerate(parts) if lengths(part)[0] != lengths(part)[1]]
        fixed = sum(lengths(part)[0] for index, part in enumerate(parts) if index not in open_parts)
        if len(open_parts) > 1:
            return None
        if not open_parts:
            if fixed >= least and (most is None or fixed <= most):
                found.append(concat(*parts))
            continue
        repeat = parts[open_parts[0]]
        assert isinstance(repeat, Repeat)
        limits = [limit for limit in (repeat.most, None if most is None else most - fixed) if limit is not None]
        fewest, largest = max(repeat.least, least - fixed), min(limits, default=None)
        if largest is None or largest >= fewest:
            parts[open_parts[0]] = Repeat(repeat.node, fewest, largest)
            found.append(concat(*parts))
    return union(*found)


MAX_SEQUENCES: Final = 64  # ways of choosing the alternatives of one pattern
