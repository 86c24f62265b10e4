"""multipleOf: the decimal texts whose value is a whole multiple of a decimal number, exactly, as an automaton.

The divisor is p / 10^k with whole p.  While digits are read, all that matters is the remainder of the digits so far by
p and how many of the k fraction digits were read; digits after those must be zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from math import lcm
from typing import Any, Final

from guided.automata.syntax import Made
from guided.errors import LimitExceeded

MAX_STATES: Final = 20_000


def multiple(divisor: Decimal) -> Made:
    """Texts -?[0-9]+(.[0-9]+)? of whole multiples of `divisor` > 0.  Raises LimitExceeded for large divisors."""
    return Made(f"multiple of {divisor.normalize()}", _maker(divisor))


def is_small(divisor: Decimal) -> bool:
    """Whether an automaton can keep remainders by `divisor`."""
    _, digits, exponent = divisor.normalize().as_tuple()
    assert isinstance(exponent, int)
    return int("".join(map(str, digits))) * (max(0, -exponent) + 1) <= MAX_STATES


def first_multiples(divisors: list[Decimal], low: Decimal | None, high: Decimal | None, n: int) -> list[Fraction]:
    """The n common multiples of `divisors` that are nearest to zero between two bounds."""
    step = Fraction(divisors[0])
    for divisor in divisors[1:]:
        other = Fraction(divisor)
        step = Fraction(lcm(step.numerator * other.denominator, other.numerator * step.denominator),
                        step.denominator * other.denominator)  # fmt: skip
    first = None if low is None else -(-Fraction(low) // step)
    last = None if high is None else Fraction(high) // step
    if first is not None and first > 0:
        numbers = range(first, first + n)
    elif last is not None and last < 0:
        numbers = range(last, last - n, -1)
    else:
        numbers = range(-(n // 2), n // 2)
    return [k * step for k in numbers if (first is None or k >= first) and (last is None or k <= last)]


def decimal_text(value: Fraction) -> str | None:
    """A fraction as a decimal text of at most 20 digits on either side of the point; None if there is none."""
    scaled = value * 10**20
    if scaled.denominator != 1 or abs(value) >= 10**20:
        return None
    return format(Decimal(scaled.numerator).scaleb(-20, Context(prec=60)).normalize(Context(prec=60)), "f")


def _maker(divisor: Decimal) -> Callable[[Any, int], int]:
    _, digits, exponent = divisor.normalize().as_tuple()
    assert isinstance(exponent, int)
    whole, places = int("".join(map(str, digits))), max(0, -exponent)
    zeros = max(0, exponent)  # p = whole * 10^zeros: the last digits of the whole part are zeros
    if whole * (places + 1) > MAX_STATES:
        raise LimitExceeded("max_dfa_states", MAX_STATES, whole * (places + 1), f"multipleOf {divisor}")

    def build(nfa: Any, follow: int) -> int:
        tail = nfa.knot(2)  # zeros that change nothing
        nfa.set_targets(tail, [nfa.literal(b"0", tail), follow])
        point_zero = nfa.literal(b".0", tail)  # a fraction of zeros
        knots: dict[tuple[int, int], int] = {}
        waiting: list[tuple[int, int]] = []

        def knot(place: int, rest: int) -> int:
            """After `place` fraction digits (-1: in the whole part; 0: after the point), with this remainder."""
            found = knots.get((place, rest))
            if found is None:
                found = knots[place, rest] = nfa.knot(14)
                waiting.append((place, rest))
            return found

        # the first digit is no end by itself: at least one digit comes
        first = [nfa.literal(b"%d" % digit, knot(-1, digit % whole)) for digit in range(10)]
        while waiting:
            place, rest = waiting.pop()
            targets = []
            if place < places:
                after = -1 if place < 0 else place + 1
                for digit in range(10):
                    targets.append(nfa.literal(b"%d" % digit, knot(after, (rest * 10 + digit) % whole)))
            if place == -1:
                if places and rest * 10**places % whole == 0:
                    targets.append(follow)
                elif not places and rest == 0:
                    end = nfa.split([follow, point_zero])
                    targets.append(nfa.literal(b"0" * zeros, end) if zeros else end)
                if places:
                    begun = nfa.split([nfa.literal(b"%d" % d, knot(1, (rest * 10 + d) % whole)) for d in range(10)])
                    targets.append(nfa.literal(b".", begun))
            elif rest * 10 ** (places - place) % whole == 0:
                targets.append(tail if place == places else follow)
            nfa.set_targets(knots[place, rest], targets)
        entries = list(first)
        if zeros:
            entries.append(nfa.literal(b"0", nfa.split([follow, point_zero])))
        start = nfa.split(entries)
        return nfa.split([start, nfa.literal(b"-", start)])

    return build
