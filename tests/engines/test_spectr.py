"""K-SEQ gives the target's law exactly, by summing over all proposals; whole samples have it too, by counting."""

import itertools
import math

import numpy as np
import pytest

import guided
from guided.engines import spectr
from guided.models.huggingface import load
from tests.engines.superposed_toys import linear_model
from tests.small_models import llama, tokenizer


def law_of(q, p, rho, k):
    """Exact law of one K-SEQ step: every tuple of proposals, every way to accept or reject."""
    found = np.zeros(len(q))
    rest = spectr.residual(q, p, rho, k)
    for proposals in itertools.product(range(len(q)), repeat=k):
        weight = math.prod(p[token] for token in proposals)
        for token in proposals:
            accept = min(1.0, q[token] / (rho * p[token])) if p[token] else 0.0
            found[token] += weight * accept
            weight *= 1 - accept
        found += weight * rest
    return found


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("k", [1, 2, 4])
def test_a_step_has_the_law_of_the_target(seed, k):
    rng = np.random.default_rng(seed)
    q, p = rng.dirichlet([0.5] * 4), rng.dirichlet([0.5] * 4)
    if seed % 3 == 0:
        q[0], p[1] = 0, 0
        q, p = q / q.sum(), p / p.sum()
    best = spectr.best_rho(q, p, k)
    for rho in (best, (best + k) / 2, float(k)):
        assert law_of(q, p, rho, k) == pytest.approx(q, abs=1e-9)
    accepted = [1 - (1 - spectr.acceptance(q, p, rho)) ** k for rho in (best, float(k))]
    assert accepted[0] >= accepted[1] - 1e-12  # the smallest valid divisor accepts most
    assert accepted[0] >= np.minimum(p, q).sum() - 1e-9  # and no less than one proposal does


def test_one_proposal_is_speculative_sampling():
    q, p = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.8, 0.1])
    assert spectr.best_rho(q, p, 1) == 1
    assert spectr.residual(q, p, 1.0, 1) == pytest.approx(np.maximum(q - p, 0) / np.maximum(q - p, 0).sum())


def test_equal_laws_are_always_accepted():
    q = np.array([0.2, 0.5, 0.3])
    chance = np.random.default_rng(0)
    assert all(spectr.k_seq(q, q, [token], chance)[1] for token in (0, 1, 2))


@pytest.mark.parametrize("constraint", [None, "a*b?c|b.*"])
def test_samples_have_the_law_of_the_model(constraint):
    """All texts of at most three tokens with their probabilities, against 1,500 samples: Pearson's test at 1e-4."""
    lm = linear_model(np.random.default_rng(5), [b"a", b"b", b"c", b""], 3)
    language = None if constraint is None else guided.regex(constraint)
    recognizer = None if language is None else language.recognizer()
    exact = {}
    stack = [((), 1.0)]
    while stack:
        tokens, prob = stack.pop()
        logits = lm.after([0, *tokens], []).astype(float)
        if recognizer is not None:
            state = recognizer.run(recognizer.start, bytes(97 + token for token in tokens))
            for token in range(3):
                if recognizer.step(state, 97 + token) < 0:
                    logits[token] = -np.inf
            if not recognizer.is_accepting(state):
                logits[3] = -np.inf
            if recognizer.is_final(state):
                exact[tokens] = exact.get(tokens, 0) + prob
                continue
        probs = np.exp(logits) / np.exp(logits).sum()
        for token in range(4):
            if probs[token] > 0:
                longer = (*tokens, token)
                if token == 3 or len(longer) == 3:
                    exact[longer] = exact.get(longer, 0) + prob * probs[token]
                else:
                    stack.append((longer, prob * probs[token]))
    assert sum(exact.values()) == pytest.approx(1)
    n, seen = 1500, {}
    chance = np.random.default_rng(7)
    for _ in range(n):
        draft = spectr.spectr(lm, [0], 3, 3, 1.0, language, (), chance)
        seen[tuple(draft.tokens)] = seen.get(tuple(draft.tokens), 0) + 1
    assert set(seen) <= set(exact)
    likely = {text: prob for text, prob in exact.items() if n * prob >= 5}
    rest = 1 - sum(likely.values())
    statistic = sum((seen.get(text, 0) - n * prob) ** 2 / (n * prob) for text, prob in likely.items())
    if n * rest >= 5:
        others = n - sum(seen.get(text, 0) for text in likely)
        statistic += (others - n * rest) ** 2 / (n * rest)
    freedom = len(likely)
    assert statistic < freedom + 3.72 * math.sqrt(2 * freedom) + 10  # above the 1e-4 quantile for any freedom


def test_samples_of_a_transformers_model():
    lm = load(llama(), tokenizer())
    (draft,) = guided.superpose(lm, "the name", 3, 9, verify="spectr", seed=3)
    (again,) = guided.superpose(lm, "the name", 3, 9, verify="spectr", seed=3)
    assert draft.tokens == again.tokens
    assert len(draft.tokens) == 9 or draft.finish_reason == "eos"
    ids, alone = lm.encode("the name"), 0.0
    for token in draft.tokens:
        alone += float(lm.logprobs([ids])[0, token])
        ids = [*ids, token]
    assert draft.logp == pytest.approx(alone, abs=5e-3)
    assert draft.n_calls >= 1
    assert draft.n_accepted + draft.n_calls >= len(draft.tokens)
    (draft,) = guided.superpose(
        lm, "the", 3, 30, verify="spectr", seed=1, constraint=guided.regex("[ab]{3}c"), temperature=0.7
    )
    assert draft.is_complete
    assert draft.finish_reason == "stop"
