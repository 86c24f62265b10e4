"""Reads a Hugging Face tokenizer: the string of every id, which ids are special or added, and what its decoder does.

Accepts `transformers` tokenizers with a `tokenizers` backend, bare `tokenizers.Tokenizer` objects, and slow ones that
transformers can convert.  Everything is decided from the tokenizer's own parts.  Imports neither library.

Not here: a token's bytes (detokenize.py), what encoding loses (fidelity.py), keeping the result (cache.py).
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from guided._fast import Trie
from guided.errors import VocabularyError
from guided.vocab.detokenize import WAY_OUT, read_decoder
from guided.vocab.fidelity import Fidelity, adds_first_space, losses
from guided.vocab.sentencepiece import SentencePieceBackend

AddedTokens = Literal["never", "spaces", "text"]
CHUNK = 8_192  # ids read at a time: their strings are at most 1 MB, and are gone before the next ones come
CHECKED = 64  # ids whose bytes are compared with what the tokenizer itself decodes; 2 ms
ANCHORS = (b" a", b"a", b"a ", b" e", b"e", b"e ", b" 1", b"1", b"1 ")  # texts around a token that is checked
NEVER_A_TOKEN = "\U0010ffff"


@dataclass(frozen=True)
class Reading:
    """What a tokenizer says of itself, before a model's size and EOS ids are known.

    blob : the bytes of every token, one after the other by id.      lengths : int32[n], how many each has.
    special_ids, eos_ids : as the tokenizer names them.      fidelity : what the bytes do not say.
    """

    blob: bytes
    lengths: array[int]
    special_ids: frozenset[int]
    eos_ids: frozenset[int]
    fidelity: Fidelity


def backend_of(tokenizer: Any) -> Any:
    """The `tokenizers.Tokenizer` inside a tokenizer, or the object itself if it is one.  Raises VocabularyError."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        backend = tokenizer
    if all(hasattr(backend, name) for name in ("id_to_token", "get_vocab_size", "get_added_tokens_decoder", "model")):
        return backend
    kind = type(tokenizer).__name__
    if not hasattr(tokenizer, "convert_ids_to_tokens"):
        raise VocabularyError(f"a Hugging Face tokenizer is needed, not {kind}. {WAY_OUT}")
    if hasattr(tokenizer, "sp_model"):
        return SentencePieceBackend(tokenizer)
    from transformers.convert_slow_tokenizer import convert_slow_tokenizer  # the object comes from transformers

    try:
        return convert_slow_tokenizer(tokenizer)
    except Exception as error:
        raise VocabularyError(f"{kind} has no fast form that transformers could give. {WAY_OUT}") from error


def part_json(backend: Any, name: str) -> dict[str, Any] | None:
    """A tokenizer's decoder, normalizer or pre_tokenizer as JSON; {"type": "custom"} if it is Python code."""
    part = getattr(backend, name)
    if part is None:
        return None
    try:
        state: dict[str, Any] = json.loads(part.__getstate__())
    except Exception:  # the library raises a bare Exception for parts written in Python
        return {"type": "custom"}
    return state


def read_tokenizer(tokenizer: Any, added_tokens: AddedTokens = "never") -> Reading:
    """Every token's bytes, from the tokenizer's own parts.

    added_tokens : which added tokens that are not special stand for their content: none, those that are white space
        only, or all.
    Raises VocabularyError for what is no tokenizer, a decoder that is not known, or one that `decode` contradicts.
    Cost for 128,000 ids: 0.1 s, nearly all of it the library's id_to_token.
    """
    if added_tokens not in get_args(AddedTokens):
        raise VocabularyError(f"added_tokens must be one of {get_args(AddedTokens)}, not {added_tokens!r}")
    backend = backend_of(tokenizer)
    speller = read_decoder(part_json(backend, "decoder"))
    added = backend.get_added_tokens_decoder()
    special = special_ids_of(tokenizer, backend, added)
    silent = {token for token in added if token not in special and added_tokens != "text"}
    if added_tokens == "spaces":
        silent = {token for token in silent if not speller.spell(added[token].content).isspace()}
    mute = special | silent
    n_ids = n_strings = backend.get_vocab_size(with_added_tokens=True)
    blob, lengths = bytearray(), array("i")
    for first, found in id_strings(backend, n_strings):
        n_ids = max(n_ids, first + len(found))
        strings = ["" if string is None or token in mute else string for token, string in enumerate(found, first)]
        piece, counts = speller.spell_all(strings)
        blob += piece
        lengths.extend([0] * (first - len(lengths)))  # ids without a string at the end of the chunk before
        lengths.extend(counts)
    lengths.extend([0] * (n_ids - len(lengths)))
    notes = [*speller.notes]
    if silent:
        notes.append(
            f"{len(silent):,} added tokens that are not special, such as {added[min(silent)].content!r}, never match "
            'text; pass added_tokens="text", or "spaces", if they should'
        )
    normalizer, pre_tokenizer = part_json(backend, "normalizer"), part_json(backend, "pre_tokenizer")
    lost = losses(normalizer, pre_tokenizer, speller.spell)
    fidelity = Fidelity(
        (*notes, *lost),
        not lost,
        speller.adds_first_space or adds_first_space(normalizer, pre_tokenizer),
        speller.drops_first_space,
        speller.drops_last_space,
    )
    return Reading(bytes(blob), lengths, special, eos_ids_of(tokenizer), fidelity)


