"""A trie of dictionaries, obviously right: the slow twin of _fast.Trie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class SlowNode:
    """children by byte; ids of the tokens that end here."""

    children: dict[int, SlowNode] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)


def slow_trie(tokens: Sequence[bytes]) -> SlowNode:
    """Insert every token that is not b"" byte by byte."""
    root = SlowNode()
    for token, text in enumerate(tokens):
        node = root
        for byte in text:
            node = node.children.setdefault(byte, SlowNode())
        if text:
            node.ids.append(token)
    return root


def rows(node: SlowNode, byte: int = 0, depth: int = 0) -> list[tuple[int, int, int, list[int]]]:
    """(byte, depth, subtree size, ids) of every node, in depth-first order, children by byte."""
    below = [row for b, child in sorted(node.children.items()) for row in rows(child, b, depth + 1)]
    return [(byte, depth, len(below) + 1, node.ids), *below]
