"""The urn's masses against the plain formula in float64: every size of a last block, masks, known tokens, removals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from guided._fast import Rejection, Stream, Urn
from guided.errors import ModelError

SIZES = [1, 2, 15, 16, 17, 31, 33, 255, 256, 257, 511, 700, 4096, 4111]


def words(bits):
    padded = np.zeros(-(-len(bits) // 32) * 32, np.uint8)
    padded[: len(bits)] = bits
    return np.packbits(padded, bitorder="little").view(np.uint32)


def log_sum(values):
    values = np.asarray(values, np.float64)
    top = values.max(initial=-np.inf)
    return -math.inf if top == -math.inf else float(top + np.log(np.exp(values - top).sum()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_masses_are_sums_of_exponentials_whatever_is_allowed_known_or_taken_out(size, dtype):
    rng, near = np.random.default_rng(size), {"abs": 3e-6 if dtype == np.float32 else 1e-12}
    for scale in (0.1, 3, 40):
        logits = (rng.normal(size=size) * scale).astype(dtype)
        logits[rng.random(size) < 0.1] = -np.inf
        logits[rng.integers(size)] = 5
        allowed = rng.random(size) < 0.7
        known = rng.random(size) < 0.5
        total = log_sum(logits)
        assert Urn(logits).log_mass == pytest.approx(0, **near)
        assert Urn(logits, normalise=False).log_mass == pytest.approx(total, abs=1e-4 if dtype == np.float32 else 1e-9)
        urn, left = Urn(logits, words(allowed), words(known)), allowed.copy()
        stream = Stream(size)
        for _ in range(12):
            live = np.where(left, logits, -np.inf)
            assert urn.log_mass == pytest.approx(log_sum(live) - total, **near)
            assert urn.log_known == pytest.approx(log_sum(live[known]) - total, **near)
            assert urn.largest == pytest.approx(min(1, math.exp(live.max() - total)), rel=1e-5)
            copy = urn.fork()
            token = urn.take(stream)
            if token < 0:
                assert live.max() == -np.inf
                break
            assert left[token]
            assert logits[token] > -np.inf
            assert copy.log_mass == pytest.approx(log_sum(live) - total, **near)  # a fork is another urn
            left[token] = False


def test_the_exponential_of_float32_is_exact_to_its_last_digits():
    """One token against one of logit 0: d from -80 to 0, and what is fainter than float32."""
    for d in [*np.linspace(-16, 0, 4001, dtype=np.float32), *np.linspace(-80, -16, 101, dtype=np.float32)]:
        urn = Urn(np.array([d, 0], np.float32), words(np.array([1, 1])), words(np.array([1, 0])), normalise=False)
        assert math.exp(urn.log_known) == pytest.approx(math.exp(float(d)), rel=2.5e-7)
    assert Urn(np.array([-87.5, 0], np.float32), None, words(np.array([1, 0]))).log_known == -math.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_lies_far_below_comes_to_light_when_the_rest_is_gone(dtype):
    """Levels 400 apart, each below all numbers that float32 can hold beside the one above it."""
    logits = np.repeat(np.arange(0, -4000, -400), 3).astype(dtype)
    urn, stream = Urn(logits), Stream(1)
    order = [urn.take(stream) for _ in range(len(logits) + 1)]
    assert order.pop() == -1
    assert [token // 3 for token in order] == sorted(token // 3 for token in order)
    urn = Urn(logits)
    for _ in order[:-1]:
        urn.take(Stream.replay([0.5]))
    assert urn.log_mass == pytest.approx(float(logits[-1]) - math.log(3), rel=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("size", [3, 40, 300, 5000])
def test_a_number_that_is_none_is_found_wherever_it_stands(size, bad):
    for place in {0, 1, size // 2, size - 1}:
        for dtype in (np.float32, np.float64):
            logits = np.zeros(size, dtype)
            logits[place] = bad
            for masks in ((), (words(np.ones(size)),)):
                with pytest.raises(ModelError, match="not a distribution"):
                    Urn(logits, *masks)


def test_nothing_allowed_is_an_empty_urn():
    urn = Urn(np.zeros(70, np.float32), words(np.zeros(70)))
    assert (urn.log_mass, urn.largest, urn.take(Stream(0))) == (-math.inf, 0.0, -1)
    step = Rejection(urn, Stream(0))
    assert (step.token, step.logw, step.asking) == (-1, -math.inf, -1)


def test_a_mask_shorter_than_the_vocabulary_rules_out_the_rest():
    urn = Urn(np.zeros(100, np.float32), np.array([0b101], np.uint32))
    assert {urn.take(Stream(0)), urn.take(Stream(1)), urn.take(Stream(2))} == {0, 2, -1}


def test_logits_that_lie_apart_in_memory_are_read_as_they_are():
    wide = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    wide.flags.writeable = False
    total = log_sum(wide[:, 1])
    assert Urn(wide[:, 1], normalise=False).log_mass == pytest.approx(total, abs=1e-5)
    halves = wide[:, 1].astype(np.float16)
    assert Urn(halves, normalise=False).log_mass == pytest.approx(log_sum(halves), abs=1e-5)
