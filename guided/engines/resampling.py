"""Resampling: which particles go on, each as often as its weight says: n exp(W_i) times on average, in every scheme.

Source: Douc, Cappé and Moulines, "Comparison of resampling schemes for particle filtering" (2005).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SCHEMES = ("stratified", "systematic", "residual", "multinomial")


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
