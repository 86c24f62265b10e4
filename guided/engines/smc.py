"""smc(): texts from the model's distribution given a constraint and potentials, by sequential Monte Carlo.

Particles are texts in the making, each with a weight.  Every step draws one token for each, by a properly weighted
sampler, multiplies the weights, and resamples when they have become too unequal.  The mean weight estimates the
probability of the constraint without bias, whatever the number of particles.
Source: Lew et al., arXiv:2306.03081; Loula et al., arXiv:2504.13139; Lipkin et al., arXiv:2504.05410.
Not here: one step (samplers.py, _fast/reject.pyx), what a constraint answers (asking.py), the result (posterior.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from guided._fast import Rejection, Stream
from guided.engines.asking import Asker
from guided.engines.contexts import tree_of
from guided.engines.posterior import Particle, Posterior
from guided.engines.potentials import Potential
from guided.engines.resampling import SCHEMES, effective_size, log_sum, resample
from guided.engines.samplers import StepSampler, urn_over
from guided.engines.trace import Move, Step, Trace

RESAMPLING_STREAM = 2**64 - 1  # streams 0, 1, 2, ... belong to the particles


def smc(
    lm: Any,
    prompt: Any,
    constraint: Any = None,
    *,
    potentials: Sequence[Any] = (),
    n_particles: int = 10,
    ess_threshold: float = 0.5,
    resampling: str = "stratified",
    sampler: str | StepSampler = "auto",
    twist: Any = None,
    max_tokens: int = 256,
    end: str = "eos",
    seed: int | None = None,
) -> Posterior:
    """Weighted texts from p(text) 1{text fits} exp(sum of potentials), p being the model's distribution over texts.

    lm            : a Model; what `guided.load` returns, or a TableModel.
    prompt        : what `lm.encode` reads; an empty one starts from BOS, or EOS where there is none.
    constraint    : a Constraint, a predicate, both combined by &, or None.
    potentials    : functions of the whole text, or guided.Potential: log weights.
    n_particles   : texts that are written side by side.
    ess_threshold : resample when the effective sample size falls below this share of n_particles; 0 never, 1 always.
    resampling    : "stratified", "systematic", "residual" or "multinomial".
    sampler       : "auto", "awrs", "mask", "recursive", "two-loop", "geometric", or a StepSampler.
    twist         : a log weight for beginnings that only decides which particles go on; the result's law is without it.
    max_tokens    : tokens of a text, EOS not counted: the texts with more are not part of the distribution.
    end           : "eos": the model must end the text, and the probability that it does counts;  "free": a text that is
                    complete, and that nothing can follow, ends by itself.
    seed          : the same seed gives the same result.

    Returns a Posterior.  If nothing fits, its log_z is -inf and asking it for a text raises DeadEnd.
    Raises ValueError for arguments out of range, ConstraintError from predicates and potentials (naming the text).
    """
    if n_particles < 1 or max_tokens < 1:
        raise ValueError(f"n_particles and max_tokens must be at least 1, got {n_particles} and {max_tokens}")
    if not 0 <= ess_threshold <= 1:
        raise ValueError(f"ess_threshold must lie between 0 and 1, got {ess_threshold}")
    if resampling not in SCHEMES:
        raise ValueError(f"resampling must be one of {', '.join(SCHEMES)}, not {resampling!r}")
    if end not in ("eos", "free"):
        raise ValueError(f'end must be "eos" or "free", not {end!r}')
    run = Run(lm, prompt, constraint, potentials, n_particles, sampler, twist, max_tokens, end, seed)
    while run.alive:
        run.step(ess_threshold, resampling)
    return run.result()


class Run:
    """One call of smc(): the particles and all they share."""

    def __init__(
        self,
        lm: Any,
        prompt: Any,
        constraint: Any,
        potentials: Sequence[Any],
        n_particles: int,
        sampler: str | StepSampler,
        twist: Any,
        max_tokens: int,
        end: str,
        seed: int | None,
        first_stream: int = 0,
    ) -> None:
        self.plan = sampler if isinstance(sampler, StepSampler) else StepSampler(sampler)
        self.potentials = [Potential.of(given) for given in potentials]
        is_plain = twist is not None and not hasattr(twist, "prefix")
        self.twist = Potential(prefix=twist) if is_plain else None if twist is None else Potential.of(twist)
        self.vocab, self.constraint, self.prompt = lm.vocab, constraint, prompt
        self.asker = Asker(constraint, lm.vocab)
        self.max_tokens, self.end = max_tokens, end
        self.tree = tree_of(lm, lm.encode(prompt))
        chance = Stream(seed)
        self.streams = [chance.stream(first_stream + number) for number in range(n_particles)]
        self.chance = chance.stream(RESAMPLING_STREAM)
        self.particles = [Particle(self.asker.start) for _ in range(n_particles)]
        self.trace = Trace(f"{constraint!r}, {n_particles} particles")
        self.n_tokens = 0
        self._criticise(self.particles)

    @property
    def alive(self) -> list[int]:
        """Particles that go on."""
        return [number for number, one in enumerate(self.particles) if not one.is_finished and one.logw > -math.inf]

    # --- one step --------------------------------------------------------------------------------------------------

    def step(self, ess_threshold: float, resampling: str) -> None:
        """One token for every particle that goes on; resampling where the weights ask for it."""
        alive = self.alive
        n_rows = len({self.particles[number].node for number in alive})
        for number in alive:
            one = self.particles[number]
            one.logw, one.twist = one.logw - one.twist, 0.0
        if self.n_tokens == self.max_tokens:
            moves = {number: self._end_now(self.particles[number], self.streams[number]) for number in alive}
        else:
            moves = self._draw(alive)
        self.n_tokens += 1
        self._criticise([self.particles[number] for number in alive])
        self._extend([number for number in alive if self.particles[number].goes_on])
        logw = [one.logw for one in self.particles]
        ess, ancestors = effective_size(logw), None
        if self.alive and ess < ess_threshold * len(logw):
            ancestors = tuple(resample(logw, resampling, self.chance))
            level = log_sum(logw) - math.log(len(logw))
            self.particles = [self.particles[ancestor].fork(level) for ancestor in ancestors]
        shown = tuple(
            moves.get(number, Move(None, False, logw[number])).weighing(logw[number]) for number in range(len(logw))
        )
        self.trace.steps.append(Step(shown, ess, ancestors, n_rows))
        self.tree.keep({self.particles[number].node for number in self.alive})

    def _draw(self, alive: list[int]) -> dict[int, Move]:
        """A token for each, questions put in one batch per round; every (text, token) is asked about once."""
        urns: dict[int, Any] = {}
        steps: dict[int, tuple[Rejection, str]] = {}
        n_full: dict[int, int] = {}
        for number in alive:
            one = self.particles[number]
            if one.node not in urns:
                row, before = self.tree.row(one.node), self.asker.n_asked
                if self.plan.form == "mask" and self.asker.tests:
                    urns[one.node] = self.asker.full_urn(row, one.state, one.raw)
                else:
                    urns[one.node] = self.asker.urn(row, one.state, self.plan.form)
                n_full[number] = self.asker.n_asked - before
            steps[number] = self.plan.begin(urns[one.node].fork(), self.streams[number])
        answers: dict[tuple[int, int], bool] = {}
        while asking := [(number, step) for number, (step, _) in steps.items() if step.asking >= 0]:
            fresh = {}
            for number, step in asking:
                one = self.particles[number]
                if (one.node, step.asking) not in answers:
                    fresh[one.node, step.asking] = (one.state, one.raw, step.asking)
            answers.update(zip(fresh, self.asker.ask(list(fresh.values())), strict=True))
            for number, step in asking:
                step.answer(answers[self.particles[number].node, step.asking])
        moves = {}
        for number, (step, form) in steps.items():
            one, token = self.particles[number], step.token
            one.logw += step.logw
            spelled = None
            if token >= 0:
                spelled = self.vocab.tokens[token]
                one.logp += urns[one.node].logp(token)
                one.take(token, spelled, token in self.asker.eos_ids, self.asker.after(one.state, token))
                if self.end == "free" and self.asker.is_over(one.state):
                    one.is_finished = self.asker.may_end(one.state, one.raw)
                    one.logw += 0.0 if one.is_finished else -math.inf
            rejected = tuple(self.vocab.tokens[turned] for turned in step.rejected)
            moves[number] = Move(
                spelled, one.is_finished, one.logw, form, step.n_asked + n_full.get(number, 0), rejected
            )
        return moves

    def _end_now(self, one: Particle, stream: Stream) -> Move:
        """At max_tokens: the text ends, with the probability that the model ends it, or the particle dies."""
        row = urn_over(self.tree.row(one.node))
        logp, best = max((row.logp(token), token) for token in self.asker.eos_ids)
        total = log_sum([row.logp(token) for token in self.asker.eos_ids])
        if self.plan.form == "plain":  # a token is drawn, and it is EOS or not
            total = 0.0 if math.log(stream.uniform()) < total else -math.inf
        one.logw += total if self.asker.may_end(one.state, one.raw) else -math.inf
        if one.logw > -math.inf:
            one.logp += logp
            one.take(best, b"", True, one.state)
        return Move(b"" if one.is_finished else None, one.is_finished, one.logw)

    def _extend(self, going_on: list[int]) -> None:
        """The model reads the new tokens: one row for all particles with the same text."""
        wanted = {}
        for number in going_on:
            one = self.particles[number]
            wanted[one.node, one.tokens[-1]] = 0
        if wanted:
            nodes = self.tree.extend([node for node, _ in wanted], [token for _, token in wanted])
            wanted = dict(zip(wanted, nodes, strict=True))
        for number in going_on:
            one = self.particles[number]
            one.node = wanted[one.node, one.tokens[-1]]

    def _criticise(self, particles: list[Particle]) -> None:
        """Potentials and twist: for good where the text has ended, else as a guess that is taken back later."""
        for is_complete in (False, True):
            group = [one for one in particles if one.logw > -math.inf and one.is_finished == is_complete]
            texts = sorted({one.text for one in group})
            judges = [*self.potentials, *([] if self.twist is None or is_complete else [self.twist])]
            scores = np.zeros(len(texts))
            for judge in judges if texts else []:
                scores = scores + np.array(judge.scores(texts, is_complete=is_complete))
            by_text = dict(zip(texts, scores.tolist(), strict=True))
            for one in group:
                score = by_text[one.text]
                one.logw += score
                if not is_complete:
                    one.twist = score
                else:
                    one.potential = score

    def result(self) -> Posterior:
        """The particles, and what happened."""
        logw = [one.logw for one in self.particles]
        log_z = log_sum(logw) - math.log(len(logw))
        self.trace.texts = [one.text for one in self.particles]
        self.trace.logw, self.trace.log_z = logw, log_z
        parse = None if self.constraint is None else self.constraint.parse
        for one in self.particles:
            one.parse = parse
        return Posterior(self.particles, log_z, self.trace, self.tree.n_rows, self.asker.n_asked)
