"""Texts made of shared pieces, for searches that join many of them.  A text is (length, piece, piece)."""

from __future__ import annotations

from typing import Any

from guided.errors import LimitExceeded

Text = tuple[int, Any, Any]  # (length, piece, piece) with pieces bytes or Text: long texts share their parts
NOTHING: Text = (0, b"", b"")
MAX_TEXT = 1_000_000


def of_bytes(text: bytes) -> Text:
    """A text of one piece."""
    return (len(text), text, b"")


def join(first: Text, second: Text) -> Text:
    """One text after the other."""
    return second if not first[0] else first if not second[0] else (first[0] + second[0], first, second)


def spell(text: Text) -> bytes:
    """The bytes of a text.  Raises LimitExceeded if the shortest end is longer than MAX_TEXT bytes."""
    if text[0] > MAX_TEXT:
        raise LimitExceeded(
            "max_pattern_length", MAX_TEXT, text[0], "the shortest text that ends the document, in bytes,"
        )
    pieces: list[bytes] = []
    todo: list[Any] = [text]
    while todo:
        piece = todo.pop()
        if isinstance(piece, bytes):
            pieces.append(piece)
        else:
            todo.extend((piece[2], piece[1]))
    return b"".join(pieces)
