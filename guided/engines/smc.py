"""smc(): texts from the model's distribution given a constraint and potentials, by sequential Monte Carlo.

Particles are texts in the making, each with a weight.  Every step draws one token for each, by a properly weighted
sampler, or lets it branch into several; multiplies the weights; and chooses who goes on.  The sum of the weights, over
the number of particles, estimates the probability of the constraint without bias, whatever that number.
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
from guided.engines.resampling import DISTINCT, SCHEMES, choose, effective_size, log_sum, resample
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
    resampling    : "stratified", "systematic", "residual", "multinomial": every particle draws one token, and particles
                    are copied by weight.  "distinct": particles branch, and the heaviest branches and some of the
                    others go on: all texts differ in their tokens, and there may be fewer than n_particles.
    ess_threshold : of the schemes with copies: when the effective sample size falls below this share of n_particles;
                    0 never, 1 always.
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
    if resampling not in (DISTINCT, *SCHEMES):
        raise ValueError(f"resampling must be one of {', '.join([DISTINCT, *SCHEMES])}, not {resampling!r}")
    if end not in ("eos", "free"):
        raise ValueError(f'end must be "eos" or "free", not {end!r}')
    run = Run(lm, prompt, constraint, potentials, n_particles, sampler, twist, max_tokens, end, seed)
    if resampling == DISTINCT:
        run.merge()
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
        self.n_particles, self.max_tokens, self.end = n_particles, max_tokens, end
        self.tree = tree_of(lm, lm.encode(prompt))
        chance = Stream(seed)
        self.streams = [chance.stream(first_stream + number) for number in range(n_particles)]
        self.chance = chance.stream(RESAMPLING_STREAM)
        self.particles = [Particle(self.asker.start) for _ in range(n_particles)]
        self.trace = Trace(f"{constraint!r}, {n_particles} particles", n_particles=n_particles)
        self.n_tokens = 0
        self._criticise(self.particles)

    @property
    def alive(self) -> list[int]:
        """Particles that go on."""
        return [number for number, one in enumerate(self.particles) if not one.is_finished and one.logw > -math.inf]

    # --- one step --------------------------------------------------------------------------------------------------

    def merge(self) -> None:
        """All particles, which are the same yet, as one that weighs as much as they do together."""
        self.particles[0].logw = log_sum([one.logw for one in self.particles])
        del self.particles[1:]

    def step(self, ess_threshold: float, resampling: str) -> None:
        """One token for every particle that goes on; resampling where the weights ask for it."""
        alive, branching = self.alive, resampling == DISTINCT
        n_rows = len({self.particles[number].node for number in alive})
        total = log_sum([one.logw for one in self.particles])
        worth = dict.fromkeys(alive, 0)
        for number in alive if branching else ():
            share = math.exp(self.particles[number].logw - total)
            worth[number] = max(1, math.ceil(self.n_particles * share - 1e-9))  # 1e-9: rounding is no particle
        for number in alive:
            one = self.particles[number]
            one.logw, one.twist = one.logw - one.twist, 0.0
        if self.n_tokens == self.max_tokens:
            drawn = {number: [self._end_now(self.particles[number], self.streams[number])] for number in alive}
        else:
            drawn = self._draw(worth)
        self.n_tokens += 1
        grown = [
            (number, one, move)
            for number, before in enumerate(self.particles)
            for one, move in drawn.get(number) or [(before, Move(None, False, before.logw))]
        ]
        self._criticise([one for number, one, _ in grown if number in drawn])
        logw = [one.logw for _, one, _ in grown]
        moves = tuple(move.weighing(after) for (_, _, move), after in zip(grown, logw, strict=True))
        ancestors = self._select([one for _, one, _ in grown], logw, ess_threshold, resampling)
        ess = effective_size([one.logw for one in self.particles] if branching else logw)
        parents = tuple(number for number, _, _ in grown) if branching else None
        self.trace.steps.append(Step(moves, ess, ancestors, n_rows, parents))
        self._extend([number for number, one in enumerate(self.particles) if one.goes_on])
        self.tree.keep({self.particles[number].node for number in self.alive})

    def _select(
        self, grown: list[Particle], logw: list[float], ess_threshold: float, resampling: str
    ) -> tuple[int, ...] | None:
        """Who goes on, as places in what has grown; None if all do, as they are."""
        self.particles, n = grown, self.n_particles
        if max(logw) == -math.inf:
            self.particles = grown[:n]
            return None if len(grown) <= n else tuple(range(n))
        if resampling == DISTINCT:
            places, log_odds = choose(logw, n, self.chance)
            self.particles = [grown[place] for place in places]
            for one, log_odd in zip(self.particles, log_odds, strict=True):
                one.logw -= log_odd
            return None if len(places) == len(grown) else tuple(places)
        if not self.alive or effective_size(logw) >= ess_threshold * n:
            return None
        ancestors = resample(logw, resampling, self.chance)
        level = log_sum(logw) - math.log(n)
        self.particles = [grown[ancestor].fork(level) for ancestor in ancestors]
        return tuple(ancestors)

    def _draw(self, worth: dict[int, int]) -> dict[int, list[tuple[Particle, Move]]]:
        """What each particle goes on as, questions put in one batch per round; every (text, token) is asked about once.

        worth : for each particle, how many it stands for; it may branch into several tokens;  0: it draws one.
        """
        urns: dict[int, Any] = {}
        steps: dict[int, list[tuple[Rejection, str]]] = {}
        n_full: dict[int, int] = {}
        for number, n in worth.items():
            one = self.particles[number]
            if one.node not in urns:
                row, before = self.tree.row(one.node), self.asker.n_asked
                if self.plan.form == "mask" and self.asker.tests:
                    urns[one.node] = self.asker.full_urn(row, one.state, one.raw)
                else:
                    urns[one.node] = self.asker.urn(row, one.state, self.plan.form)
                n_full[number] = self.asker.n_asked - before
            urn, stream = urns[one.node], self.streams[number]
            steps[number] = self.plan.branches(urn, stream, n) if n else [self.plan.begin(urn.fork(), stream)]
        self._answer([(self.particles[number], step) for number in steps for step, _ in steps[number]])
        return {
            number: self._grow(self.particles[number], urns[self.particles[number].node], made, n_full.get(number, 0))
            for number, made in steps.items()
        }

    def _answer(self, steps: list[tuple[Particle, Rejection]]) -> None:
        """Until no step asks any more."""
        answers: dict[tuple[int, int], bool] = {}
        while asking := [(one, step) for one, step in steps if step.asking >= 0]:
            fresh = {}
            for one, step in asking:
                if (one.node, step.asking) not in answers:
                    fresh[one.node, step.asking] = (one.state, one.raw, step.asking)
            answers.update(zip(fresh, self.asker.ask(list(fresh.values())), strict=True))
            for one, step in asking:
                step.answer(answers[one.node, step.asking])

    def _grow(
        self, one: Particle, urn: Any, steps: list[tuple[Rejection, str]], n_full: int
    ) -> list[tuple[Particle, Move]]:
        """A particle with each of the tokens that were found for it, by mass."""
        masses: dict[int, float] = {}
        for step, _ in steps:
            for token, mass in step.found or [(step.token, step.logw)]:
                if token >= 0:
                    masses[token] = log_sum([masses.get(token, -math.inf), mass - math.log(len(steps))])
        form, n_asked = steps[0][1], n_full + sum(step.n_asked for step, _ in steps)
        rejected = tuple(self.vocab.tokens[turned] for step, _ in steps for turned in step.rejected)
        if not masses:
            one.logw = -math.inf
            return [(one, Move(None, False, one.logw, form, n_asked, rejected))]
        grown: list[tuple[Any, Move]] = []
        for token, mass in masses.items():
            after, spelled = one.fork(one.logw + mass), self.vocab.tokens[token]
            after.logp += urn.logp(token)
            after.take(token, spelled, token in self.asker.eos_ids, self.asker.after(one.state, token))
            if self.end == "free" and self.asker.is_over(after.state):
                after.is_finished = self.asker.may_end(after.state, after.raw)
                after.logw += 0.0 if after.is_finished else -math.inf
            first = not grown
            move = Move(
                spelled,
                after.is_finished,
                after.logw,
                form if first else "",
                n_asked if first else 0,
                rejected if first else (),
            )
            grown.append((after, move))
        return grown

    def _end_now(self, one: Particle, stream: Stream) -> tuple[Particle, Move]:
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
        return one, Move(b"" if one.is_finished else None, one.is_finished, one.logw)

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
        log_z = log_sum(logw) - math.log(self.n_particles)
        self.trace.texts = [one.text for one in self.particles]
        self.trace.logw, self.trace.log_z = logw, log_z
        parse = None if self.constraint is None else self.constraint.parse
        for one in self.particles:
            one.parse = parse
        return Posterior(self.particles, log_z, self.trace, self.tree.n_rows, self.asker.n_asked)
