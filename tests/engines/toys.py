"""Small models with a brute-force answer: every text up to a length, with its probability."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from guided.models.toy import TableModel
from guided.vocab import Vocabulary

TOKENS = [b"a", b"b", b"ab", b"c", b""]
EOS = 4


def toy(scale: float = 1.5, eos: float = 0.5) -> TableModel:
    """Four tokens, two of which spell "ab" in two ways, and EOS; logits from the last two tokens, fixed for good."""

    def row(context):
        rng = np.random.default_rng(zlib.crc32(bytes(context[-2:])))
        logits = rng.normal(size=len(TOKENS)) * scale
        logits[EOS] += eos
        return logits

    return TableModel(Vocabulary(TOKENS, {EOS}), row)


def all_texts(lm: TableModel, max_tokens: int, prompt=()) -> Iterator[tuple[tuple[int, ...], str, float]]:
    """(tokens with EOS, text, probability) of every text of at most max_tokens tokens."""
    stack = [((), b"", 1.0)]
    while stack:
        tokens, text, prob = stack.pop()
        probs = np.exp(lm.logprobs([(*prompt, *tokens)])[0])
        yield (*tokens, EOS), text.decode(), prob * probs[EOS]
        if len(tokens) < max_tokens:
            for token in range(EOS):
                stack.append(((*tokens, token), text + TOKENS[token], prob * probs[token]))


def posterior(lm: TableModel, max_tokens: int, weight: Callable[[str], float]) -> tuple[float, dict[str, float]]:
    """(Z, text -> probability) of p(text) weight(text)."""
    found: dict[str, float] = {}
    for _, text, prob in all_texts(lm, max_tokens):
        if weight(text) > 0:
            found[text] = found.get(text, 0.0) + prob * weight(text)
    z = math.fsum(found.values())
    return z, {text: prob / z for text, prob in found.items()}
