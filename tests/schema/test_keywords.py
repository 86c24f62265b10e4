"""Keywords that need an open answer: negation, exclusive branches, counts, names, unevaluated members, references."""

from __future__ import annotations

import itertools
import random

import pytest

from guided.constraints.json_schema import json_schema
from guided.errors import ConstraintError, UnsupportedSchema
from tests.schema.writing import assert_every_prefix_lives, dumps, is_valid, loads_exactly, random_walk, recognizer

TRAPS = {  # prefixes that must be alive, and prefixes that must be dead
    "a needed key and no room left": (
        {"type": "object", "required": ["a"], "maxProperties": 2},
        ['{"x":1,"a', '{"x":1'],
        ['{"x":1,"y'],
    ),
    "names run out": (
        {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "minProperties": 2},
        ['{"a":1,"b'],
        ['{"a":1}', '{"c'],
    ),
    "patterns that contradict each other": (
        {"patternProperties": {"^a": {"type": "string"}, "b$": {"type": "null"}}, "type": "object"},
        ['{"a":"', '{"b":n', '{"abc":"'],
        ['{"ab"', '{"a":n'],
    ),
    "a condition that was met": (
        {
            "type": "object",
            "if": {"properties": {"k": {"const": 1}}, "required": ["k"]},
            "then": {"required": ["b"], "maxProperties": 2},
            "else": {"maxProperties": 1},
        },
        ['{"k":1,"b', '{"k":2}', '{"b":1,"k'],
        ['{"k":1,"c', '{"k":2,', '{"b":1,"k":2', '{"k":1}'],
    ),
    "exclusive tags": (
        {
            "type": "object",
            "oneOf": [
                {"properties": {"t": {"const": "a"}, "x": {"type": "integer"}}, "required": ["t", "x"]},
                {"properties": {"t": {"const": "b"}, "y": {"type": "integer"}}, "required": ["t", "y"]},
            ],
            "additionalProperties": {"type": "integer"},
            "properties": {"t": {}},
        },
        ['{"t":"a"', '{"x":1,"t":"b"', '{"y":1,"t":"'],
        ['{"t":"c', '{"t":1', '{"x":"'],
    ),
    "the last item that can fit": (
        {"type": "array", "items": {"enum": [1, 2, 3]}, "contains": {"const": 3}, "maxItems": 2},
        ["[1,3", "[3,1", "[2,"],
        ["[1,2", "[1]", "[1,1", "[]"],
    ),
    "at most one that fits": (
        {"type": "array", "contains": {"type": "string"}, "maxContains": 1, "minContains": 0},
        ['["a",1', "[1,2]"],
        ['["a","'],
    ),
    "unique values run out": (
        {"type": "array", "items": {"enum": [True, 1, 2]}, "uniqueItems": True},
        ["[true,1,2]", "[1,t"],
        ["[1,1", "[true,true", "[true,1,2,"],
    ),
    "a name that must not be there": (
        {"type": "object", "not": {"required": ["a"]}, "minProperties": 1},
        ['{"b":1}', '{"ab'],
        ['{"a"', "{}"],
    ),
    "only what was evaluated": (
        {
            "type": "object",
            "anyOf": [
                {"properties": {"a": {"const": 1}}, "required": ["a"]},
                {"properties": {"b": {}}, "required": ["b"]},
            ],
            "unevaluatedProperties": False,
        },
        ['{"a":1,"b":2}', '{"b":1}'],
        ['{"c', '{"a":2,', '{"b":1,"a":2'],
    ),
    "a fraction that can still be a multiple": (
        {"type": "number", "multipleOf": 0.25, "minimum": 1, "maximum": 2},
        ["1.2", "1.75", "1.5"],
        ["1.3", "1.26", "3"],
    ),
}


@pytest.mark.parametrize("name", TRAPS)
def test_prefixes_live_as_long_as_they_can_be_finished(name):
    schema, alive, dead = TRAPS[name]
    machine = recognizer(schema, order="any", whitespace="compact")
    for prefix in alive:
        state = machine.run(machine.start, prefix.encode())
        assert state >= 0, prefix
        rest = machine.completion(state)
        assert is_valid(schema, loads_exactly(prefix.encode() + rest)), (prefix, rest)
    for prefix in dead:
        state = machine.run(machine.start, prefix.encode())
        assert state < 0 or (prefix[-1] in "}]" and not machine.accepts(prefix)), prefix


