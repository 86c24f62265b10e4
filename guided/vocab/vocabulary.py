"""Vocabulary: token id -> bytes, the ids that never stand for text, and the trie over them.

Not here: how a tokenizer's token becomes bytes (detokenize.py), reading a tokenizer object (huggingface.py),
keeping the result (cache.py).
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import cached_property
from os import PathLike
from typing import Any

from guided._fast import Trie
from guided.errors import VocabularyError
from guided.vocab.cache import Store, recall
from guided.vocab.fidelity import Fidelity
from guided.vocab.huggingface import AddedTokens, check_decoding, read_tokenizer
from guided.vocab.tokens import TokenBytes

# The bytes that occur in UTF-8: C0 and C1 would be overlong, F5 and above lie beyond U+10FFFF.
UTF8_BYTES = frozenset(range(0xF5)) - {0xC0, 0xC1}


class Vocabulary:
    """Token id -> bytes.

    tokens : the bytes of every token by id; b"" where an id never stands for text.  Several ids may share bytes.
    eos_ids : ids that end a text.  Their bytes are dropped: an EOS never matches text.
    size : ids in all, that is bits of a mask; a model's logits are often padded above len(tokens), and the ids up
        there are b"" (never allowed).  Default len(tokens).
    special_ids : further ids that never match text; their bytes are dropped as well.
    fidelity : what the bytes do not say, see Fidelity; also .notes and .is_reversible.
    Raises VocabularyError for a token that is not bytes, an id out of range, no token with text at all.
    """

    def __init__(
        self,
        tokens: Iterable[bytes],
        eos_ids: Collection[int] | int = (),
        size: int | None = None,
        *,
        special_ids: Collection[int] | int = (),
        fidelity: Fidelity = Fidelity(),  # noqa: B008  frozen
    ) -> None:
        pieces = list(tokens)
        whole = len(pieces) if size is None else _whole_number(size, "size")
        eos, special = check_ids(eos_ids, whole, "EOS"), check_ids(special_ids, whole, "special")
        for token in eos | special:
            if token < len(pieces):
                pieces[token] = b""
        self._assign(Trie(pieces, whole), eos, special, fidelity)

    @classmethod
    def from_tokenizer(
        cls,
        tokenizer: Any,
        *,
        size: int | None = None,
        eos_ids: Collection[int] | int | None = None,
        added_tokens: AddedTokens = "never",
        cache: bool | str | PathLike[str] | None = None,
    ) -> Vocabulary:
        """The vocabulary of a Hugging Face tokenizer: `transformers`, or a bare `tokenizers.Tokenizer`.

        size : ids of the model, that is its logits (`model.config.vocab_size`); default the tokenizer's ids.
        eos_ids : what ends a text, for a generation config that names several; default the tokenizer's own EOS.
        added_tokens : tokens added to a tokenizer are matched before its model runs.  "never": they match no text,
            as special ones; "spaces": those that are white space only stand for it (Gemma's "\\n", Phi's runs of
            spaces, which these models write all the time); "text": all that are not special stand for their content.
        cache : the result is always kept with the tokenizer object, until its tokens change.  True keeps it on disk
            too, in `$XDG_CACHE_HOME/guided` (`~/.cache/guided`); a path keeps it there.  False keeps nothing.

        The bytes are those that a token stands for in the middle of a text.  SentencePiece's "▁the" is b" the" and
        WordPiece's "the" is b" the", "##re" b"re": generation continues a prompt, where the space is real.  Where
        `decode` drops it at the start of a text (`fidelity.drops_first_space`), "the" alone is written by pieces
        without "▁" or with "##".  Lossy tokenizers (BERT lower-cases) give the text that `decode` gives; their
        `is_reversible` is False and `notes` say why.
        Raises VocabularyError where the bytes cannot be known: CTC, decoders in Python, slow tokenizers that
        transformers cannot convert, a `decode` that contradicts its own decoder.
        """
        whole = None if size is None else _whole_number(size, "size")
        eos = None if eos_ids is None else frozenset(_whole_numbers(eos_ids, "EOS id"))
        store = Store(tokenizer, added_tokens, cache)
        return recall(store, (whole, eos), lambda: cls._from_store(store, whole, eos))

    @classmethod
    def _from_store(cls, store: Store, size: int | None, eos_ids: frozenset[int] | None) -> Vocabulary:
        """Read the tokenizer, or the file that remembers it, and lay the trie."""
        reading = store.load()
        is_fresh = reading is None
        reading = reading or read_tokenizer(store.tokenizer, store.added_tokens)
        whole = len(reading.lengths) if size is None else size
        if any(reading.lengths[whole:]):
            raise VocabularyError(
                f"size {whole:,} cuts off tokens with text: the tokenizer has {len(reading.lengths):,} ids. "
                "Pass the number of the model's logits, or leave size out"
            )
        trie = Trie.from_blob(reading.blob, reading.lengths[:whole], whole)
        if is_fresh:
            check_decoding(store.tokenizer, trie, reading)
            store.save(reading)
        eos = check_ids(reading.eos_ids if eos_ids is None else eos_ids, whole, "EOS")
        if any(map(trie.token_bytes, eos)):  # a piece of text that is an EOS by itself, as "\n" in some configurations
            trie = Trie([b"" if token in eos else piece for token, piece in enumerate(TokenBytes(trie))])
        vocab = cls.__new__(cls)
        vocab._assign(trie, eos, frozenset(t for t in reading.special_ids if t < whole), reading.fidelity)
        missing = UTF8_BYTES.intersection(vocab.missing_bytes)
        if missing:
            note = f"{len(missing)} of the {len(UTF8_BYTES)} bytes of UTF-8 are no token: some texts cannot be written"
            vocab.fidelity = replace(vocab.fidelity, notes=(*vocab.notes, note), is_reversible=False)
        return vocab

    def _assign(self, trie: Trie, eos: frozenset[int], special: frozenset[int], fidelity: Fidelity) -> None:
        if trie.n_nodes == 1:
            raise VocabularyError(f"none of the {trie.n_tokens:,} tokens stands for text")
        self.trie = trie
        self.tokens = TokenBytes(trie)
        self.eos_ids = eos
        self.special_ids = special | eos
        self.size = trie.n_tokens
        self.fingerprint = self._fingerprint()  # 1 ms here, and not in somebody's first mask
        self.fidelity = fidelity

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not exact about these bytes, one sentence each."""
        return self.fidelity.notes

    @property
    def is_reversible(self) -> bool:
        """Whether the bytes of `encode(text)` give `text` back; see Fidelity."""
        return self.fidelity.is_reversible

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

    def _fingerprint(self) -> str:
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


def check_ids(ids: Collection[int] | int, size: int, kind: str) -> frozenset[int]:
    """`ids` as a set of plain integers.  Raises VocabularyError where one is not in 0..size - 1."""
    found = frozenset(_whole_numbers(ids, f"{kind} id"))
    for token in found:
        if not 0 <= token < size:
            raise VocabularyError(f"the {kind} id {token} is out of range: this vocabulary has {size:,} ids", token)
    return found


def _whole_numbers(values: Collection[int] | int, what: str) -> list[int]:
    return [_whole_number(value, what) for value in (values if isinstance(values, Iterable) else [values])]


def _whole_number(value: object, what: str) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise VocabularyError(f"{what} must be an integer, not {value!r}") from None
