"""Bad schemas: a named error that says where, what and the way out; never a hang, a crash or a silent change."""

from __future__ import annotations

import json

import pytest

from guided import Matcher, Vocabulary, cfg, regex, seq
from guided._fast import DEAD
from guided.constraints.json_schema import json_schema
from guided.errors import ConstraintError, GuidedError, LimitExceeded, UnsupportedSchema
from guided.limits import Limits

BYTES = Vocabulary([bytes([byte]) for byte in range(256)], eos_ids={256}, size=257)
WRONG = [  # schema, pointer of the error
    (42, ""),
    (None, ""),
    ([], ""),
    ('{"type": ', ""),
    ("nonsense", ""),
    ("NaN", ""),
    ('{"minimum": NaN}', ""),
    (b"\xff", ""),
    ({"type": "strin"}, "/type"),
    ({"type": []}, "/type"),
    ({"type": ["string", 1]}, "/type"),
    ({"properties": []}, "/properties"),
    ({"properties": {"a/b~": 3}}, "/properties/a~1b~0"),
    ({"properties": {"a": {"items": {"minLength": -1}}}}, "/properties/a/items/minLength"),
    ({"minLength": "3"}, "/minLength"),
    ({"maxItems": 1.5}, "/maxItems"),
    ({"maxItems": True}, "/maxItems"),
    ({"minimum": "0"}, "/minimum"),
    ({"exclusiveMinimum": True}, "/exclusiveMinimum"),
    ({"required": "a"}, "/required"),
    ({"required": [1]}, "/required"),
    ({"enum": "a"}, "/enum"),
    ({"anyOf": []}, "/anyOf"),
    ({"allOf": {}}, "/allOf"),
    ({"items": 3}, "/items"),
    ({"items": [{}]}, "/items"),
    ({"pattern": 3}, "/pattern"),
    ({"pattern": "a("}, "/pattern"),
    ({"format": 3}, "/format"),
    ({"$ref": "#/nowhere"}, "/$ref"),
    ({"$ref": "#/$defs/x", "$defs": {"x": 3}}, "/$ref"),
    ({"$ref": "https://example.com/schema"}, "/$ref"),
    ({"$ref": 3}, "/$ref"),
    ({"$ref": "http://[::1/x"}, "/$ref"),
    ({"$schema": "http://json-schema.org/draft-03/schema"}, "/$schema"),
    ({"$schema": 3}, "/$schema"),
    ({"properties": {"a": {"not": 3}}}, "/properties/a/not"),
    ({"items": {"multipleOf": 0}}, "/items/multipleOf"),
    ({"items": {"multipleOf": -1}}, "/items/multipleOf"),
    ({"allOf": [{}, {"if": 1}]}, "/allOf/1/if"),
    ({"patternProperties": {"a(": {}}}, "/patternProperties/a("),
    ({"patternProperties": []}, "/patternProperties"),
    ({"uniqueItems": 1}, "/uniqueItems"),
    ({"minProperties": "1"}, "/minProperties"),
    ({"dependentRequired": {"a": "b"}}, "/dependentRequired/a"),
    ({"dependentSchemas": []}, "/dependentSchemas"),
    ({"contains": 3}, "/contains"),
    ({"propertyNames": []}, "/propertyNames"),
    ({"unevaluatedProperties": "no"}, "/unevaluatedProperties"),
    ({"oneOf": []}, "/oneOf"),
    ({"$dynamicRef": "#x"}, "/$dynamicRef"),
    ({"$schema": "http://json-schema.org/draft-04/schema", "divisibleBy": 2}, "/divisibleBy"),
    ({"allOf": [{"$ref": "#"}]}, ""),
    ({"properties": {"a": {"anyOf": [{"$ref": "#/properties/a"}, {"type": "null"}]}}}, "/properties/a"),
    ({"const": float("nan")}, "/const"),
    ({"default": {1: 2}}, "/default"),
    ({"const": object()}, "/const"),
    ({"enum": ["\ud800"]}, "/enum/0"),
]


