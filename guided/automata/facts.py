"""What compile.py must know of a subtree before it builds it: may it be empty, is it nothing, does it look around?"""

from __future__ import annotations

from typing import Final

from guided.automata.syntax import (
    SURROGATES,
    Ahead,
    Both,
    Boundary,
    Chars,
    Concat,
    End,
    Literal,
    Made,
    Never,
    Node,
    Not,
    Repeat,
    Start,
    Union,
    Words,
    Written,
)


class Facts:
    """nullable : holds the empty text (if zero_width: may, at some places).    is_empty : surely holds no text.

    zero_width : looks at what stands before or after it.    ahead : holds a lookahead.
    behind : may look at the character before its first place.
    """

    def __init__(
        self, nullable: bool, is_empty: bool, zero_width: bool = False, ahead: bool = False, behind: bool = False
    ) -> None:
        self.nullable, self.is_empty = nullable, is_empty
        self.zero_width, self.ahead, self.behind = zero_width, ahead, behind


_TEXT: Final = Facts(False, False)
_NULL: Final = Facts(True, False)
_NONE: Final = Facts(False, True)


class FactsOf:
    """Facts of the subtrees of one tree, each computed once; no recursion, as trees may be deep."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Node, Facts]] = {}  # id -> (the node, kept alive; its facts)

    def __call__(self, root: Node) -> Facts:
        known = self._known
        if (found := known.get(id(root))) is not None:
            return found[1]
        stack: list[Node] = [root]
        while stack:
            node = stack[-1]
            if id(node) in known:
                stack.pop()
                continue
            leaf = self._leaf(node)
            if leaf is not None:
                known[id(node)] = (node, leaf)
                stack.pop()
                continue
            parts: tuple[Node, ...] = node.parts if isinstance(node, (Concat, Union, Both)) else (node.node,)  # type: ignore[union-attr]
            missing = [part for part in parts if id(part) not in known]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            known[id(node)] = (node, self._combine(node, [known[id(part)][1] for part in parts]))
        return known[id(root)][1]

    @staticmethod
    def _leaf(node: Node) -> Facts | None:
        if isinstance(node, Literal):
            return _TEXT if node.text else _NULL
        if isinstance(node, Chars):
            return _TEXT if node.ranges else _NONE
        if isinstance(node, Words):
            return _NONE if not node.texts else _NULL if "" in node.texts else _TEXT
        if isinstance(node, Never):
            return _NONE
        if isinstance(node, Made):
            return _TEXT
        if isinstance(node, (Start, End, Boundary)):
            return Facts(True, False, zero_width=True, behind=not isinstance(node, End))
        if isinstance(node, Written):
            return _TEXT
        return None

    @staticmethod
    def _combine(node: Node, parts: list[Facts]) -> Facts:
        if isinstance(node, Ahead):
            return Facts(True, False, zero_width=True, ahead=True, behind=parts[0].behind)
        if isinstance(node, Not):
            return Facts(not parts[0].nullable or parts[0].zero_width, False)
        if isinstance(node, Both):  # anchors in the parts mean the ends of the part's own text
            return Facts(all(part.nullable for part in parts), any(part.is_empty for part in parts))
        zero_width, ahead = any(part.zero_width for part in parts), any(part.ahead for part in parts)
        if isinstance(node, Concat):
            n_nullable = 0  # before the first part that is not
            while n_nullable < len(parts) and parts[n_nullable].nullable:
                n_nullable += 1
            nullable, is_empty = n_nullable == len(parts), any(part.is_empty for part in parts)
            behind = any(part.behind for part in parts[: n_nullable + 1])
            return Facts(nullable, is_empty, zero_width, ahead, behind)
        behind = any(part.behind for part in parts)
        if isinstance(node, Union):
            nullable, is_empty = any(part.nullable for part in parts), all(part.is_empty for part in parts)
        else:
            assert isinstance(node, Repeat)
            nullable = node.least == 0 or parts[0].nullable
            is_empty = node.least > 0 and parts[0].is_empty
        return Facts(nullable, is_empty, zero_width, ahead, behind)


def surely_holds_text(root: Node) -> bool:
    """Whether a tree surely holds some text of characters that UTF-8 has; False where that is not plain to see."""
    stack: list[Node] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, Chars):
            if not any(low < SURROGATES[0] or high > SURROGATES[1] for low, high in node.ranges):
                return False
        elif isinstance(node, Concat):
            stack.extend(node.parts)
        elif isinstance(node, Union):
            stack.append(node.parts[0])
        elif isinstance(node, Repeat):
            if node.least:
                stack.append(node.node)
        elif isinstance(node, Words):
            if not node.texts:
                return False
        elif not isinstance(node, Literal):
            return False
    return True
