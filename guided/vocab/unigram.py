"""Unigram as states: a word's tokens are the ones of largest score, so the text before decides what may follow.

The best way to write a word goes, up to each of its joints, the best way to write what is before: so tokens begin what
the tokenizer writes exactly if they are what it writes, and the next token must be the last one of the best way to its
end.  No token is longer than the longest, so that way is looked for in a window of that many characters, whose best
scores are kept with the state: the sums are those of the tokenizer, added in the same order, ties included.

The same questions as splits.py answers.  Source: Kudo, arXiv:1804.10959 (the model); the search is as `tokenizers` does
it.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SPACE = "▁"
UNKNOWN_PENALTY = 10.0  # an unknown character scores so much less than the least piece
KEPT_ROWS = 1024
MARGIN = 1e-6  # sums that differ by less are added up in the tokenizer's order

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
        self._inner = Beginnings([one for one in texts if one[0][0] != SPACE], self.score_of, self.unknown_score)
        self._all = sorted(self.score_of)
        fresh = Word("", (0.0,))
        self._new, self._bare = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
        for piece, token in texts:
            row = self._new if piece[0] == SPACE else self._bare
            row[token] = (piece[0] == SPACE or not adds_first_space) and self._goes_on(fresh, piece)
        self._rows: OrderedDict[Word, Row] = OrderedDict()

    # --- best ways ---------------------------------------------------------------------------------------------------

    def _ways(self, text: str, scores: list[float]) -> Iterator[tuple[int, float]]:
        """(begin, sum) of the ways to the end of a text, by where their last piece begins.

        scores : of the best way to each place before.
        """
        end = len(text)
        for first in range(max(0, end - self.longest), end):
            score = self.score_of.get(text[first:])
            if score is not None:
                yield first, score + scores[first]
            elif first == end - 1:
                yield first, self.unknown_score + scores[first]

    def _grown(self, text: str, scores: list[float]) -> int:
        """Append the best score after the last character of `text`; returns where the last piece of that way begins.

        Earlier begins come first, and win where sums are equal.
        """
        best, start = 0.0, -1
        for first, total in self._ways(text, scores):
            if start < 0 or total > best:
                best, start = total, first
        scores.append(best)
        return start

    def _goes_on(self, word: Word, piece: str) -> bool:
        """Whether a piece is the last one of the best way to its end."""
        scores, start = list(word.scores), -1
        for length in range(1, len(piece) + 1):
            start = self._grown(word.tail + piece[:length], scores)
        return start == len(word.tail)

    # --- questions ---------------------------------------------------------------------------------------------------

    def _row(self, word: Word) -> Row:
        """uint8[n]: the pieces without a space that may go on with a word."""
        over: dict[
            str, float
        ] = {}  # what a piece begins with -> best sum over pieces that reach over the joint to there
        joint = len(word.tail)
        for reach in range(1, joint + 1):
            head, gain = word.tail[joint - reach :], word.scores[joint - reach] - word.scores[joint]
            first, end = bisect_left(self._all, head), bisect_left(self._all, head + chr(0x10FFFF))
            for piece in self._all[first:end]:
                total = gain + self.score_of[piece]
                if total > over.get(piece[reach:], -math.inf):
                    over[piece[reach:]] = total
        row, lead = np.zeros(len(self.pieces), np.uint8), self._inner.lead(over)
        row[self._inner.tokens[lead > 0]] = 1
        for token in self._inner.tokens[np.abs(lead) < MARGIN].tolist():
            row[token] = self._goes_on(word, self.pieces[token])
        return row

    def options(self, word: Word) -> tuple[Row, Row]:
        """For every token: may it go on with the word (uint8[n]), and may it begin one (uint8[n])?"""
        if not word.scores:
            return np.zeros_like(self._new), self._new | self._bare
        row = self._rows.get(word)
        if row is None:
            row = self._rows[word] = self._row(word)
            if len(self._rows) > KEPT_ROWS:
                self._rows.popitem(last=False)
        return row, self._new

    def verdict(self, word: Word, token: int) -> tuple[bool, bool]:
        """(may go on with the word, may begin one) of one token."""
        piece = self.pieces[token]
        if not word.scores or not piece or SPACE in piece:
            return False, bool(self._new[token] or (not word.scores and self._bare[token]))
        return self._goes_on(word, piece), False

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


class Beginnings:
    """The texts that some pieces begin with, and in which ways each is written, as arrays: all pieces at once.

    pieces  : (piece, token), without a space.      tokens : int64[n], in the order of `lead`.
    """

    def __init__(self, pieces: Sequence[tuple[str, int]], score_of: dict[str, float], unknown_score: float) -> None:
        texts = {piece[:length] for piece, _ in pieces for length in range(1, len(piece) + 1)}
        in_order = sorted(texts, key=lambda one: (len(one), one))
        self.numbers = {text: number for number, text in enumerate(["", *in_order])}
        own, sources, scores, starts, levels, depth = [0.0], [0], [0.0], [0], list[int](), 0
        for number, text in enumerate(in_order, 1):
            if len(text) > depth:
                levels.append(number)
            depth = len(text)
            starts.append(len(sources))
            known = score_of.get(text)
            own.append(known if known is not None else unknown_score if depth == 1 else -math.inf)
            sources.append(0)
            scores.append(-math.inf)  # so that there is a way, of no weight
            for first in range(1, depth):
                score = score_of.get(text[first:], unknown_score if first == depth - 1 else None)
                if score is not None:
                    sources.append(self.numbers[text[:first]])
                    scores.append(score)
        self.own, self.sources, self.scores = np.array(own), np.array(sources), np.array(scores)
        self.starts = np.array([*starts, len(sources)])
        self.levels = [*levels, len(own)]  # where the texts of each length begin
        self.tokens = np.array([token for _, token in pieces], np.int64)
        self.places = np.array([self.numbers[piece] for piece, _ in pieces], np.int64)

    def lead(self, over: dict[str, float]) -> npt.NDArray[np.float64]:
        """How much more the way by the piece itself scores than the best other way to its end; float64[n].

        over : text -> sum of the best way to its end by a piece that begins before it, less that to where it begins.
        """
        best, other = np.zeros(len(self.own)), np.full(len(self.own), -math.inf)
        for text, total in over.items():
            number = self.numbers.get(text)
            if number:
                other[number] = total
        for first, end in itertools.pairwise(self.levels):
            begin, stop = self.starts[first], self.starts[end]
            sums = best[self.sources[begin:stop]] + self.scores[begin:stop]
            inside = np.maximum.reduceat(sums, self.starts[first:end] - begin)
            other[first:end] = np.maximum(other[first:end], inside)
            best[first:end] = np.maximum(other[first:end], self.own[first:end])
        found: npt.NDArray[np.float64] = self.own[self.places] - other[self.places]
        return found


class AnyPair:
    """In place of merges: no pair decides anything."""

    def row(self, left: int, out: Row) -> None:
        """All tokens may follow."""
        out[:] = 1

    def valid(self, left: int, right: int) -> bool:
        """Any two may stand side by side."""
        return True
