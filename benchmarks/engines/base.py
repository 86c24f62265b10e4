"""What the measuring process asks of an engine, and the bytes of a byte-level tokenizer for those that want them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.metadata import version
from typing import Any


class Base(ABC):
    """An engine on one vocabulary.  Masks go to a buffer that the engine allocates once."""

    distribution: str  # its name on the package index
    vocabulary_from = "tokenizer"  # or "bytes": built from ready-made bytes, whose making is not timed

    def __init__(self, tokenizer: Any) -> None:
        """Keep what `load` needs; nothing is timed here."""
        self.tokenizer = tokenizer

    @abstractmethod
    def load(self, cache: str | None = None) -> None:
        """Build the vocabulary; `cache` is a folder, for engines that can keep it on disk."""

    @abstractmethod
    def matcher(self, pattern: str) -> Any:
        """Compile `pattern` and stand at its beginning."""

    @abstractmethod
    def fill(self, matcher: Any) -> None:
        """Write the mask of `matcher`: one call, as a user would make it."""

    @abstractmethod
    def fork(self, matcher: Any) -> Any:
        """Another matcher in the same state."""

    @abstractmethod
    def batch(self, matchers: list[Any]) -> Callable[[], None]:
        """A call that writes one mask for each of `matchers`, on one thread."""

    def json_matcher(self, schema: Any) -> Any:
        """Compile a JSON Schema and stand at its beginning."""
        raise NotImplementedError

    def grammar_matcher(self, name: str, text: str) -> Any:
        """Compile a Lark grammar, a file of grammars/ by its name and text, and stand at its beginning."""
        raise NotImplementedError

    def commit(self, matcher: Any, token: int) -> bool:
        """Read one token if the mask that was filled last allows it; whether it did."""
        raise NotImplementedError

    def version(self) -> str:
        return version(self.distribution)


def byte_tokens(tokenizer: Any) -> list[bytes]:
    """The bytes of every id of a byte-level tokenizer; b"" for special ids.

    Such tokenizers write a byte that is a printable Latin-1 character as itself, and the n-th other byte as U+0100 + n.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    tokens = [b""] * len(tokenizer)
    for text, token in tokenizer.get_vocab().items():
        if token not in special:
            tokens[token] = bytes(letters[letter] for letter in text)
    return tokens
