"""generate(): members of the language, the right law, exact log-probabilities, closure, streams, errors."""

import copy
import json
import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from guided.automata.syntax import Literal, Union
from guided.engines.forced import Forcer
from guided.engines.generate import generate
from guided.errors import ConstraintError, DeadEnd, ModelError
from guided.integrations.transformers import ConstraintLogitsProcessor
from guided.matcher import Matcher
from guided.models.huggingface import HuggingFaceModel, load
from tests.oracle.brute_mask import brute_mask
from tests.small_languages import ANSWER, LETTERS, ONE, RECORD, WORDS, fits, language
from tests.small_models import BOS, EOS, MODELS, gpt2, llama, t5, tokenizer

raw = partial(generate, heal=False)  # where the law of the prompt's own tokens is the oracle
PROMPTS = ["the name of the", "a", "", "abc cthed cthe"]


@pytest.fixture(params=MODELS)
def lm(request):
    return load(MODELS[request.param](), tokenizer())


@pytest.fixture
def causal():
    return load(llama(), tokenizer())


def next_logprobs(lm, prompt, tokens):
    """float32[len(tokens) + 1, V]: what the model says before each token and after the last, in one pass, no cache."""
    ids = torch.tensor([[*lm.encode(prompt), *tokens]])
    if lm.is_encoder_decoder:
        decoder = torch.tensor([[0, *tokens]])
        logits = lm.model(input_ids=torch.tensor([lm.encode(prompt)]), decoder_input_ids=decoder).logits[0]
    else:
        logits = lm.model(ids).logits[0, len(ids[0]) - len(tokens) - 1 :]
    return torch.log_softmax(logits.float(), -1).detach()


# --- what is written -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"forced": False},
        {"temperature": 0},
        {"temperature": 0.5, "top_k": 4, "top_p": 0.9, "min_p": 0.01, "typical_p": 0.9},
        {"repetition_penalty": 1.4},
        {"batch_size": 3},
        {"n": 5, "batch_size": 3},
    ],
    ids=str,
)
def test_texts_are_members_and_values_are_parsed(lm, options):
    found = generate(lm, PROMPTS, RECORD, seed=1, max_tokens=80, **options)
    n = options.get("n", 1)
    assert [out.prompt for out in found] == [prompt for prompt in PROMPTS for _ in range(n)]
    for out in found:
        assert fits(RECORD, out.text)
        assert out.is_complete
        assert out.value == json.loads(out.text)
        assert lm.vocab.bytes_of(out.tokens)[out.n_healed :].decode() == out.text
        assert out.finish_reason == "stop"
        assert 0 < out.mass_removed <= 1


def test_one_prompt_gives_one_result_and_n_a_list(causal):
    assert fits(WORDS, generate(causal, "the", WORDS).text)
    assert len(generate(causal, "the", WORDS, n=1)) == 1
    assert len(generate(causal, ["the"], WORDS)) == 1
    assert len({out.text for out in generate(causal, "the", WORDS, n=20, seed=0)}) > 5


@pytest.mark.parametrize("options", [{}, {"repetition_penalty": 1.7}], ids=str)
def test_greedy_texts_are_those_of_transformers(lm, options):
    for prompt in ["the name of the", "a"]:
        given = {
            "input_ids": torch.tensor([lm.encode(prompt)]),
            "attention_mask": torch.ones(1, len(lm.encode(prompt))),
        }
        given["attention_mask"] = given["attention_mask"].long()
        processor = ConstraintLogitsProcessor(RECORD, lm)
        ids = lm.model.generate(**given, logits_processor=[processor], max_new_tokens=80, do_sample=False, **options)
        start = 1 if lm.is_encoder_decoder else given["input_ids"].shape[1]
        out = raw(lm, prompt, RECORD, temperature=0, forced=False, max_tokens=80, **options)
        assert out.tokens == [t for t in ids[0, start:].tolist() if t != EOS]


def test_a_free_text_is_the_models_own(lm):
    out = generate(lm, "the name", None, temperature=0, max_tokens=10)
    want = [int(row.argmax()) for row in next_logprobs(lm, "the name", out.tokens)]
    assert out.tokens == want[: len(out.tokens)]
    assert out.logp == out.logw != 0
    assert out.mass_removed == 0


