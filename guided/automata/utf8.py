"""Sets of code points as acyclic byte graphs: the UTF-8 texts of one character out of them.

A graph is one array of int32 (see Nfa.graph): per node its number of edges, then (low, high, node or -1: the end) each.
Equal nodes are one node, so that every graph is minimal.  Source: RFC 3629, section 3.
"""

from __future__ import annotations

from array import array
from functools import lru_cache

_BLOCKS = ((0x80, 0x7FF, 0xC0, 1), (0x800, 0xFFFF, 0xE0, 2), (0x10000, 0x10FFFF, 0xF0, 3))
# first and last code point, bits of the first byte, number of bytes after it

Ranges = tuple[tuple[int, int], ...]


@lru_cache(maxsize=512)
def utf8_graph(ranges: Ranges) -> array[int]:
    """The byte graph of one character out of `ranges` (sorted, disjoint, inclusive, no surrogates)."""
    nodes: dict[tuple[tuple[int, int, int], ...], int] = {}
    root: list[tuple[int, int, int]] = []
    for low, high in ranges:
        if low > 0x7F:
            break
        root.append((low, min(high, 0x7F), -1))
    for first, last, lead, n_more in _BLOCKS:
        block = [(max(low, first), min(high, last)) for low, high in ranges if low <= last and high >= first]
        if block:
            root.extend((lead + low, lead + high, node) for low, high, node in _digits(block, n_more, 0, nodes))
    _node(root, nodes)
    graph = array("i")
    for edges in nodes:
        graph.append(len(edges))
        for edge in edges:
            graph.extend(edge)
    return graph


def _digits(ranges: list[tuple[int, int]], n_more: int, offset: int, nodes: dict) -> list[tuple[int, int, int]]:  # type: ignore[type-arg]
    """Edges (low, high, node) over the first of n_more + 1 digits of 6 bits; at most three levels deep.

    ranges : not empty, of numbers whose higher digits are those of `offset`.
    """
    if n_more == 0:
        return [(low - offset, high - offset, -1) for low, high in ranges]
    size = 1 << (6 * n_more)
    edges: list[tuple[int, int, int]] = []

    def put(first: int, last: int, node: int) -> None:
        if edges and edges[-1][2] == node and edges[-1][1] + 1 == first:
            first = edges.pop()[0]
        edges.append((first, last, node))

    index = 0
    partial: int | None = None
    pieces: list[tuple[int, int]] = []  # of the digit `partial`, which no range fills alone

    def flush() -> None:
        nonlocal partial, pieces
        if partial is not None:
            below = _digits(pieces, n_more - 1, offset + partial * size, nodes)
            put(partial, partial, _node([(0x80 + low, 0x80 + high, node) for low, high, node in below], nodes))
        partial, pieces = None, []

    while index < len(ranges):
        low, high = ranges[index]
        index += 1
        while low <= high:
            digit = (low - offset) // size
            start = offset + digit * size
            end = start + size - 1
            if digit != partial:
                flush()
            if low == start and high >= end:  # whole digits
                count = (high - start + 1) // size
                put(digit, digit + count - 1, _full(n_more - 1, nodes))
                low = start + count * size
            else:
                partial = digit
                pieces.append((low, min(high, end)))
                low = min(high, end) + 1
    flush()
    return edges


def _full(n_more: int, nodes: dict) -> int:  # type: ignore[type-arg]
    """The node of any n_more + 1 continuation bytes."""
    return _node([(0x80, 0xBF, -1 if n_more == 0 else _full(n_more - 1, nodes))], nodes)


def _node(edges: list[tuple[int, int, int]], nodes: dict) -> int:  # type: ignore[type-arg]
    """The number of the node with these edges."""
    key = tuple(edges)
    number: int = nodes.setdefault(key, len(nodes))
    return number
