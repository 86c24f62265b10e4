"""What smc and its kin give back: weighted texts, and how probable the constraint was."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from guided._fast import Stream
from guided.engines.resampling import effective_size, invert, log_sum
from guided.engines.trace import Trace
from guided.errors import DeadEnd


@dataclass
class Particle:
    """One text.

    tokens      : ids, EOS included.       raw : the text's bytes.
    logw        : natural log of its weight; only differences mean something and, in a result of smc, the sum over all:
                  n_particles times exp(log_z).
    logp        : natural log of the probability of `tokens` under the model as it is.
    potential   : sum of the potentials' log weights of the finished text.
    is_finished : the text has ended and fits.
    """

    state: int = 0
    node: int = 0
    tokens: list[int] = field(default_factory=list)
    raw: bytes = b""
    logw: float = 0.0
    logp: float = 0.0
    potential: float = 0.0
    twist: float = 0.0
    is_finished: bool = False
    parse: Callable[[str], Any] | None = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The text; of one that has not ended, without the bytes of an unfinished character."""
        try:
            return self.raw.decode()
        except UnicodeDecodeError as error:
            if not self.is_finished and error.reason == "unexpected end of data":
                return self.raw[: error.start].decode()
            return self.raw.decode("utf-8", "replace")

    @property
    def value(self) -> Any:
        """The parsed text; None if it is not finished."""
        if not self.is_finished:
            return None
        return self.text if self.parse is None else self.parse(self.text)

    @property
    def goes_on(self) -> bool:
        """Whether more tokens are to come."""
        return not self.is_finished and self.logw > -math.inf

    def take(self, token: int, spelled: bytes, is_eos: bool, state: int) -> None:
        """Read one token."""
        self.tokens.append(token)
        if is_eos:
            self.is_finished = True
        else:
            self.raw, self.state = self.raw + spelled, state

    def fork(self, logw: float) -> Particle:
        """A copy with another weight."""
        return replace(self, tokens=self.tokens.copy(), logw=logw)


@dataclass
class Posterior:
    """Weighted texts.

    particles : all of them; those that died have logw -inf.
    log_z     : natural log of an unbiased estimate of Z, the sum over all texts of p(text) 1{fits} exp(potentials): the
                probability of the constraint where there are no potentials.  -inf if no particle is left.
    trace     : what happened; trace.to_html() shows it.
    n_rows    : distinct texts the model was asked about.      n_asked : tokens the constraint was asked about.
    """

    particles: list[Particle]
    log_z: float
    trace: Trace
    n_rows: int
    n_asked: int

    @property
    def ess(self) -> list[float]:
        """Effective sample size after every step; where particles are copied, before that."""
        return [step.ess for step in self.trace.steps]

    @property
    def final_ess(self) -> float:
        """Effective sample size of the result."""
        return effective_size([one.logw for one in self.particles])

    @cached_property
    def probabilities(self) -> dict[str, float]:
        """Texts and their posterior probability, most probable first; they sum to 1.  Raises DeadEnd if none fits."""
        alive = self._alive()
        total = log_sum([one.logw for one in alive])
        found: dict[str, float] = {}
        for one in alive:
            found[one.text] = found.get(one.text, 0.0) + math.exp(one.logw - total)
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def best(self) -> Particle:
        """The particle most probable under model and potentials.  Raises DeadEnd if none fits."""
        return max(self._alive(), key=lambda one: one.logp + one.potential)

    def sample(self, seed: int | None = None) -> Particle:
        """One particle, drawn by weight.  Raises DeadEnd if none fits."""
        alive = self._alive()
        logw = np.array([one.logw for one in alive])
        return alive[int(invert(np.exp(logw - log_sum(logw)), [Stream(seed).uniform()])[0])]

    def _alive(self) -> list[Particle]:
        alive = [one for one in self.particles if one.logw > -math.inf]
        if not alive:
            longest = max((one.raw for one in self.particles), key=len, default=b"")
            raise DeadEnd(
                f"no text that fits was found: all {len(self.particles)} particles died, the longest after "
                f"{longest!r}. More particles, more max_tokens, or a prefix test that is stricter may help",
                longest,
            )
        return alive
