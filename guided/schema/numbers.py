"""Numbers as json.dumps writes them, with exact bounds: digit by digit, so that the texts are a regular language.

numbers="json":

    integer   -?(0|[1-9][0-9]{0,19})                          zero has no sign
    decimal   integer, then at most 20 fraction digits
    scientific  -?[1-9](.[0-9]{1,16})?e(-05 .. -307 | +16 .. +307)     where repr(float) uses it

The caps are part of the language, so no prefix waits for digits that may not come.  Exponents stop at 307, where every
reader's double is still a finite number other than zero.  An exclusive bound on a number becomes an inclusive bound at
the neighbouring double: a text between the two would be read as the bound itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from math import inf, nextafter
from typing import Final

from guided.automata.syntax import EMPTY, NEVER, Both, Literal, Node, Repeat, Words, chars, concat, optional, union
from guided.schema.multiples import multiple

INTEGER_DIGITS: Final = 20
FRACTION_DIGITS: Final = 20
MANTISSA_DIGITS: Final = 16  # after the point, in scientific notation
EXPONENTS: Final = ((-307, -5), (16, 307))

ANY_EXPONENT: Final = 10  # numbers="any": exponents up to this, either sign

DIGIT: Final = chars((0x30, 0x39))
_POINT_ZEROS: Final = optional(concat(Literal("."), Repeat(Literal("0"), 1, FRACTION_DIGITS)))
_WHOLE: Final = union(Literal("0"), concat(chars((0x31, 0x39)), Repeat(DIGIT, 0, INTEGER_DIGITS - 1)))
Bound = tuple[Decimal, bool]  # value, and whether it is itself outside


def _closed(bound: Bound | None, *, up: bool) -> Bound | None:
    if bound is None or not bound[1]:
        return bound
    return Decimal(repr(nextafter(float(bound[0]), inf if up else -inf))), False


class Numbers:
    """The number texts of one setting: "json", or "any".

    integers_are_bare : 1 is written for an integer, though 1.0 is one too: what readers of typed values want.
    """

    def __init__(self, setting: str, integers_are_bare: bool = False) -> None:
        self.setting, self.integers_are_bare = setting, integers_are_bare

    def between(self, low: Bound | None, high: Bound | None, *, exponents: bool) -> Node:
        """All numbers between two bounds.  exponents : whether they may have one (json; "any" always has)."""
        low, high = _closed(low, up=True), _closed(high, up=False)
        if _is_empty(low, high):
            return NEVER
        if self.setting == "any":
            return _any_number(low, high, exponents)
        return _number(low, high, False, INTEGER_DIGITS, FRACTION_DIGITS, exponents)

    def whole(self, low: Bound | None, high: Bound | None, *, lexical: bool, exponents: bool) -> Node:
        """The integers between two bounds.  lexical : only those without point and exponent."""
        if _is_empty(low, high):
            return NEVER
        bare = _number(low, high, True, INTEGER_DIGITS, 0)
        if lexical:
            return bare
        if self.setting == "any":
            if low is None and high is None:
                return _any_whole(exponents)
            return Both((_any_whole(exponents), _any_number(low, high, exponents)))
        zeros = concat(bare, optional(concat(Literal("."), Repeat(Literal("0"), 1, FRACTION_DIGITS))))
        return union(zeros, _large(low, high)) if exponents else zeros

    def equal(self, values: list[Decimal], *, exponents: bool) -> Node:
        """All texts of these numbers."""
        return union(*(self._equal(value, exponents) for value in values))

    def _equal(self, value: Decimal, exponents: bool) -> Node:
        if self.setting == "any":
            return _any_equal(value, exponents)
        if not (value == 0 or Decimal("1e-4") <= abs(value) < Decimal("1e16")):
            return self.between((value, False), (value, False), exponents=exponents)
        text = format(value.normalize(), "f") if value else "0"
        zeros = FRACTION_DIGITS - len(text.partition(".")[2])
        if zeros < 0:
            return NEVER
        if "." in text:
            return concat(Literal(text), Repeat(Literal("0"), 0, zeros))
        return concat(Literal(text), optional(concat(Literal("."), Repeat(Literal("0"), 1, zeros))))

    def multiple(self, divisor: Decimal) -> Node:
        """All texts without exponent of the multiples of `divisor`, within any bounds."""
        return multiple(divisor)

    @staticmethod
    def spelled(text: str) -> str:
        """The text of a number of enum or const."""
        return text.replace("E", "e")


def _is_empty(low: Bound | None, high: Bound | None) -> bool:
    return bool(low and high and (low[0] > high[0] or (low[0] == high[0] and (low[1] or high[1]))))


@lru_cache(maxsize=256)
def _any_number(low: Bound | None, high: Bound | None, exponents: bool) -> Node:
    """Every spelling: up to 20 digits on each side of the point, exponents from -10 to 10."""
    if low is None and high is None:
        fraction = optional(concat(Literal("."), Repeat(DIGIT, 1, FRACTION_DIGITS)))
        plain = concat(optional(Literal("-")), _WHOLE, fraction)
        return concat(plain, optional(_power(-ANY_EXPONENT, ANY_EXPONENT))) if exponents else plain
    parts: list[Node] = []
    for exponent in (None, *(range(-ANY_EXPONENT, ANY_EXPONENT + 1) if exponents else ())):
        shift = -(exponent or 0)
        least = None if low is None else (_shift(low[0], shift), low[1])
        most = None if high is None else (_shift(high[0], shift), high[1])
        zero = (Decimal(0), False)
        mantissa = _number(least, most, False, INTEGER_DIGITS, FRACTION_DIGITS, False)
        if (least is None or least <= zero) and (most is None or most[0] > 0 or most == zero):
            mantissa = union(mantissa, concat(Literal("-0"), _POINT_ZEROS))
        if mantissa != NEVER:
            parts.append(mantissa if exponent is None else concat(mantissa, _power(exponent, exponent)))
    return union(*parts)


@lru_cache(maxsize=2)
def _any_whole(exponents: bool) -> Node:
    """Every spelling of a whole number within the same caps."""
    parts: list[Node] = [concat(_WHOLE, _POINT_ZEROS)]
    if exponents:
        parts = [concat(_WHOLE, _POINT_ZEROS, optional(_power(0, ANY_EXPONENT)))]
        parts.append(concat(Literal("0"), _POINT_ZEROS, _power(-ANY_EXPONENT, -1)))
        for digits in range(1, ANY_EXPONENT + 1):  # so many fraction digits, or trailing zeros, are shifted away
            rest = Repeat(Literal("0"), 0, FRACTION_DIGITS - digits)
            shifted = concat(Literal("."), Repeat(DIGIT, digits, digits), rest, _power(digits, ANY_EXPONENT))
            parts.append(concat(_WHOLE, shifted))
            if digits < INTEGER_DIGITS:
                ending = concat(
                    chars((0x31, 0x39)), Repeat(DIGIT, 0, INTEGER_DIGITS - 1 - digits), Literal("0" * digits)
                )
                parts.append(concat(ending, _POINT_ZEROS, _power(-digits, -digits)))
    return concat(optional(Literal("-")), union(*parts))


def _any_equal(value: Decimal, exponents: bool) -> Node:
    """Every spelling of one number within the same caps."""
    if value == 0:
        zero = concat(optional(Literal("-")), Literal("0"), _POINT_ZEROS)
        return concat(zero, optional(_power(-ANY_EXPONENT, ANY_EXPONENT))) if exponents else zero
    parts: list[Node] = []
    for exponent in (None, *(range(-ANY_EXPONENT, ANY_EXPONENT + 1) if exponents else ())):
        text = format(_shift(value.normalize(), -(exponent or 0)), "f")
        whole, _, fraction = text.lstrip("-").partition(".")
        if len(whole) > INTEGER_DIGITS or len(fraction) > FRACTION_DIGITS:
            continue
        zeros = Repeat(Literal("0"), 0, FRACTION_DIGITS - len(fraction))
        mantissa = concat(Literal(text), zeros if fraction else _POINT_ZEROS)
        parts.append(mantissa if exponent is None else concat(mantissa, _power(exponent, exponent)))
    return union(*parts)


def _power(low: int, high: int) -> Node:
    """Exponents low..high, with up to two leading zeros."""
    parts: list[Node] = []
    zeros = Repeat(Literal("0"), 0, 2)
    if high >= 0:
        digits = Words(tuple(str(n) for n in range(max(low, 0), high + 1)))
        parts.append(concat(optional(Literal("+")), zeros, digits))
    if low <= 0:
        digits = Words(tuple(str(-n) for n in range(low, min(high, 0) + 1)))
        parts.append(concat(Literal("-"), zeros, digits))
    return concat(chars("eE"), union(*parts))


def _large(low: Bound | None, high: Bound | None) -> Node:
    """Numbers with exponents from 16 up, all of them whole."""
    above: Bound = (Decimal(0), True)
    parts: list[Node] = []
    if high is None or high[0] > 0:
        parts.append(_scientific(low if low is not None and low[0] > 0 else above, high, EXPONENTS[1:]))
    if low is None or low[0] < 0:
        floor = above if high is None or high[0] >= 0 else (high[0].copy_negate(), high[1])
        roof = None if low is None else (low[0].copy_negate(), low[1])
        parts.append(concat(Literal("-"), _scientific(floor, roof, EXPONENTS[1:])))
    return union(*parts)


@lru_cache(maxsize=256)
def _number(
    low: Bound | None,
    high: Bound | None,
    is_integer: bool,
    n_digits: int,
    n_fraction: int,
    exponents: bool = True,
) -> Node:
    zero: Bound = (Decimal(0), False)
    above: Bound = (Decimal(0), True)
    n_fraction = 0 if is_integer else n_fraction
    parts: list[Node] = []
    if high is None or (high >= zero and high != above):  # the numbers from 0 up
        floor = low if low is not None and low[0] >= 0 else zero
        parts.append(_plain(floor, high, n_digits, n_fraction))
        if not is_integer and exponents:
            parts.append(_scientific(floor, high))
    if low is None or low[0] < 0:  # those below 0, by their distance from it
        floor = above if high is None or high[0] >= 0 else (high[0].copy_negate(), high[1])
        roof = None if low is None else (low[0].copy_negate(), low[1])
        parts.append(concat(Literal("-"), _plain(floor, roof, n_digits, n_fraction)))
        if not is_integer and exponents:
            parts.append(concat(Literal("-"), _scientific(floor, roof)))
    return union(*parts)


def _plain(low: Bound, high: Bound | None, n_digits: int, n_fraction: int) -> Node:
    """Decimals without sign between low >= 0 and high."""
    low_whole, low_digits = _split(low[0])
    if low_whole >= 10**n_digits:
        return NEVER
    if high is not None and high[0] >= 10**n_digits:
        high = None
    any_fraction = optional(concat(Literal("."), Repeat(DIGIT, 1, n_fraction))) if n_fraction else EMPTY
    if high is None:
        same = _fraction(low_digits, low[1], None, False, n_fraction)
        more = _whole(low_whole + 1, 10**n_digits - 1)
        return union(concat(_whole(low_whole, low_whole), same), concat(more, any_fraction))
    high_whole, high_digits = _split(high[0])
    if low_whole > high_whole:
        return NEVER
    if low_whole == high_whole:
        return concat(_whole(low_whole, low_whole), _fraction(low_digits, low[1], high_digits, high[1], n_fraction))
    return union(
        concat(_whole(low_whole, low_whole), _fraction(low_digits, low[1], None, False, n_fraction)),
        concat(_whole(low_whole + 1, high_whole - 1), any_fraction),
        concat(_whole(high_whole, high_whole), _fraction("", False, high_digits, high[1], n_fraction)),
    )


def _split(value: Decimal) -> tuple[int, str]:
    """The whole part and the fraction digits (without trailing zeros) of a value >= 0, exactly."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is not a number")
    text = "".join(map(str, digits))
    if exponent >= 0:
        return int(text) * 10**exponent, ""
    text = text.rjust(1 - exponent, "0")
    return int(text[:exponent]), text[exponent:].rstrip("0")


