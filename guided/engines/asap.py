"""asap(): samples that learn: where earlier ones ran into dead ends, later ones go less.  Grammar-aligned decoding.

For every beginning that was seen, a bound c on the probability that the model, going on from there, fits: 1 at first,
and after each sample the sum of p(token) c(beginning + token) over what may follow.  Tokens are drawn by p c, so
samples come ever closer to the model's distribution given the constraint; their weights make them exact at any time.
Source: ASAp, arXiv:2405.21047; the rejection form, in which every sample is exact, arXiv:2510.01902.  Weights: ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from guided._fast import Rejection, Stream, Urn
from guided.engines.asking import Asker
from guided.engines.contexts import ContextTree, tree_of
from guided.engines.posterior import Particle, Posterior
from guided.engines.resampling import log_sum
from guided.engines.samplers import as_row
from guided.engines.trace import Move, Step, Trace

MAX_BYTES = 256 * 2**20  # log-probabilities kept per (model, prompt, constraint); beyond it all is learned anew


@dataclass(slots=True)
class Place:
    """A beginning that was seen.

    context  : its number in the tree.       state, raw : of the constraint; the text.
    logp     : float[V], natural log-probabilities of the next token.
    allowed  : mask of what the language lets follow.
    log_c    : natural log of c.             after : token -> Place;  shut : tokens after which nothing fits.
    """

    context: int
    state: int
    raw: bytes
    logp: Any
    allowed: Any
    log_c: float = 0.0
    after: dict[int, Place] = field(default_factory=dict)
    shut: set[int] = field(default_factory=set)

    def urn(self, all_known: bool = True) -> Urn:
        """Tokens by p c."""
        weights = self.logp.copy()
        for token, place in self.after.items():
            weights[token] += place.log_c
        weights[list(self.shut)] = -np.inf
        return Urn(weights, self.allowed, None, all_known, False)

    def learn(self) -> None:
        """c anew, from what follows."""
        try:
            self.log_c = min(self.log_c, self.urn().log_mass)
        except ValueError:  # an urn with nothing in it
            self.log_c = -math.inf


class Learned:
    """What is known of one (model, prompt, constraint, max_tokens), over all calls."""

    def __init__(self, lm: Any, prompt_ids: list[int], constraint: Any, max_tokens: int) -> None:
        self.asker, self.max_tokens = Asker(constraint, lm.vocab), max_tokens
        tree = tree_of(lm, prompt_ids)
        # Samples come back to any beginning; a tree that only grows at its leaves cannot.
        self.tree = tree if hasattr(tree, "paths") or isinstance(tree, ContextTree) else ContextTree(lm, prompt_ids)
        self.n_bytes = 0
        self.root = self.place(0, self.asker.start, b"", 0)

    def place(self, context: int, state: int, raw: bytes, n_tokens: int) -> Place:
        """A beginning, seen for the first time."""
        row = as_row(self.tree.row(context))
        logp = row - (row.max() + np.log(np.exp((row - row.max()).astype(np.float64)).sum())).astype(row.dtype)
        allowed = np.zeros(self.asker.n_words, np.uint32)
        if n_tokens == self.max_tokens:  # the text must end
            for token in self.asker.eos_ids:
                allowed[token >> 5] |= np.uint32(1 << (token & 31))
            if self.asker.index is not None and not self.asker.index.is_accepting(state):
                allowed[:] = 0
        elif self.asker.index is None:
            allowed[:] = self.asker.any_words
        else:
            self.asker.index.mask_into(state, allowed)
        self.n_bytes += logp.nbytes + allowed.nbytes
        return Place(context, state, raw, logp, allowed)

    def sample(self, stream: Stream, exact: bool) -> tuple[Particle, list[Move]]:
        """One text; what it met is learned.  exact : it dies rather than have a weight other than the others'."""
        one, here, way, moves = Particle(self.asker.start), self.root, [], []
        while not one.is_finished and one.logw > -math.inf:
            way.append(here)
            before = here.log_c
            here.learn()
            if here.log_c == -math.inf:
                one.logw = -math.inf
                break
            step = Rejection(here.urn(not self.asker.tests), stream)
            while step.asking >= 0:
                step.answer(self.asker.ask([(here.state, here.raw, step.asking)])[0])
            here.shut.update(step.rejected)
            token = step.token
            # Weight under p c; divided by the c of what was drawn it is the weight under p.
            one.logw += step.logw - before
            if exact and one.logw > -math.inf:
                one.logw = 0.0 if math.log(stream.uniform()) < one.logw else -math.inf
            spelled = None if token < 0 else self.asker.vocab.tokens[token]
            rejected = tuple(self.asker.vocab.tokens[turned] for turned in step.rejected)
            moves.append(Move(spelled, token in self.asker.eos_ids, one.logw, "recursive", step.n_asked, rejected))
            if one.logw == -math.inf:
                break
            one.logp += float(here.logp[token])
            is_eos = token in self.asker.eos_ids
            one.take(token, spelled or b"", is_eos, self.asker.after(here.state, token))
            if not is_eos:
                here = self.child(here, token, one)
        for place in reversed(way):
            place.learn()
        return one, moves

    def child(self, here: Place, token: int, one: Particle) -> Place:
        """The beginning one token on."""
        found = here.after.get(token)
        if found is None:
            (context,) = self.tree.extend([here.context], [token])
            found = here.after[token] = self.place(context, one.state, one.raw, len(one.tokens))
        return found


