"""Bytes for people: a place in a text with a caret under it, a set of bytes in few words, tokens in a line."""

from __future__ import annotations

from collections.abc import Iterable

CONTINUATION = frozenset(range(0x80, 0xC0))  # the later bytes of a UTF-8 character
LEADS = frozenset(range(0xC2, 0xF5))  # its first byte, beyond ASCII


def spell(text: bytes) -> str:
    """Text as it is where it is printable UTF-8, with escapes for the rest."""
    shown = text.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def place(text: bytes, offset: int, width: int = 72) -> str:
    """Two lines: `text` around the byte at `offset`, and a caret under that byte.  Works for offset == len(text)."""
    left, here, right = cut_character(text, offset)
    if len(left) > width * 2 // 3:
        left = "…" + left[-(width * 2 // 3 - 1) :]
    room = max(0, width - len(left) - len(here))
    right = right if len(right) <= room else right[: max(0, room - 1)] + "…"
    return f"  {left}{here}{right}\n  {' ' * len(left)}^"


def cut_character(text: bytes, offset: int) -> tuple[str, str, str]:
    """What is before the character that holds the byte at `offset`, that character, and what is after it."""
    first = offset
    while 0 < first < len(text) and text[first] in CONTINUATION:
        first -= 1
    end = offset + 1
    while end < len(text) and text[end] in CONTINUATION:
        end += 1
    return spell(text[:first]), spell(text[first:end]), spell(text[end:])


def byte_set(live: Iterable[int]) -> list[str]:
    """A set of bytes as a few phrases: '"', '0-9', 'a-z', 'any character beyond ASCII', '0x80-0xBF'.

    Ranges are of neighbours of one kind (digits, capitals, small letters, other ASCII, the rest), as people read them.
    """
    bytes_left = set(live)
    phrases = []
    if bytes_left >= LEADS:
        bytes_left -= LEADS
        phrases.append("any character beyond ASCII")
    runs: list[list[int]] = []
    for byte in sorted(bytes_left):
        if runs and byte == runs[-1][-1] + 1 and kind(byte) == kind(byte - 1):
            runs[-1].append(byte)
        else:
            runs.append([byte])
    named = []
    for run in runs:
        if len(run) > 2:
            named.append(f"{byte_name(run[0])}-{byte_name(run[-1])}")
        else:
            named += [byte_name(byte) for byte in run]
    return named + phrases


def kind(byte: int) -> str:
    """digit, upper, lower, ascii (other printable), control or high."""
    if not 0x20 <= byte < 0x80:
        return "high" if byte >= 0x80 else "control"
    letter = chr(byte)
    return "digit" if letter.isdigit() else "upper" if letter.isupper() else "lower" if letter.islower() else "ascii"


def byte_name(byte: int) -> str:
    """A printable ASCII byte as itself, blanks by name, others as 0x.."""
    names = {0x20: "space", 0x09: "tab", 0x0A: "newline", 0x0D: "return"}
    return names.get(byte) or (chr(byte) if 0x20 < byte < 0x7F else f"0x{byte:02X}")
