"""superpose() on transformers models: the limits that must hold exactly, constraints, batches, scores."""

import copy
import json

import numpy as np
import pytest
import torch

import guided
from guided._fast import Drafts
from guided.engines.drafts import open_end
from guided.engines.ngrams import NGrams
from guided.errors import ModelError
from guided.models.huggingface import load
from tests.small_models import BOS, CORPUS, EOS, gpt2, llama, tokenizer

PROMPTS = ["the name", '{"name": "Ann", "age": ', "abc aab"]
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 5}, "ok": {"type": "boolean"}},
    "required": ["name", "ok"],
    "additionalProperties": False,
}
CONSTRAINTS = {
    "regex": guided.regex(r"[ab]{2,4}c(the){1,3}d?"),
    "schema": guided.json_schema(SCHEMA),
    "grammar": guided.cfg('start: "(" start* ")" | "a"'),
    "choice": guided.choice(["the other", "the same", "another", "abc"]),
}


@pytest.fixture(params=["gpt2", "llama"])
def lm(request):
    return load({"gpt2": gpt2, "llama": llama}[request.param](), tokenizer())


@pytest.fixture(scope="module")
def ngrams():
    return NGrams.train(CORPUS[:3], tokenizer(), progress=False)


def key(drafts):
    return [(draft.text, draft.tokens, draft.finish_reason, draft.is_complete) for draft in drafts]


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("temperature", [0.06, 1.0])
def test_one_draft_that_looks_at_one_token_is_greedy(lm, prompt, temperature):
    ids = torch.tensor([lm.encode(prompt)])
    silent = [token for token, text in enumerate(lm.vocab.tokens) if not text and token not in lm.vocab.eos_ids]
    rows = lm.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, suppress_tokens=silent
    )
    (draft,) = guided.superpose(lm, prompt, 1, 12, m=1, temperature=temperature)
    assert draft.tokens == rows[0, ids.shape[1] :].tolist()
    (rescored,) = guided.superpose(lm, prompt, 1, 12, m=1, temperature=1.0, rescore=True)
    assert rescored.tokens == draft.tokens


def test_a_superposition_of_one_token_is_that_token_to_the_last_bit(lm):
    prompt = lm.encode(PROMPTS[1])
    mixed, plain = lm.superposed([prompt]), lm.superposed([prompt])
    token = np.array([77])
    found = mixed.feed([[(token, np.ones(1, np.float32))] * 2])[0]
    embedded = lm.model.get_input_embeddings()(torch.tensor([[77, 77]]))
    assert torch.equal(torch.from_numpy(found[None]), plain._read(embedded, None, 2).logits)
    ordinary = lm.model(torch.tensor([[*prompt, 77, 77]])).logits[0, -2:]
    torch.testing.assert_close(torch.from_numpy(found), ordinary, atol=2e-3, rtol=1e-3)


def test_what_the_model_reads_is_the_weighted_sum_of_embeddings(lm):
    session = lm.superposed([[5, 6]])
    ids, weights = np.array([[[10, 20, 30]]]), np.array([[[0.5, 0.25, 0.25]]], np.float32)
    table = lm.model.get_input_embeddings().weight
    expected = 0.5 * table[10] + 0.25 * table[20] + 0.25 * table[30]
    torch.testing.assert_close(session.mixed(ids, weights)[0, 0], expected)


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("prompts", [PROMPTS[:1], PROMPTS])
def test_advancing_is_feeding_the_superpositions_one_by_one(lm, in_place, prompts):
    ids = [lm.encode(prompt) for prompt in prompts]

    def begun():
        session = lm.superposed(ids)
        if not in_place:
            session.table = None  # as for models in half precision or on a GPU
        rows = [Drafts(lm.vocab, row, 3, 9, 6, 0.5, 0.0, 200.0, None, None, b"", 0, False, True) for row in ids]
        for drafts, logits in zip(rows, session.rows, strict=True):
            drafts.step(logits)
        return session, rows

    session, rows = begun()
    slow, slow_rows = begun()
    for n_steps in (1, 3):
        session.advance(rows, n_steps)
        for _ in range(n_steps):
            columns = []
            for drafts in slow_rows:
                tokens, weights = np.zeros(3, np.int64), np.zeros(3, np.float32)
                n = drafts.mixture(tokens, weights)
                columns.append([(tokens[:n], weights[:n])])
            for drafts, logits in zip(slow_rows, slow.feed(columns), strict=True):
                drafts.step(logits[0])
        for drafts, other in zip(rows, slow_rows, strict=True):
            assert [entry[0] for entry in drafts.ranking()] == [entry[0] for entry in other.ranking()]
        np.testing.assert_allclose(session.rows, slow.rows, atol=1e-3)
    session.advance(rows, 100)
    assert all(drafts.is_over for drafts in rows)
    assert session.n_passes == 6  # the prompt's, and one for each token but the first


