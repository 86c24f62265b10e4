"""smc() against brute force: the constraint's probability, the posterior, and all that must leave both as they are."""

from __future__ import annotations

import math

import numpy as np
import pytest

import guided
from guided.engines.resampling import DISTINCT, SCHEMES, choose, effective_size, log_sum, resample
from tests.engines.toys import EOS, TOKENS, posterior, toy

LENGTH = 4
LANGUAGE = guided.regex("(ab|c)*b?")


def no_double(text):
    return "cc" not in text and "bb" not in text


def liked(text):
    return 0.7 * text.count("c") - 0.4 * len(text)


CONSTRAINTS = {
    "language": LANGUAGE,
    "predicate": guided.predicate(prefix=no_double, complete=lambda text: no_double(text) and len(text) % 2 == 0),
    "late predicate": guided.predicate(complete=lambda text: text.endswith("b")),
    "batched predicate": guided.predicate(prefix=lambda texts: [no_double(text) for text in texts], batched=True),
    "language and predicate": LANGUAGE & guided.predicate(prefix=no_double),
}


KINDS = [lambda text: True, lambda text: len(text) > 1, lambda text: "b" in text, lambda text: text.count("c") == 1]


def z_scores(constraint, n_runs=120, potentials=(), **options):
    """(mean - exact) / standard error over independent runs, of Z, and of the parts of Z of texts of some kinds."""
    score = (lambda text: math.exp(sum(potential(text) for potential in potentials))) if potentials else (lambda _: 1.0)
    z, exact = posterior(toy(), LENGTH, lambda text: score(text) * (constraint is None or constraint.accepts(text)))

    def parts(masses):
        return [sum(mass for text, mass in masses if is_kind(text)) for is_kind in KINDS]

    found = []
    for seed in range(n_runs):
        result = guided.smc(
            toy(), [], constraint, potentials=potentials, max_tokens=LENGTH, seed=seed, n_particles=5, **options
        )
        found.append(parts([(one.text, math.exp(one.logw) / 5) for one in result.particles]))
        assert found[-1][0] == pytest.approx(math.exp(result.log_z))
    mean, error = np.mean(found, 0), np.std(found, 0) / math.sqrt(n_runs)
    return (mean - z * np.array(parts(exact.items()))) / np.maximum(error, 1e-12)


