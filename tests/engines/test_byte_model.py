"""ByteModel against sources whose texts are all listed, against every segmentation, and against itself on real text."""

from __future__ import annotations

import copy
import math
import random

import numpy as np
import pytest

import guided
from guided import ByteModel, ModelError
from guided.models.toy import TableModel
from guided.vocab import Vocabulary
from tests.engines.byte_sources import LENGTH, LETTERS, blm_of, source
from tests.engines.toys import all_texts, toy
from tests.oracle.slow_bytes import all_segmentations, naive, next_byte

# --- canonical: the source's own probabilities -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bpe", "longest"])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_next_bytes_are_those_of_the_source_for_every_prefix(kind, order):
    texts, lm = source(kind, order)
    blm = blm_of(lm)
    prefixes = [text for text in texts if len(text) <= 5]
    for prefix in prefixes:
        state = blm.begin(prefix)
        np.testing.assert_allclose(np.exp(state.next_logprobs()), next_byte(texts, prefix), atol=1e-12)
        assert state.bound == 0
        assert state.leak < 1e-12


@pytest.mark.parametrize("kind", ["bpe", "longest"])
def test_advancing_gives_the_same_and_forks_are_independent(kind):
    texts, lm = source(kind, 1)
    blm = blm_of(lm, ahead=0.02)
    rng = random.Random(0)
    for _ in range(30):
        state, text = blm.begin(), b""
        while len(text) < LENGTH - 1:
            fork = state.fork()
            fork.advance(rng.choice(LETTERS))
            fork.next_logprobs()
            np.testing.assert_allclose(np.exp(state.next_logprobs()), next_byte(texts, text), atol=1e-12)
            byte = rng.choice(LETTERS)
            state.advance(byte)
            text += bytes([byte])
            assert state.text == text


def test_naive_prompting_is_wrong_on_the_same_source():
    worst = 0.0
    for kind in ("bpe", "longest"):
        for seed in range(4):
            texts, lm = source(kind, 1, seed)
            for prefix in texts:
                if 0 < len(prefix) <= 4:
                    wrong = naive(lm, lm.canonical.encode(prefix))
                    worst = max(worst, float(np.abs(wrong - next_byte(texts, prefix)).max()))
    assert worst > 0.4


def test_the_probability_of_a_text_is_the_sum_over_its_continuations():
    texts, lm = source("bpe", 2)
    blm = blm_of(lm)
    for prefix in (b"A", b"AAB", b"CABCA"):
        want = sum(p for text, p in texts.items() if text.startswith(prefix))
        assert blm.logprob(prefix) == pytest.approx(math.log(want), abs=1e-12)
        assert blm.logprob(prefix, end=True) == pytest.approx(math.log(texts[prefix]), abs=1e-12)
    assert blm.logprob(b"CA", b"AAB") == pytest.approx(blm.logprob(b"AABCA") - blm.logprob(b"AAB"), abs=1e-12)
    assert blm.logprob(b"D") == -math.inf


@pytest.mark.parametrize("tolerance", [1e-3, 1e-2, 0.1, 0.5])
def test_what_was_not_asked_is_within_the_bound(tolerance):
    texts, lm = source("bpe", 1)
    rough, n_open = blm_of(lm, tolerance=tolerance), 0
    for prefix in (text for text in texts if len(text) <= 5):
        state = rough.begin()
        for byte in prefix:
            state.next_logprobs()
            state.advance(byte)
        distance = np.abs(np.exp(state.next_logprobs()) - next_byte(texts, prefix)).sum() / 2
        assert distance <= state.bound + 1e-12
        n_open += state.bound > 0
    assert n_open > 0 or tolerance < 0.5


def test_calls_are_counted_and_one_a_byte_suffices():
    _, lm = source("bpe", 1)
    blm = blm_of(lm, ahead=1)
    state = blm.begin()
    for byte in b"AABCAB":
        before = blm.n_calls
        state.next_logprobs()
        assert blm.n_calls <= before + 1
        state.advance(byte)
    assert 0 < blm.n_calls <= blm.n_contexts


