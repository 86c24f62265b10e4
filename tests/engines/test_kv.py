"""A KV session says what a pass over the whole text without a cache says, however its rows grew."""

import random

import numpy as np
import pytest
import torch

from guided.errors import ModelError
from guided.models.huggingface import load
from tests.small_models import MODELS, gpt2, llama, t5, tokenizer

PROMPTS = [[5, 6, 7, 8, 9], [10], [11, 12, 13]]


@pytest.fixture(params=MODELS)
def lm(request):
    return load(MODELS[request.param](), tokenizer())


def logits_after(lm, prompt, tokens):
    """float32[V], by one pass without cache or padding."""
    if lm.is_encoder_decoder:
        return lm.model(input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([[0, *tokens]])).logits[0, -1]
    return lm.model(torch.tensor([[*prompt, *tokens]])).logits[0, -1]


def compare(lm, session, prompts, texts):
    for row, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
        torch.testing.assert_close(session.logits[row], logits_after(lm, prompt, text), atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_rows_may_grow_by_any_lengths_and_be_taken_again(lm, seed):
    rng = random.Random(seed)
    session, prompts = lm.session(PROMPTS, copies=2), [prompt for prompt in PROMPTS for _ in range(2)]
    texts = [[] for _ in prompts]
    compare(lm, session, prompts, texts)
    for _ in range(5):
        if lm.takes_ragged_rows:
            new = [[rng.randrange(4, 300) for _ in range(rng.randrange(4))] for _ in prompts]
        else:
            width = rng.randrange(1, 4)
            new = [[rng.randrange(4, 300) for _ in range(width)] for _ in prompts]
        wanted = [rng.randint(0, len(row)) for row in new]
        found = session.append(new, wanted)
        for row, text in enumerate(texts):
            for number, logp in zip(range(len(new[row]) - wanted[row], len(new[row])), found[row], strict=True):
                before = torch.log_softmax(logits_after(lm, prompts[row], text + new[row][:number]), -1)
                assert logp == pytest.approx(before[new[row][number]].item(), abs=2e-3)
            text.extend(new[row])
        compare(lm, session, prompts, texts)
        chosen = [rng.randrange(len(prompts)) for _ in range(rng.randrange(1, 7))]
        session.select(chosen)
        prompts, texts = [prompts[row] for row in chosen], [list(texts[row]) for row in chosen]
        assert len(session) == len(chosen)
        compare(lm, session, prompts, texts)


def test_a_row_that_does_not_grow_keeps_its_logits(lm):
    session = lm.session(PROMPTS)
    session.append([[7], [], [8]])
    compare(lm, session, PROMPTS, [[7], [], [8]])
    assert session.append([[], [], []]) == [[], [], []]


def test_different_lengths_are_refused_where_the_model_would_see_the_hole():
    session = load(t5(), tokenizer()).session(PROMPTS)
    with pytest.raises(ModelError, match="same length"):
        session.append([[7], [8, 9], [8]])


@pytest.mark.parametrize("make", [gpt2, llama], ids=["gpt2", "llama"])
def test_logprobs_of_contexts(make):
    lm = load(make(), tokenizer())
    found = lm.logprobs(PROMPTS)
    assert found.shape == (3, lm.n_columns)
    assert found.dtype == np.float32
    for row, prompt in enumerate(PROMPTS):
        want = torch.log_softmax(logits_after(lm, prompt, []), -1).detach().numpy()
        np.testing.assert_allclose(found[row], want, atol=1e-3)
    assert lm.logprobs([]).shape == (0, lm.n_columns)
    with pytest.raises(ModelError, match="empty"):
        lm.logprobs([[5], []])


def test_logprobs_need_a_model_without_encoder():
    with pytest.raises(ModelError, match="encoder"):
        load(t5(), tokenizer()).logprobs([[5]])
