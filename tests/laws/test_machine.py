"""Machine against a language said in two lines of Python: masks, viable prefixes, tokens that hold several lexemes."""

from __future__ import annotations

import random

import pytest

from guided import Vocabulary, _fast
from tests.oracle.brute_mask import brute_mask, ids_of
from tests.oracle.distinct_words import DistinctWords, is_member, is_viable

PIECES = [b"a,", b"a,b", b"a,a,", b"b;", b"ab,ab,a", b",a,b,", b"aa", b"b,a,b;", b"a,b,a", b"a,b,ab,"]
VOCAB = Vocabulary([bytes([byte]) for byte in range(256)] + PIECES, eos_ids={270}, size=280)


@pytest.mark.parametrize("front_end", [(True, False), (False, False), (True, True)], ids=str)
@pytest.mark.parametrize("seed", range(25))
def test_masks_are_the_viable_prefixes_of_the_language(front_end, seed):
    machine = _fast.Machine(DistinctWords(*front_end))
    matcher, rng = _fast.Matcher(_fast.index_of(machine, VOCAB, 1 << 20)), random.Random(seed)
    for _ in range(14):
        allowed = ids_of(matcher.mask(), VOCAB.size)
        want = {t for t in range(VOCAB.size) if VOCAB.tokens[t] and is_viable(matcher.text + VOCAB.tokens[t])}
        if is_member(matcher.text):
            want |= VOCAB.eos_ids
        assert allowed == want == brute_mask(machine, matcher.text, VOCAB)
        matcher.advance(rng.choice(sorted(allowed)))
        if matcher.is_finished:
            break


def test_a_token_with_two_equal_words_is_told_apart_by_the_real_text():
    matcher = _fast.Matcher(_fast.index_of(_fast.Machine(DistinctWords(True)), VOCAB, 1 << 20))
    allowed = {VOCAB.tokens[t] for t in ids_of(matcher.mask(), VOCAB.size)}
    assert b"a,b" in allowed
    assert b"a,a," not in allowed
    matcher.advance(ord("b"))
    allowed = {VOCAB.tokens[t] for t in ids_of(matcher.mask(), VOCAB.size)}
    assert b"a,a," in allowed
    assert b"b;" in allowed
    assert b"ab,ab,a" in allowed  # the words are bab, ab and a


def test_masks_are_dropped_at_the_byte_limit_and_made_anew():
    """Four rows fit; a walk over many states gives the same masks as with room for all."""
    narrow = _fast.Matcher(_fast.index_of(_fast.Machine(DistinctWords(True)), VOCAB, 1))
    wide = _fast.Matcher(_fast.index_of(_fast.Machine(DistinctWords(True)), VOCAB, 1 << 20))
    rng = random.Random(3)
    for _ in range(60):
        assert narrow.mask().tolist() == wide.mask().tolist()
        allowed = ids_of(wide.mask(), VOCAB.size)
        token = rng.choice([token for token in allowed if VOCAB.tokens[token] and b";" not in VOCAB.tokens[token]])
        narrow.advance(token)
        wide.advance(token)
    for back in (5, 17, 30):
        narrow.rollback(back)
        wide.rollback(back)
        assert narrow.mask().tolist() == wide.mask().tolist()