def _whole(low: int, high: int) -> Node:
    """The digits of the whole numbers low..high, without leading zeros."""
    parts: list[Node] = []
    while low <= high:
        most = min(high, 10 ** len(str(low)) - 1)
        parts.append(_same_length(str(low), str(most)))
        low = most + 1
    return union(*parts)


def _same_length(low: str, high: str) -> Node:
    """Digit strings between two of the same length."""
    if not low:
        return EMPTY
    if low == high:
        return Literal(low)
    rest = len(low) - 1
    if set(low[1:]) <= {"0"} and set(high[1:]) <= {"9"}:
        return concat(_digits(low[0], high[0]), Repeat(DIGIT, rest, rest) if rest else EMPTY)
    if low[0] == high[0]:
        return concat(Literal(low[0]), _same_length(low[1:], high[1:]))
    middle = _digits(chr(ord(low[0]) + 1), chr(ord(high[0]) - 1)) if ord(high[0]) - ord(low[0]) > 1 else NEVER
    return union(
        concat(Literal(low[0]), _same_length(low[1:], "9" * rest)),
        concat(middle, Repeat(DIGIT, rest, rest)),
        concat(Literal(high[0]), _same_length("0" * rest, high[1:])),
    )


def _digits(low: str, high: str) -> Node:
    return Literal(low) if low == high else chars((ord(low), ord(high)))


