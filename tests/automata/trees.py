"""Random syntax trees and texts, from a seed; and the tree as text that Python's re reads."""

from __future__ import annotations

import itertools
import random
import re

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
    chars,
)

COUNTS = [(0, 1), (0, None), (1, None), (2, None), (0, 2), (2, 2), (1, 3), (2, 4), (3, 5), (0, 3), (4, None), (0, 0)]
SETS: list[list[tuple[int, int] | str]] = [
    ["ab"],
    ["b"],
    [(0x61, 0x10FFFF)],
    ["aé"],
    [(0x80, 0xFFF)],
    [(0xD000, 0xFFFF)],
]
WORD = ((0x61, 0x62), (0xE9, 0xE9))  # a, b and é
ANCHORS = [
    Start(),
    End(),
    End(newline=True),
    Start(((10, 10),)),
    End(line=((10, 10),)),
    Boundary(WORD),
    Boundary(WORD, negative=True),
    Boundary(((0x61, 0x61),)),
    Boundary(WORD, negative=True, in_empty=False),
]
TEXTS = ["".join(t) for n in range(5) for t in itertools.product("ab\n", repeat=n)] + [
    "é", "aé", "éa", "a\u0800b", "\U0001f600", "bb\u0800", "\uffff\ue000a", "aaaaaaa", "abababab", "bbbbbbbbb",
    "aaabbb\n",
    "a b", " ", "a-", "-é", "b\n a",
]  # fmt: skip


def tree(rng: random.Random, depth: int, kinds: str = "plain") -> Node:
    """A random tree.  kinds : "plain", "around" (with anchors and lookahead) or "boolean" (with Both and Not)."""
    dice = rng.random()
    if depth == 0 or dice < 0.25:
        return leaf(rng, kinds)
    if dice < 0.5:
        return Concat(tuple(tree(rng, depth - 1, kinds) for _ in range(rng.randint(1, 3))))
    if dice < 0.7:
        return Union(tuple(tree(rng, depth - 1, kinds) for _ in range(rng.randint(1, 3))))
    if dice < 0.78 and kinds == "around":
        return Ahead(tree(rng, depth - 1, kinds), rng.random() < 0.5)
    if dice < 0.85 and kinds == "boolean":
        if rng.random() < 0.5:
            return Not(tree(rng, depth - 1, kinds))
        return Both((tree(rng, depth - 1, kinds), tree(rng, depth - 1, kinds)))
    least, most = rng.choice(COUNTS)
    return Repeat(tree(rng, depth - 1, kinds), least, most)


def leaf(rng: random.Random, kinds: str) -> Node:
    dice = rng.random()
    if kinds == "around" and dice < 0.25:
        return rng.choice(ANCHORS)
    if dice < 0.6:
        return Literal("".join(rng.choice("ab\n") for _ in range(rng.choice([0, 1, 1, 1, 2]))))
    if dice < 0.7:
        return Words(tuple(rng.choice(["a", "ab", "abb", "b", "", "ba"]) for _ in range(3)))
    return chars(*rng.choice(SETS))


def as_re(node: Node) -> str:
    """The pattern of a tree without Both and Not."""
    match node:
        case Literal(text):
            return re.escape(text)
        case Words(texts):
            return "(?:" + "|".join(map(re.escape, texts)) + ")"
        case Chars(ranges):
            return "[" + "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges) + "]"
        case Concat(parts):
            return "".join(map(as_re, parts))
        case Union(parts):
            return "(?:" + "|".join(map(as_re, parts)) + ")"
        case Repeat(body, least, most):
            return f"(?:{as_re(body)}){{{least},{'' if most is None else most}}}"
        case Ahead(body, negative):
            return f"(?{'!' if negative else '='}{as_re(body)})"
        case Start(line):
            return "(?m:^)" if line else "^"
        case End(newline, line):
            return "(?m:$)" if line else "$" if newline else r"\Z"
        case Boundary(word, negative, in_empty):
            inside = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in word)
            edge = f"(?:(?<=[{inside}])(?![{inside}])|(?<![{inside}])(?=[{inside}]))"
            same = f"(?:(?<=[{inside}])(?=[{inside}])|(?<![{inside}])(?![{inside}]))"
            return (same if in_empty else rf"(?!\A\Z){same}") if negative else edge
    raise TypeError(node)
