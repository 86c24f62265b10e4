"""The compiled passes of a small Llama give the logits of transformers, whatever the tree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import guided
from guided._fast import Llama
from guided.models import llama_tree
from guided.models.kv_tree import KVTree
from guided.models.llama_tree import LlamaTree, compiled
from tests.small_models import tokenizer

SIZES: dict[str, Any] = {
    "vocab_size": 352,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
}
pytestmark = pytest.mark.skipif(not Llama.is_built, reason="the compiler had no vector types")


def model_of(**changes: Any) -> Any:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**(SIZES | changes))).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4) if parameter.dim() > 1 else parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("least_dead", [0, 512])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_key_value_heads": 4, "head_dim": 32, "rms_norm_eps": 1e-3},
        {"num_key_value_heads": 1, "tie_word_embeddings": True},
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.0}},
    ],
)
def test_every_context_has_the_logits_of_transformers(changes: Any, least_dead: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(llama_tree, "LEAST_DEAD_SLOTS", least_dead)
    monkeypatch.setattr(llama_tree, "LEAST_SLOTS", 16)
    lm, rng = guided.load(model_of(**changes), tokenizer()), np.random.default_rng(0)
    prompt = lm.encode("the name of the")
    tree = lm.tree(prompt)
    assert isinstance(tree, LlamaTree)
    contexts = {0: prompt}
    for step in range(8):
        n = int(rng.integers(1, 14))
        parents = rng.choice(list(contexts), n).tolist()
        tokens = rng.integers(5, 340, n).tolist()
        first = tree.n_rows
        if n > 3:
            parents[2] = first + 1  # one that this very call makes
        grown = tree.extend(parents, tokens)
        made: dict[int, list[int]] = {}
        for node, parent, token in zip(grown, parents, tokens, strict=True):
            made[node] = [*(made[parent] if parent in made else contexts[parent]), token]
        contexts = made | ({0: prompt} if step < 4 else {})
        tree.keep(contexts)
    assert (tree.n_slots < len(prompt) + 60) == (least_dead == 0)
    with torch.no_grad():
        exact = [lm.model(torch.tensor([context])).logits[0, -1].numpy() for context in contexts.values()]
    found = [tree.row(node) for node in contexts]
    assert np.abs(np.array(found) - np.array(exact)).max() < 1e-4 * max(1.0, np.abs(exact).max())


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 13, 40])
def test_any_number_of_tokens_at_once(n: int) -> None:
    lm = guided.load(model_of(), tokenizer())
    prompt = [1, *(np.arange(n) * 7 % 300 + 5).tolist()]
    tree = lm.tree(prompt)
    with torch.no_grad():
        exact = lm.model(torch.tensor([prompt])).logits[0, -1].numpy()
    assert np.abs(tree.row(0) - exact).max() < 1e-4 * max(1.0, np.abs(exact).max())


def test_changed_weights_are_read_again() -> None:
    lm = guided.load(model_of(), tokenizer())
    before = lm.tree([1, 5, 6]).row(0)
    with torch.no_grad():
        lm.model.model.layers[1].mlp.up_proj.weight.mul_(0.5)
        exact = lm.model(torch.tensor([[1, 5, 6]])).logits[0, -1].numpy()
    after = lm.tree([1, 5, 6]).row(0)
    assert np.abs(after - before).max() > 1e-2
    assert np.abs(after - exact).max() < 1e-4 * max(1.0, np.abs(exact).max())


def test_what_is_not_known_goes_through_transformers() -> None:
    for changes in ({"attention_bias": True}, {"hidden_act": "gelu"}, {"vocab_size": 341}, {"mlp_bias": True}):
        assert compiled(model_of(**changes)) is None
    assert compiled(model_of().to(torch.float64)) is None
    watched = model_of()
    assert compiled(watched) is not None
    hook = watched.model.layers[0].mlp.register_forward_hook(lambda *_: None)
    assert compiled(watched) is None
    hook.remove()
    watched.forward = watched.forward
    assert compiled(watched) is None
    assert isinstance(guided.load(model_of(hidden_act="gelu"), tokenizer()).tree([1, 5]), KVTree)
    assert compiled(guided.tiny().model) is not None


def test_a_text_longer_than_the_context_is_refused() -> None:
    lm = guided.load(model_of(), tokenizer())
    with pytest.raises(guided.ModelError, match="context is 128 tokens long"):
        lm.tree([1] * 200)
    tree = lm.tree([1] * 128)
    with pytest.raises(guided.ModelError, match="context is 128 tokens long"):
        tree.extend([0], [5])


def test_numbers_that_do_not_fit_are_refused() -> None:
    weights = compiled(model_of())
    assert weights is not None
    keys = np.zeros((3, 8, 32), np.float32)
    one, zero = np.array([1], np.int32), np.array([0], np.int32)
    starts = np.array([0, 1], np.int32)
    for tokens, first, seen in (([999], 0, [0]), ([1], 8, [0]), ([1], 0, [5])):
        arrays = np.array(tokens, np.int32), zero, first, np.array(seen, np.int32), starts
        with pytest.raises(ValueError, match=r"outside|fit|nothing"):
            weights.read(keys, keys.copy(), *arrays, 1)
    with pytest.raises(ValueError, match="keys and values"):
        weights.read(keys[:, :, :16].copy(), keys, one, zero, 0, zero, starts, 1)
