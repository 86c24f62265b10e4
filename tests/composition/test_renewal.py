"""No number of texts runs into max_states: a worn recogniser is replaced for texts that begin later."""

from __future__ import annotations

import random

import pytest

import guided
from guided.limits import Limits

VOCAB = guided.Vocabulary([bytes([byte]) for byte in range(256)], eos_ids={256}, size=257)
SUM = 'start: term (("+" | "-") term)*\nterm: NUMBER | "(" start ")"\nNUMBER: /[0-9]+/'
AMBIGUOUS = "start: start start | /[ab]/ | /[bc]+/"


def sums(rng, depth=0):
    parts = [sums(rng, depth + 1) if depth < 6 and rng.random() < 0.4 else str(rng.randrange(100)) for _ in range(3)]
    return "(" * (depth > 0) + rng.choice("+-").join(parts) + ")" * (depth > 0)


def lists(rng):
    return "[" + ",".join(f'"{rng.randrange(10**6)}"' for _ in range(4)) + "]"


CASES = {
    "grammar": (lambda limits: guided.cfg(SUM, limits=limits), sums),
    "earley": (
        lambda limits: guided.cfg(AMBIGUOUS, parser="earley", limits=limits),
        lambda rng: "".join(rng.choice("abc") for _ in range(8)),
    ),
    "json": (
        lambda limits: guided.json_schema({"items": {"type": "string"}, "uniqueItems": True}, limits=limits),
        lists,
    ),
    "sequence": (lambda limits: guided.seq("x", guided.cfg(SUM, limits=limits)), lambda rng: "x" + sums(rng)),
    "intersection": (
        lambda limits: guided.cfg(SUM, limits=limits) & guided.regex("[0-9()+-]*", limits=limits),
        sums,
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_texts_without_end(name):
    make, text_of = CASES[name]
    constraint, rng = make(Limits(max_states=6_000)), random.Random(name)
    recognizers = set()
    for _ in range(150):
        text = text_of(rng)
        matcher = guided.Matcher(constraint, VOCAB)
        recognizers.add(id(constraint.recognizer()))
        for byte in text.encode():
            assert matcher.allows(byte), text
            matcher.advance(byte)
        assert matcher.is_accepting, text
        matcher.mask()
    assert len(recognizers) > 1 or name == "earley"


def test_a_text_that_has_begun_keeps_its_recogniser():
    constraint, rng = guided.cfg(SUM, limits=Limits(max_states=6_000)), random.Random(1)
    first = guided.Matcher(constraint, VOCAB)
    first.advance(ord("("))
    before = constraint.recognizer()
    for _ in range(100):
        matcher = guided.Matcher(constraint, VOCAB)
        for byte in sums(rng).encode():
            matcher.advance(byte)
    assert constraint.recognizer() is not before
    for byte in b"1+2)-3":
        first.advance(byte)
    assert first.is_accepting
