"""Encoder: bytes -> what the tokenizer writes, with nothing added and no name of a special token recognised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guided.errors import VocabularyError
from guided.vocab.huggingface import backend_of
from guided.vocab.vocabulary import Vocabulary


class Encoder:
    """A tokenizer's own normaliser, pre-tokeniser and model, one after the other; added tokens have no say."""

    def __init__(self, vocab: Vocabulary, tokenizer: Any) -> None:
        self.vocab, self.backend = vocab, backend_of(tokenizer)
        self.has_parts = hasattr(self.backend.model, "tokenize")
        self.tokenizer = tokenizer

    def encode(self, text: bytes) -> list[int]:
        """Token ids of a text.  Raises VocabularyError if the tokens cannot spell it."""
        ids: list[int] = []
        rest = text
        while rest:
            try:
                return ids + self._words(rest.decode())
            except UnicodeDecodeError as error:
                if error.start:
                    ids += self._words(rest[: error.start].decode())
                ids += self._raw(rest[error.start : error.end])
                rest = rest[error.end :]
        return ids

    def _words(self, text: str) -> list[int]:
        if not self.has_parts:
            return list(self.tokenizer.encode(text, add_special_tokens=False))
        backend = self.backend
        if backend.normalizer is not None:
            text = backend.normalizer.normalize_str(text)
        words = (
            [text]
            if backend.pre_tokenizer is None
            else [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(text)]
        )
        return [token.id for word in words for token in backend.model.tokenize(word)]

    def _raw(self, text: bytes) -> list[int]:
        """Bytes that are no UTF-8: the fewest tokens, longest first."""
        ids: list[int] = []
        rest = text
        while rest:
            token, length = self.vocab.trie.longest_prefix(rest)
            if not length:
                raise VocabularyError(f"no token of this vocabulary writes {rest[:8]!r}")
            ids.append(token)
            rest = rest[length:]
        return ids

    def restore(self, tokens: Sequence[int]) -> list[int] | None:
        """What the tokenizer writes for the text of these tokens; None if that is no text of its own (no UTF-8).

        Where the tokenizer puts a space before a text, the first token's space may be that one.
        """
        text = self.vocab.bytes_of(tokens)
        try:
            text.decode()
        except UnicodeDecodeError:
            return None
        written = self.encode(text)
        if self.vocab.fidelity.adds_first_space and text.startswith(b" ") and written != list(tokens):
            written = self.encode(text[1:])
        return written
