"""SentencePiece's BPE as states: one word from end to end, and byte tokens for the characters that are no token.

The same questions as splits.py answers, for tokenizers that cut nothing before their model runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from guided.vocab.splits import Place

SPACE = "▁"


class Fallback:
    """tokens : bytes by id, b"" for no text.      byte_of : byte tokens.      single : characters that are tokens.
    adds_first_space : a text begins with "▁", whatever it begins with.
    """

    begin = Place()

    def __init__(
        self, tokens: Sequence[bytes], byte_of: dict[int, int], single: frozenset[str], adds_first_space: bool
    ) -> None:
        self.byte_of, self.single = byte_of, single
        self.is_text = np.array([bool(token) and number not in byte_of for number, token in enumerate(tokens)], bool)
        self.spaced = np.array([token.startswith(b" ") for token in tokens], bool) & self.is_text
        self.adds_first_space = adds_first_space
        self.starts = [token for token, byte in byte_of.items() if self._can_write(bytes([byte]))]
        self._options: dict[Place, tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]] = {}

    def _can_write(self, text: bytes) -> bool:
        """Whether byte tokens may have written these bytes of one character."""
        try:
            return text.decode() not in self.single and (text != b" ")
        except UnicodeDecodeError as error:
            return error.reason == "unexpected end of data" and error.start == 0

    def options(self, place: Place) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """For every token: may it go on (uint8[n]), and may it begin a text (uint8[n])?"""
        found = self._options.get(place)
        if found is None:
            able = np.zeros(len(self.is_text), np.uint8)
            begins = not place.tail
            if place.partial:
                for token, byte in self.byte_of.items():
                    able[token] = self._can_write(place.partial + bytes([byte]))
            elif begins and self.adds_first_space:
                able[self.spaced] = 1
            else:
                able[self.is_text] = 1
                able[self.starts] = 1
            nothing = np.zeros_like(able)
            found = self._options[place] = (nothing, able) if begins and not place.partial else (able, nothing)
        return found

    def verdict(self, place: Place, token: int) -> tuple[bool, bool]:
        """(may go on, may begin a text) of one token."""
        joined, cut = self.options(place)
        return bool(joined[token]), bool(cut[token])

    def after(self, place: Place, token: int, kind: int) -> Place:
        """The place after a token."""
        byte = self.byte_of.get(token)
        if byte is None:
            return Place("a")
        text = place.partial + bytes([byte])
        try:
            text.decode()
        except UnicodeDecodeError:
            return Place("a", (), text)
        return Place("a")

    def shape(self, place: Place, token: int) -> str | None:
        """Anything but None: the token may follow the bytes before it."""
        joined, cut = self.options(place)
        return "" if joined[token] or cut[token] else None

    def may_end(self, place: Place) -> bool:
        """Whether the text may end here."""
        return not place.partial
