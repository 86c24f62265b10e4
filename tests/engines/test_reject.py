"""The compiled samplers are properly weighted: E[exp(logw) 1{token = x}] = p(x) if x is accepted, else 0."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from functools import partial
from itertools import chain, combinations

import numpy as np
import pytest

from benchmarks.awrs_questions import expected_questions
from guided._fast import Rejection, Stream, Urn
from guided.engines.samplers import sample_token
from guided.errors import ModelError
from tests.oracle import slow_awrs


def subsets(tokens):
    return [set(chosen) for chosen in chain.from_iterable(combinations(tokens, n) for n in range(len(tokens) + 1))]


def words(tokens, size=32):
    bits = np.zeros(-(-size // 32) * 32, np.uint8)
    bits[list(tokens)] = 1
    return np.packbits(bits, bitorder="little").view(np.uint32)


FORMS_BY_NAME = ["recursive", "two-loop", "geometric", "plain", "mask"]
MASSES = {
    1: [1],
    2: [1, 3],
    3: [5, 2, 1],
    4: [3, 8, 0, 1],
    5: [4, 1, 7, 2, 2],
    6: [9, 1, 4, 2, 6, 3],
}
# name -> (sizes of the vocabulary, twin, arguments of the compiled sampler)
FORMS = {
    "recursive": (range(1, 7), slow_awrs.recursive, {}),
    "recursive, depth 2": (range(1, 5), partial(slow_awrs.recursive, depth=2), {"depth": 2}),
    "recursive, depth 9": (range(1, 5), partial(slow_awrs.recursive, depth=9), {"depth": 9}),
    "recursive, 1 question": (range(1, 7), partial(slow_awrs.recursive, questions=1), {"max_rejects": 1}),
    "recursive, 2 questions": (range(1, 7), partial(slow_awrs.recursive, questions=2), {"max_rejects": 2}),
    "recursive, depth 2, 3 questions": (
        range(1, 5),
        partial(slow_awrs.recursive, depth=2, questions=3),
        {"depth": 2, "max_rejects": 3},
    ),
    "two-loop": (range(1, 7), slow_awrs.two_loop, {"form": "two-loop"}),
    **{
        f"geometric, {accepts} accepts, {rejects} rejects": (
            range(1, size + 1),
            partial(slow_awrs.geometric, max_accepts=accepts, max_rejects=rejects),
            {"form": "geometric", "max_accepts": accepts, "max_rejects": rejects},
        )
        for accepts, rejects, size in [(2, 2, 6), (2, 3, 4), (3, 2, 4), (5, 3, 2), (2, 6, 2)]
    },
}


def check_all_ways(masses, accepts, twin, options, known=None):
    """The twin is exact in rational numbers over all its ways, and the compiled sampler agrees on each of them."""
    total = sum(masses.values())
    logits = np.log([float(masses[token]) for token in sorted(masses)])
    expected, whole = defaultdict(Fraction), Fraction(0)
    for probability, uniforms, (token, weight) in slow_awrs.ways(lambda chance: twin(chance, masses, accepts)):
        whole += probability
        if token is not None:
            expected[token] += probability * weight
        fast = Rejection(Urn(logits, known=None if known is None else words(known)), Stream.replay(uniforms), **options)
        fast.run(accepts.__contains__)
        assert fast.token == (-1 if token is None else token)
        assert math.exp(fast.logw) == pytest.approx(float(weight), rel=1e-12)
    assert whole == 1
    assert dict(expected) == {token: masses[token] / total for token in accepts if masses[token]}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", FORMS)
def test_weights_are_proper_over_all_ways_and_all_subsets(name):
    sizes, twin, options = FORMS[name]
    for size in [size for size in sizes if size < 5]:
        masses = {token: Fraction(mass) for token, mass in enumerate(MASSES[size])}
        for accepts in subsets(masses):
            check_all_ways(masses, accepts, twin, options)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_weights_are_proper_over_all_ways_on_larger_vocabularies(name):
    sizes, twin, options = FORMS[name]
    for size in range(5, max(5, sizes.stop)):
        masses = {token: Fraction(mass) for token, mass in enumerate(MASSES[size])}
        for accepts in subsets(masses):
            check_all_ways(masses, accepts, twin, options)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("depth", [1, 2])
def test_known_tokens_are_never_asked_and_keep_the_weights_proper(depth):
    for size in range(1, 5):
        masses = {token: Fraction(mass) for token, mass in enumerate(MASSES[size])}
        for accepts in subsets(masses):
            for known in subsets(accepts):
                twin = partial(slow_awrs.recursive, known=known, depth=depth)
                check_all_ways(masses, accepts, twin, {"depth": depth}, known)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_all_that_a_step_finds_is_an_unbiased_estimate_of_the_accepted_part(depth):
    """Over all ways, in rational numbers, for all accepted and known tokens; the compiled one takes each way."""
    masses = {token: Fraction(mass) for token, mass in enumerate(MASSES[4])}
    logits, total = np.log([float(mass) for mass in masses.values()]), sum(masses.values())
    for accepts in subsets(masses):
        for known in subsets(accepts):
            expected = defaultdict(Fraction)

            def twin(chance, accepts=accepts, known=known):
                return slow_awrs.spread(chance, masses, accepts, known, depth)

            for probability, uniforms, found in slow_awrs.ways(twin):
                for token, mass in found:
                    expected[token] += probability * mass
                step = Rejection(Urn(logits, known=words(known)), Stream.replay(uniforms), depth=depth, spreads=True)
                step.run(accepts.__contains__)
                assert [token for token, _ in step.found] == [token for token, _ in found]
                assert np.allclose([mass for _, mass in step.found], [math.log(mass) for _, mass in found])
                assert math.exp(step.logw) == pytest.approx(float(sum(mass for _, mass in found)), rel=1e-12)
            assert dict(expected) == {token: masses[token] / total for token in accepts if masses[token]}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("form", ["recursive", "two-loop", "geometric"])
def test_the_expected_number_of_questions_has_a_closed_form(form):
    """That of docs/theory/awrs.md, section 3, against 2,000 steps for some sets of accepted tokens."""
    masses = [0.3, 0.05, 0.25, 0.2, 0.2]
    for accepts in ({0, 1}, {1, 4}, {0, 2, 3}, {1, 2, 3, 4}):
        counts = []
        for number in range(2000):
            step = Rejection(Urn(np.log(masses)), Stream(5, number), form)
            step.run(accepts.__contains__)
            counts.append(step.n_asked)
        error = np.std(counts) / math.sqrt(len(counts))
        assert abs(np.mean(counts) - expected_questions(np.array(masses), accepts, form)) < 4.5 * error + 1e-9


def test_known_accepted_and_known_rejected_tokens_cost_no_question():
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    for position in range(20):
        urn = Urn(logits, allowed=words({0, 1, 2}), known=words({0, 1}))
        step = Rejection(urn, Stream(1, position))
        asked = []
        step.run(lambda token, asked=asked: asked.append(token) or True)
        assert set(asked) <= {2}
        assert step.logw == pytest.approx(math.log(0.9))


def test_all_known_is_the_mask_with_the_allowed_mass_as_weight():
    logits = np.random.default_rng(0).normal(size=1000).astype(np.float32) * 3
    allowed = set(range(0, 1000, 7))
    probs = np.exp(logits.astype(float)) / np.exp(logits.astype(float)).sum()
    for position in range(50):
        step = Rejection(Urn(logits, allowed=words(allowed, 1000), all_known=True), Stream(2, position))
        assert step.asking == -1
        assert step.n_asked == 0
        assert step.token in allowed
        assert step.logw == pytest.approx(math.log(probs[sorted(allowed)].sum()), abs=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    "options",
    [{}, {"depth": 3}, {"form": "two-loop"}, {"form": "geometric"}, {"max_rejects": 4}],
    ids=lambda options: "-".join(map(str, options.values())) or "recursive",
)
def test_means_over_many_draws_are_the_probabilities(options, dtype):
    """700 tokens are three blocks of sums.  The 60 most probable one by one, the rest in groups of equal mass."""
    rng, n_draws = np.random.default_rng(3), 5000
    logits = (rng.normal(size=700) * 2).astype(dtype)
    accepts = set(rng.permutation(700)[:300].tolist())
    exact = np.exp(logits.astype(np.float64))
    exact /= exact.sum()
    order = np.argsort(-exact)
    group = np.empty(700, int)
    group[order] = np.concatenate([np.arange(60), 60 + np.arange(640) % 10])
    sums, squares, base = np.zeros(70), np.zeros(70), Urn(logits)
    for position in range(n_draws):
        step = Rejection(base.fork(), Stream(4, position), **options)
        step.run(accepts.__contains__)
        if step.token >= 0:
            sums[group[step.token]] += math.exp(step.logw)
            squares[group[step.token]] += math.exp(2 * step.logw)
    exact[[token for token in range(700) if token not in accepts]] = 0
    expected = np.bincount(group, exact, minlength=70)
    assert_means(sums, squares, expected, n_draws)


def assert_means(sums, squares, expected, n_draws):
    """|mean - expected| < 4.5 standard errors in every place, and in the sum of all."""
    error = np.sqrt(np.maximum(squares / n_draws - (sums / n_draws) ** 2, 0) / n_draws)
    assert np.all(np.abs(sums / n_draws - expected) <= 4.5 * error + 1e-9)
    total_error = math.sqrt(max(squares.sum() / n_draws - (sums.sum() / n_draws) ** 2, 0) / n_draws)
    assert abs(sums.sum() / n_draws - expected.sum()) <= 4.5 * total_error + 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["recursive", "two-loop", "geometric"])
@pytest.mark.parametrize("logp", [-27.6, -92.1, -690.8])
def test_the_one_valid_token_is_found_however_improbable(logp, form, dtype):
    logits = np.zeros(300, dtype)
    logits[7] = logp
    step = Rejection(Urn(logits), Stream(5), form)
    step.run(lambda token: token == 7)
    assert step.token == 7
    # Two-loop and geometric share the weight among all rejections; their smallest is one of 300 of it.
    assert logp - math.log(300) - (0.1 if form == "recursive" else 800) <= step.logw < math.log(300)
    if form == "recursive":
        assert step.logw == pytest.approx(float(logits[7]) - math.log(299), abs=1e-4)


def test_a_step_says_which_sampler_it_used():
    flat, steep = np.zeros(40, np.float32), np.array([5.0] + [0.0] * 39, np.float32)
    everything, half = words(range(40), 40), words(range(20), 40)

    def form(logits=flat, **options):
        return sample_token(logits, lambda token: token < 20, stream=Stream(0), **options).form

    assert [form(sampler=name) for name in FORMS_BY_NAME] == FORMS_BY_NAME
    assert [form(sampler=name) for name in ("auto", "awrs")] == ["recursive"] * 2
    assert [form(steep, sampler=name) for name in ("auto", "awrs")] == ["geometric"] * 2
    assert form(known=words(range(5), 40)) == "known"
    assert form(known=everything, allowed=half) == "mask"
    assert form(max_accepts=3) == "geometric"


def test_nothing_accepted_is_weight_zero_without_nan():
    for form in ["recursive", "two-loop", "geometric"]:
        step = Rejection(Urn(np.array([0.0, -1.0, -np.inf])), Stream(0), form)
        step.run(lambda token: False)
        assert (step.token, step.logw, sorted(step.rejected)) == (-1, -math.inf, [0, 1])


def test_an_urn_gives_each_token_once_in_plackett_luce_order():
    logits, n_draws = np.log(np.array([5, 3, 2, 1.0])), 8000
    firsts, seconds = np.zeros(4), np.zeros((4, 4))
    for position in range(n_draws):
        urn, stream = Urn(logits), Stream(6, position)
        order = [urn.take(stream) for _ in range(5)]
        assert sorted(order) == [-1, 0, 1, 2, 3]
        firsts[order[0]] += 1
        seconds[order[0], order[1]] += 1
    p = np.array([5, 3, 2, 1]) / 11
    assert np.all(np.abs(firsts / n_draws - p) < 4.5 * np.sqrt(p * (1 - p) / n_draws))
    for first in range(4):
        q = np.where(np.arange(4) == first, 0, p * p[first] / (1 - p[first]))
        assert np.all(np.abs(seconds[first] / n_draws - q) <= 4.5 * np.sqrt(q * (1 - q) / n_draws))


def test_the_head_alone_gives_the_same_law_and_fetches_the_tail_only_when_it_wins():
    rng, n_draws = np.random.default_rng(7), 4000
    logits = np.sort(rng.normal(size=400) * 2)[::-1].astype(np.float32)
    accepts = set(range(0, 400, 3))
    exact = np.exp(logits.astype(float))
    log_norm = math.log(exact.sum())
    exact /= exact.sum()
    head = np.argsort(-logits)[:16]
    log_tail = math.log(np.exp(np.delete(logits, head).astype(float)).sum())
    sums, squares, fetched = np.zeros(400), np.zeros(400), []
    for position in range(n_draws):
        urn = Urn.of_head(head, logits[head], log_tail, log_norm, lambda: fetched.append(1) or logits)
        step = Rejection(urn, Stream(8, position))
        step.run(accepts.__contains__)
        sums[step.token] += math.exp(step.logw)
        squares[step.token] += math.exp(2 * step.logw)
    assert 0 < len(fetched) < n_draws
    exact[[token for token in range(400) if token not in accepts]] = 0
    group = np.minimum(np.arange(400), 40 + np.arange(400) // 40)  # sorted: the first 40 alone, then groups of 40
    assert_means(*(np.bincount(group, values) for values in (sums, squares, exact)), n_draws)


def test_bad_input_is_named():
    for logits in ([0.0, math.nan], [0.0, math.inf], [-math.inf, -math.inf]):
        with pytest.raises(ModelError, match="not a distribution"):
            Urn(np.array(logits))
    with pytest.raises(ValueError, match="vector"):
        Urn(np.zeros((2, 3)))
    urn = Urn(np.zeros(4))
    with pytest.raises(ValueError, match="two-loop"):
        Rejection(urn, Stream(0), "two-loop", max_rejects=3)
    with pytest.raises(ValueError, match="at least 2"):
        Rejection(urn, Stream(0), "geometric", max_rejects=1)
    with pytest.raises(ValueError, match="form"):
        Rejection(urn, Stream(0), "no such form")
    with pytest.raises(ValueError, match="depth"):
        Rejection(urn, Stream(0), depth=0)
