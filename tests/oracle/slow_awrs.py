"""Slow twin of the compiled samplers: the estimators as on paper, over rational numbers, in all ways they can go.

A step draws tokens without replacement until it has seen enough.  `ways` follows every sequence of draws and gives its
probability, what comes out, and uniform numbers that make the compiled sampler take the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from fractions import Fraction
from typing import Any

Masses = Mapping[int, Fraction]
Outcome = tuple["int | None", Fraction]  # token, weight as a fraction of the mass drawn from


class Chance:
    """Follows a given way through the draws, taking the first choice where it ends."""

    def __init__(self, way: list[int]) -> None:
        self.way, self.n_choices, self.probability, self.uniforms = list(way), [], Fraction(1), []

    def _next(self, n_choices: int) -> int:
        at = len(self.n_choices)
        self.n_choices.append(n_choices)
        if at == len(self.way):
            self.way.append(0)
        return self.way[at]

    def choose(self, masses: Masses, known: Collection[int] = ()) -> int:
        """A token by mass; the known ones lie first on the line that a uniform number points to."""
        line = sorted((token for token in masses if masses[token]), key=lambda token: (token not in known, token))
        chosen, total = line[self._next(len(line))], sum(masses.values())
        before = sum((masses[token] for token in line[: line.index(chosen)]), Fraction(0))
        self.probability *= masses[chosen] / total
        self.uniforms.append(float((before + masses[chosen] / 2) / total))
        return chosen

    def repeats(self, again: Fraction, most: int) -> int:
        """How often in a row something of probability `again` happens; `most` stands for that and all above."""
        k = self._next(most + 1)
        self.probability *= again**k * (1 if k == most else 1 - again)
        self.uniforms.append(float(again**k * (1 + again) / 2))
        return k


def ways(step: Callable[[Chance], Outcome]) -> Iterator[tuple[Fraction, list[float], Outcome]]:
    """(probability, uniform numbers, outcome) of every way a step can go."""
    way: list[int] = []
    while True:
        chance = Chance(way)
        outcome = step(chance)
        yield chance.probability, chance.uniforms, outcome
        way, n_choices = chance.way, chance.n_choices
        while way and way[-1] + 1 == n_choices[len(way) - 1]:
            way.pop()
        if not way:
            return
        way[-1] += 1


def without(masses: Masses, token: int) -> Masses:
    return {other: mass for other, mass in masses.items() if other != token}


def recursive(
    chance: Chance,
    masses: Masses,
    accepts: Collection[int],
    known: Collection[int] = (),
    depth: int = 1,
    questions: int | None = None,
) -> Outcome:
    """Z = q + (1 - q) Z' for an accepted token, (1 - q) Z' for a rejected one; Z' of what is left by one more token."""
    if not any(masses.values()):
        return None, Fraction(0)
    token = chance.choose(masses, known)
    if token not in known:
        questions = None if questions is None else questions - 1
        if questions == 0:
            return (token, Fraction(1)) if token in accepts else (None, Fraction(0))
    q, rest = masses[token] / sum(masses.values()), without(masses, token)
    if token in accepts:
        return token, q + (1 - q) * tail(chance, rest, accepts, known, depth, questions)
    found, weight = recursive(chance, rest, accepts, known, depth, questions)
    return found, (1 - q) * weight


def tail(chance: Chance, masses: Masses, accepts: Any, known: Any, depth: int, questions: int | None) -> Fraction:
    """An unbiased estimate of the accepted share of what is left."""
    unknown = {token: mass for token, mass in masses.items() if token not in known and mass}
    if not unknown:
        return Fraction(1)
    if depth > 1:
        return recursive(chance, masses, accepts, known, depth - 1, questions)[1]
    share = sum(unknown.values()) / sum(masses.values())
    return 1 - share + share * (chance.choose(unknown) in accepts)


def spread(
    chance: Chance, masses: Masses, accepts: Collection[int], known: Collection[int] = (), depth: int = 1
) -> list[tuple[int, Fraction]]:
    """(token, mass): accepted tokens up to `depth`, then one for all unknown that are left and one for all known."""
    total, found = sum(masses.values()), []
    while depth and any(masses.values()):
        token = chance.choose(masses, known)
        if token in accepts:
            found.append((token, masses[token] / total))
            depth -= 1
        masses = without(masses, token)
    for is_known in (False, True):
        rest = {token: mass for token, mass in masses.items() if mass and (token in known) == is_known}
        if rest:
            token = chance.choose(rest)
            found += [(token, sum(rest.values()) / total)] if token in accepts else []
    return found


def two_loop(chance: Chance, masses: Masses, accepts: Collection[int]) -> Outcome:
    """Until an accept, then once more over what is left; (1 - rejected in the first) / (1 + all rejections)."""
    total, n_rejects = sum(masses.values()), 0
    found, share = None, Fraction(0)
    for loop in (1, 2):
        while any(masses.values()):
            token = chance.choose(masses)
            if token in accepts:
                if loop == 1:
                    found, share = token, sum(masses.values()) / total
                break
            n_rejects += 1
            masses = without(masses, token)
        if found is None:
            return None, Fraction(0)
    return found, share / (n_rejects + 1)


def geometric(chance: Chance, masses: Masses, accepts: Collection[int], max_accepts: int, max_rejects: int) -> Outcome:
    """Draws with replacement until so many accepts or rejects, each token asked about once."""
    total, n_accepts, n_rejects, found = sum(masses.values()), 0, 0, None
    while n_accepts < max_accepts and n_rejects < max_rejects and any(masses.values()):
        rejected = 1 - sum(masses.values()) / total
        if rejected:
            n_rejects += chance.repeats(rejected, max_rejects - n_rejects)
            if n_rejects == max_rejects:
                break
        token = chance.choose(masses)
        if token in accepts:
            found, n_accepts = token if found is None else found, n_accepts + 1
        else:
            n_rejects, masses = n_rejects + 1, without(masses, token)
    if found is None:
        return None, Fraction(0)
    return found, Fraction(min(max_accepts - 1, n_accepts), n_accepts + n_rejects - 1)
