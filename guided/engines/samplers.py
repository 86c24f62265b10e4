"""One step of sampling under a test: which estimator to use, and a call for a single step.

Every estimator returns (token, logw) with E[exp(logw) 1{token = x}] = p(x) if x is accepted and 0 if not, for every x.
The estimators themselves are compiled (_fast/reject.pyx); docs/theory/awrs.md derives them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from guided._fast import Rejection, Stream, Urn

# Drawing with replacement needs 1 + 2(1 - p)/p questions on average to see the top token (mass p) twice; drawing
# without replacement never needs fewer than 2.  The first wins when p > 2/3.
WITH_REPLACEMENT_ABOVE = 2 / 3
HEAD = 64  # tokens that are fetched from a GPU first

_ANY_STREAM = Stream(0)

FORMS = ("auto", "awrs", "mask", "recursive", "two-loop", "geometric", "plain")


@dataclass(frozen=True)
class Draw:
    """One step.

    token    : the token, -1 if none was accepted.      logw : its natural log weight, -inf if none was accepted.
    form     : the estimator that was used: "mask" (everything was known), "recursive", "known" (recursive, with part of
               the answers known), "two-loop" or "geometric".
    n_asked  : tokens that were asked about.            rejected : those that were turned away, in order.
    """

    token: int
    logw: float
    form: str
    n_asked: int
    rejected: tuple[int, ...]


@dataclass(frozen=True)
class StepSampler:
    """Which estimator, and how far it goes.

    form        : "auto" takes masks where the language has them and asks where there are none; "awrs" never makes a
                  mask, but uses one that is there; "mask" asks about every token if need be; others name an estimator.
                  "plain" draws once and asks once, whatever is known.
                  "auto" and "awrs" choose: "geometric" where one token has two thirds of the mass, else "recursive".
    depth       : recursive: accepted tokens counted one by one before one more stands for the rest.  More questions,
                  less variance; infinitely many give the mask's weight.
    max_rejects : give up after so many (0: never); the weights stay proper.
    max_accepts : geometric: accepted draws to wait for, at least 2.
    """

    form: str = "auto"
    depth: int = 1
    max_rejects: int = 0
    max_accepts: int = 2

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"sampler must be one of {', '.join(FORMS)}, not {self.form!r}")
        self.begin(Urn(np.zeros(1)), _ANY_STREAM)  # its errors name what is out of range

    def _estimator(self, largest: float) -> str:
        if self.form in ("recursive", "two-loop", "geometric"):
            return self.form
        if self.max_accepts > 2 or (largest >= WITH_REPLACEMENT_ABOVE and self.depth == 1 and self.max_rejects != 1):
            return "geometric"
        return "recursive"

    def _spreads(self, urn: Urn, n: int) -> bool:
        """Whether the estimator for n draws is one that finds several tokens with their weights."""
        return self._estimator(urn.largest) == "recursive" or (n > 1 and self.form in ("auto", "awrs"))

    def begin(self, urn: Urn, stream: Stream) -> tuple[Rejection, str]:
        """A step over this urn, which is used up, and the name of its estimator."""
        if self.form == "plain":
            return Rejection(urn, stream, "recursive", 1, 1), "plain"
        if urn.is_known_whole:
            return Rejection(urn, stream), "mask"
        estimator = self._estimator(urn.largest)
        name = "known" if estimator == "recursive" and urn.log_known > -np.inf else estimator
        return Rejection(urn, stream, estimator, self.depth, self.max_rejects, self.max_accepts), name

    def branches(self, urn: Urn, stream: Stream, n: int) -> list[tuple[Rejection, str]]:
        """Steps over copies of this urn for a particle worth n others: it may go on with several tokens.

        One step that goes on until n tokens are accepted, and keeps all it found; of estimators that know the weight of
        one token only, n steps, each of which stands for an n-th.
        """
        if self.form == "plain" or (not urn.is_known_whole and not self._spreads(urn, n)):
            return [self.begin(urn.fork(), stream) for _ in range(n)]
        name = "mask" if urn.is_known_whole else "known" if urn.log_known > -np.inf else "recursive"
        return [
            (Rejection(urn.fork(), stream, "recursive", max(self.depth, n), self.max_rejects * n, spreads=True), name)
        ]


step_sampler = lru_cache(maxsize=64)(StepSampler)  # loops ask for the same one at every token


def as_row(row: Any) -> Any:
    """Logits as NumPy: a torch tensor of any precision becomes float32."""
    if hasattr(row, "detach"):
        return row.detach().float().cpu().numpy()
    return row


def urn_over(row: Any, allowed: Any = None, known: Any = None, all_known: bool = False) -> Urn:
    """An urn over one row of logits.  Of a row on a GPU only the head is fetched, unless the tail is drawn.

    row : float[V], NumPy or torch, any float type.      allowed, known, all_known : see Urn.
    """
    if getattr(row, "is_cuda", False) and known is None:
        return head_urn(row, allowed, all_known)
    return Urn(as_row(row), allowed, known, all_known)


def head_urn(row: Any, allowed: Any = None, all_known: bool = False, n_head: int = HEAD) -> Urn:
    """An urn of which only the `n_head` most probable tokens and the mass of the others leave the row's device."""
    import torch

    row = row.detach().float()
    log_norm = torch.logsumexp(row.double(), -1)
    if allowed is not None:
        bits = np.unpackbits(np.ascontiguousarray(allowed, "<u4").view(np.uint8), bitorder="little")[: len(row)]
        out = np.ones(len(row), bool)
        out[: len(bits)] = bits == 0
        row = row.masked_fill(torch.from_numpy(out).to(row.device), -torch.inf)
    logits, ids = row.topk(min(n_head, len(row)))
    rest = row.clone()
    rest[ids] = -torch.inf
    found = torch.cat([logits.double(), torch.logsumexp(rest.double(), -1)[None], log_norm[None]]).cpu().numpy()
    if not np.isfinite(found[0]):
        return Urn(as_row(row), None, None, all_known)  # names what is wrong
    return Urn.of_head(
        ids.cpu().numpy(), found[:-2].astype(np.float32), found[-2], found[-1], lambda: row.cpu().numpy(), all_known
    )