@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.parametrize("order", ["any", "schema"])
def test_walks_through_the_traps_end_in_valid_documents(name, order):
    schema = TRAPS[name][0]
    machine, rng = recognizer(schema, order=order, whitespace="compact"), random.Random(name)
    for _ in range(6):
        text = random_walk(machine, rng, most=25)
        assert is_valid(schema, loads_exactly(text)), text
        assert_every_prefix_lives(machine, text)


def test_small_objects_over_three_keys_exhaustively():
    """Every object over a, b, c with few values, against jsonschema, for demands that work together."""
    values = [None, 1, "x"]
    documents = [
        dict(zip(keys, chosen, strict=True))
        for size in range(4)
        for keys in itertools.permutations("abc", size)
        for chosen in itertools.product(values, repeat=size)
    ]
    schemas = [
        {"oneOf": [{"required": ["a"]}, {"required": ["b"]}, {"properties": {"c": {"const": 1}}}]},
        {"not": {"properties": {"a": {"type": "null"}, "b": {"type": "string"}}, "required": ["c"]}},
        {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"maxProperties": 2}}, "minProperties": 1},
        {"allOf": [{"properties": {"a": {}}}, {"if": {"required": ["b"]}, "then": {"properties": {"b": True}}}],
         "unevaluatedProperties": {"type": "integer"}},
        {"propertyNames": {"not": {"const": "b"}}, "patternProperties": {"[ab]": {"type": "null"}}},
        {"anyOf": [{"additionalProperties": {"type": "string"}}, {"properties": {"a": {"const": 1}}, "maxProperties": 1}]},  # noqa: E501
    ]  # fmt: skip
    for schema in schemas:
        machine = recognizer({"type": "object", **schema}, order="any")
        for document in documents:
            assert machine.accepts(dumps(document)) == is_valid(schema, document), (schema, document)


def test_items_that_must_differ_are_told_apart_by_value():
    machine = recognizer({"type": "array", "uniqueItems": True}, numbers="any")
    for text in ["[1,true]", '[1,"1"]', "[[1],[1,1]]", '[{"a":1},{"a":2}]', "[0,false,null,[],{}]", '["a","b","ab"]']:
        assert machine.accepts(text), text
    for text in [
        "[1,1]",
        "[1,1.0]",
        "[100,1e2]",
        "[0,-0]",
        "[[1],[1.0]]",
        '[{"a":1,"b":2},{"b":2,"a":1}]',
        '["a","a"]',
    ]:
        assert not machine.accepts(text), text
    tuples = recognizer({"prefixItems": [{"enum": ["a", "b"]}, {"const": "a"}], "uniqueItems": True, "minItems": 2})
    assert tuples.accepts('["b","a"]')
    assert not tuples.accepts('["a","a"]')


def test_escapes_of_any_kind_spell_the_same_text():
    schema = {
        "properties": {"é": {"enum": ["a/b", "😀"]}, "p": {"pattern": "^[a-c]$"}},
        "additionalProperties": False,
        "type": "object",
    }
    machine = recognizer(schema, escapes="any", order="any", whitespace="compact")
    for text in [
        '{"é":"a/b"}', '{"\\u00e9":"a\\/b"}', '{"\\u00E9":"\\ud83d\\uDE00"}', '{"p":"\\u0062"}', '{"\\u0070":"c","é":"😀"}',  # noqa: E501
    ]:  # fmt: skip
        assert machine.accepts(text), text
        assert_every_prefix_lives(machine, text.encode())
    for text in ['{"p":"\\u0064"}', '{"p":"a","\\u0070":"b"}', '{"é":"\\ud83d"}', '{"\\u0071":1}']:
        assert not machine.accepts(text), text
    free = recognizer({"type": "object"}, escapes="any", whitespace="compact")
    assert not free.accepts('{"a":1,"\\u0061":2}')
    assert free.accepts('{"a":1,"\\u0062":2}')