@pytest.mark.parametrize(("schema", "pointer"), WRONG, ids=lambda value: repr(value)[:50])
def test_the_error_names_the_place(schema, pointer):
    with pytest.raises(ConstraintError) as caught:
        json_schema(schema)
    if pointer:
        assert isinstance(caught.value, UnsupportedSchema)
        assert caught.value.pointer == pointer
    assert len(str(caught.value)) > 20


UNSATISFIABLE = [
    False,
    {"type": "string", "minLength": 3, "maxLength": 2},
    {"type": "integer", "minimum": 1.1, "maximum": 1.9},
    {"type": "number", "exclusiveMinimum": 1, "maximum": 1},
    {"enum": []},
    {"const": 1, "type": "string"},
    {"enum": [1, 2], "minimum": 3},
    {"enum": ["a"], "const": "b"},
    {"type": "array", "minItems": 2, "maxItems": 1},
    {"type": "array", "items": False, "minItems": 1},
    {"type": "array", "prefixItems": [{}, False], "minItems": 2},
    {"type": "object", "required": ["a"], "properties": {"a": False}},
    {"type": "object", "required": ["a"], "additionalProperties": False},
    {"allOf": [{"type": "string"}, {"type": "number"}]},
    {"type": "string", "pattern": "^a$", "const": "b"},
    {"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "^b"}]},
    {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    {"type": "string", "pattern": "(?!)"},
    {"not": {}},
    {"type": "object", "minProperties": 2, "maxProperties": 1},
    {"type": "object", "minProperties": 3, "propertyNames": {"enum": ["a", "b"]}},
    {"type": "object", "required": ["a"], "not": {"required": ["a"]}},
    {"type": "object", "required": ["a"], "patternProperties": {"^a": {"type": "null"}, "a$": {"type": "string"}}},
    {"type": "array", "contains": {"const": 1}, "items": {"type": "string"}},
    {"type": "array", "contains": {}, "maxItems": 0},
    {"type": "array", "uniqueItems": True, "items": {"enum": [1, 2, 1.0]}, "minItems": 3},
    {"type": "array", "uniqueItems": True, "prefixItems": [{"const": 1}, {"const": 1}], "minItems": 2},
    {"type": "array", "uniqueItems": True, "items": {"enum": [[1], [2], [1.0]]}, "minItems": 3},
    {"type": "array", "uniqueItems": True, "items": {"enum": [{"a": 1, "b": []}, {"b": [], "a": 1}]}, "minItems": 2},
    {
        "type": "array",
        "uniqueItems": True,
        "items": {"type": "array", "items": {"type": "null"}, "maxItems": 3},
        "minItems": 5,
    },
    {
        "type": "array",
        "uniqueItems": True,
        "minItems": 10,
        "items": {
            "properties": {"a": {"type": "boolean"}, "b": {"enum": [1, "x"]}},
            "additionalProperties": False,
            "type": "object",
        },
    },
    {
        "type": "array",
        "uniqueItems": True,
        "minItems": 25,
        "items": {
            "prefixItems": [{"enum": [1, 2, 3, 4]}, {"enum": [1, 2, 3, 4, 5, 6]}],
            "minItems": 2,
            "items": False,
            "type": "array",
        },
    },
    {
        "type": "array",
        "uniqueItems": True,
        "minItems": 3,
        "prefixItems": [{"enum": [[1], [2]]}, {"enum": [[2], [1]]}, {"enum": [[1], [2]]}],
    },
    {
        "type": "array",
        "uniqueItems": True,
        "minItems": 3,
        "items": {"type": "array", "uniqueItems": True, "items": {"type": "boolean"}, "minItems": 2},
    },
    {"type": "array", "minItems": 1, "unevaluatedItems": False},
    {"type": "object", "required": ["z"], "properties": {"a": {}}, "unevaluatedProperties": False},
    {"oneOf": [{"type": "integer"}, {"type": "integer"}]},
    {"type": "number", "multipleOf": 0.5, "exclusiveMinimum": 1, "exclusiveMaximum": 1.5},
    {"if": {"type": "string"}, "then": {"maxLength": 1}, "else": False, "minLength": 2},
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["a"],
        "dependencies": {"a": {"not": {"required": ["a"]}}},
    },
]


@pytest.mark.parametrize("schema", UNSATISFIABLE, ids=repr)
def test_a_schema_that_nothing_fits_is_an_error_at_compile_time(schema):
    with pytest.raises(ConstraintError, match="no JSON value fits"):
        json_schema(schema)


def test_unique_arrays_of_few_arrays_and_objects_know_when_no_value_is_left():
    pairs = {"prefixItems": [{"type": "boolean"}, {"enum": ["x", "y"]}], "minItems": 2, "items": False, "type": "array"}
    for order in ("schema", "any"):
        machine = json_schema({"type": "array", "uniqueItems": True, "items": pairs}, order=order).recognizer()
        written = [f'[{a},"{b}"]' for a in ("true", "false") for b in "xy"]
        assert machine.accepts(f"[{','.join(written)}]")
        assert machine.run(machine.start, f"[{','.join(written)},".encode()) == DEAD
        assert machine.run(machine.start, f"[{','.join(written[:3])},[true".encode()) == DEAD
        objects = {
            "properties": {"a": {"type": "boolean"}, "b": {"const": 1}},
            "additionalProperties": False,
            "type": "object",
        }
        machine = json_schema(
            {"type": "array", "uniqueItems": True, "items": objects, "minItems": 6}, order=order
        ).recognizer()
        written = ["{}", '{"a":true}', '{"b":1}', '{"a":false}', '{"a":true,"b":1}', '{"a":false,"b":1}']
        assert machine.accepts(f"[{','.join(written)}]")
        assert machine.run(machine.start, f"[{','.join(written)},".encode()) == DEAD
        state = machine.run(machine.start, f"[{','.join(written[:3])}".encode())
        assert machine.accepts(f"[{','.join(written[:3])}".encode() + machine.completion(state))


def test_unique_arrays_of_many_values_cost_bounded_work():
    wide = {
        "properties": {f"k{n}": {"type": "boolean"} for n in range(40)},
        "additionalProperties": False,
        "type": "object",
    }
    deep = {"type": "array", "items": {"$ref": "#/$defs/deep"}}
    for items in (wide, {"$ref": "#/$defs/deep"}, {"items": wide, "type": "array", "minItems": 3}):
        schema = {"type": "array", "uniqueItems": True, "items": items, "minItems": 3, "$defs": {"deep": deep}}
        machine = json_schema(schema).recognizer()
        assert machine.accepts(machine.completion(machine.start))


def nested(depth, make):
    schema = {"type": "integer"}
    for _ in range(depth):
        schema = make(schema)
    return schema


@pytest.mark.parametrize("make", [lambda s: {"items": s}, lambda s: {"properties": {"a": s}}, lambda s: {"anyOf": [s]}])
def test_schemas_nested_ten_thousand_deep_are_refused_by_a_limit(make):
    with pytest.raises(LimitExceeded) as caught:
        json_schema(nested(10_000, make))
    assert caught.value.limit == "max_schema_depth"
    assert json_schema(nested(300, make)).accepts(json_schema(nested(300, make)).recognizer().completion(0))


def test_deep_json_text_cycles_and_large_schemas_are_refused_by_limits():
    with pytest.raises(LimitExceeded):
        json_schema("[" * 100_000 + "]" * 100_000)
    cycle = {"type": "object"}
    cycle["properties"] = {"a": cycle}
    with pytest.raises(LimitExceeded):
        json_schema(cycle)
    with pytest.raises(LimitExceeded) as caught:
        json_schema({"properties": {str(n): {"minLength": n} for n in range(50)}}, limits=Limits(max_schema_nodes=20))
    assert caught.value.limit == "max_schema_nodes"
    with pytest.raises(LimitExceeded):
        json_schema({"minItems": 10**9})


def test_a_chain_of_twenty_thousand_references_is_followed():
    definitions = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(20_000)}
    definitions["d20000"] = {"type": "integer"}
    constraint = json_schema({"$ref": "#/$defs/d0", "$defs": definitions})
    assert constraint.accepts("7")
    assert not constraint.accepts('"7"')


