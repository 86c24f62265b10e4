"""outlines-core: it indexes the whole pattern at once, and reads no tokenizer: its vocabulary is made of bytes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import outlines_core

from benchmarks.engines.base import Base, byte_tokens


class Engine(Base):
    distribution = "outlines-core"
    vocabulary_from = "bytes"

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(tokenizer)
        self.tokens = byte_tokens(tokenizer)

    def load(self, cache: str | None = None) -> None:
        ids: dict[bytes, list[int]] = {}
        for token, text in enumerate(self.tokens):
            if text:
                ids.setdefault(text, []).append(token)
        self.vocabulary = outlines_core.Vocabulary(self.tokenizer.eos_token_id, ids)
        self.out = np.zeros((len(self.tokens) + 31) // 32, dtype=np.int32)

    def matcher(self, pattern: str) -> Any:
        return outlines_core.Guide(outlines_core.Index(pattern, self.vocabulary))

    def fill(self, matcher: Any) -> None:
        matcher.write_mask_into(self.out.ctypes.data, self.out.size, self.out.itemsize)

    def fork(self, matcher: Any) -> Any:
        return copy.copy(matcher)

    def batch(self, matchers: list[Any]) -> Callable[[], None]:
        out = np.zeros((len(matchers), self.out.size), dtype=np.int32)

        def fill_all() -> None:
            for row, matcher in zip(out, matchers, strict=True):
                matcher.write_mask_into(row.ctypes.data, row.size, row.itemsize)

        return fill_all
