"""What a tokenizer writes, asked of the tokenizer itself, pair by pair: the slow twin of guided/vocab/canonical.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


class SlowCanonical:
    """encode : bytes -> token ids; raises ValueError for bytes that it cannot read."""

    exact, reason = True, None

    def __init__(self, tokens: Sequence[bytes], encode: Callable[[bytes], list[int]]) -> None:
        self.tokens, self.encode = tokens, encode
        self.known: dict[tuple[int, ...], np.ndarray] = {}

    def writes(self, ids: Sequence[int]) -> bool:
        """Whether these tokens are what the tokenizer writes for their own text."""
        try:
            return list(self.encode(b"".join(self.tokens[token] for token in ids))) == list(ids)
        except ValueError:
            return False

    def follows_in(self, context: Sequence[int]) -> np.ndarray:
        """bool[V]: tokens that may come after these, by encoding everything anew."""
        key = tuple(context)
        if key not in self.known:
            flags = [bool(piece) and self.writes([*key, token]) for token, piece in enumerate(self.tokens)]
            self.known[key] = np.array(flags)
        return self.known[key]

    def follows(self, left: int | None) -> np.ndarray:
        return self.follows_in(() if left is None else (left,))

    def pair(self, left: int, right: int) -> bool:
        return self.writes([left, right])
