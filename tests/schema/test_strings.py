"""Strings: escapes, lengths, patterns in the dialect and with the search semantics of ECMA-262, formats."""

from __future__ import annotations

import itertools
import json
import random
import re
from datetime import date, datetime
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import pytest

from guided.constraints.json_schema import json_schema
from guided.errors import UnsupportedSchema
from tests.schema.writing import assert_every_prefix_lives, dumps, random_walk, recognizer


def test_a_free_string_takes_every_escape_and_no_lone_surrogate():
    machine = recognizer({"type": "string"})
    for text in [
        '"\\u0061"',
        '"\\u00E9é"',
        '"\\/\\b\\f\\n\\r\\t\\"\\\\"',
        '"\\ud83d\\ude00"',
        '"😀"',
        '"\\uD7FF\\uE000"',
    ]:
        assert machine.accepts(text)
        assert_every_prefix_lives(machine, text.encode())
    for text in [
        '"\\ud800"',
        '"\\ude00\\ud83d"',
        '"\\ud83d\\u0061"',
        '"\n"',
        '"\\x41"',
        '"a',
        '"\\u12"',
        '"a"b',
        "'a'",
    ]:
        assert not machine.accepts(text)
    assert machine.run(machine.start, b'"\xff') == -1
    assert machine.run(machine.start, b'"\xed\xa0\x80') == -1


@pytest.mark.parametrize(("least", "most"), [(0, 0), (1, 1), (2, 4), (0, 3), (3, None)])
def test_length_counts_characters_not_bytes_and_not_escapes(least, most):
    schema = {"type": "string", "minLength": least} | ({} if most is None else {"maxLength": most})
    machine = recognizer(schema)
    for size in range(7):
        for unit in ("a", "é", "😀", "\\n", "\\u0041", "\\ud83d\\ude00"):
            assert machine.accepts(f'"{unit * size}"') == (least <= size and (most is None or size <= most))


SEARCHES = [
    "^a+$",
    "b",
    "^b|c$",
    "^(x|y)?z",
    "a{2,3}$",
    "[^a-c]",
    r"\d+",
    r"^\w+$",
    r"\s",
    "a.b",
    "^$",
    '^[^"]*$',
    r"\\",
    r"\"",
    "(^a|b$)c?",
    "^(?=.*a)(?=.*b)",
    "^(?!ab)",
    "a|^$",
    r"^a\/b$",
    "^.{2}$",
    r"[\w-]",
    "^(a|ab)(c|bcd)$",
]


@pytest.mark.parametrize("pattern", SEARCHES)
def test_patterns_search_as_python_does_where_the_dialects_agree(pattern):
    machine = recognizer({"type": "string", "pattern": pattern})
    rng = random.Random(pattern)
    texts = [
        "",
        "aa",
        "xaaa",
        "a/b",
        "abcd",
        "acbcd",
        "zq",
        *(("".join(rng.choice('abcxyz"\\/ 1_-\té') for _ in range(rng.randint(0, 5)))) for _ in range(250)),
    ]
    found = [
        bool(re.search(pattern.replace("$", r"\Z") if pattern != r"[\w-]" else pattern, text, re.ASCII))
        for text in texts
    ]
    for text, expected in zip(texts, found, strict=True):
        assert machine.accepts(dumps(text)) == expected, text
    assert any(found)
    for _ in range(5):
        assert_every_prefix_lives(machine, random_walk(machine, rng, most=20))


def test_where_ecma_differs_from_python_ecma_is_meant():
    digits = recognizer({"type": "string", "pattern": r"^\d$"})
    assert digits.accepts('"7"')
    assert not digits.accepts('"٣"')
    end = recognizer({"type": "string", "pattern": "^a$"})
    assert not end.accepts('"a\\n"')
    dot = recognizer({"type": "string", "pattern": "^.$"})
    assert not dot.accepts('"\u2028"')


