"""How faithful a tokenizer is to text: what encoding loses, and the space at the edges of a text.

A constraint is about the bytes that tokens stand for, so none of this can make a constrained text wrong; it says that
a prompt, or a text encoded again, may come back changed.  Not here: decoding (detokenize.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fidelity:
    """What a vocabulary's bytes do not say.  The default is a tokenizer that is exact.

    notes : one sentence each on what is not exact.
    is_reversible : whether the bytes of `encode(text)` give `text` back, the space before it aside, for any text in
        which no special or added token is spelled out, nor "▁", which SentencePiece cannot tell from a space.
    adds_first_space : the bytes of `encode(text)` start with a space, whether the text does or not (SentencePiece's
        dummy prefix; pieces that start a word in WordPiece).
    drops_first_space : `decode` drops a space that starts a text.  The vocabulary keeps it: the text that is
        generated continues a prompt, where the space is real.
    drops_last_space : the same at the end of a text (BPE with a suffix such as "</w>").
    """

    notes: tuple[str, ...] = ()
    is_reversible: bool = True
    adds_first_space: bool = False
    drops_first_space: bool = False
    drops_last_space: bool = False


KEEPS_TEXT = {"ByteLevel", "Digits", "Split", "Punctuation", "UnicodeScripts", "Metaspace", "FixedLength", "Prepend"}
CHANGES_TEXT = {
    "NFC": "puts characters in their composed form (NFC)",
    "NFD": "takes characters apart (NFD)",
    "NFKC": "replaces compatibility characters (NFKC)",
    "NFKD": "replaces compatibility characters and takes them apart (NFKD)",
    "Precompiled": "replaces characters by a SentencePiece table",
    "Lowercase": "writes all in lower case",
    "StripAccents": "drops accents",
    "Strip": "drops white space at the ends of a text",
    "Nmt": "drops control characters and changes white space",
    "BertNormalizer": "drops control characters, changes white space and, with its options, case and accents",
    "BertPreTokenizer": "drops white space between words",
    "Whitespace": "drops white space between words",
    "WhitespaceSplit": "drops white space between words",
    "CharDelimiterSplit": "drops the delimiter between words",
}


def parts(component: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """The parts of a normalizer or pre-tokenizer, given as its JSON, nested Sequences unfolded, in order."""
    pending = [component] if component else []
    while pending:
        part = pending.pop()
        inner = part.get("normalizers") or part.get("pretokenizers")
        if part.get("type") == "Sequence":
            pending.extend(reversed(inner or []))
        else:
            yield part


def losses(
    normalizer: dict[str, Any] | None, pre_tokenizer: dict[str, Any] | None, spell: Callable[[str], bytes]
) -> list[str]:
    """One sentence for each part that changes a text so that its tokens' bytes do not give it back.

    spell : the bytes of a token, see Speller; a replacement that it undoes ("▁" for a space) loses nothing.
    """
    found = []
    for part in [*parts(normalizer), *parts(pre_tokenizer)]:
        kind = part.get("type", "")
        if kind in CHANGES_TEXT:
            found.append(f"encoding {CHANGES_TEXT[kind]}")
        elif kind == "Replace":
            pattern, content = part["pattern"], part["content"]
            if not content or spell(content) != pattern.get("String", "").encode("utf-8"):
                found.append(f"encoding replaces {pattern} by {content!r}")
        elif part.get("behavior") == "Removed":
            verb = "does not match" if part.get("invert") else "matches"
            found.append(f"encoding drops what {verb} {part.get('pattern', 'a separator')}")
        elif kind not in KEEPS_TEXT:
            found.append(f"encoding has a step that guided does not know: {kind}")
    return list(dict.fromkeys(found))


def adds_first_space(normalizer: dict[str, Any] | None, pre_tokenizer: dict[str, Any] | None) -> bool:
    """Whether encoding puts a space before a text that does not start with one (SentencePiece's dummy prefix)."""
    return any(
        part.get("type") == "Prepend"
        or part.get("add_prefix_space") is True
        or part.get("prepend_scheme", "never") != "never"
        for part in [*parts(normalizer), *parts(pre_tokenizer)]
    )