@pytest.mark.parametrize("sampler", ["auto", "awrs", "recursive", "two-loop", "geometric", "mask"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_log_z_and_the_weight_of_a_text_are_unbiased(name, sampler):
    assert np.all(np.abs(z_scores(CONSTRAINTS[name], 60, sampler=sampler)) < 4.5)


@pytest.mark.parametrize("resampling", [DISTINCT, *SCHEMES])
@pytest.mark.parametrize("ess_threshold", [0, 0.5, 1])
def test_resampling_leaves_it_unbiased(resampling, ess_threshold):
    options = {"resampling": resampling, "ess_threshold": ess_threshold}
    assert np.all(np.abs(z_scores(CONSTRAINTS["language and predicate"], 60, **options)) < 4.5)


def test_potentials_are_part_of_the_law_and_a_twist_is_not():
    potential = guided.Potential(complete=liked, prefix=liked)
    z, exact = posterior(toy(), LENGTH, lambda text: math.exp(liked(text)) * LANGUAGE.accepts(text))
    for twist in (None, lambda text: -0.8 * text.count("c")):
        runs = [
            guided.smc(
                toy(), [], LANGUAGE, potentials=[potential], twist=twist, max_tokens=LENGTH, n_particles=8, seed=seed
            )
            for seed in range(100)
        ]
        found = [math.exp(run.log_z) for run in runs]
        assert abs(np.mean(found) - z) < 4.5 * np.std(found) / 10
    assert np.all(np.abs(z_scores(LANGUAGE, potentials=[liked])) < 4.5)
    assert sum(exact.values()) == pytest.approx(1)


def test_the_posterior_comes_closer_as_one_over_the_root_of_particles():
    _, exact = posterior(toy(), LENGTH, lambda text: float(LANGUAGE.accepts(text)))

    def distance(n_particles, n_runs):
        total = 0.0
        for seed in range(n_runs):
            run = guided.smc(
                toy(), [], LANGUAGE, max_tokens=LENGTH, n_particles=n_particles, seed=seed, resampling="stratified"
            )
            found = run.probabilities
            total += sum(abs(found.get(text, 0) - exact.get(text, 0)) for text in found.keys() | exact.keys()) / 2
        return total / n_runs

    few, many = distance(20, 12), distance(500, 3)
    assert many < 0.06
    assert 3 < few / many < 8.5  # 25 times as many particles: 5 times as close


def test_a_seed_gives_the_same_result_whatever_else_is_there():
    constraint, options = CONSTRAINTS["language and predicate"], {"max_tokens": LENGTH, "n_particles": 10}
    for resampling in (DISTINCT, "stratified"):
        first, second = (guided.smc(toy(), [], constraint, seed=3, resampling=resampling, **options) for _ in "12")
        assert [(one.text, one.logw) for one in first.particles] == [(one.text, one.logw) for one in second.particles]
    options.update(ess_threshold=0, resampling="stratified")
    first = guided.smc(toy(), [], constraint, seed=3, **options)
    more = guided.smc(toy(), [], constraint, seed=3, **{**options, "n_particles": 20})
    assert [one.tokens for one in more.particles[:10]] == [one.tokens for one in first.particles]
    other = guided.smc(toy(), [], constraint, seed=4, **options)
    assert [one.tokens for one in other.particles] != [one.tokens for one in first.particles]


def test_particles_with_the_same_text_are_one_row_and_share_answers():
    lm, asked = toy(), []
    constraint = guided.predicate(prefix=lambda text: asked.append(text) or True)
    result = guided.smc(
        lm, [], constraint, max_tokens=3, n_particles=200, seed=0, ess_threshold=0, resampling="stratified"
    )
    assert lm.n_rows == result.n_rows <= 1 + 4 + 16 + 64
    assert len(asked) <= len(TOKENS) * lm.n_rows  # not 200 particles x 3 tokens x 2 questions or more
    assert constraint.n_calls == len(asked)


def test_finished_particles_cost_no_row_and_keep_their_weight():
    for resampling, n_texts in ((DISTINCT, 1), ("stratified", 4)):
        always_over = toy(eos=50)
        result = guided.smc(always_over, [], None, max_tokens=9, n_particles=4, seed=0, resampling=resampling)
        assert always_over.n_rows == 1
        assert [one.tokens for one in result.particles] == [[EOS]] * n_texts
        assert result.log_z == pytest.approx(0)


def test_a_text_at_the_length_limit_ends_with_the_probability_that_the_model_ends_it():
    never_over = toy(eos=-3)
    z, _ = posterior(never_over, 2, lambda _: 1.0)
    runs = [guided.smc(never_over, [], None, max_tokens=2, n_particles=5, seed=seed) for seed in range(80)]
    found = [math.exp(run.log_z) for run in runs]
    assert abs(np.mean(found) - z) < 4.5 * np.std(found) / math.sqrt(80)


def test_a_text_that_nothing_can_follow_may_end_by_itself():
    result = guided.smc(toy(), [], guided.choice(["cab"]), end="free", n_particles=3, seed=0)
    assert {one.text for one in result.particles} == {"cab"}
    assert all(EOS not in one.tokens for one in result.particles)
    tested = guided.choice(["cab", "ab"]) & guided.predicate(complete=lambda text: text == "ab")
    found = guided.smc(toy(), [], tested, end="free", n_particles=20, seed=0)
    assert set(found.probabilities) == {"ab"}


def test_logp_is_the_model_s_own_and_values_are_parsed():
    lm = toy()
    for one in guided.smc(lm, [], LANGUAGE, max_tokens=LENGTH, seed=1).particles:
        rows = lm.logprobs([tuple(one.tokens[:n]) for n in range(len(one.tokens))])
        assert one.logp == pytest.approx(sum(row[token] for row, token in zip(rows, one.tokens, strict=True)))
        assert one.value == one.text == b"".join(TOKENS[token] for token in one.tokens).decode()


def test_nothing_fits_is_a_value_and_asking_for_a_text_is_a_dead_end():
    for sampler in ("auto", "awrs", "two-loop", "geometric", "mask"):
        nothing = guided.predicate(prefix=lambda text: False)
        result = guided.smc(toy(), [], nothing, sampler=sampler, seed=0, max_tokens=5)
        assert result.log_z == -math.inf
        assert all(one.logw == -math.inf for one in result.particles)
        assert result.ess == [0.0]
        for ask in (lambda r: r.best, lambda r: r.probabilities, lambda r: r.sample(0)):
            with pytest.raises(guided.DeadEnd, match="no text that fits"):
                ask(result)
        assert "nan" not in result.trace.to_html().lower()


def test_a_test_that_fails_names_the_text():
    with pytest.raises(guided.ConstraintError, match=r"raised ZeroDivisionError on '.*c'"):
        guided.smc(toy(), [], guided.predicate(prefix=lambda text: 1 / ("c" not in text) > 0), seed=0)
    with pytest.raises(guided.ConstraintError, match=r"answered 3 for '.*'; it must answer True or False"):
        guided.smc(toy(), [], guided.predicate(prefix=lambda text: 3), seed=0)
    with pytest.raises(guided.ConstraintError, match="answered nan for"):
        guided.smc(toy(), [], LANGUAGE, potentials=[lambda text: math.nan], seed=0)
    with pytest.raises(guided.ConstraintError, match="answered 'good' for"):
        guided.smc(toy(), [], LANGUAGE, potentials=[lambda text: "good"], seed=0)
    with pytest.raises(guided.ConstraintError, match="raised ValueError on"):
        guided.smc(toy(), [], LANGUAGE, potentials=[lambda text: int("no number")], seed=0)


@pytest.mark.parametrize(
    "options",
    [
        {"n_particles": 0},
        {"max_tokens": 0},
        {"ess_threshold": 2},
        {"resampling": "often"},
        {"sampler": "best"},
        {"end": "soon"},
    ],
    ids=str,
)
def test_arguments_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        guided.smc(toy(), [], LANGUAGE, **options)


def test_predicates_and_potentials_need_functions():
    for make in (guided.predicate, guided.Potential, lambda: guided.predicate(prefix=3)):
        with pytest.raises(guided.ConstraintError, match="needs a function"):
            make()
    with pytest.raises(guided.ConstraintError, match="no JSON Schema for 3"):
        guided.smc(toy(), [], 3)


def test_trace_tells_what_happened():
    options = {"max_tokens": LENGTH, "n_particles": 6, "ess_threshold": 1}
    for resampling in ("stratified", DISTINCT):
        result = guided.smc(toy(), [], CONSTRAINTS["predicate"], seed=2, resampling=resampling, **options)
        trace = result.trace
        assert len(trace.steps) == len(result.ess)
        for number, one in enumerate(result.particles):
            if one.is_finished:
                places = trace.lineage(number)
                spelled = [trace.steps[step].moves[place].token for step, place in enumerate(places)]
                assert b"".join(token for token in spelled if token).decode() == one.text
    # Nothing is shared here, and at the length limit it is asked about texts, not about tokens.
    assert 0 < sum(trace.n_asked) <= result.n_asked
    assert any(move.rejected for step in trace.steps for move in step.moves)


def test_with_room_for_every_text_a_run_is_exact():
    z, exact = posterior(toy(), LENGTH, lambda text: float(LANGUAGE.accepts(text)))
    result = guided.smc(toy(), [], LANGUAGE, max_tokens=LENGTH, n_particles=20_000, seed=0, resampling=DISTINCT)
    assert math.exp(result.log_z) == pytest.approx(z, rel=1e-4)
    assert len({tuple(one.tokens) for one in result.particles}) == len(result.particles)
    assert all(result.probabilities[text] == pytest.approx(exact[text], abs=1e-4) for text in result.probabilities)
    assert sum(exact[text] for text in result.probabilities) > 1 - 1e-4


def test_a_choice_keeps_what_is_heavy_and_the_expected_weight_of_the_rest():
    logw = np.log([0.5, 0.2, 0.1, 0.1, 0.06, 0.04, 1e-30]) + 7
    stream, sums = guided._fast.Stream(1), np.zeros(7)
    for _ in range(20000):
        places, log_odds = choose([*logw, -math.inf], 3, stream)
        assert places == sorted(set(places))
        assert len(places) == 3
        assert places[0] == 0
        assert log_odds[0] == 0
        sums[places] += np.exp(logw[places] - log_odds - 7)
    assert np.allclose(sums / 20000, np.exp(logw - 7), atol=0.006)
    assert choose(logw[:6], 6, stream) == (list(range(6)), [0.0] * 6)
    assert choose([-math.inf, 0.0, -30.0], 5, stream)[0] == [1]  # there is room, but it is not worth it


@pytest.mark.parametrize("scheme", SCHEMES)
def test_resampling_copies_by_weight(scheme):
    logw = np.log([0.5, 0.25, 0.15, 0.1]) + 3
    stream, counts = guided._fast.Stream(1), np.zeros(4)
    for _ in range(4000):
        ancestors = resample(logw, scheme, stream)
        assert len(ancestors) == 4
        counts += np.bincount(ancestors, minlength=4)
    assert np.allclose(counts / 4000, [2, 1, 0.6, 0.4], atol=0.08)


def test_effective_size_counts_equal_weights_and_is_0_for_none():
    assert effective_size([-3.0, -3.0, -math.inf, -3.0]) == pytest.approx(3)
    assert effective_size([-math.inf] * 3) == 0
    assert log_sum([]) == -math.inf
