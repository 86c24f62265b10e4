"""ByteModel against sources whose texts are all listed, against every segmentation, and against itself on real text."""

from __future__ import annotations

import copy
import math
import random

import numpy as np
import pytest

import guided
from guided import ByteModel, Ensemble, ModelError
from guided.engines.heal import heal, healed
from guided.models.toy import TableModel
from guided.vocab import Vocabulary
from tests.engines.toys import EOS, all_texts, toy
from tests.oracle.slow_bytes import Listed, all_segmentations, longest_first, markov_texts, merging, naive, next_byte

LETTERS, LENGTH = b"ABC", 7
BPE = [b"A", b"B", b"C", b"AA", b"AB", b"AAB", b"CA", b"BC", b""]
MERGES = [(b"A", b"A"), (b"A", b"B"), (b"AA", b"B"), (b"C", b"A"), (b"B", b"C")]
LONGEST = [b"A", b"B", b"C", b"AA", b"AAA", b"BA", b"CB", b"BAC", b""]


def source(kind: str, order: int, seed: int = 0):
    """(texts with their probabilities, the perfect model of their tokens)."""
    texts = markov_texts(LETTERS, LENGTH, order, seed)
    tokens, encode = (BPE, merging(BPE, MERGES)) if kind == "bpe" else (LONGEST, longest_first(LONGEST))
    listed = Listed(texts, tokens, encode)
    return texts, listed.model(eos=len(tokens) - 1)


def blm_of(lm, **options):
    return ByteModel(lm, canonical=lm.canonical, **{"tolerance": 0, **options})


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


# --- healing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bpe", "longest"])
def test_one_drawn_element_and_then_tokens_are_the_source_by_enumeration(kind):
    """The law of the next three bytes: elements by weight, then token by token, added up over all paths."""
    texts, lm = source(kind, 1)
    for prompt in (b"A", b"AA", b"CAA", b"BAC", b"AABC"):
        elements = healed(lm, prompt.decode())
        assert math.fsum(math.exp(one.logw) for one in elements) == pytest.approx(1, abs=1e-12)
        law: dict[bytes, float] = {}
        stack = [(tuple(one.tokens), one.beyond, math.exp(one.logw)) for one in elements]
        while stack:
            tokens, text, p = stack.pop()
            if len(text) >= 3:
                law[text[:3]] = law.get(text[:3], 0.0) + p
                continue
            row = np.exp(lm.logprobs([tokens])[0])
            for token in np.flatnonzero(row > 0).tolist():
                piece = lm.vocab.tokens[token]
                if piece:
                    stack.append(((*tokens, token), text + piece, p * row[token]))
                else:
                    law[text + b"$"] = law.get(text + b"$", 0.0) + p * row[token]
        total = sum(p for text, p in texts.items() if text.startswith(prompt))
        want: dict[bytes, float] = {}
        for text, p in texts.items():
            if text.startswith(prompt):
                rest = text[len(prompt) :]
                key = rest[:3] if len(rest) >= 3 else rest + b"$"
                want[key] = want.get(key, 0.0) + p / total
        assert law.keys() == {key for key, p in want.items() if p > 0}
        for key, p in law.items():
            assert p == pytest.approx(want[key], abs=1e-12)


def test_a_prompt_that_nothing_reaches_over_costs_no_call():
    lm = guided.tiny()
    found = heal(lm, "x = 'naïve 日本")
    assert found.n_contexts == 0
    assert [one.tokens for one in found.elements] == [lm.encode("x = 'naïve 日本")]
    assert [one.tokens for one in healed(lm, "")] == [lm.encode("")]


