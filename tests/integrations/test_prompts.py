"""Where a prompt ends and when a new call begins: every case in which the ids alone do not say it."""

import gc
import threading

import pytest
import torch
from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteria

from guided.errors import DeadEnd, ModelError
from guided.integrations.transformers import ConstraintLogitsProcessor
from guided.vocab import Vocabulary
from tests.integrations.conversation import PROMPTS, generated, inputs, written
from tests.oracle.brute_mask import brute_mask
from tests.small_languages import ONE, WORDS, fits
from tests.small_models import EOS, N_TOKENS, PAD, gpt2, llama, tokenizer


def batch(ids):
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def allowed(scores):
    return [set(torch.isfinite(row).nonzero().flatten().tolist()) for row in scores]


def flat(n_rows=1):
    return torch.zeros(n_rows, N_TOKENS)


def masks(processor, *texts: bytes):
    """What may follow each text, asked of the oracle."""
    return [brute_mask(WORDS.recognizer(), text, processor.vocab) for text in texts]


# --- inside generate -----------------------------------------------------------------------------------------------


def test_one_object_serves_many_calls():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    first = written(gpt2(), inputs(*PROMPTS), processor)
    for _ in range(3):
        assert written(gpt2(), inputs(*PROMPTS), processor) == first
        assert fits(WORDS, written(llama(), inputs("abc"), processor)[0])


@pytest.mark.parametrize("n_tokens", [1, 2, 3, 30])
def test_a_prompt_that_is_the_whole_output_of_the_call_before_begins_a_new_text(n_tokens):
    """The ids of the second call's first step are exactly those of the first call's next step, had there been one."""
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    first = generated(gpt2(), batch(torch.tensor([tokenizer().encode("the name")])), processor, max_new_tokens=n_tokens)
    second = generated(gpt2(), batch(first), processor)
    assert fits(WORDS, tokenizer().decode(second[0, first.shape[1] :], skip_special_tokens=True))


def test_a_prompt_that_is_itself_a_member_is_no_text():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    assert all(fits(WORDS, text) for text in written(gpt2(), inputs("aabcthed", "abac"), processor))


def test_ends_and_padding_inside_a_prompt_end_nothing():
    ids = torch.tensor([[PAD, EOS, *tokenizer().encode("abc"), EOS, PAD]])
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    (text,) = written(gpt2(), batch(ids), processor)
    assert fits(WORDS, text)


def test_threads_may_share_one_object():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    model, prompts = gpt2(), ["the", "a name", "aabc", "the same object"]
    alone = [model.generate(**inputs(p), logits_processor=[processor], max_new_tokens=30).tolist() for p in prompts]
    found = {}

    def run(number):
        for _ in range(3):
            given = inputs(prompts[number])
            found[number] = model.generate(**given, logits_processor=[processor], max_new_tokens=30).tolist()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(len(prompts))] == alone


def test_a_call_within_a_call_is_a_call_of_its_own():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    inner = []

    class Ask(StoppingCriteria):
        def __call__(self, input_ids, scores, **options):
            inner.extend(written(llama(), batch(input_ids), processor))
            return torch.zeros(len(input_ids), dtype=torch.bool)

    given = inputs(PROMPTS[0])
    plain = written(gpt2(), given, processor)
    assert written(gpt2(), given, processor, stopping_criteria=[Ask()]) == plain
    assert len(inner) >= 5
    assert all(fits(WORDS, text) for text in inner)


def test_a_processor_inside_another_processor():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())

    class Outer(LogitsProcessor):
        def __call__(self, input_ids, scores):
            return processor(input_ids, scores)

    first = written(gpt2(), inputs(*PROMPTS), Outer(), max_new_tokens=2)
    assert len(first) == 2
    assert all(fits(WORDS, text) for text in written(gpt2(), inputs(*PROMPTS), Outer()))


