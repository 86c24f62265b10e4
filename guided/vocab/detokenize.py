"""What a token's string stands for, in bytes, from the tokenizer's own decoder; never from a model's name.

A decoder of the `tokenizers` library is a chain of small steps (its JSON names them).  Here each step is applied to one
token in the middle of a text: what a token loses at the very start or end of a text is a flag instead, because the
text that is generated continues a prompt.  Steps join bytes that `decode` would show as U+FFFD, so nothing is lost.

Not here: which ids are special (huggingface.py), what encoding loses (losses.py).
Source: tokenizers/src/decoders and tokenizers/src/pre_tokenizers/{byte_level,metaspace}.rs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from guided.errors import VocabularyError

WAY_OUT = "Give the bytes by hand: guided.Vocabulary(tokens, eos_ids)"
BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>", re.ASCII)
Spell = Callable[[str], "str | bytes"]


@dataclass
class Speller:
    """A decoder, read: its steps for one token, and what it does at the edges of a text.

    steps : applied in order to a token's string; bytes are final.
    is_byte_level : the only step is GPT-2's byte alphabet (the fast path).
    adds_first_space : tokens that start a word have a space before them, whether the text had one or not.
    drops_first_space : `decode` drops a space that starts the first token of a text.
    drops_last_space : `decode` drops a space that ends the last token of a text.
    notes : where a token's bytes depend on its neighbours.
    """

    steps: list[Spell] = field(default_factory=list)
    is_byte_level: bool = False
    adds_first_space: bool = False
    drops_first_space: bool = False
    drops_last_space: bool = False
    notes: list[str] = field(default_factory=list)

    def spell(self, token: str) -> bytes:
        """The bytes of one token in the middle of a text; b"" for ""."""
        value: Any = token
        for step in self.steps:
            if not value:
                break
            value = step(value)
            if isinstance(value, bytes):
                return value
        return str(value).encode("utf-8")

    def spell_all(self, tokens: Sequence[str]) -> tuple[bytes, list[int]]:
        """The bytes of many tokens, one after the other, and how many each has."""
        if self.is_byte_level:
            text = "".join(tokens)
            found = BYTE_OF_CHARACTER[np.minimum(np.frombuffer(text.encode("utf-32-le"), np.uint32), OUTSIDE)]
            if not (found < 0).any():
                return found.astype(np.uint8).tobytes(), list(map(len, tokens))
        spelled = list(map(self.spell, tokens))
        return b"".join(spelled), list(map(len, spelled))


def read_decoder(decoder: dict[str, Any] | None) -> Speller:
    """The Speller of a decoder, given as its JSON; None is a tokenizer without one, which joins tokens with spaces.

    Raises VocabularyError for a decoder whose effect on one token is not known (CTC, Python code, a newer one).
    """
    speller = Speller()
    if decoder is None:
        speller.steps.append(lambda token: " " + token)
        speller.adds_first_space = speller.drops_first_space = True
        return speller
    parts = list(_flatten(decoder))
    is_joined = False  # after Fuse the steps see the whole text as one token
    for part in parts:
        kind = part.get("type")
        if kind == "Fuse":
            is_joined = True
        elif kind == "ByteLevel":
            speller.steps.append(_spell_byte_level)
            is_joined = True
        elif kind == "ByteFallback":
            if not is_joined:
                speller.steps.append(_spell_byte_token)
        elif kind == "Replace":
            _add_replace(speller, part, is_joined)
        elif kind == "Strip":
            _add_strip(speller, part, is_joined)
        elif kind == "Metaspace":
            _add_metaspace(speller, part, is_joined)
        elif kind == "WordPiece" and not is_joined:
            _add_word_piece(speller, part)
        elif kind == "BPEDecoder" and not is_joined:
            _add_suffix(speller, part["suffix"])
        else:
            raise VocabularyError(f"what the decoder {kind!r} makes of one token is not known. {WAY_OUT}")
    speller.is_byte_level = {part["type"] for part in parts} <= {"ByteLevel", "Fuse"} and len(speller.steps) == 1
    return speller


def _flatten(decoder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The steps of nested Sequences, in order."""
    pending = [decoder]
    while pending:
        part = pending.pop()
        if part.get("type") == "Sequence":
            pending.extend(reversed(part["decoders"]))
        else:
            yield part