def _fraction(low: str, low_open: bool, high: str | None, high_open: bool, slots: int) -> Node:
    """What may follow a whole part: nothing (.0), or a point and 1..slots digits with low <= 0.digits <= high."""
    may_be_nothing = not low and not low_open and (high is None or bool(high) or not high_open)
    if slots == 0:
        return EMPTY if may_be_nothing else NEVER
    written = concat(Literal("."), _first_digit(low, low_open, high, high_open, slots))
    return union(EMPTY, written) if may_be_nothing else written


def _first_digit(low: str, low_open: bool, high: str | None, high_open: bool, slots: int) -> Node:
    """Exactly one digit, then what _tail allows."""
    parts: list[Node] = []
    low_digit = int(low[0]) if low else 0
    high_digit = 9 if high is None else int(high[0]) if high else 0
    for digit in range(low_digit, high_digit + 1):
        at_low = digit == low_digit and (bool(low) or low_open)
        at_high = high is not None and digit == high_digit
        tail = _tail(
            low[1:] if at_low else "",
            at_low and low_open,
            high[1:] if at_high and high else ("" if at_high else None),
            at_high and high_open,
            slots - 1,
        )
        parts.append(concat(Literal(str(digit)), tail))
    return _merge(parts)


def _tail(low: str, low_open: bool, high: str | None, high_open: bool, slots: int) -> Node:
    """0..slots further digits of a fraction between bounds."""
    if not low and not low_open and high is None:
        return Repeat(DIGIT, 0, slots) if slots else EMPTY
    may_be_nothing = not low and not low_open and (high is None or bool(high) or not high_open)
    more = _first_digit(low, low_open, high, high_open, slots) if slots else NEVER
    return union(EMPTY, more) if may_be_nothing else more