def test_generate_draws_the_prompts_end_by_its_weight():
    """600 texts after "de", which is nearly never a token of its own: 4.5 standard errors for each way."""
    lm, prompt, n = guided.tiny(), "import os\n\n\nde", 600
    ways = healed(lm, prompt)
    found = guided.generate(lm, prompt, n=n, max_tokens=1, seed=3, batch_size=n)
    counts: dict[tuple[int, ...], int] = {}
    for out in found:
        counts[tuple(out.tokens[:1]) if out.n_healed else ()] = counts.get(tuple(out.tokens[:1]) if out.n_healed else (), 0) + 1
        assert out.n_healed in (0, 2)
        if out.n_healed:
            assert ("de" + out.text).encode() == lm.vocab.bytes_of(out.tokens)
    for way in ways:
        p = math.exp(way.logw)
        count = counts.get((way.tokens[-1],) if way.beyond else (), 0)
        assert abs(count - n * p) <= 4.5 * math.sqrt(n * p * (1 - p)) + 1
    raw = guided.generate(lm, prompt, n=50, max_tokens=1, seed=3, heal=False)
    assert sum(out.text.startswith("f") for out in raw) < 25 < sum(out.text.startswith("f") for out in found[:50])


def test_a_prefix_in_the_middle_of_a_key_is_healed_under_the_constraint():
    lm = guided.tiny()
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "maximum": 99}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    for out in guided.generate(lm, "A person as JSON:\n", guided.json_schema(schema), prefix='{"na', n=4, seed=0):
        assert out.text.startswith('{"name"')
        assert set(out.value) == {"name", "age"}
        assert out.n_healed > 0
    with pytest.raises(guided.TokenRejected, match="begins with"):
        guided.generate(lm, "A person:", guided.json_schema(schema), prefix='{"zz')


def test_a_constraint_goes_on_in_the_middle_of_a_word():
    lm = guided.tiny()
    for out in guided.generate(lm, "    retu", guided.regex(r"rn (None|self)"), n=5, seed=1):
        assert out.text in ("rn None", "rn self")
        assert out.is_complete
    greedy = guided.generate(lm, "def f():\n    retu", guided.regex(r"rn [a-z]+"), temperature=0, max_tokens=4)
    assert greedy.text.startswith("rn ")


def test_token_ids_and_messages_are_taken_as_they_are():
    lm = guided.tiny()
    ids = lm.encode("import os\n\n\nde")
    outs = guided.generate(lm, ids, n=20, max_tokens=1, seed=0)
    assert {out.n_healed for out in outs} == {0}
    assert [out.text for out in outs] == [
        out.text for out in guided.generate(lm, "import os\n\n\nde", n=20, max_tokens=1, seed=0, heal=False)
    ]


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
    found = np.exp([guided.smc(blm, "", constraint, n_particles=5, max_tokens=8, seed=seed).log_z for seed in range(100)])
    assert abs(found.mean() - want) <= 5 * found.std() / 10


# --- ensembles -------------------------------------------------------------------------------------------------------


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
        assert bayes.logprob(text[1:], text[:1]) == pytest.approx(bayes.logprob(text) - bayes.logprob(text[:1]), abs=1e-12)


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


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [b"\xff", b"abc\x80", b"\xc3\x28", b"\xed\xa0\x80", b"a\xe6\x97x"])
def test_bytes_that_no_tokenizer_writes(bad):
    lm = guided.tiny()
    blm = ByteModel(lm)
    with pytest.raises(ModelError, match=r'no UTF-8.*encodings="all"'):
        blm.next_logprobs(bad)
    assert blm.logprob(bad) == -math.inf
    row = np.exp(ByteModel(lm, "all", tolerance=1e-3).next_logprobs(bad[-2:]))
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
    assert all(one.beyond == b"" or lm.vocab.bytes_of(one.tokens).endswith(one.beyond) for one in healed(lm, "a<|endoftext|>de"))
    assert healed(lm, "a<|endoftext|>de")[0].tokens[:2] == [*lm.encode("a"), min(lm.vocab.eos_ids)]
    with pytest.raises(TypeError, match="only text"):
        heal(lm, [1, 2])


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
    with pytest.raises(ModelError, match='lower case.*encodings="all"'):
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
    assert EOS == 4
