"""Sets of characters by name, and characters that (?i) does not tell apart; read from unicode_data.py when needed.

`\\d \\w \\s` are Python's: decimal digits, str.isalnum or "_", str.isspace.  Not here: the tables themselves.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cache
from itertools import accumulate

from guided.automata import unicode_data as data
from guided.automata.syntax import MAX_CODE_POINT, invert, normalise

Ranges = tuple[tuple[int, int], ...]

ASCII_DIGIT: Ranges = ((0x30, 0x39),)
ASCII_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
ASCII_SPACE: Ranges = ((0x09, 0x0D), (0x20, 0x20))
SPACE: Ranges = ((0x09, 0x0D), (0x1C, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A),
                 (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000))  # fmt: skip
ECMA_SPACE: Ranges = ((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
                      (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF))  # fmt: skip

LONG_CATEGORIES = {
    "L": "Letter", "LC": "Cased_Letter", "Lu": "Uppercase_Letter", "Ll": "Lowercase_Letter", "Lt": "Titlecase_Letter",
    "Lm": "Modifier_Letter", "Lo": "Other_Letter", "M": "Mark", "Mn": "Nonspacing_Mark", "Mc": "Spacing_Mark",
    "Me": "Enclosing_Mark", "N": "Number", "Nd": "Decimal_Number", "Nl": "Letter_Number", "No": "Other_Number",
    "P": "Punctuation", "Pc": "Connector_Punctuation", "Pd": "Dash_Punctuation", "Ps": "Open_Punctuation",
    "Pe": "Close_Punctuation", "Pi": "Initial_Punctuation", "Pf": "Final_Punctuation", "Po": "Other_Punctuation",
    "S": "Symbol", "Sm": "Math_Symbol", "Sc": "Currency_Symbol", "Sk": "Modifier_Symbol", "So": "Other_Symbol",
    "Z": "Separator", "Zs": "Space_Separator", "Zl": "Line_Separator", "Zp": "Paragraph_Separator",
    "C": "Other", "Cc": "Control", "Cf": "Format", "Cs": "Surrogate", "Co": "Private_Use", "Cn": "Unassigned",
}  # fmt: skip


def plain(name: str) -> str:
    """A name as Unicode compares names: without case, spaces, hyphens and underscores (UAX #44, LM3)."""
    return name.lower().replace(" ", "").replace("-", "").replace("_", "")


_CATEGORY = {plain(name): short for short, long in LONG_CATEGORIES.items() for name in (short, long)}
_CATEGORY |= {"l&": "LC", "punct": "P", "digit": "Nd", "cntrl": "Cc", "combiningmark": "M"}
_SCRIPT = {plain(name): name for name in data.SCRIPTS}
_BINARY = {plain(name): name for name in data.BINARIES}
_BINARY |= {"alpha": "Alphabetic", "lower": "Lowercase", "upper": "Uppercase", "idc": "ID_Continue", "ids": "ID_Start"}


def decode(text: str) -> Ranges:
    """The ranges of 'gap length gap length ..'."""
    places = list(accumulate(map(int, text.split())))
    return tuple((places[k], places[k + 1] - 1) for k in range(0, len(places), 2))


@cache
def category(short: str) -> Ranges:
    """All characters of a general category, given by its short name: "Lu", "L", "LC"."""
    if short == "Cs":
        return ()
    if short == "Cn":
        return invert(pair for text in data.CATEGORIES.values() for pair in decode(text))
    if short == "LC":
        return normalise([*category("Lu"), *category("Ll"), *category("Lt")])
    if short == "C":
        return invert(pair for name, text in data.CATEGORIES.items() if name[0] != "C" for pair in decode(text))
    if len(short) == 1:
        return normalise(pair for name, text in data.CATEGORIES.items() if name[0] == short for pair in decode(text))
    return decode(data.CATEGORIES[short])


@cache
def digits() -> Ranges:
    """What Python's `\\d` matches: the decimal digits of all scripts."""
    return category("Nd")


@cache
def word() -> Ranges:
    """What Python's `\\w` matches: str.isalnum, which is the categories L and N, and "_"."""
    return normalise([*category("L"), *category("N"), (0x5F, 0x5F)])


@cache
def property_ranges(name: str) -> Ranges | None:
    """The characters of `\\p{name}`: a general category, a script or a binary property; None if there is none such."""
    key, _, value = name.partition("=")
    kind = plain(key) if value else ""
    wanted = plain(value or key)
    if kind in ("", "gc", "generalcategory") and wanted in _CATEGORY:
        return category(_CATEGORY[wanted])
    if kind in ("", "sc", "script") and wanted in _SCRIPT:
        return normalise(decode(data.SCRIPTS[_SCRIPT[wanted]]))
    if kind:
        return None
    if wanted in _BINARY:
        return normalise(decode(data.BINARIES[_BINARY[wanted]]))
    return {
        "any": normalise([(0, MAX_CODE_POINT)]),
        "ascii": ((0, 0x7F),),
        "assigned": invert(category("Cn")) if wanted == "assigned" else (),
        "whitespace": normalise([pair for pair in SPACE if pair[0] != 0x1C] + [(0x20, 0x20)]),
        "space": normalise([pair for pair in SPACE if pair[0] != 0x1C] + [(0x20, 0x20)]),
    }.get(wanted)


@cache
def _folds() -> tuple[dict[int, tuple[int, ...]], list[int]]:
    """Character -> its group (itself included), and all such characters in order."""
    groups: dict[int, tuple[int, ...]] = {}
    for text in data.FOLDS.split(" "):
        group = tuple(map(ord, text))
        for c in group:
            groups[c] = group
    return groups, sorted(groups)


def fold_char(c: int, *, ascii_only: bool = False) -> tuple[int, ...]:
    """All characters that (?i) does not tell from `c`, `c` included; with (?a) only ASCII letters have two cases."""
    if ascii_only:
        return (c, c ^ 0x20) if 0x41 <= c & ~0x20 <= 0x5A and c < 0x80 else (c,)
    return _folds()[0].get(c, (c,))


def _upper(c: int) -> int:
    """The one-character upper case of `c` (title case where the upper case is longer)."""
    return next((ord(text) for text in (chr(c).upper(), chr(c).title()) if len(text) == 1), c)


def fold(ranges: Ranges, *, ascii_only: bool = False) -> Ranges:
    """`ranges` and all characters that (?i) does not tell from one of them.

    Python's re ignores the flag a for ranges beyond U+FFFF: there it also takes what has its upper case in the range.
    """
    groups, cased = _folds()
    more: list[tuple[int, int]] = list(ranges)
    for low, high in ranges:
        if ascii_only:
            if low < high and high > 0xFFFF:
                more.extend((c, c) for c in cased if low <= _upper(c) <= high)
            high = min(high, 0x7F)
        for c in cased[bisect_left(cased, low) : bisect_right(cased, high)]:
            more.extend((other, other) for other in (fold_char(c, ascii_only=True) if ascii_only else groups[c]))
    return normalise(more)