def test_pattern_length_and_enum_hold_together():
    machine = recognizer({"type": "string", "pattern": "^[ab]+$", "minLength": 2, "maxLength": 3})
    assert [text for text in ["", "a", "ab", "aba", "abab", "ac"] if machine.accepts(dumps(text))] == ["ab", "aba"]
    machine = recognizer({"enum": ["ab", "b", "abc", 'q"'], "pattern": "b|q", "minLength": 2})
    assert [text for text in ["ab", "b", "abc", 'q"'] if machine.accepts(dumps(text))] == ["ab", "abc", 'q"']
    assert not machine.accepts('"a\\u0062"')
    far = recognizer({"type": "string", "pattern": "^[a-z]*$", "maxLength": 100_000})
    assert far.accepts(dumps("a" * 100_000))
    assert not far.accepts(dumps("a" * 100_001))


@pytest.mark.parametrize("pattern", [r"(a)\1", r"(?<=a)b", "a(", "[z-a]", "a++", "(?:(?!a)b)*"])
def test_what_no_automaton_can_do_is_refused_with_a_pointer(pattern):
    with pytest.raises(UnsupportedSchema) as caught:
        recognizer({"properties": {"x": {"items": {"pattern": pattern}}}})
    assert caught.value.pointer == "/properties/x/items/pattern"
    assert caught.value.hint


LOOKING_AROUND = [  # ECMA-262, and the same in Python's words
    (r"\bfoo\b", r"(?a:\bfoo\b)"),
    (r"^(\b[a-z]+\b ?)+$", r"(?a:^(\b[a-z]+\b ?)+\Z)"),
    (r"([AT]|^|$)*x", r"([AT]|^|\Z)*x"),
    (r"^(?!.*\bno\b).*$", r"(?a:^(?!.*\bno\b).*\Z)"),
    (r"(^a)*b", r"(^a)*b"),
    (r"(?!^b)a", r"(?!^b)a"),
    (r"a$|^b\b", r"(?a:a\Z|^b\b)"),
    (r"^([^,]+(,|$)){2,}$", r"^([^,]+(,|\Z)){2,}\Z"),
    (r"\b\"", r"(?a:\b\")"),
    (r"^(?=.*\bA\b)(?!.*\\$)", r"(?a:^(?=.*\bA\b)(?!.*\\\Z))"),
]


@pytest.mark.parametrize("escapes", ["shortest", "any"])
@pytest.mark.parametrize(("pattern", "as_re"), LOOKING_AROUND, ids=[pattern for pattern, _ in LOOKING_AROUND])
def test_anchors_and_boundaries_speak_of_characters_not_of_spellings(pattern, as_re, escapes):
    machine = json_schema({"type": "string", "pattern": pattern}, escapes=escapes).recognizer()
    texts = ["".join(letters) for size in range(4) for letters in itertools.product('ab ,"\\\n', repeat=size)]
    texts += [
        "foo",
        "a foo b",
        "foob",
        "x",
        "Ax",
        "no",
        "a no b",
        "é",
        "éfoo",
        "A",
        "A é\\",
        "b-",
        "a,b,c",
        'é"',
        "AT x",
    ]
    wanted = {text: bool(re.search(as_re, text)) for text in texts}
    assert {text: machine.accepts(dumps(text)) for text in texts} == wanted


def test_patterns_that_look_around_meet_lengths_and_other_patterns():
    schema = {"type": "string", "pattern": r"\bfoo\b", "minLength": 5, "maxLength": 4_000}
    machine = recognizer({**schema, "not": {"pattern": r"\bbar\b"}})
    assert machine.accepts('"foo food"') and machine.accepts('"a\\nfoo"')
    assert not machine.accepts('"foo"') and not machine.accepts('"foo bar"') and not machine.accepts('"food food"')
    assert not machine.accepts(dumps("foo " + "a" * 4_000))
    keys = {"patternProperties": {r"\bid\b": {"type": "integer"}}, "additionalProperties": {"type": "string"}}
    machine = recognizer({"type": "object", **keys})
    assert machine.accepts('{"my-id":1,"idle":"x"}') and not machine.accepts('{"my-id":"x"}')


