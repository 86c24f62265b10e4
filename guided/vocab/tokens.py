"""The bytes of every token as a sequence, read from the trie when asked: 128,000 bytes objects would cost 5 MB more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from guided._fast import Trie


class TokenBytes(Sequence[bytes]):
    """tokens[t]: the bytes of token t, b"" where an id never stands for text.  Equal to any sequence of the same."""

    __slots__ = ("_trie",)

    def __init__(self, trie: Trie) -> None:
        self._trie = trie

    def __len__(self) -> int:
        return self._trie.n_tokens

    @overload
    def __getitem__(self, token: int) -> bytes: ...
    @overload
    def __getitem__(self, token: slice) -> list[bytes]: ...
    def __getitem__(self, token: int | slice) -> bytes | list[bytes]:
        if isinstance(token, slice):
            return [self._trie.token_bytes(t) for t in range(*token.indices(len(self)))]
        return self._trie.token_bytes(token if token >= 0 else token + len(self))

    def __iter__(self) -> Iterator[bytes]:
        return map(self._trie.token_bytes, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:4]))
        return f"<{len(self):,} tokens: {shown}{', ...' if len(self) > 4 else ''}>"