def _add_replace(speller: Speller, part: dict[str, Any], is_joined: bool) -> None:
    pattern, content = part["pattern"], part["content"]
    if is_joined and len(pattern.get("String", "")) != 1:
        speller.notes.append(f"decoding replaces {pattern} across tokens; here it is replaced inside each token only")
    if "String" in pattern:
        old = pattern["String"]
        speller.steps.append(lambda token: token.replace(old, content))
        return
    from tokenizers import Regex, decoders  # its dialect is Oniguruma's: the library itself must apply it

    replace = decoders.Replace(Regex(pattern["Regex"]), content)
    speller.steps.append(lambda token: str(replace.decode([token])))


def _add_strip(speller: Speller, part: dict[str, Any], is_joined: bool) -> None:
    content, start, stop = part["content"], part["start"], part["stop"]
    if not is_joined:
        speller.steps.append(lambda token: _strip(token, content, start, stop))
        return
    speller.drops_first_space |= content == " " and start > 0
    speller.drops_last_space |= content == " " and stop > 0
    if content != " " or start > 1 or stop > 1:
        speller.notes.append(f"decoding strips up to {start} and {stop} times {content!r} off the ends of a whole text")


def _add_metaspace(speller: Speller, part: dict[str, Any], is_joined: bool) -> None:
    replacement, keeps_first = part["replacement"], part["prepend_scheme"] == "never"
    space = " " if keeps_first or not is_joined else ""
    speller.steps.append(lambda token: token.replace(replacement, space))
    speller.drops_first_space |= not keeps_first


def _add_suffix(speller: Speller, suffix: str) -> None:
    """A piece with the suffix ends a word, with a space after it but for the last."""
    speller.drops_last_space = True
    if suffix:
        speller.steps.append(lambda token: token.replace(suffix, " "))


def _add_word_piece(speller: Speller, part: dict[str, Any]) -> None:
    """A piece with the prefix goes on with a word; any other starts one, with a space before it but for the first."""
    prefix, is_cleaned = part["prefix"], part["cleanup"]
    speller.adds_first_space = speller.drops_first_space = True
    if not is_cleaned:
        speller.steps.append(lambda token: token[len(prefix) :] if token.startswith(prefix) else " " + token)
        return
    from tokenizers import decoders  # its list of English contractions and punctuation is its own

    decoder = decoders.WordPiece(prefix, cleanup=True)
    speller.steps.append(lambda token: str(decoder.decode(["a", token]))[1:])


def _strip(token: str, content: str, start: int, stop: int) -> str:
    """`token` without up to `start` times `content`, one character, before and `stop` times after."""
    first, end = 0, len(token)
    while first < min(start, len(token)) and token[first] == content:
        first += 1
    while end > first and len(token) - end < stop and token[end - 1] == content:
        end -= 1
    return token[first:end]


def _spell_byte_token(token: str) -> str | bytes:
    found = BYTE_TOKEN.fullmatch(token) if token.startswith("<0x") else None  # a regex for 32,000 tokens takes 6 ms
    return bytes([int(found[1], 16)]) if found else token


def _spell_byte_level(token: str) -> bytes:
    """A token with a character outside the alphabet stands for its own UTF-8, as in the library."""
    found = [BYTE_OF.get(character) for character in token]
    return token.encode("utf-8") if None in found else bytes(byte for byte in found if byte is not None)


def byte_alphabet() -> str:
    """GPT-2's character for every byte: itself where Latin-1 shows something, else the next one from U+0100 on."""
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = iter(range(0x100, 0x200))
    return "".join(chr(byte if byte in shown else next(hidden)) for byte in range(256))


BYTE_OF = {character: byte for byte, character in enumerate(byte_alphabet())}
OUTSIDE = 0x200  # a code point beyond the alphabet
BYTE_OF_CHARACTER = np.full(OUTSIDE + 1, -1, np.int16)  # code point -> byte, -1 outside the alphabet
BYTE_OF_CHARACTER[[ord(character) for character in BYTE_OF]] = list(BYTE_OF.values())
