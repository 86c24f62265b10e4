"""Input that is large, deep or endless: a clear error or bounded work, in a child with limits of time and memory."""

from __future__ import annotations

import json
import os
import resource
import signal

import pytest

import guided
from guided.errors import GuidedError

SECONDS, BYTES = 20, 4 << 30  # processor time: the bar is 10 s on a free core, a busy one is slower


def in_a_child(work) -> str:
    """What `work` returns, or "GuidedError", or what went wrong."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        signal.alarm(20 * SECONDS)
        answer = "died"
        try:
            answer = str(work())
        except GuidedError:
            answer = "GuidedError"
        except BaseException as error:
            answer = f"raised {type(error).__name__}"
        finally:
            os.write(writing, answer.encode()[:500])
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    answer = os.read(reading, 500).decode()
    os.close(reading)
    return answer or "died"


def nested(depth, make, inner):
    for _ in range(depth):
        inner = make(inner)
    return inner


def verdicts(make, *texts):
    """Makes a constraint and says of each text whether it is a member: "y" or "n" each."""

    def work():
        constraint = make()
        return "".join("y" if constraint.accepts(text) else "n" for text in texts) or "made"

    return work


STRANGE = ['a"b', "c\\d", "\u0000", "\n", "é\u2028", "</script>", "{", ""]
SCHEMAS = {
    "10,000 objects deep": (nested(10_000, lambda s: {"properties": {"a": s}}, {"type": "null"}), ["GuidedError"], []),
    "10,000 arrays deep, as text": ('{"items":' * 10_000 + "{}" + "}" * 10_000, ["GuidedError"], []),
    "a cycle of $ref without a base case": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        ["GuidedError"],
        [],
    ),
    "an object that needs itself": (
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        ["GuidedError"],
        [],
    ),
    "allOf that contradicts itself": ({"allOf": [{"type": "string"}, {"type": "object"}]}, ["GuidedError"], []),
    "an enum of 100,000 values": (
        {"enum": [f"value {n}" for n in range(100_000)]},
        ["yyn"],
        ['"value 0"', '"value 99999"', '"value 100000"'],
    ),
    "maxItems of 2^64": (
        {"type": "array", "items": {"type": "null"}, "maxItems": 2**64},
        ["yn"],
        ["[null]", "[1]"],
    ),
    "minItems of 2^64": ({"type": "array", "minItems": 2**64}, ["n", "GuidedError"], ["[]"]),
    "maxLength of 2^64": ({"type": "string", "maxLength": 2**64}, ["yn", "GuidedError"], ['"a"', "1"]),
    "a pattern of up to 100,000": (
        {"type": "string", "pattern": "^[a-z]{1,100000}$"},
        ["yn"],
        ['"' + "a" * 5_000 + '"', '""'],
    ),
    "a pattern of 100,000 rounds that look around": ({"pattern": r"^(\b[a-z]+\b ?){1,500000}$"}, ["GuidedError"], []),
    "an unbounded repeat that looks around": (
        {"type": "string", "pattern": r"^(?:\b[a-z]+\b(?: |$))+$"},
        ["yn"],
        ['"' + "ab " * 3_000 + 'ab"', '"ab  ab"'],
    ),
    "property names of all kinds": (
        {"properties": {name: {"const": number} for number, name in enumerate(STRANGE)}, "additionalProperties": False},
        ["nyyn"],  # keys are written in their shortest spelling: é, not \\u00e9
        [
            json.dumps({name: number for number, name in enumerate(STRANGE)}),
            json.dumps({name: number for number, name in enumerate(STRANGE)}, ensure_ascii=False),
            "{}",
            json.dumps({'a"b': 1}),
        ],
    ),
    "overlapping patternProperties": (
        {
            "patternProperties": {f"^a.*{letter}": {"type": "integer"} for letter in "bcdefghijklmnop"},
            "additionalProperties": False,
        },
        ["yn", "GuidedError"],  # 2^15 classes of names: more than an automaton may have
        ['{"abcdef": 1}', '{"abc": "x"}'],
    ),
}


SCHEMAS["a few overlapping patternProperties"] = (
    {"patternProperties": {f"^a.*{letter}": {"minimum": ord(letter)} for letter in "bcdef"}},
    ["yynn"],
    ['{"abc": 99, "ab": 98}', '{"bcdef": 0}', '{"abc": 98}', '{"afb": 101}'],
)


@pytest.fixture(scope="module", autouse=True)
def loaded():
    """What is imported when first needed is imported before the children are made."""
    guided.cfg('start: "a"')


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas(name):
    schema, allowed, texts = SCHEMAS[name]
    assert in_a_child(verdicts(lambda: guided.json_schema(schema), *texts)) in allowed


def rules(n, line, last):
    return "start: r0\n" + "".join(line.format(k, k + 1) + "\n" for k in range(n)) + f"r{n}: {last}\n"


GRAMMARS = {
    "100,000 rules": (rules(100_000, "r{}: r{}", '"a"'), ["GuidedError"], []),
    "exponential ambiguity": (rules(40, "r{0}: r{1} r{1} | r{1}", '"a"'), ["GuidedError", "yn"], ["a", "b"]),
    "left recursion": ('start: start "a" | "b"', ["yn"], ["baa", "a"]),
    "a cycle of rules": ('start: x | "b"\nx: start', ["GuidedError", "yn"], ["b", "a"]),
    "a cycle that reads nothing": ('start: a "x"\na: b\nb: a |', ["GuidedError", "yn"], ["x", "y"]),
    "10,000 brackets": ("start: " + "(" * 10_000 + '"a"' + ")" * 10_000, ["GuidedError"], []),
    "a repeat of 2^31": ('start: "a"~0..2147483648', ["GuidedError", "yn"], ["aaa", "b"]),
    "a megabyte of text": ('start: "' + "x" * 2_000_000 + '"', ["GuidedError"], []),
}


@pytest.mark.parametrize("name", GRAMMARS)
def test_grammars(name):
    text, allowed, texts = GRAMMARS[name]
    assert in_a_child(verdicts(lambda: guided.cfg(text), *texts)) in allowed


def test_patterns():
    assert in_a_child(verdicts(lambda: guided.regex("[a-z]{1,100000}"), "a" * 1000, "A")) == "yn"
    assert in_a_child(verdicts(lambda: guided.regex("(" * 100_000 + "a" + ")" * 100_000), "a")) in ("y", "GuidedError")


def test_compositions():
    integer = guided.json_schema({"type": "integer"})
    long = guided.seq(*[integer if n % 2 else ";" for n in range(4_000)])
    assert in_a_child(verdicts(lambda: long, ";1" * 2_000, ";1" * 1_999)) == "yn"
    assert in_a_child(lambda: guided.many(integer, most=2**64).recognizer()) == "GuidedError"
    assert in_a_child(lambda: guided.text(until="a", max_characters=10**9).recognizer()) == "GuidedError"
    ambiguous = guided.many(guided.many(guided.many(integer)))
    assert in_a_child(verdicts(lambda: ambiguous, "12345" * 40, "12x")) == "yn"
