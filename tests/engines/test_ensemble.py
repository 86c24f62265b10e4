"""Ensembles of models with different tokens, by their formulas on sources whose texts are all listed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from guided import Ensemble
from tests.engines.byte_sources import blm_of, source
from tests.oracle.slow_bytes import next_byte


def members():
    one, two = source("bpe", 1, 0), source("longest", 2, 5)
    return (one[0], blm_of(one[1])), (two[0], blm_of(two[1]))


def test_mixtures_products_and_bayes_by_their_formulas():
    (texts, one), (others, two) = members()
    for prefix in (b"", b"A", b"ABC", b"CAAB"):
        p, q = next_byte(texts, prefix), next_byte(others, prefix)
        mix = np.exp(Ensemble([one, two], weights=[3, 1]).next_logprobs(prefix))
        np.testing.assert_allclose(mix, 0.75 * p + 0.25 * q, atol=1e-12)
        product = p**0.5 * q**0.5
        found = np.exp(Ensemble([one, two], "product").next_logprobs(prefix))
        np.testing.assert_allclose(found, product / product.sum(), atol=1e-12)
    bayes = Ensemble([one, two], "bayes", [0.3, 0.7])
    for text in (b"AB", b"CABBA"):
        want = 0.3 * math.exp(one.logprob(text, end=True)) + 0.7 * math.exp(two.logprob(text, end=True))
        assert bayes.logprob(text, end=True) == pytest.approx(math.log(want), abs=1e-12)
        assert bayes.logprob(text[1:], text[:1]) == pytest.approx(
            bayes.logprob(text) - bayes.logprob(text[:1]), abs=1e-12
        )


def test_contrast_and_proxy_tuning():
    (texts, one), (others, two) = members()
    p, q = next_byte(texts, b"AB"), next_byte(others, b"AB")
    want = np.where(p >= 0.1 * p.max(), p**1.5 / np.where(q > 0, q, 1) ** 0.5, 0)
    found = np.exp(Ensemble.contrast(one, two).next_logprobs(b"AB"))
    np.testing.assert_allclose(found, want / want.sum(), atol=1e-12)
    same = np.exp(Ensemble.proxy(one, two, two).next_logprobs(b"AB"))
    np.testing.assert_allclose(same[:256], p[:256] / p.sum(), atol=1e-9)
    with pytest.raises(ValueError, match="kind must be"):
        Ensemble([one, two], "sum")
    with pytest.raises(ValueError, match="one finite weight per model"):
        Ensemble([one, two], weights=[1])
    with pytest.raises(ValueError, match="not negative"):
        Ensemble([one, two], weights=[1, -1])
