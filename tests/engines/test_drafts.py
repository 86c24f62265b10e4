"""The compiled drafts choose what the paper's recurrences choose, under constraints, n-grams and an open end too."""

import math
import random
import re

import numpy as np
import pytest

import guided
from guided import _fast
from guided.engines.ngrams import NGrams
from guided.errors import DeadEnd, ModelError
from guided.index import index_for
from tests.engines.superposed_toys import linear_model
from tests.oracle.slow_superpose import SlowNGrams, slow_superpose

TOKENS = [b"a", b"b", b"ab", b"c", b"ba", b"abc", b"", b""]
EOS, UNTEXT = 7, 6
PATTERNS = [None, r"[abc]*", r"(ab|c)*a?", r"a{2,4}|b+c", r"(abc){1,3}", r"ab"]


def run(
    lm,
    prompt,
    k,
    m,
    n_steps,
    temperature,
    alpha=0.0,
    table=None,
    index=None,
    open_end=b"",
    heal=0,
    complete=False,
    margin=0.0,
):
    drafts = _fast.Drafts(
        lm.vocab, prompt, k, m, n_steps, temperature, alpha, 200.0, index, table, open_end, heal, complete, margin
    )
    session = lm.superposed([prompt])
    ids, weights = np.zeros(k, np.int64), np.zeros(k, np.float32)
    row = session.rows[0]
    for _ in range(n_steps):
        if not drafts.step(row):
            break
        n = drafts.mixture(ids, weights)
        assert weights[:n].sum() == pytest.approx(1, abs=1e-6)
        row = session.feed([[(ids[:n], weights[:n])]])[0][-1]
    return drafts


def same(found, expected):
    assert [(tuple(tokens), reason) for tokens, _, _, reason in found] == [(t, r) for t, _, r in expected]
    assert [score for _, score, _, _ in found] == pytest.approx([score for _, score, _ in expected], abs=1e-3, rel=1e-4)


def viability(index, vocab, n_steps, open_end, heal_tokens, complete):
    """viable(text, n, token) of slow_superpose, by whole texts through the recogniser."""
    recognizer = None if index is None else index.recognizer
    best = {b"": 0}
    for start in range(len(open_end) - 1, -1, -1):
        rest = open_end[start:]
        best[rest] = min((1 + best[rest[len(t) :]] for t in vocab.tokens if t and rest.startswith(t)), default=10**9)

    def viable(text, n, token):
        if token == EOS:
            if len(text) < len(open_end):
                return False
            return recognizer is None or recognizer.is_accepting(
                recognizer.run(recognizer.start, text[len(open_end) :])
            )
        text += vocab.tokens[token]
        if len(text) < len(open_end):
            return open_end.startswith(text) and best[open_end[len(text) :]] <= max(heal_tokens, best[open_end]) - n - 1
        if not text.startswith(open_end):
            return False
        if recognizer is None:
            return True
        state = recognizer.run(recognizer.start, text[len(open_end) :])
        if state < 0:
            return False
        return not complete or index.tokens_to_finish(state) <= n_steps - n - 1

    return viable


@pytest.mark.parametrize("seed", range(150))
def test_drafts_are_those_of_the_recurrences(seed):
    rng, dice = np.random.default_rng(seed), random.Random(seed)
    lm = linear_model(rng, TOKENS, EOS)
    k, n_steps, temperature = dice.randint(1, 4), dice.randint(3, 6), dice.choice([0.1, 0.5, 1.0])
    m = dice.randint(k, 7)
    pattern, complete = dice.choice(PATTERNS), dice.random() < 0.3
    open_end = dice.choice([b"", b"", b"a", b"ab", b"bab"])
    heal = dice.randint(1, 3)
    index = None if pattern is None else index_for(guided.regex(pattern), lm.vocab)
    recognizer = None if index is None else index.recognizer
    final = None
    if recognizer is not None:

        def final(text):
            if len(text) < len(open_end):
                return False
            return recognizer.is_final(recognizer.run(recognizer.start, text[len(open_end) :]))

    documents = [[dice.randrange(6) for _ in range(dice.randint(1, 30))] for _ in range(6)]
    alpha, table, guess, prompt = 0.0, None, None, [dice.randrange(6) for _ in range(3)]
    if dice.random() < 0.6:
        smoothing, order = dice.choice(["paper", "backoff"]), dice.randint(2, 6)
        slow, alpha = SlowNGrams(documents, order), dice.choice([0.3, 0.54, 1.0])
        table = ngrams_of(documents, order, lm.vocab, smoothing).table

        def guess(tokens, token):
            history = [*prompt, *tokens]
            return slow.paper(history, token) if smoothing == "paper" else slow.backoff(history, token, len(TOKENS))

    margin = dice.choice([0.0, 0.0, 0.5, 3.0, 1e9])
    needs_viable = index is not None or open_end
    viable = viability(index, lm.vocab, n_steps, open_end, heal, complete) if needs_viable else None

    def logits_of(columns):
        return lm.after(prompt, columns)

    expected = slow_superpose(
        logits_of, TOKENS, EOS, k, m, n_steps, temperature, alpha, guess, 200.0, viable, final, margin
    )
    try:
        drafts = run(lm, prompt, k, m, n_steps, temperature, alpha, table, index, open_end, heal, complete, margin)
    except DeadEnd:
        assert not expected  # complete: nothing fits into so few tokens
        return
    same(drafts.ranking(), expected)


