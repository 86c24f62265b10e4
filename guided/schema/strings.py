"""Strings as they are written in JSON: decoded text trees -> trees of the lexeme, quotes included.

A free string may use any escape.  Text that a pattern, a format, an enum or a key pins down is written in its shortest
spelling only (`é`, not `\\u00e9`; `\\n`, not `\\u000a`), so that every text has one spelling, and intersection and
complement of texts are those of their spellings.  Lone surrogates have no spelling at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from json.encoder import encode_basestring
from typing import Final

from guided.automata.syntax import (
    ANY_CHAR,
    Ahead,
    Both,
    Chars,
    Concat,
    Literal,
    Node,
    Not,
    Repeat,
    Union,
    Words,
    Written,
    chars,
    concat,
    invert,
    union,
)
from guided.schema.trees import Kept, bound, fold, has_anchor, lengths

QUOTE: Final = Literal('"')
MAX_LENGTH: Final = 2**30  # characters that are counted
_HEX: Final = chars((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))
_RAW: Final = Chars(invert([(0, 0x1F), (0x22, 0x22), (0x5C, 0x5C)]))
_SHORT: Final = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 0x22: '\\"', 0x5C: "\\\\"}


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


ANY_SPELLING: Final = _any_char()
FREE_STRING: Final = concat(QUOTE, Repeat(ANY_SPELLING, 0, None), QUOTE)


def counted(node: Node) -> tuple[Node, int, int | None] | None:
    """(character, least, most) of quoted strings that are a repeat of one kind of character; None for other trees."""
    parts = node.parts if isinstance(node, Concat) else ()
    if len(parts) != 3 or parts[0] is not QUOTE or parts[2] is not QUOTE:
        return None
    body = parts[1]
    if not isinstance(body, Repeat) or max(body.least, body.most or 0) > MAX_LENGTH or not _is_character(body.node):
        return None
    return body.node, body.least, body.most


def _is_character(spelled: Node) -> bool:
    """Whether a spelled tree is one character: raw, or one escape (a lone backslash stands in no other place)."""
    if spelled is ANY_SPELLING or isinstance(spelled, Chars):
        return True
    return isinstance(spelled, Union) and all(
        isinstance(part, Chars) or (isinstance(part, Concat) and part.parts[0] == Literal("\\"))
        for part in spelled.parts
    )


def quoted_text(text: str) -> str:
    """The shortest JSON spelling of `text`: that of json.dumps(ensure_ascii=False)."""
    return encode_basestring(text)


def spell_text(text: str) -> str:
    """The shortest JSON spelling of `text`, without quotes."""
    return quoted_text(text)[1:-1]


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


ONE_SPELLING: Final = spell_chars(ANY_CHAR.ranges)


@lru_cache(maxsize=1024)
def spell_chars_any(ranges: tuple[tuple[int, int], ...]) -> Node:
    """All spellings of one character out of `ranges`."""
    raw = invert([*invert(ranges), (0, 0x1F), (0x22, 0x22), (0x5C, 0x5C)])
    units: list[tuple[int, int]] = []
    pairs: list[Node] = []
    for low, high in ranges:
        if low <= 0xFFFF:
            units.append((low, min(high, 0xFFFF)))
        first = max(low, 0x10000)
        while first <= high:  # runs with the same high surrogate, whole ones taken together
            lead = (first - 0x10000) >> 10
            last_lead = (high - 0x10000) >> 10
            if (first - 0x10000) & 0x3FF == 0 and last_lead > lead:
                leads, last = (lead, last_lead - 1), 0x10000 + (last_lead << 10) - 1
                lows = (0, 0x3FF)
            else:
                last = min(high, 0x10000 + (lead << 10) + 0x3FF)
                leads, lows = (lead, lead), ((first - 0x10000) & 0x3FF, (last - 0x10000) & 0x3FF)
            pairs.append(
                concat(
                    Literal("u"),
                    _hex_range(0xD800 + leads[0], 0xD800 + leads[1]),
                    Literal("\\u"),
                    _hex_range(0xDC00 + lows[0], 0xDC00 + lows[1]),
                )
            )
            first = last + 1
    letters = "".join(
        letter
        for code, letter in ((8, "b"), (9, "t"), (10, "n"), (12, "f"), (13, "r"), (34, '"'), (92, "\\"), (47, "/"))
        if any(low <= code <= high for low, high in ranges)
    )
    escapes = [concat(Literal("u"), _hex_range(low, high)) for low, high in units]
    escapes += ([chars(letters)] if letters else []) + pairs
    return union(Chars(raw) if raw else union(), concat(Literal("\\"), union(*escapes)))


def _hex_range(low: int, high: int, n_digits: int = 4) -> Node:
    """The numbers low..high in hexadecimal digits of either case."""
    if n_digits == 0:
        return Literal("")
    unit = 16 ** (n_digits - 1)
    first, last = low // unit, high // unit
    if first == last:
        return concat(_hex_digits(first, last), _hex_range(low % unit, high % unit, n_digits - 1))
    parts: list[Node] = []
    if low % unit:
        parts.append(concat(_hex_digits(first, first), _hex_range(low % unit, unit - 1, n_digits - 1)))
        first += 1
    if high % unit != unit - 1:
        parts.append(concat(_hex_digits(last, last), _hex_range(0, high % unit, n_digits - 1)))
        last -= 1
    if first <= last:
        parts.append(concat(_hex_digits(first, last), Repeat(_HEX, n_digits - 1, n_digits - 1)))
    return union(*parts)


def _hex_digits(low: int, high: int) -> Node:
    digits = "".join(f"{digit:x}" for digit in range(low, high + 1))
    return chars("".join(sorted(set(digits + digits.upper()))))


def spell(tree: Node, *, is_any: bool = False) -> Node:
    """The tree of the shortest (or of all) spellings of the texts of `tree`, which holds no anchor, without quotes."""
    one_char = spell_chars_any if is_any else spell_chars
    every_char = ANY_SPELLING if is_any else ONE_SPELLING

    def text_of(text: str) -> Node:
        if not is_any:
            return Literal(spell_text(text))
        return concat(*(spell_chars_any(((ord(character), ord(character)),)) for character in text))

    def combine(here: Node, below: list[Node]) -> Node:
        if isinstance(here, Literal):
            return text_of(here.text)
        if isinstance(here, Words):
            if is_any:
                return union(*(text_of(text) for text in here.texts))
            return Words(tuple(spell_text(text) for text in here.texts))
        if isinstance(here, Chars):
            return one_char(here.ranges)
        if isinstance(here, Concat):
            return concat(*below)
        if isinstance(here, Union):
            return union(*below)
        if isinstance(here, Repeat):
            return Repeat(below[0], here.least, here.most)
        if isinstance(here, Both):
            return Both(tuple(below))
        if isinstance(here, Not):
            return Both((Repeat(every_char, 0, None), Not(below[0])))
        if isinstance(here, Ahead):
            return Ahead(below[0], here.negative)
        return here

    return fold(tree, combine)


EVERY_STRING: Final = concat(QUOTE, Repeat(ONE_SPELLING, 0, None), QUOTE)
EVERY_SPELLING: Final = concat(QUOTE, Repeat(ANY_SPELLING, 0, None), QUOTE)


@lru_cache(maxsize=512)
def _quoted(kept: Kept, is_any: bool) -> Node:
    if has_anchor(kept.node):  # which speaks of characters, not of spellings
        return concat(QUOTE, Written(kept.node, partial(spell, is_any=is_any), QUOTE))
    return concat(QUOTE, spell(kept.node, is_any=is_any), QUOTE)


class Spelling:
    """How the characters of pinned-down strings and of keys are written: "shortest", or "any" escape.

    every : all strings in these spellings.      free : strings of which nothing is asked, in any spelling.
    """

    def __init__(self, setting: str) -> None:
        self.is_any = setting == "any"
        self.free = FREE_STRING
        self.every = EVERY_SPELLING if self.is_any else EVERY_STRING

    def text(self, text: str) -> str:
        """The shortest spelling of a text, with its quotes."""
        return quoted_text(text)

    def quoted(self, tree: Node) -> Node:
        """The spellings of the texts of a tree."""
        return _quoted(Kept(tree), self.is_any)

    def words(self, texts: Iterable[str]) -> Node:
        """The spellings of some texts."""
        if not self.is_any:
            return Words(tuple(self.text(text) for text in texts))
        return union(*(self.quoted(Literal(text)) for text in texts))

    def lexeme(
        self, trees: Iterable[Node], least: int = 0, most: int | None = None, texts: frozenset[str] | None = None
    ) -> Node:
        """The JSON strings with `least` to `most` characters whose text is in every tree and, if given, in `texts`."""
        trees = tuple(trees)
        if most is not None and most < least:
            return union()
        if texts is not None:
            fitting = sorted(text for text in texts if least <= len(text) and (most is None or len(text) <= most))
            if not fitting:
                return union()
            return _both([self.words(fitting), *map(self.quoted, trees)])
        kept: list[Node] = []
        for tree in trees:
            bounded = bound(tree, least, most) if least or most is not None else None
            if bounded == union():
                return bounded
            kept.append(tree if bounded is None else bounded)
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
        return _both([*map(self.quoted, kept), *counted])


def _both(parts: list[Node]) -> Node:
    unique = tuple(dict.fromkeys(parts))
    return unique[0] if len(unique) == 1 else Both(unique)
