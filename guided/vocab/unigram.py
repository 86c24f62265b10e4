"""Unigram as states: a word's tokens are the ones of largest score, so the text before decides what may follow.

The best way to write a word goes, up to each of its joints, the best way to write what is before: so tokens begin what
the tokenizer writes exactly if they are what it writes, and the next token must be the last one of the best way to its
end.  No token is longer than the longest, so that way is looked for in a window of that many characters, whose best
scores are kept with the state: the sums are those of the tokenizer, added in the same order, ties included.

The same questions as splits.py answers.  Source: Kudo, arXiv:1804.10959 (the model); the search is as `tokenizers` does
it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SPACE = "▁"
UNKNOWN_PENALTY = 10.0  # an unknown character scores so much less than the least piece
KEPT_ROWS = 4096

Row = npt.NDArray[np.uint8]


class Word(NamedTuple):
    """The word under way: the characters that a coming token may reach back to, and the best score before each.

    tail   : the last characters, fewer than the longest piece has.
    scores : of the best way to each joint: before tail[0], .., after tail[-1]; () at the begin of a text.
    partial: b"": no token ends inside a character.
    """

    tail: str = ""
    scores: tuple[float, ...] = ()
    partial: bytes = b""


class Unigram:
    """model : the JSON of the tokenizer's model.      size : ids in all.      is_text : bool[size].
    adds_first_space : a text begins with a space, whatever it begins with.

    Words are what the pre-tokeniser Metaspace cuts: before every space.
    Raises ValueError, with the reason, for a model that writes by bytes.
    """

    begin = Word()

    def __init__(
        self, model: dict[str, Any], size: int, is_text: npt.NDArray[np.bool_], adds_first_space: bool
    ) -> None:
        if model.get("byte_fallback"):
            raise ValueError("its model is Unigram with byte fallback")
        self.score_of: dict[str, float] = {}
        self.pieces: list[str] = [""] * size
        for token, (piece, score) in enumerate(model["vocab"]):
            self.score_of.setdefault(piece, score)
            if token < size and is_text[token]:
                self.pieces[token] = piece
        self.unknown = model.get("unk_id")
        self.unknown_score = min(self.score_of.values()) - UNKNOWN_PENALTY
        self.longest = max(map(len, self.score_of))
        self.adds_first_space = adds_first_space
        texts = [(piece, token) for token, piece in enumerate(self.pieces) if piece and SPACE not in piece[1:]]
        self._inner = sorted((piece, token) for piece, token in texts if piece[0] != SPACE)
        fresh = Word("", (0.0,))
        self._new = self._reached(fresh, sorted((piece, token) for piece, token in texts if piece[0] == SPACE), size)
        self._bare = np.zeros(size, np.uint8) if adds_first_space else self._reached(fresh, self._inner, size)
        self._rows: OrderedDict[Word, Row] = OrderedDict()

    def _grown(self, text: str, scores: list[float]) -> int:
        """Append the best score after the last character of `text`; returns where the last piece of that way begins.

        scores : before each character of it.  Earlier begins come first, and win where sums are equal.
        """
        end, best, start = len(text), 0.0, -1
        for first in range(max(0, end - self.longest), end):
            score = self.score_of.get(text[first:])
            if score is None:
                if first < end - 1:
                    continue
                score = self.unknown_score
            total = score + scores[first]
            if start < 0 or total > best:
                best, start = total, first
        scores.append(best)
        return start

    def _reached(self, word: Word, pieces: Sequence[tuple[str, int]], size: int) -> Row:
        """uint8[size]: the pieces, in order of text, that are the last of the best way to their end."""
        row, joint = np.zeros(size, np.uint8), len(word.tail)
        scores, before, start = list(word.scores), "", -1
        for piece, token in pieces:
            shared = next((at for at, (a, b) in enumerate(zip(before, piece, strict=False)) if a != b), len(before))
            del scores[joint + 1 + shared :]
            for length in range(shared + 1, len(piece) + 1):
                start = self._grown(word.tail + piece[:length], scores)
            row[token] = start == joint
            before = piece
        return row

    def options(self, word: Word) -> tuple[Row, Row]:
        """For every token: may it go on with the word (uint8[n]), and may it begin one (uint8[n])?"""
        if not word.scores:
            return np.zeros_like(self._new), self._new | self._bare
        row = self._rows.get(word)
        if row is None:
            row = self._rows[word] = self._reached(word, self._inner, len(self.pieces))
            if len(self._rows) > KEPT_ROWS:
                self._rows.popitem(last=False)
        return row, self._new

    def verdict(self, word: Word, token: int) -> tuple[bool, bool]:
        """(may go on with the word, may begin one) of one token."""
        piece = self.pieces[token]
        if not word.scores or not piece or SPACE in piece:
            return False, bool(self._new[token] or (not word.scores and self._bare[token]))
        scores, start = list(word.scores), -1
        for length in range(1, len(piece) + 1):
            start = self._grown(word.tail + piece[:length], scores)
        return start == len(word.tail), False

    def after(self, word: Word, token: int, kind: int) -> Word:
        """The word after a token."""
        piece = self.pieces[token]
        if piece.startswith(SPACE) or not word.scores:
            word = Word("", (0.0,))
        text, scores = word.tail, list(word.scores)
        for character in piece:
            text += character
            self._grown(text, scores)
        kept = self.longest - 1
        return Word(text[max(0, len(text) - kept) :], tuple(scores[-kept - 1 :]))

    def shape(self, word: Word, token: int) -> str | None:
        """Anything but None: the token has text, which may stand after any other."""
        return self.pieces[token] or None

    def may_end(self, word: Word) -> bool:
        """Whether the text may end here: always, as tokens that begin what is written are what is written."""
        return True


class AnyPair:
    """In place of merges: no pair decides anything."""

    def row(self, left: int, out: Row) -> None:
        """All tokens may follow."""
        out[:] = 1

    def valid(self, left: int, right: int) -> bool:
        """Any two may stand side by side."""
        return True