def ngrams_of(documents, order, vocab, smoothing):
    from guided.engines import ngrams

    levels = [ngrams._grouped(*part) for part in ngrams._count(documents, order)]
    header, body = ngrams._laid_out(levels, [1] * order, vocab.size)
    header |= {"order": order, "n_tokens": 1, "spelling": ngrams.spelling_of(vocab), "n_ids": vocab.size}
    return NGrams(header, body, smoothing)


@pytest.mark.parametrize("seed", range(20))
def test_where_the_text_changes_nothing_it_is_beam_search(seed):
    """Logits that depend on the place alone: superposed decoding with all tokens looked at is beam search."""
    rng = np.random.default_rng(seed)
    lm = linear_model(rng, [b"a", b"b", b"c", b"d", b"e", b""], 5, by_place=True)
    lm.table[:, 5] = -20  # EOS out of the way: beams with an end of their own are another search
    k, n_steps = 3, 5
    beams = [((), 0.0)]
    for step in range(n_steps):
        row = lm.table[(1 + step) % 6].astype(float)
        logp = row - np.log(np.exp(row).sum())
        longer = [((*tokens, token), score + logp[token]) for tokens, score in beams for token in range(6)]
        beams = sorted(longer, key=lambda beam: -beam[1])[:k]
    found = [entry for entry in run(lm, [0], k, 6, n_steps, 1.0).ranking() if entry[3] == "length"]
    assert [tuple(tokens) for tokens, *_ in found] == [tokens for tokens, _ in beams]
    assert [score for _, score, _, _ in found] == pytest.approx([score for _, score in beams], abs=1e-4)


def test_best_tokens_are_those_of_a_sort_and_ties_go_to_the_lower_id():
    rng = np.random.default_rng(0)
    lm = linear_model(rng, [bytes([65 + n]) for n in range(40)] + [b""], 40)
    logits = np.round(rng.normal(size=41), 1).astype(np.float32)
    drafts = _fast.Drafts(lm.vocab, [0], 9, 9, 3, 1.0, 0.0, 200.0, None, None, b"", 0, False)
    drafts.step(logits)
    expected = sorted(range(40), key=lambda token: (-logits[token], token))
    found = [tokens[0] for tokens, _, _, reason in drafts.ranking() if reason == "length"]
    assert found == [token for token in expected if token in found]
    assert len(found) >= 8


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_no_distribution_are_refused(bad):
    lm = linear_model(np.random.default_rng(0), TOKENS, EOS)
    drafts = _fast.Drafts(lm.vocab, [0], 2, 4, 3, 1.0, 0.0, 200.0, None, None, b"", 0, False)
    row = np.zeros(8, np.float32)
    row[3] = bad
    with pytest.raises(ModelError, match="NaN, inf"):
        drafts.step(row)
    with pytest.raises(ModelError, match="all -inf"):
        drafts.step(np.full(8, -np.inf, np.float32))


def test_drafts_that_share_their_last_token_are_one_token_to_the_model():
    lm = linear_model(np.random.default_rng(1), TOKENS, EOS)
    drafts = _fast.Drafts(lm.vocab, [0], 3, 6, 4, 1.0, 0.0, 200.0, None, None, b"", 0, False)
    drafts.step(lm.after([0], []))
    for number in range(3):
        drafts.pin(number, 3)
    drafts.step(lm.after([0], []))
    ids, weights = np.zeros(3, np.int64), np.zeros(3, np.float32)
    assert drafts.mixture(ids, weights) == 1
    assert (ids[0], weights[0]) == (3, np.float32(1))


