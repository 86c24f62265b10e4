"""FimTokens: the special tokens with which a model was taught to fill in the middle, read from its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from guided.errors import ModelError

# prefix, suffix, middle, and what may end a middle besides EOS: as the models' own tokenizers spell them.
SPELLINGS = {
    "StarCoder": (("<fim_prefix>", "<fim_suffix>", "<fim_middle>"), ("<fim_pad>", "<file_sep>", "<|endoftext|>")),
    "Qwen, CodeGemma, the built-in model": (
        ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
        ("<|fim_pad|>", "<|file_sep|>", "<|file_separator|>", "<|repo_name|>", "<|endoftext|>"),
    ),
    "DeepSeek": (("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"), ("<｜end▁of▁sentence｜>",)),
    "Code Llama": (("▁<PRE>", "▁<SUF>", "▁<MID>"), ("▁<EOT>",)),
    "Granite, SantaCoder": (("<fim-prefix>", "<fim-suffix>", "<fim-middle>"), ("<fim-pad>", "<|endoftext|>")),
}


@dataclass(frozen=True)
class FimTokens:
    """Ids that frame the parts of a text with a hole.

    prefix, suffix, middle : the token before each part.
    ends : tokens that end the middle, besides the model's EOS.
    """

    prefix: int
    suffix: int
    middle: int
    ends: tuple[int, ...] = ()


def fim_tokens(lm: Any, given: FimTokens | Sequence[int | str] | None = None) -> FimTokens:
    """The FIM tokens of a model.

    given : instead of those found: a FimTokens, or three ids or names (prefix, suffix, middle).
    Raises ModelError where the tokenizer has none that are known, or a name that it does not have.
    """
    if isinstance(given, FimTokens):
        return given
    tokenizer = getattr(lm, "tokenizer", None)
    known = {} if tokenizer is None else dict(tokenizer.get_vocab())
    if given is not None:
        if len(given) != 3:
            raise ModelError(f"fim_tokens= wants three tokens (prefix, suffix, middle), or a FimTokens, not {given!r}")
        ids = [known.get(one) if isinstance(one, str) else one for one in given]
        for one, token in zip(given, ids, strict=True):
            if not isinstance(token, int) or not 0 <= token < lm.vocab.size:
                raise ModelError(f"fim_tokens= names {one!r}, which is no token of this model")
        return FimTokens(*ids)  # type: ignore[arg-type]
    for names, ends in SPELLINGS.values():
        found = [known.get(name) for name in names]
        if None not in found:
            prefix, suffix, middle = (known[name] for name in names)
            return FimTokens(prefix, suffix, middle, tuple(known[name] for name in ends if name in known))
    raise ModelError(
        "this tokenizer has no tokens for fill in the middle that are known "
        f"({', '.join(SPELLINGS)}): pass fim_tokens=(prefix, suffix, middle), ids or names"
    )