def test_a_dangling_reference_that_nothing_reaches_does_no_harm():
    assert json_schema({"$defs": {"unused": {"$ref": "#/nowhere"}}, "type": "null"}).accepts("null")


def test_combinations_without_end_are_stopped_by_a_limit():
    groups = [{"anyOf": [{"required": [f"{g}{n}"]} for n in range(3)]} for g in "abcdefghijklmnop"]
    impossible = {"type": "object", "allOf": groups, "additionalProperties": False}
    with pytest.raises(GuidedError):
        json_schema(impossible, limits=Limits(max_formula_steps=20_000))


def test_an_answer_that_took_too_many_steps_is_a_yes_and_is_reported():
    pairs = [
        {"contains": {"type": "array", "minItems": n + 1, "maxItems": n + 1}, "minContains": n + 1} for n in range(8)
    ]
    hard = {"type": "array", "allOf": pairs, "maxItems": 35}
    constraint = json_schema(hard, limits=Limits(max_formula_steps=60))
    assert constraint.explain()["approximate"]
    assert not json_schema({"type": "array"}).explain()["approximate"]
    for made in (constraint, seq("x", constraint), cfg("start: X", embed={"X": constraint}), constraint & regex(".*")):
        assert made.approximate and Matcher(made, BYTES).approximate
    assert not json_schema({"type": "array"}).approximate


