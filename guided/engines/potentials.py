"""Potential: soft guidance, a log weight for a whole text and one for its beginnings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from guided.errors import ConstraintError

Score = Callable[[Any], Any]


class Potential:
    """A factor exp(complete(text)) on the probability of a whole text.

    complete : text -> natural log weight, -inf to forbid; True and False mean 0 and -inf.  None: 0.
    prefix   : the same for beginnings: a guess at what `complete` will be, which decides what particles go on with and
               leaves the result's law as it is.  -inf only where every continuation is forbidden.  None: 0.
    batched  : both take a list of texts.
    """

    def __init__(
        self,
        complete: Score | None = None,
        prefix: Score | None = None,
        *,
        batched: bool = False,
        name: str | None = None,
    ) -> None:
        if complete is None and prefix is None:
            raise ConstraintError("a potential needs a function: Potential(complete=..), Potential(prefix=..), or both")
        self.complete, self.prefix, self.batched, self.n_calls = complete, prefix, batched, 0
        self.name = name or f"potential {getattr(complete or prefix, '__name__', 'without a name')}"

    @staticmethod
    def of(given: Any) -> Potential:
        """A Potential from a Potential, an object with `prefix` and `complete`, or a function of the whole text."""
        if isinstance(given, Potential):
            return given
        if hasattr(given, "complete") or hasattr(given, "prefix"):
            name = f"potential {type(given).__name__}"
            return Potential(getattr(given, "complete", None), getattr(given, "prefix", None), name=name)
        if callable(given):
            return Potential(given)
        raise ConstraintError(f"{given!r} is no potential: give a function of the text, or a guided.Potential")

    def scores(self, texts: Sequence[str], *, is_complete: bool) -> list[float]:
        """Log weights, one per text.  Raises ConstraintError, naming the text, for NaN, +inf and what is no number."""
        score = self.complete if is_complete else self.prefix
        if score is None or not texts:
            return [0.0] * len(texts)
        self.n_calls += len(texts)
        if self.batched:
            found = self._call(score, list(texts))
            if not hasattr(found, "__len__") or len(found) != len(texts):
                raise ConstraintError(f"{self.name} was asked about {len(texts)} texts and answered {found!r}")
        else:
            found = [self._call(score, text) for text in texts]
        return [self._number(value, text) for value, text in zip(found, texts, strict=True)]

    def _call(self, score: Score, given: Any) -> Any:
        try:
            return score(given)
        except Exception as error:
            raise ConstraintError(f"{self.name} raised {type(error).__name__} on {given!r}: {error}") from error

    def _number(self, value: Any, text: str) -> float:
        if isinstance(value, bool):
            return 0.0 if value else -math.inf
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isnan(number) or number == math.inf:
            raise ConstraintError(f"{self.name} answered {value!r} for {text!r}; it must be a log weight below +inf")
        return number
