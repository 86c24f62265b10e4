"""xgrammar, one thread, its cache of compiled grammars off (each pattern is compiled once)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import xgrammar

from benchmarks.engines.base import Base


class Engine(Base):
    distribution = "xgrammar"

    def load(self, cache: str | None = None) -> None:
        info = xgrammar.TokenizerInfo.from_huggingface(self.tokenizer)
        self.size = info.vocab_size
        self.compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        self.out = xgrammar.allocate_token_bitmask(1, self.size)

    def matcher(self, pattern: str) -> Any:
        return xgrammar.GrammarMatcher(self.compiler.compile_regex(pattern))

    def fill(self, matcher: Any) -> None:
        matcher.fill_next_token_bitmask(self.out)

    def fork(self, matcher: Any) -> Any:
        return matcher.fork()

    def batch(self, matchers: list[Any]) -> Callable[[], None]:
        together = xgrammar.BatchGrammarMatcher(max_threads=1)
        out = xgrammar.allocate_token_bitmask(len(matchers), self.size)
        return lambda: together.batch_fill_next_token_bitmask(matchers, out)

    def json_matcher(self, schema: Any) -> Any:
        """With the white space that json.dumps writes, as in its own benchmarks."""
        grammar = self.compiler.compile_json_schema(json.dumps(schema), any_whitespace=False, strict_mode=True)
        return xgrammar.GrammarMatcher(grammar)

    def commit(self, matcher: Any, token: int) -> bool:
        return bool(matcher.accept_token(token))