# --- all segmentations -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.5, 1.5, 4.0])
def test_all_segmentations_equal_enumeration(scale):
    lm = toy(scale)
    blm = ByteModel(lm, "all", tolerance=0)
    for prefix in (b"", b"a", b"ab", b"abab", b"cabba", b"aabbcab"):
        total, want = all_segmentations(lm, prefix)
        state = blm.begin(prefix)
        np.testing.assert_allclose(np.exp(state.next_logprobs()), want, atol=1e-12)
        assert state.bound == 0
        assert state.log_mass == pytest.approx(math.log(total), abs=1e-10)
        assert blm.logprob(prefix) == pytest.approx(math.log(total), abs=1e-10)


def test_a_beam_reports_what_it_left_out():
    lm = toy(0.5)
    exact, beam = ByteModel(lm, "all", tolerance=0), ByteModel(lm, "all", tolerance=0, beam=1)
    n_left_out = 0
    for prefix in (b"ab", b"abab", b"cababab", b"abcabab"):
        state = beam.begin(prefix)
        distance = np.abs(np.exp(state.next_logprobs()) - np.exp(exact.next_logprobs(prefix))).sum() / 2
        assert distance <= state.bound + 1e-12
        n_left_out += state.bound > 0
    assert n_left_out > 0


# --- real text -------------------------------------------------------------------------------------------------------


def double() -> object:
    """The built-in model in float64: where two ways to compute the same thing differ by rounding alone."""
    lm = guided.tiny()
    return guided.load(copy.deepcopy(lm.model).double(), lm.tokenizer)


def test_the_chain_rule_holds_on_real_text_and_steps_sum_to_one():
    lm = double()
    text = 'def main(argv):\n        parser = argparse\n# 日本 naïve 1234567   x = {"a": 1}\r\n'.encode()
    blm, cut = ByteModel(lm, tolerance=0), 30
    whole, state = 0.0, blm.begin()
    for byte in text:
        row = state.next_logprobs()
        assert np.exp(row).sum() == pytest.approx(1, abs=1e-12)
        whole += row[byte]
        state.advance(byte)
    first = ByteModel(lm, tolerance=0).logprob(text[:cut])
    second = ByteModel(lm, tolerance=0).logprob(text[cut:], text[:cut])
    assert first + second == pytest.approx(whole, abs=1e-10)
    near, bound = ByteModel(lm, tolerance=1e-6).logprob_bound(text)
    assert near == pytest.approx(whole, abs=1e-3)
    assert 0 <= bound < 1e-3


def test_a_known_text_is_read_in_few_passes_with_the_same_result():
    lm, text = guided.tiny(), "import os\n\n\ndef main(argv):\n    return [str(x) for x in argv if x]  # 東\n"
    for prefix in ("", "#!/usr/bin/env python\n", "x = 'ab"):
        blm = ByteModel(lm)
        state, logp, bound = blm.begin(prefix), 0.0, 0.0
        for byte in text.encode():
            logp += float(state.next_logprobs()[byte])
            bound += state.bound
            state.advance(byte)
        logp += float(state.next_logprobs()[256])
        known = ByteModel(lm)
        assert known.logprob(text, prefix, end=True) == pytest.approx(logp, abs=2e-3)
        assert known.n_calls <= 8 < blm.n_calls
        told, at_most = known.logprob_bound(text, prefix)
        assert at_most <= bound + 1e-6
        assert told == pytest.approx(known.logprob(text, prefix), abs=1e-9)


def test_a_known_text_that_cannot_be_written_has_no_probability():
    lm = guided.tiny()
    blm = ByteModel(lm)
    assert blm.logprob(b"ab\xffcd") == -math.inf
    assert blm.logprob("") == 0.0


def test_bytes_are_at_least_as_probable_as_the_tokens_that_write_them():
    lm, text = guided.tiny(), "    return self.name\n"
    ids = lm.encode_text(text)
    start = lm.encode("")
    rows = lm.logprobs([[*start, *ids[:length]] for length in range(len(ids))])
    canonical = sum(float(row[token]) for row, token in zip(rows, ids, strict=True))
    assert ByteModel(lm, ahead=0.02).logprob(text) > canonical - 1e-4


# --- bytes as a Model ------------------------------------------------------------------------------------------------


def test_constraints_and_generate_work_on_bytes():
    lm = guided.tiny()
    blm = ByteModel(lm)
    words = guided.regex(r"(None|self|True)")
    for out in guided.generate(blm, "    retu", guided.regex(r"rn (None|self|True)"), n=2, seed=0, max_tokens=20):
        assert words.accepts(out.text[3:])
        assert out.logp == pytest.approx(blm.logprob(out.text, "    retu"), abs=1e-4)