def test_drafts_are_blended_into_the_weighted_sum_of_their_last_tokens():
    rng = np.random.default_rng(2)
    lm = linear_model(rng, TOKENS, EOS)
    for size in (1, 16, 50):
        table, vectors = rng.normal(size=(8, size)).astype(np.float32), np.full((2, size), 7, np.float32)
        blender = _fast.Blender(table, vectors)
        drafts = _fast.Drafts(lm.vocab, [0], 4, 6, 4, 1.0, 0.0, 200.0, None, None, b"", 0, False)
        ids, weights = np.zeros(4, np.int64), np.zeros(4, np.float32)
        for step in range(3):
            drafts.step(lm.after([step], []))
            n = drafts.mixture(ids, weights)
            assert n > 1 or step
            drafts.blend(blender, 1)
            np.testing.assert_allclose(vectors[1], weights[:n] @ table[ids[:n]], atol=1e-5)
            assert (vectors[0] == 7).all()


def test_one_token_is_blended_to_the_last_bit():
    lm = linear_model(np.random.default_rng(3), TOKENS, EOS)
    drafts = _fast.Drafts(lm.vocab, [2], 3, 6, 4, 1.0, 0.0, 200.0, None, None, b"", 0, False)
    table = np.random.default_rng(4).normal(size=(8, 33)).astype(np.float32)
    vectors = np.zeros((1, 33), np.float32)
    drafts.blend(_fast.Blender(table, vectors), 0)
    assert (vectors[0] == table[2]).all()


def test_blenders_of_other_sizes_are_refused():
    lm = linear_model(np.random.default_rng(0), TOKENS, EOS)
    drafts = _fast.Drafts(lm.vocab, [5], 2, 4, 3, 1.0, 0.0, 200.0, None, None, b"", 0, False)
    with pytest.raises(ValueError, match="do not fit"):
        _fast.Blender(np.zeros((8, 3), np.float32), np.zeros((1, 4), np.float32))
    with pytest.raises(IndexError, match="row 1 of 1"):
        drafts.blend(_fast.Blender(np.zeros((8, 3), np.float32), np.zeros((1, 3), np.float32)), 1)
    with pytest.raises(IndexError, match="beyond the 5 embeddings"):
        drafts.blend(_fast.Blender(np.zeros((5, 3), np.float32), np.zeros((1, 3), np.float32)), 0)
    with pytest.raises(ValueError, match="do not fit"):
        drafts.mixture(np.zeros(0, np.int64), np.zeros(0, np.float32))


@pytest.mark.parametrize("size", [31, 32, 33, 200])
def test_logits_are_read_where_they_lie(size):
    rng = np.random.default_rng(size)
    lm = linear_model(rng, [bytes([n // 16 + 65, n % 16 + 65]) for n in range(size - 1)] + [b""], size - 1)
    logits = np.round(rng.normal(size=size), 1).astype(np.float32)
    found = []
    for name in ("step", "step_at"):
        drafts = _fast.Drafts(lm.vocab, [0], 9, 12, 3, 1.0, 0.0, 200.0, None, None, b"", 0, False)
        alive = drafts.step(logits) if name == "step" else drafts.step_at(logits.ctypes.data, size)
        assert alive == drafts.n_alive and not drafts.is_over
        found.append(drafts.ranking())
    assert found[0] == found[1]
    tokens = [tokens[0] for tokens, _, _, reason in found[0] if reason == "length"]
    expected = sorted(range(size - 1), key=lambda token: (-logits[token], token))
    assert tokens == [token for token in expected if token in tokens] and len(tokens) >= 8


def test_a_regular_expression_judges_what_the_drafts_wrote():
    """An oracle that shares no code with the recogniser."""
    for seed in range(20):
        lm = linear_model(np.random.default_rng(seed), TOKENS, EOS)
        pattern = r"(ab|c)*a?b{2}"
        drafts = run(lm, [0], 4, 7, 8, 0.5, index=index_for(guided.regex(pattern), lm.vocab), complete=True)
        for tokens, _, _, reason in drafts.ranking():
            text = b"".join(TOKENS[token] for token in tokens).decode()
            assert re.fullmatch(pattern, text) or reason == "length", text


def test_numbers_of_drafts_are_checked():
    lm = linear_model(np.random.default_rng(0), TOKENS, EOS)
    drafts = _fast.Drafts(lm.vocab, [0], 2, 4, 3, 1.0, 0.0, 200.0, None, None, b"", 0, False)
    with pytest.raises(IndexError):
        drafts.pin(1, 0)
    with pytest.raises(IndexError):
        drafts.pin(0, 99)
    with pytest.raises(IndexError):
        drafts.peek(-1)