@pytest.mark.parametrize(
    "option",
    [
        {"order": "none"},
        {"numbers": "some"},
        {"escapes": "none"},
        {"formats": "no"},
        {"on_unsupported": "warn"},
        {"whitespace": 3},
    ],
)
def test_options_that_do_not_exist_are_named(option):
    with pytest.raises(ConstraintError, match=next(iter(option))):
        json_schema({}, **option)


def test_ignoring_what_is_unsupported_lists_it():
    schema = {
        "type": "array",
        "items": {"type": ["integer", "string"], "pattern": "(a)\\1"},
        "patternProperties": {"(?<=a)b": {}},
    }
    with pytest.raises(UnsupportedSchema):
        json_schema(schema)
    constraint = json_schema(schema, on_unsupported="ignore")
    assert constraint.accepts('[1, "b"]')
    assert not constraint.accepts("[null]")
    pointers = {item["pointer"] for item in constraint.explain()["ignored"]}
    assert pointers == {"/items/pattern", "/patternProperties/(?<=a)b"}


def test_keywords_that_ask_for_nothing_are_no_errors():
    schema = {
        "uniqueItems": False,
        "minProperties": 0,
        "patternProperties": {},
        "title": "x",
        "description": "",
        "x-mine": 1,
    }
    schema |= {
        "default": 1,
        "examples": [1],
        "$comment": "",
        "readOnly": True,
        "then": {"type": "null"},
    }
    constraint = json_schema(schema)
    assert constraint.accepts('"anything"')
    assert constraint.accepts("1.5")
    assert {"pointer": "/x-mine", "what": "unknown keyword 'x-mine'"} in constraint.explain()["annotations"]


def test_json_text_a_dict_and_a_boolean_are_schemas():
    schema = {"type": "boolean"}
    for given in (schema, json.dumps(schema), json.dumps(schema).encode(), "true", True):
        assert json_schema(given).accepts("true")


def test_explain_says_where_each_keyword_is_enforced():
    enforced = json_schema({"properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]}).explain()[
        "enforced"
    ]
    assert enforced == {"/": ["properties", "required"], "/properties/a": ["type", "minimum/maximum"]}


def test_patterns_that_are_too_large_together_are_read_side_by_side():
    blocks = {"pattern": "^(a|b)*a(a|b){14}$"}, {"pattern": "^(a|b)*b(a|b){13}$"}
    schema = {"properties": {"x": {"type": "string", "allOf": list(blocks)}}}
    constraint = json_schema(schema, limits=Limits(max_dfa_states=1_000))
    assert constraint.accepts('{"x":"' + "ab" + "a" * 13 + '"}')
    assert not constraint.accepts('{"x":"' + "ab" + "a" * 14 + '"}')
    assert not constraint.accepts('{"x":"' + "aa" + "a" * 13 + '"}')
