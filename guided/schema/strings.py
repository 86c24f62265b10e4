"""Strings as they are written in JSON: decoded text trees -> trees of the lexeme, quotes included.

A free string may use any escape.  Text that a pattern, a format, an enum or a key pins down is written in its shortest
spelling only (`é`, not `\\u00e9`; `\\n`, not `\\u000a`), so that every text has one spelling, and intersection and
complement of texts are those of their spellings.  Lone surrogates have no spelling at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from guided.automata.syntax import (
    ANY_CHAR,
    Ahead,
    Both,
    Chars,
    Concat,
    End,
    Literal,
    Node,
    Not,
    Repeat,
    Union,
    Words,
    chars,
    concat,
    invert,
    normalise,
    union,
)
from guided.schema.trees import fold, lengths

QUOTE = Literal('"')
_HEX = chars((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))
_RAW = Chars(invert([(0, 0x1F), (0x22, 0x22), (0x5C, 0x5C)]))
_SHORT = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 0x22: '\\"', 0x5C: "\\\\"}


def _any_char() -> Node:
    """One character of a free string: raw, or in any of its escapes."""
    hexes = Repeat(_HEX, 2, 2)
    unit = union(  # four hex digits of a code unit that is no surrogate
        concat(chars((0x30, 0x39), "abcefABCEF"), Repeat(_HEX, 3, 3)),
        concat(chars("dD"), chars((0x30, 0x37)), hexes),
    )
    high = concat(chars("dD"), chars("89abAB"), hexes)
    low = concat(chars("dD"), chars("cdefCDEF"), hexes)
    return union(
        _RAW,
        concat(
            Literal("\\"),
            union(chars('"\\/bfnrt'), concat(Literal("u"), union(unit, concat(high, Literal("\\u"), low)))),
        ),
    )


ANY_SPELLING = _any_char()
FREE_STRING = concat(QUOTE, Repeat(ANY_SPELLING, 0, None), QUOTE)


def spell_text(text: str) -> str:
    """The shortest JSON spelling of `text`, without quotes."""
    return "".join(
        _SHORT.get(ord(character)) or (f"\\u{ord(character):04x}" if character < " " else character)
        for character in text
    )


@lru_cache(maxsize=1024)
def spell_chars(ranges: tuple[tuple[int, int], ...]) -> Node:
    """The shortest spellings of one character out of `ranges`."""
    special = [
        code for low, high in ranges for code in range(low, min(high, 0x5C) + 1) if code < 0x20 or code in _SHORT
    ]
    if not special:
        return Chars(ranges)
    raw = invert([*invert(ranges), *((code, code) for code in special)])
    short = "".join(_SHORT[code][1] for code in special if code in _SHORT)
    units = [f"{code:02x}" for code in special if code not in _SHORT]
    escapes: list[Node] = [chars(short)] if short else []
    escapes += [concat(Literal("u00"), Words(tuple(units)))] if units else []
    return union(Chars(raw) if raw else union(), concat(Literal("\\"), union(*escapes)))


ONE_SPELLING = spell_chars(ANY_CHAR.ranges)


def spell(tree: Node) -> Node:
    """The tree of the shortest spellings of the texts of `tree`, without quotes.  Anchors: only `$` in lookahead."""

    def combine(here: Node, below: list[Node]) -> Node:
        if isinstance(here, Literal):
            return Literal(spell_text(here.text))
        if isinstance(here, Words):
            return Words(tuple(spell_text(text) for text in here.texts))
        if isinstance(here, Chars):
            return spell_chars(here.ranges)
        if isinstance(here, Concat):
            return concat(*below)
        if isinstance(here, Union):
            return union(*below)
        if isinstance(here, Repeat):
            return Repeat(below[0], here.least, here.most)
        if isinstance(here, Both):
            return Both(tuple(below))
        if isinstance(here, Not):
            return Both((Repeat(ONE_SPELLING, 0, None), Not(below[0])))
        if isinstance(here, Ahead):
            return Ahead(below[0], here.negative)
        if isinstance(here, End):
            return QUOTE  # a bare quote stands only at the end, and what a lookahead reads is not consumed
        return here

    return fold(tree, combine)


def lexeme(tree: Node) -> Node:
    """The JSON strings whose text is in `tree`."""
    return concat(QUOTE, spell(tree), QUOTE)


def string_lexeme(
    trees: Iterable[Node], least: int = 0, most: int | None = None, texts: frozenset[str] | None = None
) -> Node:
    """The JSON strings with `least` to `most` characters whose text is in every tree and, if given, among `texts`."""
    trees = tuple(trees)
    if most is not None and most < least:
        return union()
    if texts is not None:
        fitting = sorted(text for text in texts if least <= len(text) and (most is None or len(text) <= most))
        if not fitting:
            return union()
        parts: list[Node] = [Words(tuple(f'"{spell_text(text)}"' for text in fitting))]
        return _both([*parts, *map(lexeme, trees)])
    kept: list[Node] = []
    for tree in trees:
        if isinstance(tree, Repeat) and isinstance(tree.node, Chars):  # ^[a-z]*$ with a length is one repeat
            limit = tree.most if most is None else most if tree.most is None else min(most, tree.most)
            if limit is not None and limit < max(tree.least, least):
                return union()
            tree = Repeat(tree.node, max(tree.least, least), limit)
        kept.append(tree)
    # an automaton that counts characters beside the patterns is needed only for lengths that no pattern implies
    is_counted = False
    if least or most is not None:
        sizes = [lengths(tree) for tree in kept]
        longest = min((size for _, size in sizes if size is not None), default=None)
        is_counted = least > max((size for size, _ in sizes), default=0)
        is_counted = is_counted or (most is not None and (longest is None or longest > most))
    if not kept and not is_counted:
        return FREE_STRING
    counted = [concat(QUOTE, Repeat(ANY_SPELLING, least, most), QUOTE)] if is_counted else []
    return _both([*map(lexeme, kept), *counted])


def _both(parts: list[Node]) -> Node:
    unique = tuple(dict.fromkeys(parts))
    return unique[0] if len(unique) == 1 else Both(unique)


__all__ = ["FREE_STRING", "ONE_SPELLING", "QUOTE", "lexeme", "normalise", "spell_chars", "spell_text", "string_lexeme"]
