"""rejection, importance, asap, choice_logprobs and log_z against brute force."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

import guided
from guided.engines import asap as asap_engine
from tests.engines.toys import EOS, TOKENS, all_texts, posterior, toy

LENGTH = 4
LANGUAGE = guided.regex("(ab|c)*b?")
TESTED = LANGUAGE & guided.predicate(prefix=lambda text: "cc" not in text)
CONSTRAINTS = {"language": LANGUAGE, "language and predicate": TESTED}


def chi_squared(texts, exact):
    """Pearson's statistic over its degrees of freedom, rare texts together."""
    counts, n = Counter(texts), len(texts)
    common = [text for text in exact if exact[text] * n >= 8]
    assert set(counts) <= set(exact)
    rest = 1 - sum(exact[text] for text in common)
    cells = [(counts[text], n * exact[text]) for text in common]
    if rest * n >= 1:
        cells.append((n - sum(counts[text] for text in common), n * rest))
    return sum((found - expected) ** 2 / expected for found, expected in cells) / (len(cells) - 1)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_rejection_gives_independent_exact_samples(name):
    z, exact = posterior(toy(), LENGTH, lambda text: float(CONSTRAINTS[name].accepts(text)))
    result = guided.rejection(toy(), [], CONSTRAINTS[name], n=400, max_tries=4000, max_tokens=LENGTH, seed=0)
    assert [one.logw for one in result.particles] == [0.0] * 400
    assert chi_squared([one.text for one in result.particles], exact) < 2.5
    assert abs(math.exp(result.log_z) - z) < 4.5 * math.sqrt(z * (1 - z) * z / 400)


def test_rejection_gives_up_with_a_dead_end():
    result = guided.rejection(toy(), [], guided.predicate(prefix=lambda text: False), max_tries=40, seed=0)
    assert result.log_z == -math.inf
    with pytest.raises(guided.DeadEnd):
        _ = result.best


def test_importance_is_unbiased_and_never_resamples():
    z, _ = posterior(toy(), LENGTH, lambda text: float(LANGUAGE.accepts(text)))
    runs = [guided.importance(toy(), [], LANGUAGE, n=5, max_tokens=LENGTH, seed=seed) for seed in range(80)]
    found = [math.exp(run.log_z) for run in runs]
    assert abs(np.mean(found) - z) < 4.5 * np.std(found) / math.sqrt(80)
    assert all(step.ancestors is None for run in runs for step in run.trace.steps)
    best = runs[0].best
    assert best.logp == max(one.logp for one in runs[0].particles if one.logw > -math.inf)
    with pytest.raises(TypeError, match="never resamples"):
        guided.importance(toy(), [], LANGUAGE, ess_threshold=0.5)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_adaptive_samples_are_properly_weighted_however_much_was_learned(name):
    z, exact = posterior(toy(), LENGTH, lambda text: float(CONSTRAINTS[name].accepts(text)))
    likely, found = max(exact, key=exact.get), []
    for seed in range(60):
        result = guided.asap(toy(), [], CONSTRAINTS[name], n=6, max_tokens=LENGTH, seed=seed)
        mine = sum(math.exp(one.logw) for one in result.particles if one.text == likely) / 6
        found.append((math.exp(result.log_z), mine))
    error = np.std(found, 0) / math.sqrt(60)
    assert np.all(np.abs(np.mean(found, 0) - [z, z * exact[likely]]) < 4.5 * error)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_adaptive_rejection_gives_exact_samples_and_learns_across_calls(name):
    lm, constraint = toy(), CONSTRAINTS[name]
    z, exact = posterior(lm, LENGTH, lambda text: float(constraint.accepts(text)))
    texts, tries = [], []
    for seed in range(80):
        result = guided.asap(lm, [], constraint, n=5, exact=True, max_tokens=LENGTH, seed=seed)
        texts += [one.text for one in result.particles]
        tries.append(result.n_rows)
        assert result.log_z >= math.log(z) - 1e-9
    assert chi_squared(texts, exact) < 2.5
    assert math.exp(result.log_z) == pytest.approx(z, rel=0.02)
    assert sum(tries[40:]) < sum(tries[:5])  # what is known is not asked again
    again = guided.asap(lm, [], constraint, n=200, max_tokens=LENGTH, seed=0)
    assert again.final_ess > 190  # the proposal has become the posterior


