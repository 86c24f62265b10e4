"""Random schemas of the slice against jsonschema, both ways: what is accepted is valid, what is valid is accepted."""

from __future__ import annotations

import json
import random

import pytest

from guided.constraints.json_schema import json_schema
from guided.errors import ConstraintError, UnsupportedSchema
from tests.oracle.slow_machine import SlowMachine
from tests.schema.generator import near, random_document, random_schema
from tests.schema.writing import assert_every_prefix_lives, dumps, is_valid, loads_exactly, random_walk


def compiled(schema, **options):
    """The recogniser; None if the schema has no value, or meets itself in place."""
    try:
        return json_schema(schema, **options).recognizer()
    except UnsupportedSchema as error:
        assert "without reading" in str(error)
    except ConstraintError:
        pass
    return None


@pytest.mark.parametrize("seed", range(8))
def test_verdicts_are_those_of_jsonschema_in_any_order(seed):
    rng = random.Random(seed)
    n_accepted = n_refused = 0
    for _ in range(40):
        schema = random_schema(rng)
        machine = compiled(schema, order="any")
        documents = [random_document(rng) for _ in range(12)]
        if machine is None:
            assert "ref" in dumps(schema) or not any(
                is_valid(schema, loads_exactly(dumps(document))) for document in documents
            ), schema
            continue
        for _ in range(4):
            text = random_walk(machine, rng)
            document = loads_exactly(text)
            assert is_valid(schema, document), (schema, text)
            documents.append(near(rng, json.loads(text)))
        for document in documents:
            text = dumps(document)
            valid = is_valid(schema, loads_exactly(text))
            assert machine.accepts(text) == valid, (schema, text)
            n_accepted += valid
            n_refused += not valid
            if valid:
                assert machine.accepts(dumps(document, indent=2)), (schema, text)
    assert n_accepted > 50
    assert n_refused > 100


@pytest.mark.parametrize("seed", range(4))
def test_in_schema_order_everything_accepted_is_valid_and_no_prefix_is_a_dead_end(seed):
    rng = random.Random(100 + seed)
    for _ in range(30):
        schema = random_schema(rng)
        machine = compiled(schema, whitespace=rng.choice(["flexible", "compact"]))
        if machine is None:
            continue
        for _ in range(4):
            text = random_walk(machine, rng, most=60)
            assert is_valid(schema, loads_exactly(text)), (schema, text)
            assert_every_prefix_lives(machine, text)


@pytest.mark.parametrize("order", ["schema", "any"])
def test_the_machine_is_its_slow_twin(order):
    rng = random.Random(5)
    for _ in range(12):
        machine = compiled(random_schema(rng), order=order)
        if machine is None:
            continue
        slow = SlowMachine(machine.contexts)
        text = random_walk(machine, rng, most=40)
        fast_state, slow_state = machine.start, slow.start
        for byte in text:
            assert machine.live_bytes(fast_state) == slow.live_bytes(slow_state)
            assert machine.is_accepting(fast_state) == slow.is_accepting(slow_state)
            fast_state, slow_state = machine.step(fast_state, byte), slow.step(slow_state, byte)
        assert slow.is_accepting(slow_state)


def test_the_two_orders_accept_the_same_documents_when_keys_are_sorted_as_declared():
    rng = random.Random(77)
    n_compared = 0
    for _ in range(60):
        names = rng.sample(["a", "b", "c", "d"], 3)
        schema = {
            "properties": {name: {"type": rng.choice(["integer", "string"])} for name in names},
            "required": rng.sample(names, 1),
            "additionalProperties": rng.choice([True, False]),
        }
        ordered, free = compiled(schema), compiled(schema, order="any")
        keys = [name for name in [*names, "e"] if rng.random() < 0.7]
        document = {key: rng.choice([1, "x"]) for key in keys}
        assert ordered.accepts(dumps(document)) == free.accepts(dumps(document)), (schema, document)
        n_compared += 1
        backwards = dict(reversed(document.items()))
        assert free.accepts(dumps(document)) == free.accepts(dumps(backwards))
    assert n_compared == 60


UNIQUE = [
    {"type": "array", "items": {"type": "object", "propertyNames": {"enum": ["k", "b"]}}, "minItems": 4},
    {"type": "array", "items": {"type": "array", "items": {"enum": [1, 1.5, "a"]}, "maxItems": 2}, "minItems": 5},
    {"type": "array", "items": {"enum": [{}, {"k": [1]}, {"k": [1, 2]}, [], "k"]}, "minItems": 4},
]


@pytest.mark.parametrize("schema", UNIQUE, ids=repr)
def test_a_way_out_of_an_array_of_different_members_repeats_none(schema):
    schema = schema | {"uniqueItems": True}
    machine, rng = compiled(schema), random.Random(5)
    for _ in range(15):
        text = random_walk(machine, rng, most=30, stop=0.1)
        assert is_valid(schema, loads_exactly(text)), text
        for end in range(len(text) + 1):
            state = machine.run(machine.start, text[:end])
            whole = text[:end] + machine.completion(state)
            assert machine.accepts(whole) and is_valid(schema, loads_exactly(whole)), whole


def test_values_that_must_not_come_again_change_no_order_of_keys():
    part = {"type": "object", "properties": {"k": {}, "b": {}, "a": {"properties": {"x": {}, "c": {}}}}}
    machine = compiled({"type": "array", "items": part, "uniqueItems": True})
    seen = [{"b": 1}, {"a": {"c": 1}}, {"a": {"c": 1, "b": 2}}, {"z": 1}]
    assert machine.accepts(dumps([*seen, {"k": 1, "b": 1, "a": {"x": 1, "c": 1}, "z": 1}]).encode())
    assert not machine.accepts(dumps([*seen, {"b": 1, "k": 1}]).encode())
    assert not machine.accepts(dumps([*seen, {"a": {"c": 1, "x": 1}}]).encode())
