"""Laws 1 to 5 of the design, for every kind of constraint, against the slow oracles."""

from __future__ import annotations

import random

import numpy as np
import pytest

from guided import Matcher, TokenRejected, fill_masks
from guided._fast import DEAD
from tests.laws.constraints import ALL_CONSTRAINTS
from tests.laws.vocabularies import byte_vocabulary, random_vocabulary, wordy_vocabulary
from tests.oracle.brute_mask import brute_mask, fewest_tokens_to_finish, ids_of

VOCABULARIES = {"bytes": byte_vocabulary(), "wordy": wordy_vocabulary(), "random": random_vocabulary(7)}


@pytest.fixture(params=sorted(VOCABULARIES))
def vocab(request):
    return VOCABULARIES[request.param]


@pytest.fixture(params=sorted(ALL_CONSTRAINTS))
def constraint(request):
    return ALL_CONSTRAINTS[request.param]


def walk(matcher, rng, n_steps):
    """Random allowed tokens, drawn evenly over the last byte so rare ways out are taken; yields at each position."""
    for _ in range(n_steps):
        yield
        allowed = sorted(ids_of(matcher.mask(), matcher.vocab.size))
        if matcher.is_finished or not allowed:
            return
        by_byte = {}
        for token in allowed:
            spelled = matcher.vocab.tokens[token] if token < len(matcher.vocab.tokens) else b""
            by_byte.setdefault(spelled[-1:], []).append(token)
        matcher.advance(rng.choice(by_byte[rng.choice(sorted(by_byte))]))


@pytest.mark.parametrize("seed", range(3))
def test_mask_equals_brute_force_equals_allows(constraint, vocab, seed):
    rng, matcher = random.Random(seed), Matcher(constraint, vocab)
    for _ in walk(matcher, rng, 12):
        allowed = ids_of(matcher.mask(), vocab.size)
        if matcher.tokens and matcher.tokens[-1] in vocab.eos_ids:
            assert allowed == set()
            continue
        assert allowed == brute_mask(constraint.recognizer(), matcher.text, vocab)
        for token in rng.sample(range(vocab.size), 60):
            assert matcher.allows(token) == (token in allowed)


def test_advance_succeeds_exactly_on_the_mask_and_a_refusal_changes_nothing(constraint, vocab):
    rng, matcher = random.Random(1), Matcher(constraint, vocab)
    for _ in walk(matcher, rng, 6):
        allowed, state, tokens = ids_of(matcher.mask(), vocab.size), matcher.state, list(matcher.tokens)
        for token in [*rng.sample(range(vocab.size), 25), -1, vocab.size, 2**31 - 1]:
            if token in allowed:
                fork = matcher.fork()
                fork.advance(token)
                assert fork.n_tokens == matcher.n_tokens + 1
            else:
                with pytest.raises(TokenRejected):
                    matcher.advance(token)
            assert (matcher.state, matcher.tokens) == (state, tokens)


@pytest.mark.parametrize("seed", range(4))
def test_every_walk_can_be_finished(constraint, vocab, seed):
    """Law 1, no dead ends: from wherever a walk gets to, the completion is read to its end and accepted."""
    rng, matcher = random.Random(seed), Matcher(constraint, vocab)
    recognizer = constraint.recognizer()
    for _ in walk(matcher, rng, 10):
        if matcher.tokens and matcher.tokens[-1] in vocab.eos_ids:
            break
        rest = recognizer.completion(matcher.state)
        end = recognizer.run(matcher.state, rest)
        assert end != DEAD
        assert recognizer.is_accepting(end)
        assert constraint.accepts(matcher.text + rest)


@pytest.mark.parametrize("seed", range(3))
def test_rollback_is_the_exact_inverse_and_forks_are_independent(constraint, vocab, seed):
    rng, matcher = random.Random(seed), Matcher(constraint, vocab)
    history = []
    for _ in walk(matcher, rng, 10):
        mask = matcher.mask().tolist()
        history.append((matcher.state, list(matcher.tokens), matcher.text, mask, matcher.is_accepting))
    fork = matcher.fork()
    for steps_back in range(matcher.n_tokens + 1):
        other = matcher.fork()
        other.rollback(steps_back)
        at = matcher.n_tokens - steps_back
        if at < len(history):
            now = (other.state, list(other.tokens), other.text, other.mask().tolist(), other.is_accepting)
            assert now == history[at]
    assert (fork.state, fork.tokens) == (matcher.state, matcher.tokens)
    with pytest.raises(ValueError, match="roll back"):
        matcher.rollback(matcher.n_tokens + 1)
    with pytest.raises(ValueError, match="roll back"):
        matcher.rollback(-1)


@pytest.mark.parametrize("seed", range(3))
def test_forced_is_what_every_way_on_starts_with_and_is_maximal(constraint, vocab, seed):
    rng, matcher = random.Random(seed), Matcher(constraint, vocab)
    recognizer = constraint.recognizer()
    for _ in walk(matcher, rng, 10):
        if matcher.tokens and matcher.tokens[-1] in vocab.eos_ids:
            assert matcher.forced() == b""
            break
        state = matcher.state
        for byte in matcher.forced():
            assert not recognizer.is_accepting(state)
            assert recognizer.live_bytes(state) == bytes([byte])
            state = recognizer.step(state, byte)
        assert recognizer.is_accepting(state) or len(recognizer.live_bytes(state)) > 1


@pytest.mark.parametrize("seed", range(3))
def test_token_paths_with_the_same_bytes_reach_the_same_state(constraint, vocab, seed):
    rng, matcher = random.Random(seed), Matcher(constraint, vocab)
    for _ in walk(matcher, rng, 10):
        pass
    if matcher.tokens and matcher.tokens[-1] in vocab.eos_ids:
        matcher.rollback(1)
    by_bytes = Matcher(constraint, vocab)
    for byte in matcher.text:
        by_bytes.advance(byte)
    assert by_bytes.state == matcher.state


@pytest.mark.parametrize("seed", range(2))
def test_closure_never_lets_the_budget_run_out(constraint, vocab, seed):
    """Within a budget of at least tokens_to_finish(), every choice of mask_within leaves a way to finish in time."""
    rng = random.Random(seed)
    for extra in (0, 1, 3):
        matcher = Matcher(constraint, vocab)
        budget = matcher.tokens_to_finish() + extra
        fewest = fewest_tokens_to_finish(constraint.recognizer(), b"", vocab, 4)
        assert matcher.tokens_to_finish() >= fewest or budget > 4
        while budget and not matcher.is_finished:
            within = ids_of(matcher.mask_within(budget), vocab.size)
            assert within <= ids_of(matcher.mask(), vocab.size)
            assert within
            for token in rng.sample(sorted(within), min(8, len(within))):
                fork = matcher.fork()
                fork.advance(token)
                assert fork.is_accepting or fork.tokens_to_finish() <= budget - 1
            matcher.advance(rng.choice(sorted(within)))
            budget -= 1
        assert matcher.is_accepting


def test_a_batch_of_masks_equals_the_masks_one_by_one(vocab):
    matchers = []
    for number, constraint in enumerate(ALL_CONSTRAINTS.values()):
        matcher = Matcher(constraint, vocab)
        for _ in walk(matcher, random.Random(number), number % 4):
            pass
        matchers.append(matcher)
    out = np.full((len(matchers), matchers[0].index.n_words), 7, np.uint32)
    fill_masks(matchers, out)
    for row, matcher in zip(out, matchers, strict=True):
        assert row.tolist() == matcher.mask().tolist()
    with pytest.raises(ValueError, match="rows"):
        fill_masks(matchers, out[:-1])
