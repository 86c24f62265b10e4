"""guided, as a user calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

import guided
from benchmarks.engines.base import Base

# Public names are imported on first use; the rivals import all of theirs at once, and imports are not what is measured.
PUBLIC = (guided.Matcher, guided.Vocabulary, guided.fill_masks, guided.regex, guided.json_schema, guided.grammar)


class Engine(Base):
    distribution = "guided"
    order: Literal["any", "schema"] = "any"  # of keys; instances have theirs in any order

    def version(self) -> str:
        return guided.__version__  # of the source tree that is measured, installed or not

    def load(self, cache: str | None = None) -> None:
        self.vocabulary = guided.Vocabulary.from_tokenizer(self.tokenizer, cache=cache)
        self.out = np.zeros((self.vocabulary.size + 31) // 32, dtype=np.uint32)

    def matcher(self, pattern: str) -> Any:
        return guided.Matcher(guided.regex(pattern), self.vocabulary)

    def fill(self, matcher: Any) -> None:
        matcher.mask(self.out)

    def fork(self, matcher: Any) -> Any:
        return matcher.fork()

    def batch(self, matchers: list[Any]) -> Callable[[], None]:
        out = np.zeros((len(matchers), self.out.size), dtype=np.uint32)
        return lambda: guided.fill_masks(matchers, out)

    def json_matcher(self, schema: Any) -> Any:
        return guided.Matcher(guided.json_schema(schema, order=self.order), self.vocabulary)

    def grammar_matcher(self, name: str, text: str) -> Any:
        return guided.Matcher(guided.grammar(name), self.vocabulary)

    def commit(self, matcher: Any, token: int) -> bool:
        if not (int(self.out[token >> 5]) >> (token & 31)) & 1:
            return False
        matcher.advance(token)
        return True
