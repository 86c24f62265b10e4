"""The vocabulary of whatever a user holds: a tokenizer, a Vocabulary, or a model that has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guided.vocab import Vocabulary


def vocabulary_of(
    source: Any, *, size: int | None = None, eos_token_id: int | Sequence[int] | None = None
) -> Vocabulary:
    """The vocabulary of `source`.

    source       : a Hugging Face tokenizer, a Vocabulary, or an object whose `.vocab` is one.
    size         : ids in all, for a tokenizer whose model has more; default len(tokenizer).
    eos_token_id : the ids that end a text, default the source's own.
    Raises VocabularyError if the bytes of the tokenizer cannot be recovered or an id is out of range.
    """
    if isinstance(source, Vocabulary):
        vocab = source
    elif isinstance(getattr(source, "vocab", None), Vocabulary):
        vocab = source.vocab
    else:
        return Vocabulary.from_tokenizer(source, size=size, eos_ids=eos_token_id)
    if eos_token_id is None:
        return vocab
    eos = frozenset([eos_token_id] if isinstance(eos_token_id, int) else eos_token_id)
    if eos == vocab.eos_ids:
        return vocab
    return Vocabulary(vocab.tokens, eos, vocab.size, special_ids=vocab.special_ids)
