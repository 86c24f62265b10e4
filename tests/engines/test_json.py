"""JSON from models that know none: schemas and types through generate() and through transformers' own loop."""

import json
from typing import Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field

import guided
from guided.constraints.base import Constraint
from guided.matcher import Matcher
from tests.integrations.conversation import PROMPTS, inputs, written
from tests.small_models import MODELS, llama, tokenizer


class Item(BaseModel):
    name: str = Field(max_length=6)
    kind: Literal["a", "the"]


class Order(BaseModel):
    id: int = Field(ge=0, le=99)
    items: list[Item] = Field(max_length=2)
    note: str | None = Field(default=None, max_length=4)


SCHEMA = Order.model_json_schema()


def is_valid(text: str) -> bool:
    jsonschema.validate(json.loads(text), SCHEMA)
    return True


@pytest.mark.parametrize("forced", [True, False])
@pytest.mark.parametrize("kind", MODELS)
def test_a_type_gives_its_instances(kind, forced):
    lm = guided.load(MODELS[kind](), tokenizer())
    for out in guided.generate(lm, PROMPTS, Order, seed=1, n=2, max_tokens=150, forced=forced):
        assert isinstance(out.value, Order)
        assert Order.model_validate_json(out.text) == out.value
        assert is_valid(out.text)
        assert out.logw <= 1e-3


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True, "num_return_sequences": 2}], ids=str)
@pytest.mark.parametrize("kind", MODELS)
def test_transformers_writes_valid_instances(kind, options):
    constraint = guided.json_schema(SCHEMA, whitespace="compact")
    processor = guided.ConstraintLogitsProcessor(constraint, tokenizer(), within_max_tokens=True)
    for text in written(MODELS[kind](), inputs(*PROMPTS), processor, max_new_tokens=50, **options):
        assert is_valid(text)


@pytest.mark.parametrize("options", [{"prompt_lookup_num_tokens": 4}, {"assistant": 1}], ids=str)
def test_drafts_write_valid_instances(options):
    options = dict(options)
    if options.pop("assistant", None):
        options["assistant_model"] = llama(1)
    processor = guided.ConstraintLogitsProcessor(Order, tokenizer(), within_max_tokens=True)
    (text,) = written(llama(), inputs('{"id": 7, "items": [{"name": "a"'), processor, max_new_tokens=60, **options)
    assert is_valid(text)


def test_no_budget_truncates_a_document():
    lm = guided.load(llama(), tokenizer())
    constraint = guided.json_schema(SCHEMA)
    fewest = Matcher(constraint, lm.vocab).tokens_to_finish()
    for budget in range(fewest, fewest + 40, 3):
        for out in guided.generate(lm, "the", constraint, max_tokens=budget, n=3, seed=budget):
            assert is_valid(out.text)
            assert len(out.tokens) <= budget + 1
    with pytest.raises(guided.ConstraintError, match=f"needs {fewest} tokens"):
        guided.generate(lm, "the", constraint, max_tokens=fewest - 1)


def test_partial_values_of_a_stream_are_parts_of_the_value():
    lm = guided.load(llama(), tokenizer())
    events = list(guided.generate(lm, "the", Order, seed=3, stream=True))
    assert isinstance(events[-1].done.value, Order)
    assert events[-1].value == json.loads(events[-1].text)
    assert len([event for event in events if isinstance(event.value, dict)]) > 3


def test_an_output_says_whether_the_constraint_assumed_something():
    lm = guided.load(llama(), tokenizer())
    digits = guided.regex("[0-9]{1,3}")
    assuming = Constraint("digits", digits.recognizer, approximate=lambda: True)
    assert guided.generate(lm, "x", assuming, seed=1).approximate
    assert not guided.generate(lm, "x", digits, seed=1).approximate
    assert not guided.generate(lm, "x", max_tokens=2, seed=1).approximate
