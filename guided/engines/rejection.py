"""rejection() and importance(): the two plain ways to sample a whole text, as special cases of smc's particles."""

from __future__ import annotations

import math
from typing import Any

from guided.engines.posterior import Posterior
from guided.engines.samplers import StepSampler
from guided.engines.smc import Run, smc

AT_ONCE = 32  # tries that are written side by side


def rejection(
    lm: Any,
    prompt: Any,
    constraint: Any = None,
    *,
    n: int = 1,
    max_tries: int = 1000,
    max_tokens: int = 256,
    seed: int | None = None,
) -> Posterior:
    """Independent exact samples: whole texts as the model writes them, thrown away at the first misfit.

    n : texts wanted.      max_tries : texts begun at most.      Other arguments: see smc.
    Returns a Posterior with at most n particles of weight 1; log_z is log(texts that fit / tries), -inf if none fits.
    Costs 1 / Z tries a text, Z being the probability of the constraint; nothing is biased, whatever the constraint.
    """
    if n < 1 or max_tries < 1:
        raise ValueError(f"n and max_tries must be at least 1, got {n} and {max_tries}")
    found: list[Any] = []
    n_tries = n_rows = n_asked = 0
    while True:
        size = min(AT_ONCE, max_tries - n_tries)
        plan = StepSampler("plain")
        run = Run(lm, prompt, constraint, (), size, plan, None, max_tokens, "eos", seed, first_stream=n_tries)
        while run.alive:
            run.step(0, "stratified")
        result = run.result()
        n_rows, n_asked = n_rows + result.n_rows, n_asked + result.n_asked
        for one in result.particles:
            n_tries += 1
            if one.logw > -math.inf:
                one.logw = 0.0
                found.append(one)
            if len(found) == n:
                break
        if len(found) == n or n_tries >= max_tries:
            break
    log_z = math.log(len(found) / n_tries) if found else -math.inf
    return Posterior(found or result.particles, log_z, result.trace, n_rows, n_asked)


def importance(lm: Any, prompt: Any, constraint: Any = None, *, n: int = 10, **options: Any) -> Posterior:
    """Importance sampling: n texts drawn under the mask, one token at a time, weighted by the mass that was left out.

    result.sample() resamples one (sample and rerank); result.best is the best of n.  options : of smc.
    """
    if options.keys() & {"ess_threshold", "n_particles", "resampling"}:
        raise TypeError("importance() never resamples, and n is its number of particles")
    return smc(lm, prompt, constraint, n_particles=n, ess_threshold=0, resampling="stratified", **options)