def test_nothing_is_kept_when_a_call_is_over():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    generated(gpt2(), inputs(*PROMPTS), processor, num_beams=3)
    generated(gpt2(), inputs("a"), processor, assistant_model=gpt2(1))
    gc.collect()
    assert processor._sessions == {}


# --- by hand -------------------------------------------------------------------------------------------------------


def steps(processor, ids, texts):
    """Append texts token by token, by hand; the sets of allowed tokens before each and after the last."""
    found = [allowed(processor(ids, flat()))[0]]
    for text in texts:
        (token,) = tokenizer().encode(text)
        ids = torch.cat([ids, torch.tensor([[token]])], 1)
        found.append(allowed(processor(ids, flat()))[0])
    return found


def test_a_loop_of_ones_own():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    prompt = torch.tensor([tokenizer().encode("the name")])
    want = masks(processor, b"", b"a", b"ab", b"abb", b"abbc")
    assert steps(processor, prompt, "abbc") == want
    assert steps(processor, prompt, "abbc") == want  # the same prompt again, from the beginning
    other = torch.tensor([tokenizer().encode("another")])
    assert steps(processor, other, "abbc") == want


def test_a_loop_of_ones_own_through_a_list():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    chain = LogitsProcessorList([processor])
    prompt = torch.tensor([tokenizer().encode("the name")])
    for _ in range(2):
        assert steps(chain, prompt, "abb") == masks(processor, b"", b"a", b"ab", b"abb")


def test_a_loop_that_writes_into_one_tensor():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    ids = torch.tensor([tokenizer().encode("the name abb")])
    start = ids.shape[1] - 3
    processor(ids[:, :start], flat())
    processor(ids[:, : start + 1], flat())
    ids[0, :] = torch.tensor(tokenizer().encode("a")[0])
    assert allowed(processor(ids[:, : start + 2], flat())) == masks(processor, b"")


def test_a_loop_that_goes_back_and_skips_ahead_gives_the_prompt_length():
    whole = tokenizer().encode("the name") + [tokenizer().encode(c)[0] for c in "abbc"]
    start = len(whole) - 4
    processor = ConstraintLogitsProcessor(WORDS, tokenizer()).for_prompt(start)
    for length in [4, 1, 0, 3, 4, 2]:
        ids = torch.tensor([whole[: start + length]])
        assert allowed(processor(ids, flat())) == masks(processor, b"abbc"[:length])
    other = torch.tensor([[5] * start + whole[start : start + 2]])
    assert allowed(processor(other, flat())) == masks(processor, b"ab")


def test_beams_permute_rows():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    prompt = tokenizer().encode("the name")
    a, b = (tokenizer().encode(x)[0] for x in "ab")
    rows = [[prompt] * 3, [[*prompt, x] for x in (a, b, a)], [[*prompt, b, a], [*prompt, a, b], [*prompt, b, b]]]
    for ids, texts in zip(rows, [[b""] * 3, [b"a", b"b", b"a"], [b"ba", b"ab", b"bb"]], strict=True):
        assert allowed(processor(torch.tensor(ids), flat(3))) == masks(processor, *texts)


def test_a_history_that_the_constraint_could_not_have_written_is_harmless():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer()).for_prompt(1)
    wrong = tokenizer().encode("zz")
    for history in ([*wrong], [*wrong, EOS], [EOS], [N_TOKENS + 5], [tokenizer().encode("a")[0], EOS, PAD]):
        scores = processor(torch.tensor([[5, *history]]), flat())
        assert allowed(scores) == [{EOS}]
        assert torch.isfinite(torch.softmax(scores, -1)).all()


def test_special_tokens_in_a_text_are_skipped():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer()).for_prompt(1)
    ids = torch.tensor([[5, PAD, tokenizer().encode("a")[0], PAD, PAD]])
    assert allowed(processor(ids, flat())) == masks(processor, b"a")


# --- what cannot work ----------------------------------------------------------------------------------------------


def test_continuous_batching_is_refused():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    assert processor.supports_continuous_batching is False
    with pytest.raises(ModelError, match="whole history"):
        processor(torch.tensor([5, 6]), flat(2))


