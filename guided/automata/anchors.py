"""Anchors at the ends of a tree, taken out where their place decides them.

around.py gives every anchor its exact meaning by itself; this only makes the common patterns (^...$) plain and cheap.
"""

from __future__ import annotations

from guided.automata.syntax import EMPTY, Ahead, Concat, End, Literal, Node, Start, Union, concat

_DEPTH = 50  # nested groups looked into; deeper anchors are left to around.py


def strip(node: Node) -> Node:
    """The same language of full matches, without the anchors that hold because they stand at an end of the pattern."""
    return _strip(_strip(node, 0, True)[0], 0, False)[0]


def _strip(node: Node, depth: int, at_start: bool) -> tuple[Node, bool]:
    """(node without anchors at that end, whether the part beside it stands at that end as well)."""
    if isinstance(node, Start if at_start else End):
        return EMPTY, True
    if isinstance(node, (Start, End)):
        return node, True
    if isinstance(node, Literal):
        return node, not node.text
    if depth == _DEPTH:
        return node, False
    if isinstance(node, Ahead):
        inner = _strip(node.node, depth + 1, True)[0] if at_start else node.node
        return (node if inner is node.node else Ahead(inner, node.negative)), True
    if isinstance(node, Concat):
        parts = list(node.parts)
        for k in range(len(parts)) if at_start else range(len(parts) - 1, -1, -1):
            parts[k], beside = _strip(parts[k], depth + 1, at_start)
            if not beside:
                break
        else:
            beside = True
        changed = any(new is not old for new, old in zip(parts, node.parts, strict=True))
        return (concat(*parts) if changed else node), beside
    if isinstance(node, Union):
        both = [_strip(part, depth + 1, at_start) for part in node.parts]
        changed = any(new is not old for (new, _), old in zip(both, node.parts, strict=True))
        return (Union(tuple(new for new, _ in both)) if changed else node), all(beside for _, beside in both)
    return node, False
