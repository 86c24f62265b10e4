"""A tree of contexts in one row of the cache gives the logits that a full pass over each context gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import guided
from guided.engines.samplers import head_urn, sample_token
from guided.models import kv_tree
from guided.models.kv_tree import KVRows, KVTree
from tests.small_models import MODELS, N_TOKENS, tokenizer


def lm_of(name, **options):
    return guided.load(MODELS[name](**options), tokenizer())


@pytest.mark.parametrize("name", ["gpt2", "llama"])
@pytest.mark.parametrize("least_dead", [0, 512])
def test_every_context_has_its_own_logits(name, least_dead, monkeypatch):
    monkeypatch.setattr(kv_tree, "LEAST_DEAD_SLOTS", least_dead)
    lm, rng = lm_of(name), np.random.default_rng(0)
    prompt = lm.encode("the name of")
    tree = lm.tree(prompt)
    assert isinstance(tree, KVTree)
    contexts = {0: prompt}
    for step in range(12):
        parents = rng.choice(list(contexts), 5).tolist()
        tokens = rng.integers(5, N_TOKENS, 5).tolist()
        grown = tree.extend(parents, tokens)
        contexts = {
            node: [*contexts[parent], token] for node, parent, token in zip(grown, parents, tokens, strict=True)
        } | ({0: prompt} if step < 4 else {})
        tree.keep(contexts)
    assert (tree.n_slots < len(prompt) + 60) == (least_dead == 0)
    exact = lm.logprobs(list(contexts.values()))
    found = np.array([torch.log_softmax(tree.row(node).float(), -1).numpy() for node in contexts])
    assert np.abs(found - exact).max() < 2e-3


def test_models_without_such_masks_use_rows_of_a_batch(monkeypatch):
    lm = lm_of("llama")
    constraint = guided.regex("[a-z ]{1,6}")
    options = {"n_particles": 6, "max_tokens": 6, "seed": 5}
    by_tree = guided.smc(lm, "the", constraint, **options)
    monkeypatch.setattr(kv_tree, "MASKED_ATTENTION", ())
    assert isinstance(lm.tree(lm.encode("the")), KVRows)
    by_rows = guided.smc(lm, "the", constraint, **options)
    assert [one.tokens for one in by_rows.particles] == [one.tokens for one in by_tree.particles]
    assert by_rows.log_z == pytest.approx(by_tree.log_z, abs=1e-3)


def test_an_encoder_decoder_model_and_an_empty_prompt_work():
    for name, prompt in (("t5", "the name"), ("gpt2", "")):
        result = guided.smc(lm_of(name), prompt, guided.choice(["the", "bob"]), n_particles=3, seed=0)
        assert {one.text for one in result.particles if one.is_finished} <= {"the", "bob"}
        assert result.n_rows < 20


def test_a_text_longer_than_the_context_is_refused():
    lm = lm_of("gpt2")
    with pytest.raises(guided.ModelError, match="context is 256 tokens long"):
        guided.smc(lm, "the " * 120, guided.regex("(the ){600}"), n_particles=2, max_tokens=400, seed=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_logits_of_every_precision_are_read(dtype):
    torch.manual_seed(0)
    logits = (torch.randn(128_256) * 2).to(dtype)
    exact = torch.softmax(logits.double(), -1)
    draw = sample_token(logits, lambda token: token % 3 == 0, stream=guided._fast.Stream(0))
    assert draw.token % 3 == 0
    assert draw.n_asked >= 2
    assert draw.logw > np.log(float(exact[draw.token])) - 1e-3
    everything = np.full(4008, 2**32 - 1, np.uint32)
    whole = sample_token(logits, bool, allowed=everything, known=everything)
    assert (whole.form, whole.n_asked) == ("mask", 0)
    assert whole.logw == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_head_decides_and_the_whole_row_is_the_same_law(dtype):
    """As on a GPU, where only the 64 most probable tokens are fetched; the mean weight is the allowed mass."""
    torch.manual_seed(1)
    logits = (torch.randn(5000) * 3).to(dtype)
    mask = np.random.default_rng(0).integers(0, 2**32, 157, np.uint32)
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")[:5000]
    allowed = float(torch.softmax(logits.double(), -1)[torch.from_numpy(bits == 1)].sum())
    urn = head_urn(logits, mask, all_known=True)
    assert urn.n == 64
    assert np.exp(urn.log_mass) == pytest.approx(allowed, rel=1e-5)
    drawn = [head_urn(logits, mask).take(guided._fast.Stream(0, number)) for number in range(200)]
    assert all(bits[token] for token in drawn)
    top = set(logits.float().masked_fill(torch.from_numpy(bits == 0), -torch.inf).topk(64).indices.tolist())
    assert 0 < sum(token not in top for token in drawn) < 150
