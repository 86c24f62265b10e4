"""Unigram's canonical sequences against the tokenizer itself, and covers over them against trying everything."""

from __future__ import annotations

import math
import random
from functools import cache
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from guided.engines.heal import ways_after
from guided.engines.segmentations import Canonical as Rule
from guided.errors import VocabularyError
from guided.models.toy import TableModel
from guided.vocab import Vocabulary
from guided.vocab.canonical import DEAD, Canonical
from tests.vocab.test_canonical import check_sequences
from tests.vocab.tiny_tokenizers import unigram

SCHEMES = ("always", "first", "never")


@cache
def canonical_of(scheme: str) -> Canonical:
    """Of a Unigram tokenizer that leaves texts as they are."""
    tokenizer = unigram()
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    return Canonical(Vocabulary.from_tokenizer(tokenizer), tokenizer)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_sequences_are_judged_as_the_tokenizer_writes_them(scheme: str) -> None:
    canonical = canonical_of(scheme)
    assert canonical.exact and canonical.reason is None
    check_sequences(canonical, 2000, (1, 2, 3, 5))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_hundred_thousand_random_pairs(scheme: str) -> None:
    check_sequences(canonical_of(scheme), 100_000, (2,))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_rows_and_states_follow_random_texts(scheme: str) -> None:
    canonical, rng = canonical_of(scheme), random.Random(1)
    characters = sorted({one for piece in canonical.places.pieces for one in piece.replace("▁", " ")})
    for _ in range(12):
        ids = canonical.encode("".join(rng.choices(characters, k=rng.randint(1, 20))).encode())
        state = canonical.start
        for token in ids:
            row = canonical.allowed(state)
            assert row[token]
            for other in rng.sample(range(canonical.vocab.size), 20):
                assert row[other] == (canonical.after(state, other) != DEAD)
            state = canonical.after(state, token)
        assert canonical.ends(state) and canonical.accepts(ids)


def test_rows_of_many_pieces_are_those_of_one_question_each() -> None:
    rng = random.Random(7)
    pieces = {"".join(rng.choices("abc", k=rng.randint(1, 6))) for _ in range(400)} | set("abc▁")
    pieces |= {"▁" + piece for piece in rng.sample(sorted(pieces - {"▁"}), 60)}
    scores = [("<unk>", 0.0), *((piece, round(-rng.uniform(1, 3) * len(piece) ** 0.7, 1)) for piece in sorted(pieces))]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=0, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    canonical = Canonical(Vocabulary.from_tokenizer(tokenizer), tokenizer)
    assert canonical.exact, canonical.reason
    n_joined = 0
    for _ in range(25):
        text = "".join(rng.choices("abcabcabc ", k=rng.randint(1, 14)))
        ids, state = canonical.encode(text.encode()), canonical.start
        for token in ids:
            state = canonical.after(state, token)
        row = canonical.allowed(state)
        for token, piece in enumerate(canonical.vocab.tokens):
            wanted = bool(piece) and canonical.encoder.encode(text.encode() + piece) == [*ids, token]
            assert row[token] == wanted, (text, piece)
            n_joined += wanted and not piece.startswith(b" ")
    assert n_joined > 100


def test_of_equal_sums_the_longer_last_piece_wins() -> None:
    """Scores that are sums of powers of two tie exactly; the tokenizer decides."""
    scores = [("<unk>", 0.0), ("▁", -1.0), ("a", -1.0), ("b", -1.0), ("ab", -2.0), ("ba", -2.0), ("▁a", -2.0)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=0, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    canonical = Canonical(Vocabulary.from_tokenizer(tokenizer), tokenizer)
    assert canonical.exact, canonical.reason
    check_sequences(canonical, 3000, (1, 2, 3, 4, 6))


@cache
def of_pieces() -> Canonical:
    """All pieces of some words, with scores by chance."""
    words, rng = ("▁the", "▁then", "▁hen", "▁that", "▁ten"), random.Random(4)
    pieces = {
        word[first:end] for word in words for first in range(len(word)) for end in range(first + 1, len(word) + 1)
    }
    scores = [("<unk>", 0.0), *((piece, -rng.uniform(2, 4) * math.sqrt(len(piece))) for piece in sorted(pieces))]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=0, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    return Canonical(Vocabulary.from_tokenizer(tokenizer), tokenizer)


@pytest.mark.parametrize(("rest", "least"), [(b" th", 3), (b" the", 2), (b"t", 4), (b" ten the", 2), (b" hen t", 3)])
def test_the_cover_over_unigram_is_the_one_by_trying_everything(rest: bytes, least: int) -> None:
    canonical = of_pieces()
    assert canonical.exact, canonical.reason
    vocab, chance = canonical.vocab, np.random.default_rng(0)
    rows: dict[int | None, Any] = {token: chance.normal(size=vocab.size) for token in range(vocab.size)}
    toy, rule = TableModel(vocab, rows), Rule(vocab, canonical)

    def logp(tokens: tuple[int, ...]) -> float:
        return sum(
            float(rows[before][token]) - math.log(np.exp(rows[before]).sum())
            for before, token in zip((3, *tokens), tokens, strict=False)
        )

    wanted, pending = {}, [()]
    while pending:
        tokens: tuple[int, ...] = pending.pop()
        for token in range(vocab.size):
            longer = (*tokens, token)
            text = vocab.bytes_of(longer)
            if not vocab.tokens[token] or not (text.startswith(rest) or rest.startswith(text)):
                continue
            if canonical.encoder.encode(text) == list(longer):
                if len(text) >= len(rest):
                    wanted[longer] = logp(longer)
                if len(text) < len(rest):
                    pending.append(longer)
    found = {tuple(one.tokens): one.logw for one in ways_after(toy, rule, [3], rest, rule.start)}
    assert found.keys() == wanted.keys() and len(found) >= least
    assert max(abs(found[one] - wanted[one]) for one in found) < 1e-12


def test_what_it_cannot_write_and_what_it_changes_is_named() -> None:
    with pytest.raises(VocabularyError, match="character that is no token"):
        canonical_of("never").encode("♜".encode())
    changing = unigram()
    assert "replaces compatibility characters" in str(Canonical(Vocabulary.from_tokenizer(changing), changing).reason)
    whole = unigram()
    whole.normalizer, whole.pre_tokenizer = None, pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    assert "not cut at spaces" in str(Canonical(Vocabulary.from_tokenizer(whole), whole).reason)