def test_finish_reasons(causal):
    assert generate(causal, "the", ONE).finish_reason == "stop"
    ends = generate(causal, "the", LETTERS, n=300, seed=2, temperature=3)
    assert {out.finish_reason for out in ends} == {"eos", "stop"}
    assert all((out.tokens[-1] == EOS) == (out.finish_reason == "eos") for out in ends)
    cut = generate(causal, "the", LETTERS, n=50, seed=2, max_tokens=1)
    assert {out.finish_reason for out in cut} <= {"length", "eos", "stop"}
    assert generate(causal, "the", None, max_tokens=3).finish_reason in ("length", "eos")


def test_stop_strings_cut_the_text(causal):
    for out in generate(causal, PROMPTS, RECORD, stop=['"email', "zz"], seed=3):
        assert out.finish_reason == "stop_string"
        assert out.text.endswith('", ')
        assert not out.is_complete
        assert out.value is None
    whole = generate(causal, "the", WORDS, stop="never", seed=3)
    assert fits(WORDS, whole.text)


# --- probabilities -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forced", [True, False])
def test_logp_and_logw_equal_the_sums_of_a_pass_without_cache(lm, forced):
    found = raw(lm, PROMPTS, RECORD, n=2, seed=5, forced=forced)
    for out in found:
        logprobs, text, logw, removed, n_sampled = next_logprobs(lm, out.prompt, out.tokens), b"", 0.0, 0.0, 0
        forcing = []
        for position, token in enumerate(out.tokens):
            allowed = sorted(brute_mask(RECORD.recognizer(), text, lm.vocab))
            mass = torch.logsumexp(logprobs[position, allowed], 0).item()
            if not forcing and forced:
                matcher = Matcher(RECORD, lm.vocab)
                for before in out.tokens[:position]:
                    matcher.advance(before)
                forcing = Forcer(lm.encode_text, lm.vocab).tokens(matcher, out.tokens[:position], 1000)
            if forcing:
                assert forcing.pop(0) == token
                logw += logprobs[position, token].item()
            else:
                logw, removed, n_sampled = logw + mass, removed + 1 - math.exp(mass), n_sampled + 1
            text += lm.vocab.bytes_of([token])
        logp = logprobs[: len(out.tokens)].gather(1, torch.tensor(out.tokens)[:, None]).sum().item()
        assert out.logp == pytest.approx(logp, abs=2e-3)
        assert out.logw == pytest.approx(logw, abs=2e-3)
        assert out.mass_removed == pytest.approx(removed / n_sampled, abs=1e-4)
        assert n_sampled == len(out.tokens) - out.n_forced


def test_tokens_follow_the_locally_constrained_law(lm):
    """4,000 texts against the exact law by enumeration of all token paths; 4.5 standard errors for each text."""
    law = {}

    def walk(tokens, mass):
        text = lm.vocab.bytes_of(tokens)
        allowed = sorted(brute_mask(ANSWER.recognizer(), text, lm.vocab))
        if allowed == [EOS]:
            law[text.decode()] = law.get(text.decode(), 0.0) + mass
            return
        logits = next_logprobs(lm, "the", tokens)[-1][allowed] / 1.5
        for token, p in zip(allowed, torch.softmax(logits, 0).tolist(), strict=True):
            walk([*tokens, token], mass * p)

    walk([], 1.0)
    assert sum(law.values()) == pytest.approx(1)
    n = 4_000
    found = raw(lm, "the", ANSWER, n=n, seed=11, temperature=1.5, forced=False, batch_size=500)
    for text, p in law.items():
        count = sum(out.text == text for out in found)
        assert abs(count - n * p) <= 4.5 * math.sqrt(n * p * (1 - p)) + 1


def test_weights_estimate_the_mass_of_the_language(causal):
    """E[exp(logw)] is the probability that the model writes a member, here by enumeration; 5 standard errors."""
    total, layer = 0.0, [([], 0.0)]
    while layer:
        tokens, logp = layer.pop()
        text = causal.vocab.bytes_of(tokens)
        if ANSWER.accepts(text):
            total += math.exp(logp)
            continue
        logprobs = next_logprobs(causal, "the", tokens)[-1]
        for token in brute_mask(ANSWER.recognizer(), text, causal.vocab):
            layer.append(([*tokens, token], logp + logprobs[token].item()))
    weights = np.exp([out.logw for out in raw(causal, "the", ANSWER, n=3_000, seed=4, forced=False, batch_size=500)])
    assert abs(weights.mean() - total) <= 5 * weights.std() / math.sqrt(len(weights)) + 1e-7


