"""One step of sampling for a batch: which token, how probable it was, and how much the constraint took away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from guided.errors import DeadEnd, ModelError
from guided.integrations.masks import apply_mask

Warper = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass
class Draw:
    """The tokens of one step, one entry per row.

    token   : chosen ids.
    logp    : natural log of their probability under the model as it is.
    logq    : natural log of the probability with which they were drawn; 0 where greedy.
    log_z   : natural log of the mass that the constraint left, under the model as it is.
    """

    token: list[int]
    logp: list[float]
    logq: list[float]
    log_z: list[float]


class Sampler:
    """Draws tokens from masked logits.

    before, after : warpers of transformers to run before and after the mask.      is_greedy : take the most probable.
    """

    def __init__(self, before: Sequence[Warper] = (), after: Sequence[Warper] = (), is_greedy: bool = False) -> None:
        self.before, self.after, self.is_greedy = list(before), list(after), is_greedy

    @torch.no_grad()
    def draw(
        self, logits: torch.Tensor, masks: Any, histories: Sequence[Sequence[int]], uniforms: Sequence[float]
    ) -> Draw:
        """One token per row.

        logits    : float32[R, V].      masks : uint32[R, n_words].
        histories : prompt and text so far, for repetition penalties; only read if there are warpers before the mask.
        uniforms  : one number in [0, 1) per row; the only source of chance.
        Raises ModelError for logits that are no distribution, DeadEnd if a mask is empty, both naming the row.
        """
        logprobs = torch.log_softmax(logits, -1)
        masked = logprobs.clone()
        apply_mask(masked, masks)
        log_z = torch.logsumexp(masked, -1)
        if not bool(torch.isfinite(log_z).all()):
            self._explain(logits, masks, log_z)
        scores = masked
        if self.before or self.after:
            ids = self._ids(histories, logits.device)
            scores = logits.clone()
            for warper in self.before:
                scores = warper(ids, scores)
            if self.before:
                apply_mask(scores, masks)
            else:
                scores = masked
            for warper in self.after:
                scores = warper(ids, scores)
        if self.is_greedy:
            tokens = scores.argmax(-1)
            logq = torch.zeros(len(tokens))
        else:
            tokens, logq = inverse_cdf(scores, uniforms)
        logp = logprobs.gather(1, tokens[:, None])[:, 0]
        return Draw(tokens.tolist(), logp.tolist(), logq.tolist(), log_z.tolist())

    @staticmethod
    def _ids(histories: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
        """int64[R, T]: short rows repeat their first token on the left, so that no penalty meets a foreign one."""
        length = max(len(row) for row in histories)
        return torch.tensor([[row[0]] * (length - len(row)) + list(row) for row in histories], device=device)

    @staticmethod
    def _explain(logits: torch.Tensor, masks: Any, log_z: torch.Tensor) -> None:
        row = int((~torch.isfinite(log_z)).nonzero()[0])
        if not masks[row].any():
            raise DeadEnd(f"row {row}: no token may follow. The language cannot go on, or these tokens cannot spell it")
        if bool(torch.isfinite(logits[row]).any()) and not bool(
            torch.isnan(logits[row]).any() | torch.isposinf(logits[row]).any()
        ):
            raise ModelError(f"row {row}: the model gives every token that is allowed here the probability 0")
        raise ModelError(
            f"row {row}: the logits are NaN, inf or all -inf, not a distribution. Check the model's weights and dtype"
        )


def inverse_cdf(scores: torch.Tensor, uniforms: Sequence[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw from softmax(scores) by inverting its distribution function.

    scores : float[R, V], -inf for what cannot be drawn.      uniforms : R numbers in [0, 1).
    Returns (int64[R] tokens, float64[R] natural log of their probability).
    One number per row, so that a row's draws do not depend on the batch it is in.  float64: over 128,000 tokens the
    sums of float32 are off by 1e-4, which would make rare tokens unreachable.
    """
    probs = torch.softmax(scores.double(), -1)
    sums = probs.cumsum(-1)
    at = torch.tensor(uniforms, dtype=torch.float64, device=scores.device)[:, None] * sums[:, -1:]
    tokens = torch.searchsorted(sums, at, right=True).clamp_(max=scores.shape[-1] - 1)
    chosen = probs.gather(1, tokens)
    if bool((chosen == 0).any()):  # rounding put `at` on the total: take the last token that has any probability
        last = scores.shape[-1] - 1 - (probs.flip(-1) > 0).int().argmax(-1, keepdim=True)
        tokens = torch.where(chosen == 0, last, tokens)
        chosen = probs.gather(1, tokens)
    return tokens[:, 0], chosen[:, 0].log()
