"""Token masks of JSON against brute force: shared lexers, keys that may not come again, tokens of many lexemes."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from guided import Matcher, Vocabulary, _fast
from guided.constraints.json_schema import json_schema
from guided.errors import ConstraintError
from guided.schema import lexers
from tests.oracle.brute_mask import brute_mask, ids_of
from tests.schema.generator import random_schema
from tests.schema.writing import random_walk

WORDS = [
    '{"',
    '":',
    '": ',
    ', "',
    '","',
    '"}',
    '"}]',
    '{"a":',
    '"a":',
    'a":1',
    '1,"a":',
    '1,"b":2',
    "null",
    ' "',
    "[[",
    "]]",
    "]}",
    "10",
    "1.5",
]
WORDS += [
    "e+1",
    "true,",
    '\\"',
    "\\u00",
    "é",
    "  ",
    "\n  ",
    '{"a": 1, "a',
    '"b":0,"b',
    "ab",
    '"ab": ',
    'b":2,"a',
    '"x":1,"x"',
    "[1,1,1]",
    "-0",
]
VOCAB = Vocabulary([bytes([byte]) for byte in range(256)] + [word.encode() for word in WORDS], eos_ids={300}, size=310)

SCHEMAS = [
    {},
    {"type": "object", "properties": {"a": {"type": "integer"}, "ab": {}}, "required": ["a"]},
    {"type": "object", "additionalProperties": {"type": "integer", "maximum": 10}},
    {"type": "array", "items": {"enum": [1, "a", None, [1]]}, "minItems": 1, "maxItems": 3},
    {"type": "string", "pattern": '^(a|b")*$'},
    {
        "type": "object",
        "properties": {"a": {"enum": ["a", "ab"]}, "b": {"type": "array", "items": {"type": "integer"}}, "x": {}},
        "required": ["b"],
        "additionalProperties": False,
    },
    {"type": "object", "properties": {"a": {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}}}},
    {
        "anyOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}, {"properties": {"b": {"type": "string"}}}],
        "type": "object",
    },
]


@pytest.mark.parametrize("order", ["schema", "any"])
@pytest.mark.parametrize("schema", SCHEMAS, ids=repr)
def test_masks_are_those_of_brute_force(schema, order):
    constraint = json_schema(schema, order=order)
    machine, rng = constraint.recognizer(), random.Random(11)
    for _ in range(4):
        text = random_walk(machine, rng, most=25, stop=0.2)
        matcher = Matcher(constraint, VOCAB)
        for byte in text:
            assert ids_of(matcher.mask(), VOCAB.size) == brute_mask(machine, matcher.text, VOCAB), matcher.text
            matcher.advance(byte)
        assert matcher.is_accepting


def test_a_token_that_would_repeat_a_key_is_not_in_the_mask():
    matcher = Matcher(json_schema({"type": "object"}, whitespace="compact"), VOCAB)
    token = {word: 256 + number for number, word in enumerate(WORDS)}
    for byte in b'{"x":1,"c":2':
        matcher.advance(byte)
    allowed = ids_of(matcher.mask(), VOCAB.size)
    assert token['","'] not in allowed
    matcher.advance(ord(","))
    allowed = ids_of(matcher.mask(), VOCAB.size)
    assert token['"a":'] in allowed
    assert token['"x":1,"x"'] not in allowed
    assert token['"b":0,"b'] in allowed  # the second key may go on
    assert token['{"'] not in allowed


def test_string_bodies_share_one_automaton_across_schemas():
    first = json_schema({"properties": {"a": {"type": "string"}}, "required": ["a"], "type": "object"}).recognizer()
    second = json_schema({"type": "array", "items": {"type": "string"}}).recognizer()
    places = [(first, b'{"a":"x'), (second, b'["x'), (second, b'["y","zz')]
    lexers = []
    for machine, text in places:
        context, *_ = machine.key(machine.run(machine.start, text))
        lexers.append(machine.contexts.lexer(context))
    assert lexers[0] is lexers[1] is lexers[2]


@pytest.mark.parametrize("order", ["schema", "any"])
@pytest.mark.parametrize("schema", SCHEMAS, ids=repr)
def test_compiled_contexts_give_the_masks_of_the_general_ones(schema, order):
    compare_with_the_general_contexts(schema, order, random.Random(7))


@pytest.mark.parametrize("order", ["schema", "any"])
def test_compiled_contexts_give_the_masks_of_the_general_ones_on_random_schemas(order):
    rng = random.Random(8)
    n_compared = 0
    while n_compared < 60:
        try:
            compare_with_the_general_contexts(random_schema(rng), order, rng)
        except ConstraintError:
            continue  # nothing fits, or it is refused
        n_compared += 1


def compare_with_the_general_contexts(schema, order, rng):
    compiled = json_schema(schema, order=order).recognizer()
    general = _fast.Machine(json_schema(schema, order=order).recognizer().contexts.front.contexts)
    for _ in range(3):
        first, second = (_fast.Matcher(_fast.index_of(machine, VOCAB, 1 << 20)) for machine in (compiled, general))
        for byte in random_walk(compiled, rng, most=25, stop=0.2):
            assert first.mask().tolist() == second.mask().tolist(), (schema, first.text)
            first.advance(byte)
            second.advance(byte)


def test_the_compiled_contexts_know_the_labels_of_the_lexers():
    source = (Path(__file__).parents[2] / "_fast" / "json_places.pyx").read_text()
    told = {name: int(value.replace("_", "")) for name, value in re.findall(r"LABEL_(\w+) = ([\d_]+)", source)}
    assert len(told) == 12
    assert told == {name: getattr(lexers, name) for name in told}