def test_a_seed_fixes_a_text_whatever_else_is_in_the_batch(lm):
    together = generate(lm, PROMPTS, RECORD, seed=9, n=2)
    alone = [out for prompt in PROMPTS for out in generate(lm, prompt, RECORD, seed=9, n=2)]
    assert [out.text for out in together] == [out.text for out in alone]
    twice = generate(lm, ["a", "the", "a"], RECORD, seed=9)
    assert [twice[0].text, twice[2].text] == [out.text for out in generate(lm, "a", RECORD, seed=9, n=2)]
    assert [out.text for out in generate(lm, PROMPTS, RECORD, n=2, seed=10)] != [out.text for out in together]


# --- closure -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forced", [True, False])
@pytest.mark.parametrize("constraint", [RECORD, WORDS, LETTERS, ONE], ids=repr)
def test_no_budget_truncates_a_text(causal, constraint, forced):
    fewest = Matcher(constraint, causal.vocab).tokens_to_finish()
    for budget in [fewest, fewest + 1, fewest + 2, fewest + 5, fewest + 20]:
        for out in generate(causal, "the", constraint, max_tokens=budget, n=6, seed=budget, forced=forced):
            assert fits(constraint, out.text)
            assert out.is_complete
            assert len([token for token in out.tokens if token != EOS]) <= budget
    if fewest > 1:
        with pytest.raises(ConstraintError, match=f"needs {fewest} tokens.*Pass max_tokens={fewest}"):
            generate(causal, "the", constraint, max_tokens=fewest - 1)


def test_a_token_that_needs_more_than_is_left_is_drawn_again(causal):
    """'a' is followed by 100 letters that no token joins, so it fits no budget below 101; 'b' is a text."""
    long = language(Union((Literal("a" + "qz" * 50), Literal("b"))), "a(qz){50}|b")
    needed = 101
    assert Matcher(long, causal.vocab).tokens_to_finish() == 1
    for budget in (70, needed - 1, needed):
        found = generate(causal, "the", long, max_tokens=budget, n=40, seed=1, temperature=30.0, forced=False)
        assert {out.text for out in found} <= {"b", "a" + "qz" * 50}
        assert ({out.text for out in found} == {"b"}) == (budget < needed)


def test_the_models_context_bounds_a_text_too():
    lm = load(gpt2(), tokenizer())
    long = "abc " * 100
    room = 256 - len(lm.encode(long))
    assert 20 < room < 100
    (out,) = generate(lm, [long], LETTERS, max_tokens=500)
    assert fits(LETTERS, out.text)
    free = generate(lm, long, None, max_tokens=500)
    assert len(free.tokens) <= room
    with pytest.raises(ModelError, match="context is 256 tokens"):
        generate(lm, "abc " * 400, LETTERS)


def test_tokens_that_cannot_spell_any_member(causal, monkeypatch):
    from guided.vocab import Vocabulary

    monkeypatch.setattr(causal, "vocab", Vocabulary([b"", b"", b"", b"", b"a"], eos_ids={EOS}, size=causal.n_columns))
    with pytest.raises(DeadEnd, match="cannot spell"):
        generate(causal, "the", ONE)


# --- streams -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forced", [True, False])
def test_the_deltas_of_a_stream_are_the_text(lm, forced):
    texts, last = {}, {}
    for event in generate(lm, PROMPTS, RECORD, stream=True, seed=4, forced=forced):
        texts[event.index] = texts.get(event.index, "") + event.delta
        assert event.text == texts[event.index]
        assert "�" not in event.delta
        last[event.index] = event
    silent = generate(lm, PROMPTS, RECORD, seed=4, forced=forced)
    for number, out in enumerate(silent):
        assert last[number].done.text == texts[number] == out.text
        assert last[number].value == out.value
        assert last[number].done.logp == pytest.approx(out.logp, abs=1e-3)


def test_partial_values_grow(causal):
    values = [event.value for event in generate(causal, "the", RECORD, stream=True, seed=4) if event.value is not None]
    assert len(values) > 5
    for before, after in pairwise(values):
        for key, value in before.items():
            assert str(after[key]).startswith(str(value))
    assert list(values[-1]) == ["name", "email", "age"]


