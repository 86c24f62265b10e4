"""Every mode of transformers' `generate`, on three architectures: the text is always a member of the language."""

import pytest
import torch

from guided.errors import ConstraintError
from guided.integrations.transformers import ConstraintLogitsProcessor
from tests.integrations.conversation import PROMPTS, generated, inputs, written
from tests.oracle.brute_mask import brute_mask
from tests.small_languages import DIGITS, LETTERS, WORDS, fits
from tests.small_models import BOS, END_OF_TURN, EOS, MODELS, PAD, gpt2, llama, t5, tokenizer

BATCH_MODES = {
    "greedy": {},
    "sampling": {"do_sample": True},
    "several": {"do_sample": True, "num_return_sequences": 3},
    "beams": {"num_beams": 4},
    "beams, all returned": {"num_beams": 4, "num_return_sequences": 4},
    "more beams than tokens": {"num_beams": 12},
    "beam sampling": {"num_beams": 3, "do_sample": True},
    "early stopping": {"num_beams": 3, "early_stopping": True, "length_penalty": 2.0},
    "warpers": {"do_sample": True, "temperature": 0.7, "top_k": 5, "top_p": 0.8, "min_p": 0.01, "typical_p": 0.9},
    "penalties": {"do_sample": True, "repetition_penalty": 1.5},
    "renormalised": {"do_sample": True, "renormalize_logits": True},
    "no cache": {"use_cache": False},
    "static cache": {"cache_implementation": "static"},
}
SINGLE_MODES = {
    "prompt lookup": {"prompt_lookup_num_tokens": 3},
    "prompt lookup, sampling": {"prompt_lookup_num_tokens": 4, "do_sample": True},
    "assisted": {"assistant": 1},
    "assisted by itself": {"assistant": 0},
    "assisted, sampling": {"assistant": 1, "do_sample": True},
}


@pytest.mark.parametrize("mode", BATCH_MODES)
@pytest.mark.parametrize("kind", MODELS)
def test_batches_write_members(kind, mode):
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    texts = written(MODELS[kind](), inputs(*PROMPTS), processor, **BATCH_MODES[mode])
    assert len(texts) == 2 * BATCH_MODES[mode].get("num_return_sequences", 1)
    assert [text for text in texts if not fits(WORDS, text)] == []


@pytest.mark.parametrize("mode", SINGLE_MODES)
@pytest.mark.parametrize("kind", MODELS)
def test_drafts_write_members(kind, mode):
    options = dict(SINGLE_MODES[mode])
    if "assistant" in options:
        options["assistant_model"] = MODELS[kind](options.pop("assistant"))
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    for prompt in ["the cthethe name", "aabcthethed abacthethed aab", "a"]:
        (text,) = written(MODELS[kind](), inputs(prompt), processor, **options)
        assert fits(WORDS, text)


@pytest.mark.parametrize("kind", MODELS)
def test_drafts_write_what_greedy_search_writes(kind):
    model, given = MODELS[kind](), inputs("aabcthethed abacthethed aab")
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    (plain,) = written(model, given, processor)
    assert written(model, given, processor, prompt_lookup_num_tokens=3) == [plain]
    assert written(model, given, processor, assistant_model=MODELS[kind](1)) == [plain]


def test_a_draft_model_with_another_tokenizer_is_left_free():
    other = tokenizer(300)
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    given = inputs("the cthethe name")
    (plain,) = written(gpt2(), given, processor)
    options = {"assistant_model": gpt2(3, 300), "tokenizer": tokenizer(), "assistant_tokenizer": other}
    assert written(gpt2(), given, processor, **options) == [plain]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_greedy_search_takes_the_best_token_of_the_brute_force_mask(kind):
    model, vocab = MODELS[kind](), ConstraintLogitsProcessor(WORDS, tokenizer()).vocab
    ids, text = inputs(PROMPTS[0])["input_ids"], b""
    while True:
        logits = model(ids).logits[0, -1]
        allowed = brute_mask(WORDS.recognizer(), text, vocab)
        token = max(allowed, key=lambda t: logits[t].item())
        if token == EOS:
            break
        text += vocab.tokens[token]
        ids = torch.cat([ids, torch.tensor([[token]])], 1)
        if not WORDS.recognizer().live_bytes(WORDS.recognizer().run(0, text)):
            break
    assert written(model, inputs(PROMPTS[0]), ConstraintLogitsProcessor(WORDS, tokenizer())) == [text.decode()]