def test_numbers_in_any_spelling():
    integer = recognizer({"type": "integer"}, numbers="any")
    for text in ["1", "1.0", "1e2", "1.50E1", "100e-2", "-0", "0.0e-3", "1.000"]:
        assert integer.accepts(text), text
    for text in ["1.5", "15e-1", "1e-1", "1.05e1", "01", "1e11"]:
        assert not integer.accepts(text), text
    assert not recognizer(
        {"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}, numbers="any"
    ).accepts("1.0")
    bounded = recognizer({"type": "number", "minimum": 1.5, "exclusiveMaximum": 20}, numbers="any")
    for text in ["1.5", "15e-1", "0.15e1", "1.9E+1", "19.99"]:
        assert bounded.accepts(text), text
    for text in ["20", "2e1", "1.4999", "0.2e2", "149e-2"]:
        assert not bounded.accepts(text), text
    listed = recognizer({"enum": [1, 2.5]}, numbers="any")
    assert [text for text in ["1.0", "10e-1", "25e-1", "2.50", "2.6", "10"] if listed.accepts(text)] == [
        "1.0", "10e-1", "25e-1", "2.50",
    ]  # fmt: skip


def test_multiples_against_arithmetic():
    for step, high in [(3, 400), (7, 300), (12, 500), (100, 2000)]:
        machine = recognizer({"type": "integer", "multipleOf": step})
        for n in range(-high, high):
            assert machine.accepts(str(n)) == (n % step == 0), (step, n)
    cents = recognizer({"type": "number", "multipleOf": 0.05})
    for n in range(400):
        assert cents.accepts(f"{n / 100:.2f}") == (n % 5 == 0), n
    neither = recognizer({"type": "integer", "allOf": [{"not": {"multipleOf": 2}}, {"not": {"multipleOf": 3}}]})
    assert [n for n in range(20) if neither.accepts(str(n))] == [n for n in range(20) if n % 2 and n % 3]


def test_references_by_address_anchor_and_dynamic_scope():
    tree = {
        "$id": "https://example.com/tree",
        "$dynamicAnchor": "node",
        "type": "object",
        "properties": {"data": True, "children": {"type": "array", "items": {"$dynamicRef": "#node"}}},
    }
    strict = {
        "$id": "https://example.com/strict",
        "$dynamicAnchor": "node",
        "$ref": "tree",
        "unevaluatedProperties": False,
    }
    registry = {"https://example.com/tree": tree}
    loose, tight = json_schema(tree), json_schema(strict, registry=registry)
    assert loose.accepts('{"children":[{"daat":1}]}')
    assert tight.accepts('{"children":[{"data":1}]}')
    assert not tight.accepts('{"children":[{"daat":1}]}')
    with pytest.raises(UnsupportedSchema, match="registry"):
        json_schema({"$ref": "https://example.com/elsewhere"})
    assert json_schema({"$ref": "https://json-schema.org/draft/2020-12/schema"}, order="any").accepts(
        '{"minLength": 1}'
    )
    assert not json_schema({"$ref": "https://json-schema.org/draft/2020-12/schema"}, order="any").accepts(
        '{"minLength": -1}'
    )


def test_hostile_schemas_are_bounded_work():
    many = json_schema({"enum": [f"value {n}" for n in range(20_000)]})
    assert many.accepts('"value 19999"')
    assert json_schema({"type": "array", "maxItems": 2**64}).accepts("[1]")
    assert json_schema({"type": "string", "maxLength": 2**40}).accepts('"a"')
    assert json_schema({"type": "string", "pattern": "^a{1,100000}$"}).accepts('"aaa"')
    strange = {"properties": {'q"\\\x00\x1f\u2028😀': {"const": 1}}, "additionalProperties": False}
    assert json_schema(strange).accepts(dumps({'q"\\\x00\x1f\u2028😀': 1}))
    branches = [{"required": [f"k{n}"]} for n in range(60)]
    assert json_schema({"type": "object", "oneOf": branches}, order="any").accepts('{"k7":1}')
    assert not json_schema({"type": "object", "oneOf": branches}, order="any").accepts('{"k7":1,"k8":1}')
    with pytest.raises(ConstraintError):
        json_schema({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"})
