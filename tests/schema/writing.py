"""What the schema tests share: spellings of documents, random walks, and an oracle that reads numbers exactly."""

from __future__ import annotations

import json
from decimal import Decimal

import jsonschema


def dumps(document, **options) -> str:
    """The text that json.dumps writes, characters as themselves."""
    return json.dumps(document, ensure_ascii=False, **options)


def recognizer(schema, **options):
    from guided.constraints.json_schema import json_schema

    return json_schema(schema, **options).recognizer()


def exact_number(text: str):
    """1.0 is an integer, which jsonschema sees of floats, not of decimals."""
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() else value


def loads_exactly(text: str | bytes):
    """JSON with exact numbers; duplicate keys are an error."""

    def pairs(members):
        assert len(dict(members)) == len(members), f"a key stands twice in {text!r}"
        return dict(members)

    return json.loads(text, parse_float=exact_number, object_pairs_hook=pairs)


def is_valid(schema, document) -> bool:
    """The verdict of jsonschema under 2020-12; numbers of both sides as exact decimals."""
    exact = json.loads(dumps(schema), parse_float=Decimal)
    return jsonschema.Draft202012Validator(exact).is_valid(document)


def random_walk(machine, rng, *, most=200, stop=0.3) -> bytes:
    """A random member: bytes at random, and after `most` of them the way out that the recogniser offers.

    Bytes are drawn from a few of those allowed, so that structure is met more often than string characters.
    """
    state, text = machine.start, b""
    while True:
        live = machine.live_bytes(state)
        if machine.is_accepting(state) and (not live or rng.random() < stop):
            return text
        assert live, f"a dead end after {text!r}"
        if len(text) >= most:
            return text + machine.completion(state)
        wanted = [byte for byte in live if byte in b'"{}[],:0123456789.-eabktfn'] or list(live)
        byte = rng.choice(wanted if rng.random() < 0.9 else list(live))
        state, text = machine.step(state, byte), text + bytes((byte,))


def assert_every_prefix_lives(machine, text: bytes) -> None:
    """Each prefix of a member is alive, and the completion offered there makes a member."""
    state = machine.start
    for position, byte in enumerate(text):
        rest = machine.completion(state)
        assert rest is not None
        assert machine.is_accepting(machine.run(state, rest)), f"{text[:position]!r} + {rest!r} is no member"
        state = machine.step(state, byte)
        assert state >= 0, f"{text[:position]!r} cannot go on with {text[position:]!r}"
    assert machine.is_accepting(state)
