"""What is answered at a look agrees with the search: masks of random schemas, every short cut taken, and none."""

from __future__ import annotations

import random
from functools import cache

import pytest

from guided import Matcher
from guided.constraints.json_schema import json_schema
from guided.errors import ConstraintError, LimitExceeded, UnsupportedSchema
from guided.schema.document import Options, load
from guided.schema.glance import Glance
from tests.from_sources import PythonSources
from tests.schema.generator import random_schema
from tests.schema.test_masks import VOCAB
from tests.schema.writing import random_walk

ALTERNATIVES = [
    {
        "type": "object",
        "oneOf": [
            {"properties": {"a": {"const": "b"}, "b": {"type": "integer"}}, "required": ["a", "b"]},
            {"properties": {"a": {"const": "k"}, "k": {"type": "string"}}, "required": ["a"]},
            {"properties": {"a": {"enum": ["b", "n", "f"]}}, "required": ["a", "k"], "additionalProperties": False},
        ],
    },
    {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "number"}, "k": {}},
        "if": {"properties": {"a": {"const": "b"}}, "required": ["a"]},
        "then": {"required": ["b"], "properties": {"b": {"minimum": 3}}},
        "else": {"not": {"required": ["b"]}, "maxProperties": 2},
        "additionalProperties": False,
    },
    {
        "type": "array",
        "items": {"$ref": "#/$defs/x"},
        "uniqueItems": True,
        "$defs": {"x": {"$ref": "#/$defs/y", "title": "y"}, "y": {"enum": ["a", "b", 1, [1]]}},
    },
    {
        "anyOf": [{"pattern": "^a[a-c]{0,3}$"}, {"pattern": "b$", "minLength": 2}, {"enum": ["k", "aa"]}],
        "type": "string",
    },
    {"oneOf": [{"enum": ["a", "ab"]}, {"enum": ["b", "ab", "n"]}, {"type": "integer"}]},
    {"type": "object", "propertyNames": {"enum": ["a", "ab"]}, "anyOf": [{"required": ["a"]}, {"minProperties": 2}]},
    {"$ref": "#/$defs/x", "$defs": {"x": {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}}}},
    {"type": "array", "uniqueItems": True, "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
    {"type": "array", "uniqueItems": True, "maxItems": 2, "items": {"type": "string", "minLength": 1}},
    {"type": "array", "uniqueItems": True, "minItems": 3, "items": {"type": ["integer", "boolean"]}},
    {
        "type": "array",
        "uniqueItems": True,
        "items": {
            "type": "object",
            "properties": {"a": {"type": "array", "uniqueItems": True}, "b": {"type": "boolean"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
            "additionalProperties": False,
        },
    },
    {"type": "array", "uniqueItems": True, "items": {"anyOf": [{"type": "boolean"}, {"type": "object"}]}},
    {"oneOf": [{"type": "array", "minItems": 2, "items": {"pattern": "^a"}}, {"type": "object"}, {"minimum": 3}]},
    {
        "type": "object",
        "properties": {"a": {"type": "integer", "minimum": 2, "maximum": 3}, "b": {"minLength": 3, "maxLength": 2}},
        "anyOf": [{"required": ["b"]}, {"required": ["a", "k"]}],
    },
    {
        "anyOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}],
        "oneOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}],
        "$defs": {"x": {"type": "string"}, "y": {"maxLength": 1}},
    },
    {"allOf": [{"type": ["string", "null"]}, {"not": {"enum": ["a", "b"]}}, {"enum": ["a", "k"]}]},
]


@pytest.mark.parametrize("order", ["schema", "any"])
@pytest.mark.parametrize("schema", ALTERNATIVES, ids=repr)
def test_short_cuts_change_no_mask(schema, order):
    assert compare(schema, order, random.Random(1))


@pytest.mark.parametrize("order", ["schema", "any"])
def test_short_cuts_change_no_mask_of_random_schemas(order):
    rng, n_compared = random.Random(2 + (order == "any")), 0
    while n_compared < 60:
        n_compared += compare(random_schema(rng), order, rng)


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf", "properties"])
def test_a_look_at_a_wide_and_deep_schema_is_bounded(keyword):
    """40 ways to the next level at each of eight: 40 ** 6 looks, if each way were taken anew."""
    levels = {"8": {"const": "k"}}
    for level in range(8):
        parts = [{"$ref": f"#/$defs/{level + 1}"} for _ in range(40)]
        ways = {str(number): part for number, part in enumerate(parts)} if keyword == "properties" else parts
        levels[str(level)] = {"type": "object", "additionalProperties": False, keyword: ways}
    document = load({"$ref": "#/$defs/0", "$defs": levels}, Options())
    assert not Glance(document).is_endless((document.root,))
    assert Glance(document).is_inhabited((document.root,)) == (keyword == "properties")


@cache
def long_way():
    """json_schema without short cuts, of Python sources: what is compiled does not ask which function a name is now."""
    sources = PythonSources()
    with sources:
        from guided.constraints.json_schema import json_schema
        from guided.schema import value_lexers
        from guided.schema.document import Document
        from guided.schema.glance import Glance
        from guided.schema.members import Members
        from guided.schema.scalars import Scalars
        from guided.schema.sure_keys import SureKeys
    assert value_lexers.__file__.endswith(".py")
    SureKeys.of = lambda self, residual: (frozenset(), False)
    SureKeys.any_of = SureKeys.lives = lambda self, residual: False
    Glance.is_inhabited = Glance.is_endless = lambda self, goal: False
    value_lexers.ValueLexers._opening_among_others = lambda self, goal: None
    Members._is_plainly_met = lambda self, formula, kind: False
    Scalars.listed_texts = lambda self, formulas: None
    Scalars.listed = lambda self, formula: None
    Document._referred = lambda self, place: place
    value_lexers.MAX_QUESTIONS = 0
    return sources, json_schema


def compare(schema, order, rng) -> bool:
    """Masks along random documents, made with and without short cuts; False if nothing fits or it is refused."""
    try:
        quick = json_schema(schema, order=order)
        texts = [random_walk(quick.recognizer(), rng, most=40, stop=0.2) for _ in range(3)]
    except (ConstraintError, UnsupportedSchema, LimitExceeded):
        return False
    sources, slowly = long_way()
    with sources:
        slow = slowly(schema, order=order)
        wanted = [masks_along(slow, text) for text in texts]
    assert [masks_along(quick, text) for text in texts] == wanted
    return True


def masks_along(constraint, text: bytes) -> list[list[int]]:
    matcher, found = Matcher(constraint, VOCAB), []
    for byte in text:
        found.append(matcher.mask().tolist())
        matcher.advance(byte)
    return [*found, matcher.mask().tolist()]
