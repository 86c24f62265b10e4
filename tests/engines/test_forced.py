"""Forced tokens are the ones that the tokenizer itself would have written, whatever follows them."""

import random

import pytest

from guided.engines.forced import Forcer
from guided.engines.generate import generate
from guided.matcher import Matcher
from guided.models.huggingface import load
from tests.small_languages import ONE, RECORD, WORDS
from tests.small_models import gpt2, llama, t5, tokenizer


@pytest.fixture(scope="module")
def lm():
    return load(llama(), tokenizer())


def members(seed):
    rng = random.Random(seed)

    def some(letters, least, most):
        return "".join(rng.choice(letters) for _ in range(rng.randint(least, most)))

    record = f'{{"name": "{some("abc日", 1, 6)}", "email": "{some("xyz", 2, 9)}", "age": {some("123", 1, 3)}}}'
    return [(RECORD, record), (WORDS, some("ab", 3, 3) + "c" + "the" * rng.randint(0, 3) + "d"), (ONE, "the same")]


@pytest.mark.parametrize("seed", range(60))
def test_forced_tokens_are_those_of_the_whole_text(lm, seed):
    """Every member, tokenised as a whole: at each of its tokens, what is forced there is what it goes on with."""
    n_forced = 0
    for constraint, text in members(seed):
        forcer, canonical = Forcer(lm.encode_text, lm.vocab), lm.encode_text(text)
        matcher = Matcher(constraint, lm.vocab)
        for position, token in enumerate(canonical):
            found = forcer.tokens(matcher, canonical[:position], 1_000)
            assert found == canonical[position : position + len(found)]
            n_forced += len(found)
            matcher.advance(token)
    assert n_forced > 10


def test_a_token_that_would_go_beyond_the_forced_text_is_left_to_the_model(lm):
    """After '"ag' the next bytes are 'e": ', and then a digit; ' 1' is a token, so the space is not forced."""
    matcher, written = Matcher(RECORD, lm.vocab), lm.encode_text('{"name": "a", "email": "xx", "ag')
    for token in written:
        matcher.advance(token)
    longer = [token for token in range(lm.vocab.size) if lm.vocab.tokens[token] in (b" 1", b" 12", b" 3")]
    assert longer
    assert matcher.forced() == b'e": '
    found = lm.vocab.bytes_of(Forcer(lm.encode_text, lm.vocab).tokens(matcher, written, 1_000))
    assert b'e": '.startswith(found)
    assert not found.endswith(b" ")


def test_forced_text_leaves_enough_tokens_to_finish(lm):
    matcher = Matcher(RECORD, lm.vocab)
    for budget in range(matcher.tokens_to_finish(), matcher.tokens_to_finish() + 12):
        ahead, left = matcher.fork(), budget
        for token in Forcer(lm.encode_text, lm.vocab).tokens(matcher, [], budget):
            ahead.advance(token)
            left -= 1
        assert ahead.tokens_to_finish() <= left


def test_characters_split_between_tokens_are_forced_whole_or_not_at_all(lm):
    matcher = Matcher(RECORD, lm.vocab)
    for token in [
        *lm.encode_text('{"name": "'),
        next(t for t in range(lm.vocab.size) if lm.vocab.tokens[t] == "日".encode()[:1]),
    ]:
        matcher.advance(token)
    assert matcher.forced().startswith("日".encode()[1:])
    found = lm.vocab.bytes_of(Forcer(lm.encode_text, lm.vocab).tokens(matcher, [], 1_000))
    assert matcher.forced().startswith(found)


@pytest.mark.parametrize("make", [gpt2, llama, t5], ids=["gpt2", "llama", "t5"])
def test_forced_text_saves_passes_of_the_model(make, monkeypatch):
    passes = []
    model = load(make(), tokenizer())
    run = model.model.forward

    def counted(*arguments, **options):
        passes.append(1)
        return run(*arguments, **options)

    monkeypatch.setattr(model.model, "forward", counted)
    counts = {}
    for forced in (True, False):
        passes.clear()
        out = generate(model, "the", RECORD, seed=1, forced=forced)
        counts[forced] = len(passes) / len(out.tokens)
        assert (out.n_forced > 0) == forced
    assert counts[True] < 0.75 * counts[False]
