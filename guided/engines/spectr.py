"""spectr(): exact samples of the model from superposed drafts, by K-SEQ speculation.

In every step all k drafts draw their token from the same distribution p, that of the superposed row; so, given all
steps before, they are independent draws from p, and that is all that K-SEQ asks of proposals.
Source: Sun, Suresh, Ro, Beirami, Jain, Yu, "SpecTr: fast speculative decoding via optimal transport",
arXiv:2310.15141, algorithm 3.  Not here: the model's side (models/superposed.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from guided.engines.drafts import Draft, first_stop, shown
from guided.errors import DeadEnd, ModelError
from guided.index import index_for

Probs = npt.NDArray[np.float64]

DRAFT_LENGTH = 4  # tokens drafted for one verification


def acceptance(q: Probs, p: Probs, rho: float) -> float:
    """Probability that one proposal from p is accepted: sum of min(p, q / rho)."""
    return float(np.minimum(p, q / rho).sum())


def best_rho(q: Probs, p: Probs, k: int) -> float:
    """The smallest valid divisor in [1, k]: where 1 - (1 - beta)^k <= rho beta, beta = acceptance(rho).

    Any larger one is exact too, and accepts less.  Found by halving the interval 20 times.
    """

    def is_valid(rho: float) -> bool:
        beta = acceptance(q, p, rho)
        return bool(1 - (1 - beta) ** k <= rho * beta * (1 + 1e-12))

    if k == 1 or is_valid(1.0):
        return 1.0
    low, high = 1.0, float(k)
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if is_valid(middle) else (middle, high)
    return high


def residual(q: Probs, p: Probs, rho: float, k: int) -> Probs:
    """What is drawn from when all k proposals were rejected; sums to 1."""
    beta = acceptance(q, p, rho)
    accepted = np.minimum(p, q / rho) * ((1 - (1 - beta) ** k) / beta if beta > 0 else 0.0)
    rest = np.maximum(q - accepted, 0.0)
    total = rest.sum()
    found: Probs = rest / total if total > 0 else q
    return found


def draw(probs: Probs, chance: Any) -> int:
    """One index, by inverting the distribution function."""
    sums = probs.cumsum()
    return int(min(np.searchsorted(sums, chance.random() * sums[-1], side="right"), np.flatnonzero(probs)[-1]))


def k_seq(q: Probs, p: Probs, proposals: Sequence[int], chance: Any) -> tuple[int, bool]:
    """One token with law q, and whether it is one of the proposals, which are independent draws from p."""
    rho = best_rho(q, p, len(proposals))
    for token in proposals:
        if chance.random() * rho * p[token] < q[token]:
            return token, True
    return draw(residual(q, p, rho, len(proposals)), chance), False


def softmax(logits: Any, temperature: float) -> Probs:
    """Probabilities in float64.  Raises ModelError for logits that are no distribution."""
    scaled = np.asarray(logits, np.float64) / temperature
    top = scaled.max()
    if not np.isfinite(top):
        raise ModelError("the logits are NaN, inf or all -inf, not a distribution. Check the model's weights and dtype")
    weights = np.exp(scaled - top)
    found: Probs = weights / weights.sum()
    return found


def spectr(
    lm: Any,
    prompt_ids: Sequence[int],
    k: int,
    max_tokens: int,
    temperature: float,
    constraint: Any,
    stops: Sequence[bytes],
    chance: Any,
) -> Draft:
    """One text with the law of sampling token by token from the model, under the constraint's masks if there is one.

    k : proposals in every step.      chance : a NumPy generator.
    """
    room = lm.max_length
    if room is not None:
        if len(prompt_ids) >= room:
            raise ModelError(f"the prompt has {len(prompt_ids):,} tokens, the model's context is {room:,} tokens long")
        max_tokens = min(max_tokens, room - len(prompt_ids))
    writer = Target(lm, constraint, temperature)
    session = lm.superposed([list(prompt_ids)])
    draft, text = Draft(parse=getattr(constraint, "parse", None)), b""
    draft.logp = 0.0
    while not draft.finish_reason:
        n_ahead = min(DRAFT_LENGTH, max_tokens - len(draft.tokens) - 1)
        proposals, laws = propose(session, k, n_ahead, temperature, chance)
        logprobs = session.score(0, proposals)
        draft.n_calls += 1
        survivors, new = list(range(k)), []
        for step in range(n_ahead + 1):
            row = np.asarray(logprobs[survivors[0], step], np.float64)
            q = writer.law(row)
            is_accepted = False
            if step == n_ahead:
                token = draw(q, chance)
            else:
                token, is_accepted = k_seq(q, laws[step], [proposals[number][step] for number in survivors], chance)
            new.append(token)
            draft.tokens.append(token)
            draft.logp += float(row[token])
            draft.n_accepted += is_accepted
            text += lm.vocab.tokens[token]
            draft.finish_reason = writer.after(token) or ("length" if len(draft.tokens) >= max_tokens else "")
            at = first_stop(text, stops)
            if at >= 0:
                text, draft.finish_reason = text[:at], "stop_string"
            if draft.finish_reason or not is_accepted:
                break
            survivors = [number for number in survivors if proposals[number][step] == token]
        if not draft.finish_reason:
            session.restart([new])
    draft.text, draft.score = shown(text, draft.finish_reason == "length"), draft.logp
    draft.is_complete = constraint is None or constraint.accepts(text)
    return draft


class Target:
    """The law of the next token: the model's, at a temperature, within what the constraint allows."""

    def __init__(self, lm: Any, constraint: Any, temperature: float) -> None:
        self.vocab, self.temperature = lm.vocab, temperature
        self.index = None if constraint is None else index_for(constraint, lm.vocab)
        self.state = 0 if self.index is None else self.index.start

    def law(self, logprobs: Probs) -> Probs:
        """Probabilities of the next token, float64[V]."""
        if self.index is not None:
            words = np.empty(self.index.n_words, np.uint32)
            self.index.mask_into(self.state, words)
            if not words.any():
                raise DeadEnd("no token may follow: the language cannot go on, or these tokens cannot spell it")
            bits = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")
            allowed = np.zeros(len(logprobs), bool)
            allowed[: len(bits)] = bits[: len(logprobs)]
            logprobs = np.where(allowed, logprobs, -np.inf)
        return softmax(logprobs, self.temperature)

    def after(self, token: int) -> str:
        """Read a token; why the text ends with it, "" if it does not."""
        if token in self.vocab.eos_ids:
            return "eos"
        if self.index is not None:
            self.state = self.index.after(self.state, token)
            return "stop" if self.index.is_final(self.state) else ""
        return ""


def propose(session: Any, k: int, n_ahead: int, temperature: float, chance: Any) -> tuple[list[list[int]], list[Probs]]:
    """k superposed drafts of n_ahead tokens, drawn and not chosen, and the law of each step."""
    proposals: list[list[int]] = [[] for _ in range(k)]
    laws: list[Probs] = []
    for step in range(n_ahead):
        laws.append(softmax(session.rows[0], temperature))
        tokens = [draw(laws[-1], chance) for _ in range(k)]
        for proposal, token in zip(proposals, tokens, strict=True):
            proposal.append(token)
        if step + 1 < n_ahead:
            ids, times = np.unique(np.array(tokens, np.int64), return_counts=True)
            session.feed([[(ids, (times / k).astype(np.float32))]])
    return proposals, laws
