"""The syntax tree of regular languages over code points, and nothing else.

Trees are values: immutable, hashable, compared by content, shared freely.  Front ends build them directly (JSON Schema)
or from text (parse.py); compile.py turns them into automata.  Not here: parsing, Unicode tables, automata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Ranges = tuple[tuple[int, int], ...]  # of code points: sorted, disjoint, inclusive
MAX_CODE_POINT = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)  # code points that no UTF-8 text holds


@dataclass(frozen=True, slots=True)
class Never:
    """No text at all."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Exactly this text; Literal("") is the empty text."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """Any of these texts; a union of literals of any size, in one object."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chars:
    """One code point out of sorted, disjoint, inclusive ranges."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Concat:
    """The parts, one after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Union:
    """Any of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`node` at least `least` and at most `most` times; most None is unbounded."""

    node: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Both:
    """Texts that are in every part (intersection)."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Texts of valid UTF-8 that are not in `node` (complement)."""

    node: Node


@dataclass(frozen=True, slots=True)
class Ahead:
    """Zero-width lookahead: what follows here, to the end of the text, starts with `node` (or does not, if negative).

    compile.py turns it into an intersection with the rest of the pattern, which is exact.
    """

    node: Node
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """Zero-width: nothing stands before this place, or a character out of `line` (the ends of a line, with (?m))."""

    line: Ranges = ()


@dataclass(frozen=True, slots=True)
class End:
    """Zero-width: nothing stands after this place; or, if `newline`, nothing but one newline (Python's `$`);

    or a character out of `line` (the ends of a line, with (?m)).
    """

    newline: bool = False
    line: Ranges = ()


@dataclass(frozen=True, slots=True)
class Boundary:
    """Zero-width: of the characters beside this place, one is out of `word` and the other is not, or is not there.

    negative : both are, or neither is.  in_empty : whether the negative one holds in the empty text.
    """

    word: Ranges
    negative: bool = False
    in_empty: bool = True


@dataclass(frozen=True, slots=True)
class Made:
    """A language that makes its own states: build(nfa, follow) returns its first one.  Equal names, equal languages.

    It holds at least one text, none of them empty, and looks at nothing around it.
    """

    name: str
    build: Callable[[Any, int], int] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Written:
    """The texts of `node`, which may look around it, written another way and followed by `end`: a JSON string's body.

    write : gives, for a tree that looks at nothing around it, that of the same texts as they are written.
    end : what stands after the text; it begins with a character that no written text does.
    """

    node: Node
    write: Callable[[Node], Node]
    end: Node


Zero = Ahead | Start | End | Boundary
Node = Never | Literal | Words | Chars | Concat | Union | Repeat | Both | Not | Zero | Made | Written

EMPTY = Literal("")
NEVER = Never()


def chars(*ranges: tuple[int, int] | str) -> Chars:
    """Chars from ranges and from single characters or strings of them: chars((0x61, 0x7A), "_-")."""
    pairs = [pair for r in ranges for pair in ([(ord(c), ord(c)) for c in r] if isinstance(r, str) else [r])]
    return Chars(normalise(pairs))


def normalise(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sorted, disjoint, merged ranges with the surrogates taken out."""
    merged: list[list[int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    kept: list[tuple[int, int]] = []
    for low, high in merged:
        for part in ((low, min(high, SURROGATES[0] - 1)), (max(low, SURROGATES[1] + 1), high)):
            if part[0] <= part[1]:
                kept.append(part)
    return tuple(kept)


def invert(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """All code points (surrogates apart) outside `ranges`."""
    outside, here = [], 0
    for low, high in normalise(ranges):
        if here < low:
            outside.append((here, low - 1))
        here = high + 1
    if here <= MAX_CODE_POINT:
        outside.append((here, MAX_CODE_POINT))
    return normalise(outside)


def intersect(left: Ranges, right: Ranges) -> Ranges:
    """The code points in both."""
    found, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low <= high:
            found.append((low, high))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


ANY_CHAR = Chars(normalise([(0, MAX_CODE_POINT)]))
ANY_TEXT = Repeat(ANY_CHAR, 0, None)


def concat(*parts: Node) -> Node:
    """Concatenation, flattened; NEVER if a part is NEVER."""
    flat: list[Node] = []
    for part in parts:
        if isinstance(part, Never):
            return NEVER
        if isinstance(part, Concat):
            flat.extend(part.parts)
        elif not (isinstance(part, Literal) and part.text == ""):
            flat.append(part)
    return EMPTY if not flat else flat[0] if len(flat) == 1 else Concat(tuple(flat))


def union(*parts: Node) -> Node:
    """Union, flattened, without NEVER and without repeated leaves; NEVER if nothing is left."""
    flat: dict[object, Node] = {}
    for part in parts:
        for piece in part.parts if isinstance(part, Union) else (part,):
            if not isinstance(piece, Never):  # inner nodes by identity: hashing a deep tree would recurse
                flat[piece if isinstance(piece, (Literal, Words, Chars)) else id(piece)] = piece
    pieces = tuple(flat.values())
    return NEVER if not pieces else pieces[0] if len(pieces) == 1 else Union(pieces)


def optional(node: Node) -> Node:
    """`node` or the empty text."""
    return Repeat(node, 0, 1)


def star(node: Node) -> Node:
    """Any number of `node`."""
    return Repeat(node, 0, None)
