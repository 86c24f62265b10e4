"""Resampling: which particles go on, each as often as its weight says: n exp(W_i) times on average, in every scheme.

Sources: Douc, Cappé and Moulines, "Comparison of resampling schemes for particle filtering" (2005); for choosing
without copies Fearnhead and Clifford, "On-line inference for hidden Markov models via particle filters" (2003).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SCHEMES = ("stratified", "systematic", "residual", "multinomial")
DISTINCT = "distinct"  # no copies: particles branch into different tokens, and `choose` keeps some of the branches
NEGLIGIBLE = (
    1e-4  # of an even share: a branch that is lighter is not worth a row of the model, even where there is room
)


def log_sum(logw: Any) -> float:
    """log of the sum of exp(logw); -inf, and no warning, if all are -inf or there is none."""
    values = np.asarray(logw, np.float64)
    top = values.max(initial=-np.inf)
    return -np.inf if top == -np.inf else float(top + np.log(np.exp(values - top).sum()))


def effective_size(logw: Any) -> float:
    """1 / sum of the squared normalised weights: between 1 and n; 0 if all weights are 0."""
    values = np.asarray(logw, np.float64)
    total = log_sum(values)
    return 0.0 if total == -np.inf else float(np.exp(2 * total - log_sum(2 * values)))


def resample(logw: Any, scheme: str, stream: Any) -> list[int]:
    """Ancestors of the next particles, ascending.

    logw : float[n], natural log, not all -inf.      scheme : one of SCHEMES.      stream : Stream.
    """
    values = np.asarray(logw, np.float64)
    n, probs = len(values), np.exp(values - log_sum(values))
    if scheme == "residual":
        certain = np.floor(n * probs + 1e-9).astype(int)
        left = n - int(certain.sum())
        rest = np.maximum(n * probs - certain, 0)
        drawn = invert(rest, [stream.uniform() for _ in range(left)]) if left else np.empty(0, int)
        return sorted([*np.repeat(np.arange(n), certain).tolist(), *drawn.tolist()])
    if scheme == "multinomial":
        at = [stream.uniform() for _ in range(n)]
    elif scheme == "systematic":
        shift = stream.uniform()
        at = [(number + shift) / n for number in range(n)]
    else:
        at = [(number + stream.uniform()) / n for number in range(n)]
    return sorted(invert(probs, at).tolist())


def invert(weights: npt.NDArray[np.float64], at: list[float]) -> npt.NDArray[np.int64]:
    """Indices at which the running share of the weights passes each number in (0, 1)."""
    sums = np.cumsum(weights)
    found = np.searchsorted(sums, np.array(at) * sums[-1], side="right")
    result: npt.NDArray[np.int64] = np.minimum(found, np.flatnonzero(weights)[-1])
    return result


def choose(logw: Any, n: int, stream: Any) -> tuple[list[int], list[float]]:
    """At most n different particles out of any number, so that the expected weight of each stays what it was.

    What weighs more than a level c is kept as it is; of the others each is kept with probability weight / c, and then
    weighs c.  With the c at which n are kept, no unbiased choice changes the weights less (in squares).

    logw : float[m], natural log, not all -inf; -inf is never kept.      stream : Stream.
    Returns places, ascending, and the natural log of the probability with which each was kept: subtract it from logw.
    """
    values = np.asarray(logw, np.float64)
    alive = np.flatnonzero(values > -np.inf)
    weights = np.exp(values[alive] - values[alive].max())
    level = NEGLIGIBLE * weights.sum() / n
    if len(alive) > n:
        ordered = np.sort(weights)[::-1]
        rest = np.cumsum(ordered[::-1])[::-1]  # rest[k]: all but the k heaviest
        levels = rest[:n] / (n - np.arange(n))  # c, if the k heaviest are kept for certain
        lighter = np.flatnonzero(ordered[:n] < levels)
        level = max(level, levels[lighter[0]] if len(lighter) else levels[-1])
    odds = np.minimum(weights / level, 1.0)
    # A comb with teeth 1 apart: it meets nobody twice, as no odds exceed 1, and as many as are wanted.
    ends = np.cumsum(np.where(odds < 1, odds, 0.0)) + stream.uniform()
    teeth = np.floor(ends)
    kept = (odds >= 1) | (teeth > np.concatenate([[0.0], teeth[:-1]]))
    return alive[kept].tolist(), np.log(odds[kept]).tolist()
