"""llguidance through its numpy interface, one thread."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import llguidance
import llguidance.hf
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask, fill_next_token_bitmask_par

from benchmarks.engines.base import Base


class Engine(Base):
    distribution = "llguidance"

    def load(self, cache: str | None = None) -> None:
        self.vocabulary = llguidance.hf.from_tokenizer(self.tokenizer)
        self.out = allocate_token_bitmask(1, self.vocabulary.vocab_size)

    def matcher(self, pattern: str) -> Any:
        matcher = llguidance.LLMatcher(self.vocabulary, llguidance.LLMatcher.grammar_from_regex(pattern))
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return matcher

    def fill(self, matcher: Any) -> None:
        fill_next_token_bitmask(matcher, self.out, 0)

    def fork(self, matcher: Any) -> Any:
        return matcher.deep_copy()

    def batch(self, matchers: list[Any]) -> Callable[[], None]:
        executor = llguidance.LLExecutor(num_threads=1)
        out = allocate_token_bitmask(len(matchers), self.vocabulary.vocab_size)
        rows = [(matcher, row) for row, matcher in enumerate(matchers)]
        return lambda: fill_next_token_bitmask_par(executor, rows, out)

    def json_matcher(self, schema: Any) -> Any:
        matcher = llguidance.LLMatcher(self.vocabulary, json.dumps({"grammars": [{"json_schema": schema}]}))
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return matcher

    def grammar_matcher(self, name: str, text: str) -> Any:
        matcher = llguidance.LLMatcher(self.vocabulary, llguidance.LLMatcher.grammar_from_lark(text))
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return matcher

    def commit(self, matcher: Any, token: int) -> bool:
        if not (int(self.out[0, token >> 5]) >> (token & 31)) & 1:
            return False
        matcher.consume_token(token)
        return True