def sample_token(
    logits: Any,
    accepts: Callable[[int], bool],
    *,
    stream: Stream | None = None,
    sampler: str = "auto",
    allowed: Any = None,
    known: Any = None,
    depth: int = 1,
    max_rejects: int = 0,
    max_accepts: int = 2,
) -> Draw:
    """One token of a model, under a test that is asked about few tokens; properly weighted.

    logits  : float[V], NumPy or torch, float64, float32, float16 or bfloat16; any normalisation.
    accepts : token -> bool.
    stream  : the only source of chance; default one from the system's entropy.
    sampler, depth, max_rejects, max_accepts : see StepSampler.
    allowed : uint32 words: tokens whose bit is 0 are known to be rejected.
    known   : uint32 words: tokens known to be accepted.
    Raises ModelError for logits that are no distribution.
    """
    plan = step_sampler(sampler, depth, max_rejects, max_accepts)
    stream = Stream() if stream is None else stream
    if plan.form == "mask":
        row = as_row(logits)
        asked = [token for token in range(len(row)) if bit(allowed, token, True) and not bit(known, token, False)]
        open_bits = np.zeros(-(-len(row) // 32) * 32, np.uint8)
        taken = {token for token in asked if accepts(token)}
        open_bits[[token for token in range(len(row)) if token in taken or bit(known, token, False)]] = 1
        step, name = plan.begin(Urn(row, np.packbits(open_bits, bitorder="little").view(np.uint32), None, True), stream)
        rejected = tuple(token for token in asked if token not in taken)
        return Draw(step.token, step.logw, name, len(asked), rejected)
    step, name = plan.begin(urn_over(logits, allowed, known), stream)
    step.run(accepts)
    return Draw(step.token, step.logw, name, step.n_asked, tuple(step.rejected))


def bit(words: Any, token: int, default: bool) -> bool:
    """Bit `token` of a mask; `default` where there is no mask."""
    if words is None:
        return default
    return token >> 5 < len(words) and bool(int(words[token >> 5]) >> (token & 31) & 1)