def test_models_in_half_precision_write_drafts():
    lm = load(copy.deepcopy(llama()).to(torch.bfloat16), tokenizer())
    assert lm.superposed([[5, 6]]).table is None
    (draft,) = guided.superpose(lm, PROMPTS[0], 1, 6, m=1)
    ids = torch.tensor([lm.encode(PROMPTS[0])])
    for token in draft.tokens[:3]:
        assert float(lm.model(ids).logits[0, -1, token]) >= float(lm.model(ids).logits[0, -1].max()) - 0.05
        ids = torch.cat([ids, torch.tensor([[token]])], 1)
    assert len(guided.superpose(lm, PROMPTS, 3, 6)) == 3


def test_rescoring_is_scoring_each_draft_alone(lm):
    for prompt in PROMPTS:
        drafts = guided.superpose(lm, prompt, 4, 7, rescore=True)
        assert drafts
        for draft in drafts:
            ids, alone = lm.encode(prompt), 0.0
            for token in draft.tokens:
                alone += float(lm.logprobs([ids])[0, token])
                ids = [*ids, token]
            assert draft.logp == pytest.approx(alone, abs=5e-3)
        means = [draft.logp / len(draft.tokens) for draft in drafts]
        assert means == sorted(means, reverse=True)


def test_a_batch_is_its_prompts_alone(lm, ngrams):
    ks = [2, 4, 1]
    together = guided.superpose(lm, PROMPTS, ks, 8, ngrams, temperature=0.5, rescore=True)
    for prompt, k, drafts in zip(PROMPTS, ks, together, strict=True):
        alone = guided.superpose(lm, prompt, k, 8, ngrams, temperature=0.5, rescore=True)
        assert key(drafts) == key(alone)
        assert [draft.score for draft in drafts] == pytest.approx([draft.score for draft in alone], abs=0.05)
        assert [draft.logp for draft in drafts] == pytest.approx([draft.logp for draft in alone], abs=0.01)
        assert len(drafts) == k
    split = guided.superpose(lm, PROMPTS, ks, 8, ngrams, temperature=0.5, batch_size=2)
    assert [{draft.text for draft in drafts} for drafts in split] == [
        {draft.text for draft in drafts} for drafts in together
    ]


def test_the_last_event_of_a_stream_is_the_result(lm):
    events = list(guided.superpose(lm, PROMPTS, 3, 6, stream=True))
    results = guided.superpose(lm, PROMPTS, 3, 6)
    for index, drafts in enumerate(results):
        own = [event for event in events if event.index == index]
        assert [event.done for event in own] == [False] * (len(own) - 1) + [True]
        assert key(own[-1].drafts) == key(drafts)
        lengths = [len(event.drafts[0].tokens) for event in own[:-1]]
        assert lengths == sorted(lengths)
    assert len([event for event in events if event.index == 0]) >= 6


@pytest.mark.parametrize("k", range(1, 11))
def test_there_are_k_different_drafts_best_first(lm, k):
    letters = guided.regex("[ -~]*")  # no unfinished characters, which are not shown
    drafts = guided.superpose(lm, PROMPTS[0], k, 5, constraint=letters)
    assert len({draft.text for draft in drafts}) == len(drafts) == k
    assert [draft.perplexity for draft in drafts] == sorted(draft.perplexity for draft in drafts)


# --- constraints -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("complete", [False, True])
def test_every_draft_is_a_member_or_the_beginning_of_one(lm, name, complete, ngrams):
    constraint = CONSTRAINTS[name]
    recognizer = constraint.recognizer()
    for max_tokens in (8, 40):
        if complete and max_tokens == 8 and name in ("schema", "grammar"):
            continue
        given = guided.superpose(lm, PROMPTS, 3, max_tokens, ngrams, constraint=constraint, complete=complete)
        for drafts in given:
            assert drafts
            for draft in drafts:
                text = lm.vocab.bytes_of(draft.tokens)
                assert recognizer.run(recognizer.start, text) >= 0
                assert constraint.accepts(text) == draft.is_complete
                assert draft.is_complete or not complete
                assert draft.is_complete or draft.finish_reason == "length"


def test_forced_text_is_written_without_asking_and_as_the_tokenizer_writes_it(lm):
    asked = []
    constraint = guided.regex(r'\{"name": "(Ann|Bob)", "age": [1-9][0-9]\}')
    session_of = lm.superposed

    class Spy:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def feed(self, columns):
            asked.append(len(columns[0]))
            return self.inner.feed(columns)

    lm.superposed = lambda prompts: Spy(session_of(prompts))
    drafts = guided.superpose(lm, "abc ", 3, 30, constraint=constraint)
    assert len(drafts) == 3
    for draft in drafts:
        assert draft.is_complete
        assert json.loads(draft.text)["name"] in ("Ann", "Bob")
        assert draft.tokens[:3] == lm.encode_text('{"name": "Ann", "age": 31}')[:3]
    assert sum(asked) > len(asked)  # some passes read several columns