def id_strings(backend: Any, n_strings: int) -> Iterator[tuple[int, list[str | None]]]:
    """(first id, strings from there on), CHUNK ids at a time; None for ids without a string.

    n_strings : strings in all.  Ids may have holes, so the search goes on until all are found, at most twice as far.
    """
    n_found = 0
    for first in range(0, 2 * n_strings + 65_536, CHUNK):
        strings = list(map(backend.id_to_token, range(first, first + CHUNK)))
        n_found += CHUNK - strings.count(None)
        while strings and strings[-1] is None:
            strings.pop()
        yield first, strings
        if n_found >= n_strings:
            return


def special_ids_of(tokenizer: Any, backend: Any, added: dict[int, Any]) -> frozenset[int]:
    """Ids that stand for no text: special added tokens, those with a name (BOS, EOS, ..), the unknown token."""
    special = {token for token, content in added.items() if content.special}
    special.update(token for token in getattr(tokenizer, "all_special_ids", ()) if token is not None)
    unknown = getattr(backend.model, "unk_token", None)
    if unknown is not None:
        special.add(backend.model.token_to_id(unknown))
    elif not hasattr(backend.model, "unk_token"):  # Unigram does not tell: ask for a character that no vocabulary has
        try:
            (piece,) = backend.model.tokenize(NEVER_A_TOKEN)
        except Exception:  # it has none, and raises a bare Exception
            return frozenset(special)
        if backend.id_to_token(piece.id) != NEVER_A_TOKEN:
            special.add(piece.id)
    return frozenset(special - {None})


def eos_ids_of(tokenizer: Any) -> frozenset[int]:
    """The EOS that a tokenizer names, none for a bare `tokenizers.Tokenizer`."""
    token = getattr(tokenizer, "eos_token_id", None)
    return frozenset() if token is None else frozenset(token if isinstance(token, (list, tuple)) else [token])


def check_decoding(tokenizer: Any, trie: Trie, reading: Reading) -> None:
    """Compare a sample of tokens with what the tokenizer itself decodes between two known ones.

    Raises VocabularyError where they differ: then its `decode` does something that its decoder does not say.
    """
    is_wrapped = hasattr(tokenizer, "backend_tokenizer")
    decode = tokenizer.decode if is_wrapped else backend_of(tokenizer).decode
    options = {"skip_special_tokens": False}
    if is_wrapped:  # tidying punctuation is an option of each call to decode, off by default
        options["clean_up_tokenization_spaces"] = False
    anchor = next((ids[0] for text in ANCHORS if (ids := trie.ids_of(text))), None)
    if anchor is None:
        return
    known = trie.token_bytes(anchor).decode()
    start = decode([anchor, anchor], **options).removesuffix(known.rstrip())
    for token in range(0, trie.n_tokens, max(1, trie.n_tokens // CHECKED)):
        text = trie.token_bytes(token).decode("utf-8", "replace")
        if not text or "\ufffd" in text:
            continue  # no text, or a part of a character: libraries differ in how they show it
        want = start + text + (known.removesuffix(" ") if reading.fidelity.drops_last_space else known)
        shown = decode([anchor, token, anchor], **options)
        if shown != want:
            raise VocabularyError(
                f"decoding it after {start!r} gives {shown!r}, but its decoder says {want!r}. {WAY_OUT}", token
            )
