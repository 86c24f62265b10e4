"""Which token sequences count as ways to write a text: the tokenizer's own (Canonical), or all of them (Every).

A rule answers two questions about a context (some tokens) and the text they stand for: which tokens may come next, and,
where several tokens end at the same byte, which of the contexts they make go on.
Source: arXiv:2410.09303 (cover encodings, validity); arXiv:2506.14123 (validity of pairs).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from guided.errors import ModelError

Flags = npt.NDArray[np.uint8]
REGIMES = 512  # masks kept of contexts in the middle of a pre-token: 4 MB for 8,192 tokens
# One token of each kind that pre-tokenisers tell apart; a mask that agrees on these with the tokenizer is taken as right.
PROBES = [b"a", b" a", b"s", b"1", b"12", b"123", b" 1", b" ", b"  ", b"    ", b"\t", b"\n", b"\n\n", b"\n    ", b"\r\n"]
PROBES += [b".", b" .", b"'", b'"', b"(", b"'s", b"_", b" (", b".\n", b" \n", "é".encode(), "日".encode()]


class Tokens(Protocol):
    """What is asked of guided.vocab.canonical.Canonical, or of what takes its place in a test."""

    exact: bool
    reason: str | None

    def follows(self, left: int | None) -> npt.NDArray[np.bool_]: ...
    def encode(self, text: bytes) -> list[int]: ...


class Canonical:
    """The text as the tokenizer would write it.

    vocab  : the Vocabulary.      tokens : what the tokenizer writes.
    split  : text -> its pre-tokens, as strings; None where nothing is known of them.
    lead   : bytes that the tokenizer puts before every text (SentencePiece's space).
    """

    name = "canonical"

    def __init__(self, vocab: Any, tokens: Tokens, split: Callable[[str], list[str]] | None = None) -> None:
        if not tokens.exact:
            raise ModelError(
                f'exact canonical probabilities need a tokenizer that keeps texts as they are: {tokens.reason}. '
                'Pass encodings="all", which counts every way to write a text in tokens'
            )
        self.vocab, self.tokens, self.split = vocab, tokens, split
        fidelity = getattr(vocab, "fidelity", None)
        self.lead = b" " if fidelity is not None and fidelity.adds_first_space else b""
        self.takes_lead = bool(getattr(tokens, "adds_first_space", False))  # encode() puts the space there itself
        self.whole_characters: dict[bytes, Flags] = {}
        self.regimes: OrderedDict[tuple[int, bytes], Flags] = OrderedDict()
        self.probes = [(piece, ids[0]) for piece in PROBES if (ids := vocab.trie.ids_of(piece))]
        self.cutting = self._cutting()

    # --- what the tokenizer writes -----------------------------------------------------------------------------------

    def encode(self, text: bytes) -> list[int]:
        """Tokens of a text that begins at the very beginning, `lead` included.  Raises ValueError if it has none."""
        return list(self.tokens.encode(text[len(self.lead) :] if self.takes_lead else text))

    def _cutting(self) -> re.Pattern[bytes] | None:
        """Two bytes between which every way to write a text has a boundary: a letter or digit, and a byte after it.

        A pre-token never goes on from a letter or digit over a byte that is neither, and where no token holds such a
        pair either, the text from there on is written the same whatever stands before it.  Checked on one sentence.
        """
        inside, pair = set(), re.compile(rb"[A-Za-z0-9](?=([^A-Za-z0-9]))")
        for piece in self.vocab.tokens:
            inside.update(pair.findall(piece))
        wanted = b" " if self.lead else bytes(byte for byte in range(128) if not bytes([byte]).isalnum())
        after = [re.escape(bytes([byte])) for byte in wanted if bytes([byte]) not in inside]
        if not after:
            return None
        words = [b"the", b" first", b" word", b" and", b" then", b" another"]
        try:
            alone = [self.encode(self.lead + words[0]), *map(self.piece, words[1:])]
            if self.encode(self.lead + b"".join(words)) != [token for ids in alone for token in ids]:
                return None
        except (ValueError, KeyError):
            return None
        return re.compile(rb"[A-Za-z0-9](?=[" + b"".join(after) + rb"])")

    def piece(self, text: bytes) -> list[int]:
        """Tokens of a text from a cut on: it starts with a space that is its own."""
        if self.lead and self.takes_lead:
            return list(self.tokens.encode(text[1:]))
        return list(self.tokens.encode(text))

    def cut_before(self, text: bytes, end: int) -> int:
        """The last place before `end` at which every way to write the text has a boundary; 0 if there is none."""
        if self.cutting is None:
            return 0
        width = 64
        while True:
            found = [match.end() for match in self.cutting.finditer(text, max(0, end - width), end)]
            if found:
                return found[-1]
            if width >= end:
                return 0
            width *= 8

    def last_token(self, text: bytes, end: int) -> int | None:
        """The last token of text[:end] as the tokenizer writes it; None if that ends inside a character or is empty."""
        if end <= 0 or unfinished(text, end):
            return None
        cut = self.cut_before(text, end)
        ids = self.piece(text[cut:end]) if cut else self.encode(text[:end])
        return ids[-1] if ids else None

    def going_on(self, ends: list[tuple[Any, int, Any]], text: bytes, end: int) -> list[tuple[Any, int, Any]]:
        """Of the (context, token, ..) that end here, the one that the tokenizer writes; all inside a character."""
        if not ends or unfinished(text, end):
            return ends
        try:
            last = self.last_token(text, end)
        except ValueError:
            return []
        return [one for one in ends if one[1] == last][:1] if last is not None else []

    # --- what may come next --------------------------------------------------------------------------------------------

    def allowed(self, token: int | None, text: bytes, end: int) -> Flags:
        """uint8[V]: the tokens that may come after the context that ends with `token` at text[:end]."""
        partial = unfinished(text, end)
        flags: Flags = self.tokens.follows(token).view(np.uint8) & self._keeps_characters(partial)
        if token is None or partial or self.split is None:
            return flags
        run = self._running(text, end)
        if run is None or len(run) <= len(self.vocab.tokens[token]):
            return flags
        key = (token, run)
        if key not in self.regimes:
            self.regimes[key] = self._corrected(flags, token, run)
            if len(self.regimes) > REGIMES:
                self.regimes.popitem(last=False)
        return self.regimes[key]

    def _running(self, text: bytes, end: int) -> bytes | None:
        """The last pre-token of text[:end] where its beginning may matter for what follows: not a plain word."""
        start = self.cut_before(text, end)
        try:
            pieces = self.split(text[start:end].decode()) if self.split is not None else []
        except UnicodeDecodeError:
            return None
        if not pieces:
            return None
        last = pieces[-1]
        if last.lstrip(" ").isalpha():
            return None
        return last.encode()

    def _corrected(self, flags: Flags, token: int, run: bytes) -> Flags:
        """The mask after a pre-token in the making: `flags` if the tokenizer agrees, else what it says of each token."""
        try:
            before = list(self.tokens.encode(run))
        except ValueError:
            return flags
        if not before or before[-1] != token:
            return flags

        def writes(piece: bytes, number: int) -> bool:
            try:
                return list(self.tokens.encode(run + piece)) == [*before, number]
            except ValueError:
                return False

        if all(bool(flags[number]) == writes(piece, number) for piece, number in self.probes):
            return flags
        found = np.zeros_like(flags)
        for number, piece in enumerate(self.vocab.tokens):
            if piece:
                found[number] = writes(piece, number) if not unfinished(piece, len(piece)) else flags[number]
        return found & self._keeps_characters(b"")

    def _keeps_characters(self, partial: bytes) -> Flags:
        """uint8[V]: tokens that leave the text a beginning of UTF-8 after these bytes of an unfinished character."""
        key = utf8_state(partial)
        if key not in self.whole_characters:
            flags = [bool(piece) and is_beginning(key + piece) for piece in self.vocab.tokens]
            self.whole_characters[key] = np.array(flags, np.uint8)
        return self.whole_characters[key]

    def decides_alone(self, text: bytes, end: int) -> bool:
        """Whether going_on() knows by itself which tokens may end at text[:end]."""
        return not unfinished(text, end)

    def may_end(self, text: bytes, end: int) -> bool:
        """Whether the text may be over at text[:end]."""
        return not unfinished(text, end)


class Every:
    """Every sequence of tokens that spells the text, whatever the tokenizer would write."""

    name = "all"
    lead = b""

    def __init__(self, vocab: Any) -> None:
        self.vocab = vocab
        flags = np.ones(vocab.size, np.uint8)
        flags[sorted(vocab.special_ids)] = 0
        self.flags = flags

    def allowed(self, token: int | None, text: bytes, end: int) -> Flags:
        """uint8[V]: all but special tokens."""
        return self.flags

    def going_on(self, ends: list[tuple[Any, int, Any]], text: bytes, end: int) -> list[tuple[Any, int, Any]]:
        """All."""
        return ends

    def cut_before(self, text: bytes, end: int) -> int:
        """Tokens may cross any place."""
        return 0

    def decides_alone(self, text: bytes, end: int) -> bool:
        """Special tokens must be kept out."""
        return False

    def may_end(self, text: bytes, end: int) -> bool:
        """A text may be over anywhere."""
        return True


def unfinished(text: bytes, end: int) -> bytes:
    """The bytes at the end of text[:end] that begin a character and do not finish it; b"" if there are none."""
    for length in range(1, min(3, end) + 1):
        byte = text[end - length]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return text[end - length : end] if length < needed else b""
        if byte < 0x80:
            return b""
    return b""


def utf8_state(partial: bytes) -> bytes:
    """A short stand-in for an unfinished character that can be continued in the same ways."""
    if len(partial) < 2:
        return partial
    needed = 2 if partial[0] < 0xE0 else 3 if partial[0] < 0xF0 else 4
    return {1: b"\xc3", 2: b"\xe1"}[needed - len(partial)]


def is_beginning(text: bytes) -> bool:
    """Whether some UTF-8 text begins with these bytes."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def check_text(text: bytes) -> None:
    """Raises ModelError, naming the place, for bytes that begin no UTF-8 text."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            raise ModelError(
                f"byte {error.start} of the text, {text[error.start : error.start + 4]!r}, is no UTF-8 ({error.reason}): no "
                'tokenizer writes it, so canonical probabilities do not exist. Pass encodings="all"'
            ) from None


def longest_common(sequences: Sequence[Sequence[int]]) -> int:
    """How many first items all sequences share."""
    shortest, longest = min(sequences), max(sequences)
    for number, (one, other) in enumerate(zip(shortest, longest, strict=False)):
        if one != other:
            return number
    return min(len(shortest), len(longest))