def test_models_whose_rows_must_stay_equal_do_the_same(lm):
    constraint = CONSTRAINTS["schema"]
    flexible = guided.superpose(lm, PROMPTS, 3, 20, constraint=constraint)
    rigid = load(lm.model, lm.tokenizer)
    rigid.takes_ragged_rows = False
    found = guided.superpose(rigid, PROMPTS, 3, 20, constraint=constraint, rescore=True)
    for one, other in zip(flexible, found, strict=True):
        assert {draft.text for draft in one} == {draft.text for draft in other}
        assert all(draft.logp is not None for draft in other)


def test_all_members_of_a_small_language_come_as_drafts(lm):
    drafts = guided.superpose(lm, PROMPTS[0], 8, 10, constraint=CONSTRAINTS["choice"])
    assert {draft.text for draft in drafts} == {"the other", "the same", "another", "abc"}
    assert {draft.finish_reason for draft in drafts} <= {"stop", "eos"}
    drafts = guided.superpose(lm, PROMPTS[0], 8, 10, constraint=guided.choice(["x", "y"]))
    assert sorted(draft.text for draft in drafts) == ["x", "y"]


def test_types_are_constraints_and_drafts_have_values(lm):
    from typing import Literal

    found = guided.superpose(lm, PROMPTS[0], 4, 20, constraint=Literal["the", "ab"])
    assert {draft.value for draft in found} == {"the", "ab"}
    found = guided.superpose(lm, PROMPTS[0], 2, 60, constraint=SCHEMA, complete=True)
    assert all(set(draft.value) == {"name", "ok"} for draft in found)


# --- ends ------------------------------------------------------------------------------------------------------------


def test_drafts_end_at_stop_strings(lm):
    free = guided.superpose(lm, PROMPTS[2], 4, 8)
    stop = next(letter for letter in free[0].text[1:] if letter.isascii())
    drafts = guided.superpose(lm, PROMPTS[2], 4, 8, stop=stop)
    assert all(stop not in draft.text for draft in drafts)
    assert any(draft.finish_reason == "stop_string" for draft in drafts)
    assert len({draft.text for draft in drafts}) == len(drafts)


def test_healing_writes_the_open_end_again(lm):
    for prompt in ("the na", "the other ob", '{"name": "An'):
        ids = lm.encode(prompt)
        n_cut = open_end(lm.vocab, ids)
        assert n_cut > 0
        end = lm.vocab.bytes_of(ids[len(ids) - n_cut :])
        drafts = guided.superpose(lm, prompt, 3, 6, heal=True)
        assert len(drafts) == 3
        for draft in drafts:
            written = lm.vocab.bytes_of(draft.tokens)
            assert written.startswith(end)
            assert written[len(end) :].decode("utf-8", "replace").startswith(draft.text.rstrip("\ufffd"))
    drafts = guided.superpose(lm, "the na", 3, 6, heal=True, constraint=guided.regex("(me|tion)s?"))
    assert {draft.text for draft in drafts} <= {"me", "mes", "tion", "tions"}
    assert drafts


def test_texts_alone_are_given_where_no_scores_are_wanted(lm):
    drafts = guided.superpose(lm, PROMPTS[0], 2, 4)
    assert guided.superpose(lm, PROMPTS[0], 2, 4, return_scores=False) == [draft.text for draft in drafts]


def test_an_empty_prompt_starts_from_bos(lm):
    assert guided.superpose(lm, "", 2, 4)[0].tokens == guided.superpose(lm, "<s>", 2, 4)[0].tokens
    assert lm.encode("") == [BOS]


def test_a_draft_ends_where_the_context_does(lm):
    prompt = "the " * 250
    n = len(lm.encode(prompt))
    assert n < 256
    drafts = guided.superpose(lm, prompt, 2, 40)
    assert all(len(draft.tokens) <= 256 - n for draft in drafts)
    with pytest.raises(ModelError, match="context"):
        guided.superpose(lm, "the " * 300, 2, 4)


def test_eos_ends_a_draft_and_is_among_its_tokens(lm):
    drafts = guided.superpose(lm, PROMPTS[0], 3, 6, constraint=guided.regex("a*"))
    ended = [draft for draft in drafts if draft.finish_reason == "eos"]
    assert ended
    assert all(draft.tokens[-1] in lm.vocab.eos_ids and EOS in lm.vocab.eos_ids for draft in ended)
