"""Small vocabularies on which every law is tried; all hold the 256 single bytes, so that any text can be spelled."""

from __future__ import annotations

import random

from guided import Vocabulary

BYTES = [bytes([byte]) for byte in range(256)]


def byte_vocabulary() -> Vocabulary:
    """256 single bytes and EOS."""
    return Vocabulary(BYTES, eos_ids={256}, size=257)


def wordy_vocabulary() -> Vocabulary:
    """Bytes, pieces of words, JSON and UTF-8, tokens with the same bytes, empty ids, two EOS ids and padding."""
    pieces = [b"ab", b"abc", b"bc", b"ca", b"aa", b"aaa", b"12", b"2024", b"-0", b"on", b"the", b" the", b"yes", b"no"]
    pieces += [b'{"', b'":', b'": ', b'", "', b'"}', b'"]', b"},", b"],", b"[]", b"{}", b"true", b"false", b"null"]
    pieces += [b'":1,"a":']
    pieces += ["é".encode(), "日本".encode(), "日".encode()[:2], "日".encode()[2:] + b"a", "🙂".encode()[:3]]
    pieces += [b'\\"', b"\\u00", b"\\n"]
    pieces += [b"name", b'"name": "', b'"age": ', b"1, 2", b", ", b": ", b"  ", b"\n ", b"abc", b"ab", b"", b""]
    return Vocabulary([*BYTES, *pieces], eos_ids={300, 310}, size=333)


def random_vocabulary(seed: int) -> Vocabulary:
    """Bytes and 200 random strings over a JSON-ish alphabet."""
    rng = random.Random(seed)
    alphabet = b'abcxyz0123456789-.eE+"\\{}[]:, \ntruefalsn'
    strings = [bytes(rng.choices(alphabet, k=rng.randint(1, 6))) for _ in range(200)]
    return Vocabulary([*BYTES, *strings], eos_ids={456}, size=480)
