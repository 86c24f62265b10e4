"""Models without weights: the next token's probabilities from a function or a table, for tests and for study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from guided.errors import ModelError
from guided.vocab import Vocabulary

Row = Sequence[float] | npt.NDArray[np.floating]


class TableModel:
    """A Model whose logits are looked up.

    vocab  : the tokens.
    rows   : text so far, as token ids -> V logits (natural log, any normalisation); or a dict from the last token (None
             at the beginning) to them.
    Prompts are lists of token ids, or texts that are cut into the longest tokens from the left.
    n_rows : rows looked up so far.
    """

    def __init__(
        self,
        vocab: Vocabulary,
        rows: Callable[[tuple[int, ...]], Row] | Mapping[int | None, Row],
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        self.vocab, self.rows, self.dtype, self.n_rows = vocab, rows, dtype, 0

    def encode(self, prompt: str | Sequence[int]) -> list[int]:
        """Token ids of a prompt.  Raises ModelError for a text that the tokens cannot spell."""
        if not isinstance(prompt, str):
            return list(prompt)
        rest, ids = prompt.encode(), []
        while rest:
            token, length = self.vocab.trie.longest_prefix(rest)
            if not length:
                raise ModelError(f"no token begins {rest[:20]!r}")
            ids.append(token)
            rest = rest[length:]
        return ids

    encode_text = encode

    def logits(self, context: Sequence[int]) -> npt.NDArray[np.floating]:
        """Logits after a context; float[V]."""
        self.n_rows += 1
        if isinstance(self.rows, Mapping):
            found = self.rows[context[-1] if len(context) else None]
        else:
            found = self.rows(tuple(context))
        return np.asarray(found, self.dtype)

    def logprobs(self, contexts: Sequence[Sequence[int]]) -> npt.NDArray[np.floating]:
        """Natural log-probabilities of the next token, float[n, V]."""
        rows = np.array([self.logits(context) for context in contexts]).reshape(len(contexts), self.vocab.size)
        top = rows.max(axis=-1, keepdims=True)
        result: npt.NDArray[np.floating] = rows - top - np.log(np.exp(rows - top).sum(axis=-1, keepdims=True))
        return result
