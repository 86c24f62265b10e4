"""Vocabulary: token id -> bytes, the ids that never stand for text, and the trie over them.

Not here: how a tokenizer's token becomes bytes (detokenize.py), reading a tokenizer object (huggingface.py),
files (cache.py).
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

from guided._fast import Trie
from guided.errors import VocabularyError
from guided.vocab.tokens import TokenBytes


class Vocabulary:
    """Token id -> bytes.

    tokens : the bytes of every token by id; b"" where an id never stands for text.  Several ids may share bytes.
    eos_ids : ids that end a text.  Their bytes are dropped: an EOS never matches text.
    size : ids in all, that is bits of a mask; a model's logits are often padded above len(tokens), and the ids up
        there are b"" (never allowed).  Default len(tokens).
    special_ids : further ids that never match text; their bytes are dropped as well.
    notes : what is not exact about these bytes, one sentence each; empty for most tokenizers.
    is_reversible : whether the bytes of `encode(text)` always give `text` back (see from_tokenizer).
    Raises VocabularyError for a token that is not bytes, an id out of range, no token with text at all.
    """

    def __init__(
        self,
        tokens: Iterable[bytes],
        eos_ids: Collection[int] = (),
        size: int | None = None,
        *,
        special_ids: Collection[int] = (),
        notes: Sequence[str] = (),
        is_reversible: bool = True,
    ) -> None:
        pieces = list(tokens)
        whole = len(pieces) if size is None else _whole_number(size, "size")
        eos, special = check_ids(eos_ids, whole, "EOS"), check_ids(special_ids, whole, "special")
        for token in eos | special:
            if token < len(pieces):
                pieces[token] = b""
        self._assign(Trie(pieces, whole), eos, special, notes, is_reversible)

    @classmethod
    def from_trie(
        cls,
        trie: Trie,
        eos_ids: Collection[int] = (),
        *,
        special_ids: Collection[int] = (),
        notes: Sequence[str] = (),
        is_reversible: bool = True,
    ) -> Vocabulary:
        """The vocabulary whose trie is ready; EOS and special ids must be b"" in it.  Raises as Vocabulary does."""
        eos, special = check_ids(eos_ids, trie.n_tokens, "EOS"), check_ids(special_ids, trie.n_tokens, "special")
        for token in sorted(eos | special):
            if trie.token_bytes(token):
                raise VocabularyError(f"an EOS or special id has text {trie.token_bytes(token)!r}", token)
        vocab = cls.__new__(cls)
        vocab._assign(trie, eos, special, notes, is_reversible)
        return vocab

    def _assign(
        self, trie: Trie, eos: frozenset[int], special: frozenset[int], notes: Sequence[str], is_reversible: bool
    ) -> None:
        if trie.n_nodes == 1:
            raise VocabularyError(f"none of the {trie.n_tokens:,} tokens stands for text")
        self.trie = trie
        self.tokens = TokenBytes(trie)
        self.eos_ids = eos
        self.special_ids = special | eos
        self.size = trie.n_tokens
        self.notes = tuple(notes)
        self.is_reversible = is_reversible

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"Vocabulary({self.size:,} ids, {self.trie.n_ordered:,} with text, eos_ids={sorted(self.eos_ids)})"

    def bytes_of(self, ids: Iterable[int]) -> bytes:
        """The text that a run of tokens stands for.  Raises VocabularyError for an id out of range."""
        try:
            return b"".join(map(self.trie.token_bytes, ids))
        except (IndexError, OverflowError, TypeError) as error:
            raise VocabularyError(f"{error}; ids of this vocabulary are 0..{self.size - 1}") from None

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits that name the content: equal exactly if tokens, size and EOS ids are."""
        content = hashlib.blake2b(digest_size=16)
        content.update(f"guided vocabulary 1: {self.size} {sorted(self.eos_ids)}\n".encode())
        content.update(self.trie.lengths().tobytes())
        content.update(self.trie.blob)
        return content.hexdigest()

    @cached_property
    def missing_bytes(self) -> bytes:
        """The bytes that no token writes alone, ascending.

        Where this is empty every text has a tokenisation, so a state from which the language can go on always has
        an allowed token; otherwise a constraint may reach a text that these tokens cannot finish.
        """
        return bytes(byte for byte in range(256) if not self.trie.ids_of(bytes([byte])))


def check_ids(ids: Collection[int], size: int, kind: str) -> frozenset[int]:
    """`ids` as a set of plain integers.  Raises VocabularyError where one is not in 0..size - 1."""
    found = frozenset(_whole_number(token, f"{kind} id") for token in ids)
    for token in found:
        if not 0 <= token < size:
            raise VocabularyError(f"the {kind} id {token} is out of range: this vocabulary has {size:,} ids", token)
    return found


def _whole_number(value: object, what: str) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise VocabularyError(f"{what} must be an integer, not {value!r}") from None
