"""Drafts save passes of the model and change nothing that is written."""

import random

import pytest
import torch

from guided.constraints.json_schema import json_schema
from guided.engines.drafting import Drafter
from guided.engines.forced import Forcer
from guided.engines.generate import generate
from guided.matcher import Matcher
from guided.models.huggingface import load
from tests.small_models import MODELS, llama, tokenizer

POINT = {"type": "object", "properties": {"x": {"type": "boolean"}, "name": {"enum": ["the", "d"]}}}
POINTS = json_schema({"type": "array", "items": {**POINT, "required": ["x", "name"]}, "minItems": 3, "maxItems": 4})


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(
    "options",
    [{"temperature": 0}, {"temperature": 0.2, "n": 5}, {"repetition_penalty": 1.3}, {"stop": ["}", "d"], "n": 3}],
    ids=repr,
)
def test_texts_and_weights_are_those_without_drafts(kind, options):
    lm = load(MODELS[kind](), tokenizer())
    for prompt in ("the", ["a", "the name of the", "a"]):
        outs = [
            generate(lm, prompt, POINTS, seed=3, max_tokens=150, lookahead=lookahead, **options)
            for lookahead in (0, 3, 20)
        ]
        rows = [out if isinstance(out, list) else [out] for out in outs]
        for plain, *others in zip(*rows, strict=True):
            for other in others:
                assert other.tokens == plain.tokens
                assert (other.text, other.finish_reason, other.n_forced) == (
                    plain.text,
                    plain.finish_reason,
                    plain.n_forced,
                )
                assert other.logp == pytest.approx(plain.logp, abs=2e-2)
                assert other.logw == pytest.approx(plain.logw, abs=2e-2)


def test_drafts_save_passes_of_the_model(monkeypatch):
    lm, passes = load(llama(), tokenizer()), []
    run = lm.model.forward
    monkeypatch.setattr(lm.model, "forward", lambda *given, **named: passes.append(1) or run(*given, **named))
    counts = {}
    for lookahead in (0, 8):
        passes.clear()
        generate(lm, "the", POINTS, temperature=0, max_tokens=150, lookahead=lookahead)
        counts[lookahead] = len(passes)
    assert counts[8] < 0.75 * counts[0]


def test_a_draft_is_what_came_after_the_same_context_as_far_as_it_is_allowed():
    lm = load(llama(), tokenizer())
    drafter, forcer = Drafter(lm.vocab, 8), Forcer(lm.encode_text, lm.vocab)
    matcher, written = Matcher(json_schema({"type": "array", "items": {"type": "integer"}}), lm.vocab), []
    for token in lm.encode_text("[12, 3,"):
        drafter.note(token)
        matcher.advance(token)
        written.append(token)
    drafted = drafter.draft(matcher, forcer, written, 100)
    assert lm.vocab.bytes_of(drafted).startswith(b" ")
    for token in drafted:
        assert matcher.allows(token)
        matcher.advance(token)
    assert drafter.draft(matcher, forcer, written, 1) == []


def test_a_prediction_that_failed_waits_until_it_has_held():
    lm = load(llama(), tokenizer())
    drafter = Drafter(lm.vocab, 8)
    a, b, c = (lm.encode_text(text)[0] for text in ("[", ",", "]"))
    drafter.note(a)
    drafter.note(b)
    drafter.note(a)
    assert drafter._guess(drafter.last) == b
    drafter.note(c)
    drafter.note(a)
    assert drafter._guess((b"?", drafter.last[1])) is None
    drafter.note(c)
    drafter.note(a)
    assert drafter._guess((b"?", drafter.last[1])) == c


@pytest.mark.parametrize("seed", range(3))
def test_a_session_forgets_what_was_not_accepted(seed):
    lm, rng = load(llama(), tokenizer()), random.Random(seed)
    prompts = [[5, 6, 7, 8], [10], [11, 12]]
    session, texts = lm.session(prompts), [[], [], []]

    def logits(row, tokens):
        return lm.model(torch.tensor([[*prompts[row], *tokens]])).logits[0]

    for _ in range(6):
        new = [[rng.randrange(4, 300) for _ in range(rng.randrange(1, 4))] for _ in prompts]
        drafts = [[rng.randrange(4, 300) for _ in range(rng.randrange(5))] for _ in prompts]
        session.append(new, [1] * 3, drafts)
        for row, draft in enumerate(drafts):
            texts[row] += new[row]
            torch.testing.assert_close(session.logits[row], logits(row, texts[row])[-1], atol=2e-3, rtol=1e-3)
            kept = draft[: rng.randint(0, len(draft))]
            if kept:
                before = torch.log_softmax(logits(row, texts[row] + kept)[-1 - len(kept) : -1], -1)
                wanted = [before[number, token].item() for number, token in enumerate(kept)]
                assert session.accept(row, kept, len(kept)) == pytest.approx(wanted, abs=2e-3)
                texts[row] += kept
        session.settle()
        for row, text in enumerate(texts):
            torch.testing.assert_close(session.logits[row], logits(row, text)[-1], atol=2e-3, rtol=1e-3)