def test_learning_is_forgotten_where_asked_or_where_it_grew_too_large(monkeypatch):
    lm = toy()
    guided.asap(lm, [], LANGUAGE, n=30, max_tokens=LENGTH, seed=0)
    assert guided.asap(lm, [], LANGUAGE, n=1, max_tokens=LENGTH, seed=0).n_rows <= 1
    assert guided.asap(lm, [], LANGUAGE, n=1, max_tokens=LENGTH, seed=0, fresh=True).n_rows > 1
    monkeypatch.setattr(asap_engine, "MAX_BYTES", 0)
    assert guided.asap(lm, [], LANGUAGE, n=3, max_tokens=LENGTH, seed=0).n_rows >= 3


def test_adaptive_samples_find_that_nothing_fits():
    result = guided.asap(toy(), [], guided.predicate(prefix=lambda text: False), n=3, seed=0)
    assert result.log_z == -math.inf
    exact = guided.asap(toy(), [], guided.predicate(prefix=lambda text: False), n=3, exact=True, max_tries=9, seed=0)
    assert exact.log_z == -math.inf
    for result_without_text in (result, exact):
        with pytest.raises(guided.DeadEnd):
            result_without_text.sample(0)


def test_probability_of_a_choice_is_the_sum_over_all_its_spellings():
    lm, choices = toy(), ["ab", "c", "cab", "abc"]
    exact = dict.fromkeys(choices, 0.0)
    begins = dict.fromkeys(choices, 0.0)
    for _, text, prob in all_texts(lm, 5):
        if text in exact:
            exact[text] += prob
    for choice in choices:  # over the shortest token sequences that spell at least the choice
        stack = [((), b"", 1.0)]
        while stack:
            tokens, text, prob = stack.pop()
            if text.startswith(choice.encode()):
                begins[choice] += prob
            elif choice.encode().startswith(text):
                probs = np.exp(lm.logprobs([tokens])[0])
                stack += [((*tokens, token), text + TOKENS[token], prob * probs[token]) for token in range(EOS)]
    ended = guided.choice_logprobs(lm, [], choices, end=True, tolerance=0)
    begun = guided.choice_logprobs(lm, [], choices, tolerance=0)
    for choice in choices:
        assert math.exp(ended[choice]) == pytest.approx(exact[choice], rel=1e-9)
        assert math.exp(begun[choice]) == pytest.approx(begins[choice], rel=1e-9)


def test_canonical_spelling_is_one_way_and_a_lower_bound():
    lm = toy()
    one = guided.choice_logprobs(lm, [], ["cab"], end=True, encodings="canonical")["cab"]
    rows = lm.logprobs([(), (3,), (3, 2)])
    assert one == pytest.approx(rows[0][3] + rows[1][2] + rows[2][EOS])
    assert one < guided.choice_logprobs(lm, [], ["cab"], end=True)["cab"]


def test_log_z_agrees_with_the_choices_it_is_made_of():
    lm, choices = toy(), ["ab", "c", "cab"]
    exact = math.fsum(math.exp(value) for value in guided.choice_logprobs(lm, [], choices, end=True).values())
    found = [math.exp(guided.log_z(lm, [], guided.choice(choices), seed=seed)) for seed in range(20)]
    assert abs(np.mean(found) - exact) < 4.5 * np.std(found) / math.sqrt(20)


def test_choices_must_be_there():
    for choices in ([], [""]):
        with pytest.raises(ValueError, match="choices must not be empty"):
            guided.choice_logprobs(toy(), [], choices)
    with pytest.raises(ValueError, match="encodings"):
        guided.choice_logprobs(toy(), [], ["a"], encodings="some")