@pytest.mark.parametrize("value, name", [(float("nan"), "NaN"), (float("-inf"), "all -inf"), (float("inf"), "inf")])
def test_scores_that_are_no_distribution_name_row_and_step(value, name):
    processor = ConstraintLogitsProcessor(WORDS, tokenizer()).for_prompt(1)
    ids = torch.tensor([[5, tokenizer().encode("a")[0]]] * 3)
    scores = flat(3)
    scores[1] = value
    with pytest.raises(ModelError, match=f"row 1, step 1 .*b'a'.* {name}"):
        processor(ids, scores)


def test_a_nan_in_a_forbidden_column_does_not_matter():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer()).for_prompt(1)
    scores = flat()
    scores[0, tokenizer().encode("z")[0]] = float("nan")
    assert allowed(processor(torch.tensor([[5]]), scores)) == masks(processor, b"")


def test_tokens_that_cannot_spell_a_member_are_a_dead_end():
    vocab = Vocabulary([b"a", b"b", b"c", b""], eos_ids={3})
    processor = ConstraintLogitsProcessor(WORDS, vocab, prompt_length=1)
    with pytest.raises(DeadEnd, match="row 0, step 4") as caught:
        processor(torch.tensor([[0, 0, 1, 0, 2]]), torch.zeros(1, 4))
    assert caught.value.text == b"abac"


def test_scores_too_narrow_for_the_tokenizer_are_refused():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    with pytest.raises(ModelError, match="does not belong to this model"):
        processor(torch.tensor([[5]]), torch.zeros(1, 300))


def test_rows_that_cannot_be_divided_among_the_constraints():
    processor = ConstraintLogitsProcessor([WORDS, ONE], tokenizer())
    with pytest.raises(ValueError, match="2 constraints cannot be divided among 3 rows"):
        generated(gpt2(), inputs("a", "b", "c"), processor)
    with pytest.raises(ValueError, match="empty"):
        ConstraintLogitsProcessor([], tokenizer())


def test_the_scores_given_are_not_changed():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    scores = flat()
    processor(torch.tensor([[5]]), scores)
    assert torch.equal(scores, flat())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_scores_of_other_float_types(dtype):
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    assert allowed(processor(torch.tensor([[5]]), flat().to(dtype))) == masks(processor, b"")


# --- report --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True}], ids=str)
def test_the_report_says_what_was_removed_wanted_and_chosen(options):
    processor = ConstraintLogitsProcessor(WORDS, tokenizer(), report=True)
    given = inputs(*PROMPTS)
    start, vocab = given["input_ids"].shape[1], processor.vocab
    ids = generated(gpt2(), given, processor, **options)
    found = processor.report(ids)
    assert {step.row for step in found} == {0, 1}
    for row in range(2):
        text, steps_of_row = b"", [step for step in found if step.row == row]
        new = ids[row, start:].tolist()
        assert [step.chosen for step in steps_of_row] == new[: new.index(EOS) + 1]
        mask = torch.cat([given["attention_mask"][row], torch.ones(len(new), dtype=torch.long)])
        logits = gpt2()(ids[row : row + 1], attention_mask=mask[None], position_ids=(mask.cumsum(0) - 1).clamp(0)[None])
        for position, step in enumerate(steps_of_row):
            probs = torch.softmax(logits.logits[0, start - 1 + position], -1)
            assert step.position == position
            assert step.wanted == probs.argmax().item()
            kept = sum(probs[token].item() for token in brute_mask(WORDS.recognizer(), text, vocab))
            assert step.mass_removed == pytest.approx(1 - kept, abs=1e-4)
            text += vocab.bytes_of([step.chosen])


def test_a_report_must_be_asked_for():
    processor = ConstraintLogitsProcessor(WORDS, tokenizer())
    with pytest.raises(ValueError, match="report=True"):
        processor.report()
    assert ConstraintLogitsProcessor(WORDS, tokenizer(), report=True).report() == []
