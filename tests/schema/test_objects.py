"""Objects: order, duplicates, unknown keys, escapes, recursion, alternatives told apart by their members."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from guided.errors import ConstraintError
from tests.schema.writing import assert_every_prefix_lives, dumps, is_valid, loads_exactly, random_walk, recognizer

PERSON = {
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "tags": {"type": "array"}},
    "required": ["name"],
    "type": "object",
}


def test_declared_keys_come_in_declared_order_then_the_others():
    machine = recognizer(PERSON)
    for text in [
        '{"name":"x"}',
        '{"name":"x","tags":[]}',
        '{"name":"x","age":1,"tags":[],"z":0,"y":0}',
        '{"name":"x","z":{}}',
    ]:
        assert machine.accepts(text), text
    for text in [
        '{"age":1,"name":"x"}',
        '{"name":"x","z":0,"age":1}',
        "{}",
        '{"z":1}',
        '{"name":"x","tags":[],"age":1}',
    ]:
        assert not machine.accepts(text), text


def test_any_order_accepts_every_permutation():
    machine = recognizer({**PERSON, "required": ["name", "age"], "additionalProperties": False}, order="any")
    members = ['"name":""', '"age":1', '"tags":[]']
    for size in range(4):
        for chosen in itertools.permutations(members, size):
            assert machine.accepts("{" + ",".join(chosen) + "}") == (set(members[:2]) <= set(chosen))


@pytest.mark.parametrize("order", ["schema", "any"])
def test_a_key_never_comes_twice(order):
    machine = recognizer({"properties": {"a": {}, "ab": {}}}, order=order)
    for text in ['{"a":1,"a":2}', '{"a":1,"x":2,"x":3}', '{"x":1,"xy":2,"x":3}', '{"x":1,"":2,"":3}', '{"é":1,"é":2}']:
        assert not machine.accepts(text), text
    for text in ['{"a":1,"ab":2,"abc":3,"":4,"x":5}', '{"é":1,"ê":2,"è":3,"e":4}', '{"\\n":1,"\\t":2,"n":3}']:
        assert machine.accepts(text), text


def test_a_second_spelling_of_a_key_is_not_written():
    machine = recognizer({"properties": {"a": {"type": "integer"}, 'q"\n': {"type": "null"}}})
    assert machine.accepts('{"a":1,"q\\"\\n":null}')
    for text in ['{"\\u0061":1}', '{"q\\u0022\\n":null}', '{"b":1,"\\u0062":2}']:
        assert not machine.accepts(text), text


def test_random_key_sets_against_python():
    """Free keys over few characters, with declared names among them: accepted iff distinct and in order."""
    rng = random.Random(8)
    names = ["a", "ab", "é", "a\n", "b\\"]
    machine = recognizer({"properties": {name: {} for name in names}})
    pool = [*names, "", "b", "aé", "ê", "a\t", "abc", "\n"]
    n_accepted = 0
    for _ in range(800):
        keys = [rng.choice(pool) for _ in range(rng.randint(0, 5))]
        declared = [key for key in keys if key in names]
        legal = len(set(keys)) == len(keys) and declared == sorted(declared, key=names.index)
        legal = legal and keys[: len(declared)] == declared
        text = "{" + ",".join(f"{dumps(key)}:0" for key in keys) + "}"
        assert machine.accepts(text) == legal, text
        n_accepted += legal
    assert n_accepted > 150


def test_no_comma_where_no_key_can_follow():
    machine = recognizer({"properties": {"a": {}, "b": False}, "additionalProperties": False}, whitespace="compact")
    state = machine.run(machine.start, b'{"a":1')
    assert bytes(machine.live_bytes(state)) == b".0123456789e}" or b"," not in machine.live_bytes(state)
    assert machine.run(machine.start, b'{"b') == -1
    optional_then_required = recognizer(
        {"properties": {"a": {}, "b": {}, "c": {}}, "required": ["b"], "additionalProperties": False},
        whitespace="compact",
    )
    assert optional_then_required.run(optional_then_required.start, b'{"c') == -1
    assert optional_then_required.accepts('{"b":1,"c":2}')


def test_required_names_that_are_not_declared_are_written_with_the_additional_schema():
    machine = recognizer({"properties": {"a": {}}, "required": ["z"], "additionalProperties": {"type": "integer"}})
    assert machine.accepts('{"a":"x","z":1,"y":2}')
    assert not machine.accepts('{"z":"x"}')
    with pytest.raises(ConstraintError, match="no JSON value"):
        recognizer({"type": "object", "required": ["z"], "additionalProperties": False})


def test_alternatives_are_told_apart_by_any_member():
    schema = {
        "anyOf": [
            {"properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}, "required": ["kind", "r"]},
            {"properties": {"kind": {"const": "square"}, "side": {"type": "number"}}, "required": ["kind", "side"]},
            {
                "properties": {"name": {"type": "string", "minLength": 2}},
                "required": ["name"],
                "additionalProperties": False,
            },
        ],
        "type": "object",
    }
    machine = recognizer(schema, order="any")
    rng = random.Random(3)
    for _ in range(300):
        document = {}
        for key in rng.sample(["kind", "r", "side", "name"], rng.randint(0, 4)):
            document[key] = rng.choice(["circle", "square", "x", 1])
        assert machine.accepts(dumps(document)) == is_valid(schema, document), document
    for _ in range(20):
        text = random_walk(machine, rng, most=60)
        assert is_valid(schema, loads_exactly(text)), text
        assert_every_prefix_lives(machine, text)


def test_a_choice_by_position_of_nested_members():
    """Which branch holds is settled only deep inside: the questions travel down as several at once."""
    schema = {
        "anyOf": [
            {
                "properties": {"p": {"properties": {"q": {"enum": [1, 2]}}, "required": ["q"]}, "z": {"const": 1}},
                "required": ["z"],
            },
            {"properties": {"p": {"properties": {"q": {"enum": [2, 3]}}}, "z": {"const": 2}}, "required": ["z"]},
        ],
    }
    machine = recognizer(schema)
    for q, z, deeper in itertools.product([1, 2, 3, 4, None], [1, 2, 3], [True, False]):
        document = {"p": {"q": q} if q is not None else {}, "z": z} if deeper else {"p": q, "z": z}
        assert machine.accepts(dumps(document)) == is_valid(schema, document), document


def test_recursion_through_definitions_and_its_base_case():
    tree = {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"v": {"type": "integer"}, "kids": {"items": {"$ref": "#/$defs/node"}}},
            }
        },
        "$ref": "#/$defs/node",
    }
    machine = recognizer({**tree, "required": ["v"]})
    text = '{"v":1,"kids":[{"v":2,"kids":[]},{"kids":[{}]}]}'
    assert machine.accepts(text)
    assert_every_prefix_lives(machine, text.encode())
    assert not machine.accepts('{"v":1,"kids":[{"v":"x"}]}')
    with pytest.raises(ConstraintError, match="no JSON value"):
        recognizer({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]})


def test_deeply_nested_instances_need_no_recursion():
    machine = recognizer({"items": {"$ref": "#"}, "type": "array"})
    depth = 20_000
    state = machine.run(machine.start, b"[" * depth)
    assert machine.accepts(b"[" * depth + machine.completion(state))
    assert machine.accepts(b"[" * depth + b"]" * depth)


def test_mutual_recursion_takes_the_way_out():
    schema = {
        "$defs": {
            "a": {"type": "object", "properties": {"b": {"$ref": "#/$defs/b"}}, "required": ["b"]},
            "b": {
                "anyOf": [
                    {"$ref": "#/$defs/a"},
                    {"type": "array", "items": {"$ref": "#/$defs/a"}, "minItems": 1},
                    {"const": "end"},
                ]
            },
        },
        "$ref": "#/$defs/a",
    }
    machine = recognizer(schema)
    assert machine.completion(machine.start) == b'{"b":"end"}'
    assert machine.accepts('{"b":{"b":[{"b":"end"}]}}')
    assert not machine.accepts('{"b":[]}')


def test_equal_futures_are_equal_states():
    machine = recognizer({"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}}}})
    one = machine.run(machine.start, b'[{"a":1},')
    many = machine.run(machine.start, b'[{"a":1}, {"a":22} ,{},{"a":3},')
    assert one == many
    size = machine.n_states
    machine.run(machine.start, b'[{"a":1}' + b',{"a":1}' * 1000)
    assert machine.n_states < size + 20


def test_order_of_arrival_does_not_matter_in_any_order():
    machine = recognizer({"properties": {"a": {}, "b": {}, "c": {}}}, order="any")
    assert machine.run(machine.start, b'{"a":1,"b":1,') == machine.run(machine.start, b'{"b":1,"a":1,')
    assert machine.run(machine.start, b'{"x":1,"y":1,') == machine.run(machine.start, b'{"y":1,"x":1,')


def test_forty_alternatives_with_their_own_required_member_stay_small():
    branches = [
        {"properties": {"k": {"const": n}, f"p{n}": {"type": "integer"}}, "required": ["k", f"p{n}"]} for n in range(40)
    ]
    for word in ("anyOf", "oneOf"):
        machine = recognizer({"type": "object", word: branches, "properties": {"k": {}}})
        assert machine.accepts('{"k":17,"p17":1}')
        assert not machine.accepts('{"k":17,"p18":1}')
        assert not machine.accepts('{"k":17,"p17":"x"}')
        assert machine.accepts('{"k":17,"p17":1,"p18":"x"}')
        assert len(machine.contexts.front.contexts.locations.formulas) < 500


def test_whitespace_settings():
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "null"}}}}
    document = {"a": [None, None]}
    flexible, compact = recognizer(schema), recognizer(schema, whitespace="compact")
    newline = recognizer(schema, whitespace=r"\n?")
    assert flexible.accepts(json.dumps(document, indent=3))
    assert flexible.accepts('{ "a" :\t[ null\r\n,null ] }')
    assert flexible.accepts('{"a":' + " " * 32 + "[]}")
    assert not flexible.accepts('{"a":' + " " * 33 + "[]}")
    assert not flexible.accepts(" {}")
    assert not flexible.accepts("{} ")
    assert compact.accepts('{"a":[null,null]}')
    assert not compact.accepts('{"a": [null]}')
    assert newline.accepts('{\n"a"\n:\n[null\n,null]}')
    assert not newline.accepts('{"a": []}')
    always = recognizer(schema, whitespace=" ")
    assert always.accepts('{ "a" : [ null , null ] }')
    assert always.accepts(always.completion(always.start))
    for wrong in ["[ab]", "(", "a?"]:
        with pytest.raises(ConstraintError, match="whitespace"):
            recognizer(schema, whitespace=wrong)
