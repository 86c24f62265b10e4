"""The syntax tree of regular languages over code points, and nothing else.

Trees are values: immutable, hashable, compared by content, shared freely.  Front ends build them directly (JSON Schema)
or from text (parse.py); compile.py turns them into automata.  Not here: parsing, Unicode tables, automata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

Ranges = tuple[tuple[int, int], ...]  # of code points: sorted, disjoint, inclusive
MAX_CODE_POINT: Final = 0x10FFFF
SURROGATES: Final = (0xD800, 0xDFFF)  # code points that no UTF-8 text holds


class Tree:
    """What all trees share: two are equal if they say the same, and each knows its hash: to look one up walks none."""

    def __init__(self, *content: object) -> None:
        self._content = content
        self._hash = hash((type(self).__name__, content))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Tree) or type(self) is not type(other):
            return False
        return self._hash == other._hash and self._content == other._content

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._content))})"


class Never(Tree):
    """No text at all."""


class Literal(Tree):
    """Exactly this text; Literal("") is the empty text."""

    __match_args__: ClassVar = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Words(Tree):
    """Any of these texts; a union of literals of any size, in one object."""

    __match_args__: ClassVar = ("texts",)

    def __init__(self, texts: tuple[str, ...]) -> None:
        super().__init__(texts)
        self.texts = texts


class Chars(Tree):
    """One code point out of sorted, disjoint, inclusive ranges."""

    __match_args__: ClassVar = ("ranges",)

    def __init__(self, ranges: Ranges) -> None:
        super().__init__(ranges)
        self.ranges = ranges


class Concat(Tree):
    """The parts, one after the other."""

    __match_args__: ClassVar = ("parts",)

    def __init__(self, parts: tuple[Node, ...]) -> None:
        super().__init__(parts)
        self.parts = parts


class Union(Tree):
    """Any of the parts."""

    __match_args__: ClassVar = ("parts",)

    def __init__(self, parts: tuple[Node, ...]) -> None:
        super().__init__(parts)
        self.parts = parts


class Repeat(Tree):
    """`node` at least `least` and at most `most` times; most None is unbounded."""

    __match_args__: ClassVar = ("node", "least", "most")

    def __init__(self, node: Node, least: int, most: int | None) -> None:
        super().__init__(node, least, most)
        self.node, self.least, self.most = node, least, most


class Both(Tree):
    """Texts that are in every part (intersection)."""

    __match_args__: ClassVar = ("parts",)

    def __init__(self, parts: tuple[Node, ...]) -> None:
        super().__init__(parts)
        self.parts = parts


class Not(Tree):
    """Texts of valid UTF-8 that are not in `node` (complement)."""

    __match_args__: ClassVar = ("node",)

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.node = node


class Ahead(Tree):
    """Zero-width lookahead: what follows here, to the end of the text, starts with `node` (or does not, if negative).

    compile.py turns it into an intersection with the rest of the pattern, which is exact.
    """

    __match_args__: ClassVar = ("node", "negative")

    def __init__(self, node: Node, negative: bool = False) -> None:
        super().__init__(node, negative)
        self.node, self.negative = node, negative


class Start(Tree):
    """Zero-width: nothing stands before this place, or a character out of `line` (the ends of a line, with (?m))."""

    __match_args__: ClassVar = ("line",)

    def __init__(self, line: Ranges = ()) -> None:
        super().__init__(line)
        self.line = line


class End(Tree):
    """Zero-width: nothing stands after this place; or, if `newline`, nothing but one newline (Python's `$`);

    or a character out of `line` (the ends of a line, with (?m)).
    """

    __match_args__: ClassVar = ("newline", "line")

    def __init__(self, newline: bool = False, line: Ranges = ()) -> None:
        super().__init__(newline, line)
        self.newline, self.line = newline, line


class Boundary(Tree):
    """Zero-width: of the characters beside this place, one is out of `word` and the other is not, or is not there.

    negative : both are, or neither is.  in_empty : whether the negative one holds in the empty text.
    """

    __match_args__: ClassVar = ("word", "negative", "in_empty")

    def __init__(self, word: Ranges, negative: bool = False, in_empty: bool = True) -> None:
        super().__init__(word, negative, in_empty)
        self.word, self.negative, self.in_empty = word, negative, in_empty


class Made(Tree):
    """A language that makes its own states: build(nfa, follow) returns its first one.  Equal names, equal languages.

    It holds at least one text, none of them empty, and looks at nothing around it.
    """

    __match_args__: ClassVar = ("name",)

    def __init__(self, name: str, build: Callable[[Any, int], int]) -> None:
        super().__init__(name)
        self.name, self.build = name, build


class Written(Tree):
    """The texts of `node`, which may look around it, written another way and followed by `end`: a JSON string's body.

    write : gives, for a tree that looks at nothing around it, that of the same texts as they are written.
    end : what stands after the text; it begins with a character that no written text does.
    """

    __match_args__: ClassVar = ("node", "write", "end")

    def __init__(self, node: Node, write: Callable[[Node], Node], end: Node) -> None:
        super().__init__(node, write, end)
        self.node, self.write, self.end = node, write, end


Zero = Ahead | Start | End | Boundary
Node = Never | Literal | Words | Chars | Concat | Union | Repeat | Both | Not | Zero | Made | Written

EMPTY: Final = Literal("")
NEVER: Final = Never()


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


ANY_CHAR: Final = Chars(normalise([(0, MAX_CODE_POINT)]))
ANY_TEXT: Final = Repeat(ANY_CHAR, 0, None)


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
