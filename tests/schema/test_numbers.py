"""Number texts with bounds against brute force over all texts of tiny caps, and against what json.dumps writes."""

from __future__ import annotations

import itertools
import json
import random
import re
from decimal import Decimal

import pytest

from guided.automata.compile import compile_dfa
from guided.schema import numbers
from tests.schema.writing import dumps, loads_exactly, random_walk, recognizer

TINY = 3  # digits before and after the point in the exhaustive test
PLAIN = re.compile(r"-?(0|[1-9][0-9]{0,1})(\.[0-9]{1,3})?")
ALL_TEXTS = [
    text
    for size in range(1, 8)
    for text in map("".join, itertools.product("-0159.", repeat=size))
    if PLAIN.fullmatch(text)
]


def oracle(text, low, high, is_integer):
    value = Decimal(text)
    if text.startswith("-") and value == 0:
        return False
    if is_integer and "." in text:
        return False
    above = low is None or value > low[0] or (value == low[0] and not low[1])
    return above and (high is None or value < high[0] or (value == high[0] and not high[1]))


def bounds():
    values = [
        "-15.05",
        "-10",
        "-1",
        "-0.95",
        "-0.001",
        "0",
        "0.1",
        "0.509",
        "1",
        "1.05",
        "5.9",
        "15",
        "95.951",
        "99.999",
    ]
    rng = random.Random(1)
    for _ in range(60):
        low, high = sorted(map(Decimal, rng.sample(values, 2)))
        low_bound, high_bound = (low, rng.random() < 0.4), (high, rng.random() < 0.4)
        yield rng.choice([(low_bound, None), (None, high_bound), (low_bound, high_bound), (low_bound, high_bound)])
    yield (Decimal("0.5"), False), (Decimal("0.5"), False)
    yield (Decimal(0), False), (Decimal(0), False)
    yield (Decimal(0), True), (Decimal("0.001"), True)
    yield (Decimal("-0.001"), True), (Decimal("0.0001"), True)
    yield None, None


@pytest.mark.parametrize("is_integer", [True, False])
def test_bounds_are_exact_on_every_text_of_few_digits(is_integer):
    assert len(ALL_TEXTS) > 2_500
    for low, high in bounds():
        node = numbers._number(low, high, is_integer, 2, TINY)  # the exact bounds, before doubles come in
        dfa = compile_dfa(node)
        for text in ALL_TEXTS:
            assert dfa.accepts(text) == oracle(text, low, high, is_integer), (low, high, text)


@pytest.mark.parametrize("exclusive", [True, False])
def test_what_json_dumps_writes_is_accepted_iff_it_is_within_bounds(exclusive):
    rng = random.Random(4)
    values = [rng.choice([1, -1]) * rng.random() * 10.0 ** rng.randint(-25, 25) for _ in range(400)]
    values += [
        0,
        1,
        -1,
        10**15,
        10**19,
        1e15,
        1e16,
        9999999999999998.0,
        1e22,
        0.1,
        1e-4,
        0.00012345678901234567,
        1e-5,
        5e-300,
    ]
    for low, high in [
        (-1.5e-7, 3.25e17),
        (0, 1),
        (1e-10, 1e10),
        (-2.5, -1e-6),
        (0.1, 0.30000000000000004),
        (1e16, 1e18),
    ]:
        words = ("exclusiveMinimum", "exclusiveMaximum") if exclusive else ("minimum", "maximum")
        machine = recognizer({"type": "number", words[0]: low, words[1]: high})
        for value in [*values, low, high]:
            within = low < value < high if exclusive else low <= value <= high
            assert machine.accepts(json.dumps(value)) == within, (low, high, value)


def test_an_exclusive_bound_holds_for_readers_of_doubles():
    machine = recognizer({"type": "number", "exclusiveMaximum": 1, "exclusiveMinimum": 0})
    assert machine.accepts("0.9999999999999999")
    assert not machine.accepts("0.99999999999999999999")  # a double reads it as 1.0
    assert machine.accepts("0.00000000000000000001")
    assert not machine.accepts("0.0")
    rng = random.Random(2)
    for _ in range(100):
        assert 0 < json.loads(random_walk(machine, rng, most=30, stop=0.1)) < 1


def test_an_integer_is_a_whole_number_as_json_dumps_writes_ints_and_floats():
    machine = recognizer({"type": "integer"})
    for text in ["0", "7", "-12", "99999999999999999999", "1.0", "-30.0", "1e+16", "1.5e+300"]:
        assert machine.accepts(text), text
    for text in ["-0", "1.5", "1e2", "1e-05", "01", "+1", "100000000000000000000", "", "-", "1."]:
        assert not machine.accepts(text), text


def test_integers_of_draft_4_and_of_types_are_written_without_a_fraction():
    draft_4 = recognizer({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"})
    for machine in (draft_4, recognizer(int)):
        assert machine.accepts("1")
        assert not machine.accepts("1.0")
        assert not machine.accepts("1e+16")


def test_number_texts_are_json_and_finite():
    machine, rng = recognizer({"type": "number"}), random.Random(3)
    seen = set()
    for _ in range(300):
        text = random_walk(machine, rng, most=50, stop=0.1).decode()
        value = json.loads(text)
        assert abs(value) < float("inf")
        assert (value == 0) == (Decimal(text) == 0)
        seen.add("e" in text)
    assert seen == {True, False}


def test_every_prefix_of_a_bounded_number_can_be_finished():
    machine = recognizer({"type": "number", "minimum": 12.5, "maximum": 12.75})
    assert machine.run(machine.start, b"12.7") >= 0
    assert machine.run(machine.start, b"12.8") == -1
    assert machine.run(machine.start, b"13") == -1
    assert machine.run(machine.start, b"-") == -1


def test_integer_bounds_given_as_fractions_and_contradictions_between_types():
    machine = recognizer({"type": "integer", "minimum": 0.5, "exclusiveMaximum": 3})
    assert [n for n in range(-5, 6) if machine.accepts(dumps(n))] == [1, 2]
    both = recognizer({"allOf": [{"type": "number", "minimum": 2}, {"type": "integer", "maximum": 4}]})
    assert [n for n in range(-5, 9) if both.accepts(dumps(n))] == [2, 3, 4]
    assert loads_exactly(both.completion(both.start)) == 2