def test_a_stream_never_shows_half_a_stop_string(causal):
    events = list(generate(causal, "the", RECORD, stream=True, stop='", "email": "', seed=4, forced=False))
    done = events[-1].done
    assert done.finish_reason == "stop_string"
    assert fits(RECORD, done.text + '", "email": "xx", "age": 1}')
    assert "".join(event.delta for event in events) == done.text


def test_free_text_of_broken_characters_is_whole_characters(causal):
    for seed in range(5):
        pieces = [
            event.delta for event in raw(causal, "the", None, stream=True, seed=seed, max_tokens=20, temperature=3)
        ]
        out = raw(causal, "the", None, seed=seed, max_tokens=20, temperature=3)
        assert "".join(pieces) == out.text == causal.vocab.bytes_of(out.tokens).decode("utf-8", "replace")


# --- prompts -------------------------------------------------------------------------------------------------------


def test_an_empty_prompt_starts_from_bos_or_eos(causal):
    assert causal.encode("") == [BOS]
    without = copy.deepcopy(tokenizer())
    without.bos_token = None
    assert load(llama(), without).encode("") == [EOS]


def test_chat_messages_go_through_the_template(causal, monkeypatch):
    chat = [{"role": "user", "content": "the name"}]
    with pytest.raises(ModelError, match="no chat template"):
        generate(causal, chat, WORDS)
    template = "{% for m in messages %}<s>{{ m['role'] }} {{ m['content'] }}</s>{% endfor %}the"
    monkeypatch.setattr(causal.tokenizer, "chat_template", template)
    assert causal.encode(chat) == causal.encode("<s>user the name</s>the")
    out = generate(causal, chat, WORDS, seed=0)
    assert fits(WORDS, out.text)
    assert out.prompt == chat
    assert len(generate(causal, [chat, "text", chat], WORDS, seed=0)) == 3


def test_a_progress_bar_on_demand_only(causal, capsys):
    generate(causal, ["the"] * 3, ONE)
    assert capsys.readouterr().err == ""
    generate(causal, ["the"] * 3, ONE, progress=True)
    assert "3/3" in capsys.readouterr().err


# --- errors --------------------------------------------------------------------------------------------------------


def test_logits_that_are_no_distribution_name_the_text_and_the_step():
    model = LlamaForCausalLM(llama().config).eval()
    model.generation_config = llama().generation_config
    with torch.no_grad():
        model.lm_head.weight[:] = float("nan")
    with pytest.raises(ModelError, match=r"NaN.*1 at step 0"):
        raw(load(model, tokenizer()), ["a", "b"], WORDS)


def test_a_tokenizer_of_another_model_is_refused():
    with pytest.raises(ModelError, match="340 tokens, the logits have 300 columns"):
        load(gpt2(0, 300), tokenizer())
    with pytest.raises(TypeError, match="needs its tokenizer"):
        load(gpt2())
    with pytest.raises(ModelError, match="no transformers model"):
        HuggingFaceModel(object(), tokenizer())


@pytest.mark.parametrize(
    "options, error",
    [
        ({"max_tokens": 0}, ValueError),
        ({"n": 0}, ValueError),
        ({"temperature": -1}, ValueError),
        ({"temperature": math.nan}, ValueError),
        ({"top_p": 3.0}, ValueError),
        ({"top_k": -2}, ValueError),
        ({"min_p": -0.1}, ValueError),
    ],
    ids=str,
)
def test_options_out_of_range(causal, options, error):
    with pytest.raises(error):
        generate(causal, "the", WORDS, **options)


def test_a_constraint_must_be_one(causal):
    with pytest.raises(TypeError, match="must be a Constraint"):
        generate(causal, "the", "[ab]+")
    with pytest.raises(ValueError, match="no prompt"):
        generate(causal, [], WORDS)


@pytest.mark.parametrize("make", [llama, t5], ids=["llama", "t5"])
def test_a_model_is_loaded_from_its_folder(make, tmp_path):
    make().save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    found = generate(load(tmp_path), "the", RECORD, seed=3)
    assert found.text == generate(load(make(), tokenizer()), "the", RECORD, seed=3).text
