"""Small languages over "a", "b" and ",", of all kinds of recognisers, each with a predicate that says the same."""

from __future__ import annotations

import itertools
import random
import re

import guided
from guided import _fast
from guided.constraints.base import Constraint
from guided.constraints.composition import many, optional, seq


class Balanced:
    """a^n b^n, n >= 1: a language written in Python."""

    start = (0, 0)

    def step(self, state, byte):
        n, falling = state
        if byte == ord("a") and not falling and n < 4:
            return (n + 1, 0)
        if byte == ord("b") and n > 0:
            return (n - 1, 1)
        return None

    def is_accepting(self, state):
        return state == (0, 1)


def regex_fits(pattern):
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def opaque(constraint: Constraint, fits) -> Constraint:
    """The same language without its syntax tree, so that it is a part of its own."""
    made = Constraint(constraint.name, constraint.recognizer, parse=constraint.parse, value_kind=constraint.value_kind)
    made.fits = fits
    return made


def leaves() -> list[Constraint]:
    """A new list of leaves, some nullable, some ambiguous with their neighbours."""
    made = []
    for pattern in ("a+", "a*b?", "ab|b", "a?", ",", "[ab]{2}", "(?:ab)*", "a(?=b).*"):
        fits = regex_fits(pattern)
        plain = guided.regex(pattern)
        plain.fits = fits
        made += [plain, opaque(guided.regex(pattern), fits)]
    balanced = Constraint("a^n b^n", lambda: _fast.External(Balanced()))
    balanced.fits = lambda text: 0 < len(text) <= 8 and text == "a" * (len(text) // 2) + "b" * (len(text) // 2)
    pairs = guided.cfg('start: x+\nx: "a" x "b" | ","')
    return [*made, balanced, opaque(pairs, pairs_fit)]


def pairs_fit(text) -> bool:
    """x+ with x: "a" x "b" | ","."""
    while text:
        depth = 0
        while depth < len(text) and text[depth] == "a":
            depth += 1
        one = "a" * depth + "," + "b" * depth
        if not text.startswith(one):
            return False
        text = text[len(one) :]
        if not text:
            return True
    return False


def random_tree(rng: random.Random, pool: list[Constraint], depth: int = 2):
    """A composition of up to `depth` levels."""
    kind = rng.randrange(5) if depth else 0
    if kind == 0:
        return rng.choice(pool)
    if kind == 1:
        literal = rng.choice(["a", "b", "ab,"])
        return seq(literal)
    parts = [random_tree(rng, pool, depth - 1) for _ in range(rng.randint(1, 3))]
    if kind == 2:
        return seq(*parts)
    if kind == 3:
        return parts[0] | parts[-1]
    least = rng.randint(0, 2)
    most = rng.choice([None, least, least + 1])
    separator = rng.choice([None, ","])
    return optional(parts[0]) if rng.random() < 0.3 else many(parts[0], least=least, most=most, separator=separator)


def all_texts(alphabet: str, longest: int):
    for length in range(longest + 1):
        for letters in itertools.product(alphabet, repeat=length):
            yield "".join(letters)
