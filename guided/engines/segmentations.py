"""Which token sequences count as ways to write a text: the tokenizer's own (Canonical), or all of them (Every).

A rule gives every context (some tokens) a state, and says which tokens may come next in a state and whether the text
may end there.  It also knows places in a text at which all ways to write it have a boundary: what is before can be read
in one pass.
Source: arXiv:2410.09303 (cover encodings, validity); arXiv:2506.14123 (validity of pairs).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from guided.errors import ModelError

DEAD = -1


class Writing(Protocol):
    """What is asked of guided.vocab.canonical.Canonical, or of what takes its place in a test."""

    exact: bool
    reason: str | None
    start: Any

    def allowed(self, state: Any, /) -> npt.NDArray[np.bool_]: ...
    def after(self, state: Any, token: int, /) -> Any: ...
    def ends(self, state: Any, /) -> bool: ...
    def encode(self, text: bytes, /) -> list[int]: ...


class Canonical:
    """The text as the tokenizer would write it.

    vocab  : the Vocabulary.      written : the tokenizer's sequences, as states.
    lead   : bytes that the tokenizer puts before every text (SentencePiece's space).
    """

    name = "canonical"

    def __init__(self, vocab: Any, written: Writing) -> None:
        if not written.exact:
            raise ModelError(
                f"exact canonical probabilities need a tokenizer whose tokens are known exactly: {written.reason}. "
                'Pass encodings="all", which counts every way to write a text in tokens'
            )
        self.vocab, self.written, self.start = vocab, written, written.start
        fidelity = getattr(vocab, "fidelity", None)
        self.lead = b" " if fidelity is not None and fidelity.adds_first_space else b""
        self.cutting = self._cutting()
        self.allowed, self.after, self.may_end = written.allowed, written.after, written.ends

    def encode(self, text: bytes) -> list[int]:
        """Tokens of a text from its beginning, or from a cut; with `lead`, the text starts with a space, its own."""
        return list(self.written.encode(text[len(self.lead) :]))

    def state_of(self, tokens: Sequence[int]) -> Any:
        """The state after tokens from the beginning of a text; DEAD if the tokenizer never writes them."""
        state = self.start
        for token in tokens:
            state = self.after(state, token)
            if state == DEAD:
                break
        return state

    def _cutting(self) -> re.Pattern[bytes] | None:
        """Two bytes between which every way to write a text has a boundary: a letter or digit, and a byte after it.

        A pre-token never goes on from a letter or digit over a byte that is neither, and where no token holds such a
        pair either, the text from there on is written the same whatever stands before it.  Checked on one sentence.
        """
        inside, pair = set(), re.compile(rb"[A-Za-z0-9](?=([^A-Za-z0-9]))", re.DOTALL)
        for piece in self.vocab.tokens:
            inside.update(pair.findall(piece))
        wanted = b" " if self.lead else bytes(byte for byte in range(128) if not bytes([byte]).isalnum())
        after = [re.escape(bytes([byte])) for byte in wanted if bytes([byte]) not in inside]
        if not after:
            return None
        words = [self.lead + b"the", b" first", b" word", b" and", b" then", b" another"]
        try:
            if self.encode(b"".join(words)) != [token for word in words for token in self.encode(word)]:
                return None
        except ValueError:
            return None
        return re.compile(rb"[A-Za-z0-9](?=[" + b"".join(after) + rb"])")

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

    def check(self, text: bytes) -> None:
        """Raises ModelError, naming the place, for bytes that begin no UTF-8 text."""
        try:
            text.decode()
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                shown = text[error.start : error.start + 4]
                raise ModelError(
                    f"byte {error.start} of the text, {shown!r}, is no UTF-8 ({error.reason}): no tokenizer writes it, "
                    'so canonical probabilities do not exist. Pass encodings="all"'
                ) from None


class Every:
    """Every sequence of tokens that spells the text, whatever the tokenizer would write."""

    name, lead, start = "all", b"", 0

    def __init__(self, vocab: Any) -> None:
        self.vocab = vocab
        self.flags = np.ones(vocab.size, np.bool_)

    def allowed(self, state: Any) -> npt.NDArray[np.bool_]:
        """bool[V]: all; tokens without text have no mass anyway."""
        return self.flags

    def after(self, state: Any, token: int) -> Any:
        """There is one state."""
        return state

    def may_end(self, state: Any) -> bool:
        """A text may be over anywhere."""
        return True

    def cut_before(self, text: bytes, end: int) -> int:
        """Tokens may meet or cross anywhere."""
        return 0

    def check(self, text: bytes) -> None:
        """All bytes can be read."""
