"""The generated Unicode tables against the running Python."""

from __future__ import annotations

import re
import unicodedata

import pytest

from guided.automata import unicode_data
from guided.automata import unicode_tables as tables
from guided.automata.parse import parse
from guided.automata.syntax import MAX_CODE_POINT, invert, normalise
from guided.automata.utf8 import utf8_graph

# all blocks with characters in them, and the edges of what is empty or for private use
CODE_POINTS = [
    *range(0xD800),
    *range(0xE000, 0x33000),
    *range(0xE0000, 0xE0200),
    0xEFFFF,
    0xF0000,
    0x100000,
    MAX_CODE_POINT,
]
KNOWN = frozenset(CODE_POINTS)
same_version = pytest.mark.skipif(
    unicodedata.unidata_version != unicode_data.VERSION,
    reason=f"the tables are Unicode {unicode_data.VERSION}, this Python has {unicodedata.unidata_version}",
)


def members(ranges: tables.Ranges | None) -> list[int]:
    assert ranges is not None
    return [c for low, high in ranges for c in range(low, min(high, 0xE0200) + 1) if c in KNOWN] + [
        c for c in CODE_POINTS[-4:] if any(low <= c <= high for low, high in ranges)
    ]


@same_version
def test_categories_are_those_of_unicodedata() -> None:
    found: dict[str, list[int]] = {}
    for c in CODE_POINTS:
        found.setdefault(unicodedata.category(chr(c)), []).append(c)
    for short in tables.LONG_CATEGORIES:
        parts = ["Lu", "Ll", "Lt"] if short == "LC" else [name for name in found if name.startswith(short)]
        assert members(tables.category(short)) == sorted(c for name in parts for c in found.get(name, []))


@same_version
def test_shorthands_are_those_of_re() -> None:
    assert members(tables.digits()) == [c for c in CODE_POINTS if chr(c).isdecimal()]
    assert members(tables.word()) == [c for c in CODE_POINTS if chr(c).isalnum() or c == 0x5F]
    assert members(tables.SPACE) == [c for c in CODE_POINTS if chr(c).isspace()]
    assert members(tables.ASCII_WORD) == [c for c in CODE_POINTS if re.fullmatch(r"\w", chr(c), re.A)]
    assert members(tables.ASCII_SPACE) == [c for c in CODE_POINTS if re.fullmatch(r"\s", chr(c), re.A)]


@same_version
def test_case_is_that_of_re() -> None:
    """For every character with more than one case, (?i) finds the same others in the whole of Unicode."""
    cased = [c for c in CODE_POINTS if chr(c).lower() != chr(c) or chr(c).upper() != chr(c)]
    everything = "".join(map(chr, sorted({*cased, *tables._folds()[0]})))
    for c in cased:
        wanted = [ord(found) for found in re.findall(re.escape(chr(c)), everything, re.I)]
        assert sorted(tables.fold_char(c)) == sorted(wanted), hex(c)


@same_version
@pytest.mark.parametrize(
    "pattern",
    [
        "[a-z]",
        "[^k]",
        "[А-Я]",
        "[\U00010400-\U00010410]",
        "[ſ-ƀ]",
        r"[\w]",
        r"[\Wa-f]",
        "[µ]",
        "[ẞ-ể]",
        "[\u1c80-\u1c88]",
        "[\u00ff-\U00010410]",
    ],
)
def test_case_of_sets_is_that_of_re(pattern: str) -> None:
    for flags in (re.I, re.I | re.A):
        node = parse(pattern, flags)
        assert members(node.ranges) == [ord(c) for c in re.findall(pattern, "".join(map(chr, CODE_POINTS)), flags)]  # type: ignore[union-attr]


@same_version
def test_scripts_and_binaries_are_those_of_the_regex_package() -> None:
    regex = pytest.importorskip("regex")
    for name in ["Greek", "Han", "Latin", "Cyrillic", "Alphabetic", "Lowercase", "ID_Start"]:
        found = set(members(tables.property_ranges(name)))
        for c in range(0, 0x3000, 7):
            assert (c in found) == bool(regex.fullmatch(rf"\p{{{name}}}", chr(c))) or unicodedata.category(
                chr(c)
            ) == "Cn"


def test_names_are_compared_as_unicode_does() -> None:
    wanted = tables.property_ranges("Lu")
    for name in (
        "Uppercase_Letter",
        "uppercase letter",
        "UPPERCASE-LETTER",
        "gc=Lu",
        "General_Category=UppercaseLetter",
    ):
        assert tables.property_ranges(name) == wanted
    assert tables.property_ranges("Script=Old_Italic") == tables.property_ranges("olditalic")
    for name in ("", "Lx", "sc=Lu", "gc=Greek", "blk=Basic_Latin", "Lu=Yes"):
        assert tables.property_ranges(name) is None


def test_all_ranges_are_sorted_and_without_surrogates() -> None:
    for name in [*tables.LONG_CATEGORIES, *unicode_data.SCRIPTS, *unicode_data.BINARIES, "Any", "Assigned"]:
        ranges = tables.property_ranges(name)
        assert ranges is not None and normalise(ranges) == ranges == invert(invert(ranges)), name


def decoded(graph: list[int]) -> list[list[tuple[int, ...]]]:
    """The nodes of a byte graph: (low, high, node) per edge."""
    nodes, here = [], 0
    while here < len(graph):
        nodes.append([tuple(graph[here + 1 + 3 * k : here + 4 + 3 * k]) for k in range(graph[here])])
        here += 1 + 3 * graph[here]
    return nodes


def read(nodes: list[list[tuple[int, ...]]], text: bytes) -> bool:
    """Whether the graph holds `text`, by its definition."""
    node = len(nodes) - 1
    for position, byte in enumerate(text):
        node = next((target for low, high, target in nodes[node] if low <= byte <= high), -2)
        if node < 0:
            return node == -1 and position == len(text) - 1
    return False


@pytest.mark.parametrize("name", ["L", "Nd", "Zs", "Greek", "Any", "Emoji", "Cn"])
def test_byte_graphs_hold_exactly_their_characters(name: str) -> None:
    ranges = tables.property_ranges(name)
    assert ranges is not None
    nodes = decoded(list(utf8_graph(ranges)))
    edges = {c for low, high in ranges for c in (low - 1, low, high, high + 1)}
    for c in sorted(edges | set(range(0, MAX_CODE_POINT, 997))):
        if 0 <= c <= MAX_CODE_POINT and not 0xD800 <= c <= 0xDFFF:
            assert read(nodes, chr(c).encode()) == any(low <= c <= high for low, high in ranges), hex(c)