def test_wide_beams_find_the_most_probable_member():
    """log_softmax comes before the mask in beam search, so beams rank members by the model's own probability."""
    model, given = llama(), inputs(PROMPTS[0])
    processor = ConstraintLogitsProcessor(LETTERS, tokenizer())
    start = given["input_ids"].shape[1]
    best = generated(model, given, processor, num_beams=40, length_penalty=0.0)[0, start:].tolist()
    best = best[: best.index(EOS) + 1]

    def logprobs(texts):
        """float[n]: log-probability of each run of tokens after the prompt."""
        longest = max(map(len, texts))
        ends = torch.tensor([[*tokens, *[PAD] * (longest - len(tokens))] for tokens in texts])
        ids = torch.cat([given["input_ids"].expand(len(texts), -1), ends], 1)
        each = torch.log_softmax(model(ids).logits[:, start - 1 : -1], -1).gather(2, ends[:, :, None])[:, :, 0]
        return (each * (ends != PAD)).sum(1)

    vocab, layer, members = processor.vocab, [[]], []
    spelled = [t for t in range(vocab.size) if vocab.tokens[t] and not vocab.tokens[t].strip(b"ab")]
    for _ in range(2):
        layer = [[*tokens, t] for tokens in layer for t in spelled if len(vocab.bytes_of([*tokens, t])) <= 6]
        members += [[*tokens, EOS] for tokens in layer]
    assert logprobs([best])[0] >= logprobs(members).max() - 1e-4


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True, "num_return_sequences": 2}], ids=str)
def test_each_prompt_may_have_its_own_constraint(options):
    languages = [WORDS, DIGITS, LETTERS]
    processor = ConstraintLogitsProcessor(languages, tokenizer())
    texts = written(gpt2(), inputs("the", "a name of the same", "abc"), processor, **options)
    copies = options.get("num_return_sequences", 1)
    assert len(texts) == 3 * copies
    assert all(fits(languages[row // copies], text) for row, text in enumerate(texts))


def test_a_prompt_without_constraint_is_left_free():
    given = inputs(*PROMPTS)
    free = gpt2().generate(**given, max_new_tokens=12, eos_token_id=EOS)
    processor = ConstraintLogitsProcessor([None, WORDS], tokenizer())
    ids = generated(gpt2(), given, processor, max_new_tokens=12)
    assert ids[0].tolist() == free[0].tolist()
    assert fits(WORDS, tokenizer().decode(ids[1, given["input_ids"].shape[1] :], skip_special_tokens=True))


@pytest.mark.parametrize("kind", MODELS)
def test_columns_beyond_the_tokenizer_are_never_chosen(kind):
    model = MODELS[kind](0, 384)
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    for options in [{}, {"do_sample": True}, {"num_beams": 3}]:
        assert all(fits(WORDS, text) for text in written(model, inputs(*PROMPTS), processor, **options))


def test_either_of_several_ends_may_end_a_text():
    processor = ConstraintLogitsProcessor(LETTERS, tokenizer(), eos_token_id=[EOS, END_OF_TURN])
    given = inputs(*["the"] * 40)
    ids = generated(gpt2(), given, processor, do_sample=True, temperature=3.0, eos_token_id=[EOS, END_OF_TURN])
    new = ids[:, given["input_ids"].shape[1] :]
    assert {EOS, END_OF_TURN} <= set(new.flatten().tolist())
    assert all(fits(LETTERS, tokenizer().decode(row, skip_special_tokens=True)) for row in new)


@pytest.mark.parametrize(
    "options", [{"min_new_tokens": 25}, {"no_repeat_ngram_size": 1}, {"suppress_tokens": [EOS]}], ids=str
)
def test_the_constraint_wins_over_processors_that_leave_nothing(options):
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    for mode in [{}, {"do_sample": True}]:
        with pytest.warns(UserWarning, match="The constraint wins"):
            texts = written(gpt2(), inputs(*PROMPTS), processor, **options, **mode)
        assert all(fits(WORDS, text) for text in texts)


def test_a_forced_first_token_is_no_text():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    ids = generated(t5(), inputs(*PROMPTS), processor, forced_bos_token_id=BOS)
    assert ids[:, 1].tolist() == [BOS, BOS]
    assert all(fits(WORDS, tokenizer().decode(row, skip_special_tokens=True)) for row in ids)


def test_a_decoder_prompt_is_no_text():
    start = torch.tensor([[PAD, *tokenizer().encode("aab")]] * 2)
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    ids = generated(t5(), inputs(*PROMPTS), processor, decoder_input_ids=start)
    assert all(fits(WORDS, tokenizer().decode(row[start.shape[1] :], skip_special_tokens=True)) for row in ids)


def test_embedded_prompts_have_no_columns():
    model, given = llama(), inputs(*PROMPTS)
    embedded = model.get_input_embeddings()(given["input_ids"])
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    ids = model.generate(
        inputs_embeds=embedded, attention_mask=given["attention_mask"], logits_processor=[processor], max_new_tokens=30
    )
    assert all(fits(WORDS, tokenizer().decode(row, skip_special_tokens=True)) for row in ids)


@pytest.mark.parametrize(
    "options", [{}, {"do_sample": True}, {"num_beams": 4}, {"prompt_lookup_num_tokens": 3}], ids=str
)
@pytest.mark.parametrize("kind", MODELS)
def test_no_text_is_cut_off_within_max_tokens(kind, options):
    processor = ConstraintLogitsProcessor(WORDS, tokenizer(), within_max_tokens=True)
    fewest = processor._indexes[0].tokens_to_finish(processor._indexes[0].start)
    prompts = PROMPTS[:1] if "prompt_lookup_num_tokens" in options else PROMPTS
    for n_tokens in range(fewest, fewest + 5):
        texts = written(MODELS[kind](), inputs(*prompts), processor, max_new_tokens=n_tokens, **options)
        assert all(fits(WORDS, text) for text in texts)
    with pytest.raises(ConstraintError, match=f"max_new_tokens={fewest}"):
        written(MODELS[kind](), inputs(*prompts), processor, max_new_tokens=fewest - 1, **options)
