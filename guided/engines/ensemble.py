"""Ensemble: several models, of any tokenizers, as one model of bytes: mixtures, products, contrast, proxy tuning.

Source: arXiv:2410.09303 (ensembles by bytes); arXiv:2210.15097 (contrast); arXiv:2401.08565 (proxy tuning).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from guided.engines.byte_level import EOS, ByteLevel, as_bytes
from guided.engines.byte_model import ByteModel

KINDS = ("mixture", "product", "bayes")
Row = npt.NDArray[np.float64]


class Ensemble(ByteLevel):
    """The distribution over bytes that several models make together.

    models  : what `guided.load` returns, ByteModels, or Ensembles; the tokenizers may differ.
    kind    : "mixture": the mean of the members' next-byte distributions, by weight.
              "product": the product of their powers, renormalised at each byte; weights may be negative.
              "bayes": a mixture of whole texts: the weights follow how well each member has foretold the text so far,
              so a text's probability is the weighted mean of the members' probabilities of it.
    weights : one per member, default equal.  Mixtures: positive, scaled to sum to 1.  Products: exponents as they are;
              they need not sum to 1.
    options : for the ByteModel of each member (tolerance=, encodings=, ..).
    Raises ValueError for an unknown kind, or weights that do not fit.
    """

    def __init__(
        self, models: Sequence[Any], kind: str = "mixture", weights: Sequence[float] | None = None, **options: Any
    ) -> None:
        super().__init__()
        members = [model if isinstance(model, ByteLevel) else ByteModel(model, **options) for model in models]
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        given = [1 / max(1, len(members))] * len(members) if weights is None else [float(one) for one in weights]
        if not members or len(given) != len(members) or not all(map(math.isfinite, given)):
            raise ValueError(f"one finite weight per model is needed: {len(given)} for {len(members)}")
        if kind != "product":
            if min(given) < 0 or sum(given) <= 0:
                raise ValueError(f"the weights of a {kind} are not negative, and not all 0: {given}")
            given = [one / sum(given) for one in given]
        self.members, self.kind, self.weights = members, kind, given
        self.plausible = 0.0

    @classmethod
    def contrast(
        cls, strong: Any, weak: Any, strength: float = 0.5, plausible: float = 0.1, **options: Any
    ) -> Ensemble:
        """strong^(1 + strength) / weak^strength, among the bytes that `strong` finds plausible.

        plausible : bytes with less than this share of strong's most probable byte are left out: where both models give
                    a byte next to nothing, their ratio says nothing.
        """
        if not 0 <= plausible <= 1 or strength < 0:
            raise ValueError(f"plausible lies in [0, 1], strength from 0: got {plausible}, {strength}")
        made = cls([strong, weak], "product", [1 + strength, -strength], **options)
        made.plausible = plausible
        return made

    @classmethod
    def proxy(cls, base: Any, tuned: Any, small: Any, **options: Any) -> Ensemble:
        """base * tuned / small: what tuning did to a small model, done to a large one."""
        return cls([base, tuned, small], "product", [1.0, 1.0, -1.0], **options)

    def __repr__(self) -> str:
        return f"Ensemble({self.members!r}, {self.kind!r}, {self.weights})"

    def begin(self, prefix: bytes | str = b"") -> EnsembleState:
        """The state after a text.  "bayes" reads it byte by byte, to learn the weights."""
        text = as_bytes(prefix)
        if self.kind != "bayes":
            return EnsembleState(self, [member.begin(text) for member in self.members])
        state = EnsembleState(self, [member.begin(b"") for member in self.members])
        for byte in text:
            state.advance(byte)
        return state

    def prepare(self, states: Sequence[EnsembleState]) -> None:
        """Ask every member what all these states need."""
        for number, member in enumerate(self.members):
            member.prepare([state.parts[number] for state in states])

    def sampler(self, **options: Any) -> Any:
        """That of the first member; temperature and truncation act on the ensemble's bytes."""
        return self.members[0].sampler(**options)


class EnsembleState:
    """A position in a text.  log_weights : of the members here; for "bayes" they follow the text."""

    def __init__(self, ensemble: Ensemble, parts: list[Any], log_weights: Row | None = None) -> None:
        self.ensemble, self.parts = ensemble, parts
        if log_weights is None and ensemble.kind != "product":
            with np.errstate(divide="ignore"):
                log_weights = np.log(np.array(ensemble.weights))
        self.log_weights = log_weights

    @property
    def text(self) -> bytes:
        """The bytes read."""
        found: bytes = self.parts[0].text
        return found

    @property
    def bound(self) -> float:
        """An upper bound, in total variation, of the weighted members; products have none that is useful: 1 or 0."""
        bounds = [part.bound for part in self.parts]
        if self.log_weights is None:
            return float(max(bounds) > 0)
        return float(np.exp(self.log_weights) @ np.array(bounds))

    def next_logprobs(self) -> Row:
        """Natural log-probabilities of the next byte and of the end, float64[257]."""
        rows = np.array([part.next_logprobs() for part in self.parts])
        if self.log_weights is not None:
            return log_mean(rows, self.log_weights)
        total = np.zeros(EOS + 1)
        for row, weight in zip(rows, self.ensemble.weights, strict=True):
            if weight > 0:
                total += weight * row
            elif weight < 0:  # a byte that a weak model rules out keeps what the others give it
                total -= -weight * np.where(np.isneginf(row), 0.0, row)
        if self.ensemble.plausible > 0:
            least = rows[0].max() + math.log(self.ensemble.plausible)
            total[rows[0] < least] = -np.inf
        top = total.max()
        if top == -np.inf:
            return total
        found: Row = total - (top + math.log(np.exp(total - top).sum()))
        return found

    def advance(self, byte: int) -> None:
        """Read one byte."""
        if self.ensemble.kind == "bayes" and self.log_weights is not None:
            told = self.log_weights + np.array([part.next_logprobs()[byte] for part in self.parts])
            top = told.max()
            if top > -np.inf:
                self.log_weights = told - (top + math.log(np.exp(told - top).sum()))
        for part in self.parts:
            part.advance(byte)

    def fork(self) -> EnsembleState:
        """An independent copy."""
        return EnsembleState(self.ensemble, [part.fork() for part in self.parts], self.log_weights)


def log_mean(rows: Row, log_weights: Row) -> Row:
    """Natural log of the weighted mean of exp(rows), by column; -inf where all are."""
    shifted = rows + log_weights[:, None]
    top = shifted.max(axis=0)
    safe = np.where(np.isneginf(top), 0.0, top)
    with np.errstate(divide="ignore"):
        found: Row = np.log(np.exp(shifted - safe).sum(axis=0)) + safe
    return found