_LEARNED: WeakKeyDictionary[Any, WeakKeyDictionary[Any, dict[tuple[Any, ...], Learned]]] = WeakKeyDictionary()


def asap(
    lm: Any,
    prompt: Any,
    constraint: Any,
    *,
    n: int = 1,
    exact: bool = False,
    max_tries: int = 1000,
    max_tokens: int = 256,
    seed: int | None = None,
    fresh: bool = False,
) -> Posterior:
    """Texts drawn one after another, each from what the ones before have taught; calls with the same lm, prompt,
    constraint and max_tokens go on where the last one stopped.

    n     : texts.       exact : independent exact samples: a text is thrown away with the probability that makes it so,
    which teaches as well; at most max_tries are begun.      fresh : forget what was learned.      Others: see smc.
    Returns a Posterior: n particles, properly weighted (exact: those that were kept, of weight 1); log_z is unbiased
    unless exact, where it is the log of what is learned: a bound from above that falls to the truth.
    """
    if n < 1 or max_tries < 1 or max_tokens < 1:
        raise ValueError(f"n, max_tries and max_tokens must be at least 1, got {n}, {max_tries} and {max_tokens}")
    prompt_ids = list(lm.encode(prompt))
    store = _LEARNED.setdefault(lm, WeakKeyDictionary()).setdefault(constraint, {})
    key, chance = (tuple(prompt_ids), max_tokens), Stream(seed)
    trace = Trace(f"{constraint!r}, adaptive")
    kept: list[Particle] = []
    bound, n_rows, n_asked = 0.0, 0, 0
    for number in range(max_tries if exact else n):
        known = store.get(key)
        if known is None or fresh or known.n_bytes > MAX_BYTES:
            known, fresh = Learned(lm, prompt_ids, constraint, max_tokens), False
            store[key] = known
            n_rows += 1
        bound = known.root.log_c
        before = known.tree.n_rows, known.asker.n_asked
        one, moves = known.sample(chance.stream(number), exact)
        n_rows, n_asked = n_rows + known.tree.n_rows - before[0], n_asked + known.asker.n_asked - before[1]
        if not exact:
            one.logw += bound
        trace.steps.extend(Step((move,), 1.0, None, 1) for move in moves)
        if not exact or one.logw > -math.inf:
            one.parse = constraint.parse
            kept.append(one)
        if exact and len(kept) == n:
            break
    log_z = store[key].root.log_c if exact else log_sum([one.logw for one in kept]) - math.log(n)
    trace.texts, trace.logw, trace.log_z = [one.text for one in kept], [one.logw for one in kept], log_z
    return Posterior(kept, log_z, trace, n_rows, n_asked)