def test_smc_on_bytes_estimates_the_mass_of_a_language():
    """100 runs of 5 particles over bytes: the mean of Z is the mass by enumeration, within 5 standard errors."""
    texts, lm = source("bpe", 1)
    constraint = guided.regex(r"A*B[ABC]{0,3}")
    want = sum(p for text, p in texts.items() if constraint.accepts(text))
    blm = blm_of(lm)
    found = np.exp(
        [guided.smc(blm, "", constraint, n_particles=5, max_tokens=8, seed=seed).log_z for seed in range(100)]
    )
    assert abs(found.mean() - want) <= 5 * found.std() / 10


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [b"\xff", b"abc\x80", b"\xc3\x28", b"\xed\xa0\x80", b"a\xe6\x97x"])
def test_bytes_that_no_tokenizer_writes(bad):
    lm = guided.tiny()
    blm = ByteModel(lm)
    with pytest.raises(ModelError, match=r'no UTF-8.*encodings="all"'):
        blm.next_logprobs(bad)
    assert blm.logprob(bad) == -math.inf
    for tolerance in (1e-3, 0.5):  # what spells these bytes is so unlikely that at first it is dropped
        row = np.exp(ByteModel(lm, "all", tolerance=tolerance).next_logprobs(bad[-2:]))
        assert row.sum() == pytest.approx(1)


def test_half_a_character_goes_on_with_its_other_half():
    blm = ByteModel(guided.tiny())
    row = np.exp(blm.next_logprobs("naïve 日".encode()[:-1]))
    assert row[:0x80].sum() == 0
    assert row[0x80:0xC0].sum() == pytest.approx(1)


def test_nul_special_names_and_empty_prompts():
    lm = guided.tiny()
    blm = ByteModel(lm)
    for text in (b"", b"\0", b"a\0b", b"<|endoftext|>", b"<|fim_prefix|>x", b"<|endoft"):
        assert np.exp(blm.next_logprobs(text)).sum() == pytest.approx(1)


def test_texts_longer_than_the_context():
    lm = guided.tiny()
    with pytest.raises(ModelError, match="context is 1,024 tokens"):
        ByteModel(lm).next_logprobs("word and " * 1200)
    with pytest.raises(ModelError, match="context is 1,024 tokens"):
        guided.generate(lm, "word and " * 1200, max_tokens=3)


def test_arguments_out_of_range():
    lm = toy()
    for options in ({"tolerance": -1}, {"tolerance": 1}, {"beam": 0}, {"ahead": 0}):
        with pytest.raises(ValueError, match="lies in"):
            ByteModel(lm, "all", **options)
    with pytest.raises(ValueError, match='"canonical" or "all"'):
        ByteModel(lm, "some")
    with pytest.raises(ModelError, match="no tokenizer"):
        ByteModel(lm)
    state = ByteModel(lm, "all").begin()
    with pytest.raises(ValueError, match="not a byte"):
        state.advance(256)
    with pytest.raises(TypeError):
        ByteModel(lm, "all").next_logprobs(3)


def test_a_tokenizer_that_changes_texts_is_refused_with_the_reason():
    class Changing:
        exact, reason = False, "encoding writes all in lower case"

    lm = TableModel(Vocabulary([b"a", b""], {1}), {None: [0, 0], 0: [0, 0]})
    with pytest.raises(ModelError, match=r'lower case.*encodings="all"'):
        ByteModel(lm, canonical=Changing())
    assert ByteModel(lm, "all").logprob("aa", end=True) == pytest.approx(3 * math.log(0.5))


def test_all_texts_of_a_toy_sum_to_one_over_bytes():
    lm = toy()
    blm = ByteModel(lm, "all", tolerance=0)
    by_text: dict[str, float] = {}
    for _, text, p in all_texts(lm, 4):
        by_text[text] = by_text.get(text, 0.0) + p
    short = {text: p for text, p in by_text.items() if len(text) <= 2}
    assert len(short) > 5
    for text in short:
        total = sum(p for other, p in by_text.items() if other == text)
        assert blm.logprob(text, end=True) == pytest.approx(math.log(total), abs=1e-10)