FORMATS = {
    "date": (
        ["2024-02-29", "0001-01-01", "9999-12-31", "2000-02-29"],
        ["2023-02-29", "1900-02-29", "2024-13-01", "24-01-01", "2024-04-31", "0000-01-01"],
    ),
    "time": (["23:59:59Z", "00:00:00.123+05:30", "12:00:00-23:59"], ["24:00:00Z", "12:00:00", "12:60:00Z", "12:00Z"]),
    "date-time": (
        ["2024-02-29T23:59:59Z", "2024-01-01t00:00:00.5+00:00"],
        ["2023-02-29T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00"],
    ),
    "duration": (["P1Y2M3DT4H5M6S", "PT0S", "P3W", "P1D"], ["P", "PT", "1D", "P1S", "P1Y2W", "P1YT"]),
    "uuid": (
        ["2EB8AA08-aa98-11ea-b4aa-73b441d16380"],
        ["2eb8aa08aa9811eab4aa73b441d16380", "2eb8aa08-aa98-11ea-b4aa-73b441d1638"],
    ),
    "email": (
        ["joe.bloggs@example.com", "te~st@example.co.uk", "a@b"],
        ["2962", "joe@", "@x.y", "a..b@c.d", ".a@b.c", "a@-b.c"],
    ),
    "hostname": (
        ["www.example.com", "a-b--c", "h0st", "a" * 63],
        ["-a", "xn--nxasmq6b", "ab--c", "a-", "a_b", "a" * 64, "a..b", ""],
    ),
    "ipv4": (["192.168.0.1", "0.0.0.0", "255.255.255.255"], ["256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4.5"]),
    "ipv6": (
        ["::1", "::", "12345::"[1:], "2001:db8::1.2.3.4", "1:2:3:4:5:6:7:8"],
        ["12345::", "1::2::3", ":2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "::ffff:256.1.1.1"],
    ),
    "uri": (
        ["http://foo.bar/?baz=qux#quux", "urn:oasis:names", "ftp://[::1]:80/x", "mailto:a@b.c"],
        ["//foo.bar", "/abc", "foo", "http:// x", ":// x"],
    ),
    "uri-reference": (["/abc", "//foo.bar/x", "#frag", "", "a/b?c"], ["\\\\WINDOWS", "#frag\\ment", "a b"]),
    "iri": (["http://ƒøø.ßår/?∂éœ=πîx#πîüx"], ["/abc", "http://a b"]),
    "json-pointer": (["", "/foo/0", "/a~1b~0"], ["foo", "/a~2", "/~"]),
    "regex": (["^a+(b|c)*$", "[a-z]{3}", "(?:a(b)c)", "\\d{2,}"], ["^(abc]", "a(", "[a", "*a"]),
    "uri-template": (["http://example.com/{term:1}/{term}", "{?q,x*}"], ["http://example.com/{term", "{a b}"]),
    "idn-email": (["\uc2e4\ub840@\uc2e4\ub840.\ud14c\uc2a4\ud2b8", "a@b.c"], ["2962", "@x"]),
    "relative-json-pointer": (["1", "0#", "2/foo"], ["-1", "01", "/foo", "1##"]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name):
    machine = recognizer({"type": "string", "format": name})
    good, bad = FORMATS[name]
    for text in good:
        assert machine.accepts(dumps(text)), text
    for text in bad:
        assert not machine.accepts(dumps(text)), text


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("date", date.fromisoformat),
        (
            "date-time",
            lambda text: datetime.fromisoformat(re.sub(r"\.[0-9]+", "", text.upper()).replace("Z", "+00:00")),
        ),
        ("uuid", UUID),
        ("ipv4", IPv4Address),
        ("ipv6", IPv6Address),
    ],
)
def test_what_is_written_in_a_format_is_read_by_python(name, read):
    machine, rng = recognizer({"type": "string", "format": name}), random.Random(name)
    for _ in range(60):
        read(json.loads(random_walk(machine, rng, most=40)))


def test_formats_can_be_annotations_and_unknown_ones_always_are():
    free = json_schema({"type": "string", "format": "date"}, formats="annotate")
    assert free.accepts('"x"')
    assert free.explain()["annotations"] == [{"pointer": "/format", "what": "format 'date'"}]
    assert json_schema({"format": "int32"}).explain()["annotations"][0]["pointer"] == "/format"