def _merge(parts: Iterable[Node]) -> Node:
    """A union in which digits with the same continuation are one character class."""
    by_rest: dict[Node, list[int]] = {}
    for part in parts:
        if part == NEVER:
            continue
        pieces = part.parts if hasattr(part, "parts") else (part,)
        first = pieces[0]
        if not isinstance(first, Literal):
            raise TypeError(f"a digit was expected, not {first!r}")
        text, rest = first.text, concat(Literal(first.text[1:]), *pieces[1:])
        by_rest.setdefault(rest, []).append(ord(text[0]))
    return union(*(concat(chars(*((code, code) for code in codes)), rest) for rest, codes in by_rest.items()))


def _scientific(low: Bound, high: Bound | None, spans: tuple[tuple[int, int], ...] = EXPONENTS) -> Node:
    """Numbers without sign in scientific notation between low >= 0 and high."""
    low_exponent = low[0].adjusted() if low[0] else -10_000
    high_exponent = 10_000 if high is None else high[0].adjusted() if high[0] else -10_000
    if high is not None and not high[0]:
        return NEVER
    parts: list[Node] = []
    anything = concat(chars((0x31, 0x39)), optional(concat(Literal("."), Repeat(DIGIT, 1, MANTISSA_DIGITS))))
    for first, last in spans:
        inside = range(max(first, low_exponent + 1), min(last, high_exponent - 1) + 1)
        parts.append(concat(anything, Literal("e"), _exponents(inside)))
        for exponent in {low_exponent, high_exponent}:
            if first <= exponent <= last:
                floor = low if exponent == low_exponent else (Decimal(-10_000), False)
                mantissa = _mantissa(floor, high if exponent == high_exponent else None, exponent)
                parts.append(concat(mantissa, Literal("e"), _exponents(range(exponent, exponent + 1))))
    return union(*parts)


def _mantissa(low: Bound, high: Bound | None, exponent: int) -> Node:
    """Texts d or d.ddd with 1 <= value < 10 and low <= value * 10^exponent <= high."""
    least = (_shift(low[0], -exponent), low[1])
    most = None if high is None else (_shift(high[0], -exponent), high[1])
    return _plain(least if least[0] >= 1 else (Decimal(1), False), most, 1, MANTISSA_DIGITS)


def _shift(value: Decimal, places: int) -> Decimal:
    """value * 10^places, exactly (Decimal's own arithmetic rounds to the context's precision)."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is not a number")
    return Decimal((sign, digits, exponent + places))


def _exponents(exponents: range) -> Node:
    """Signed exponents of a range on one side of zero, with at least two digits."""
    if not exponents:
        return NEVER
    sign = "-" if exponents[0] < 0 else "+"
    low, high = sorted((abs(exponents[0]), abs(exponents[-1])))
    parts: list[Node] = []
    if low <= 99:
        parts.append(_same_length(f"{low:02}", f"{min(high, 99):02}"))
    if high >= 100:
        parts.append(_same_length(str(max(low, 100)), str(high)))
    return concat(Literal(sign), union(*parts))
