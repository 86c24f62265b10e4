"""Strings of a pattern with a bounded number of characters, or less some words: against products of automata."""

from __future__ import annotations

import random

import numpy as np
import pytest

import guided
from guided import _fast
from guided.automata.syntax import Both, Not, Repeat, concat
from guided.errors import LimitExceeded
from guided.limits import DEFAULT_LIMITS
from guided.schema import lexers
from guided.schema.patterns import search_tree
from guided.schema.strings import ANY_SPELLING, QUOTE, Spelling
from tests.oracle.brute_mask import brute_mask, ids_of

LABEL = lexers.STRING + 1
PATTERNS = [
    "a|bc",
    "^[ab]+$",
    "^(a|bcd)*$",
    "^a{3}$",
    r"^[\w /-]+\.[0-9a-z]+$",
    "b$",
    r"é\n",
    "^(ab?){0,4}$",
    "\U0001f600|a",
    "^$|^a",
]
BOUNDS = [(0, 0), (0, 1), (1, None), (2, 3), (3, 3), (0, 9), (5, 12), (40, 44), (0, 300)]
PIECES = [
    "a",
    "b",
    "c",
    "d",
    "é",
    "\\n",
    "/",
    ".",
    "1",
    "ab",
    "bcd",
    "\U0001f600",
    "\\ud83d\\ude00",
    "\\",
    "\\u00",
    "\\u0062",
]
TOKENS = [bytes([byte]) for byte in range(256)] + [
    piece.encode()
    for piece in ['"a', 'ab"', 'a",', "aaaa", "bcdbcd", ".a1", "éé", 'b\\n"', "\U0001f600a", '"a"', "ab" * 20]
]  # fmt: skip
VOCAB = guided.Vocabulary(TOKENS, eos_ids={len(TOKENS)}, size=len(TOKENS) + 1)


def both_ways(pattern, least, most, setting="shortest"):
    """(counted automaton, its start, the product of pattern and length as one automaton)."""
    spelled = Spelling(setting).quoted(search_tree(pattern, "", DEFAULT_LIMITS))
    sizes = concat(QUOTE, Repeat(ANY_SPELLING, least, most), QUOTE)
    counted, start = lexers.part(LABEL, Both((spelled, sizes)), DEFAULT_LIMITS)
    return counted, start, lexers.shared_dfa(((LABEL, Both((spelled, sizes))),))


@pytest.mark.parametrize("setting", ["shortest", "any"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_prefixes_are_alive_exactly_where_the_product_is(pattern, setting):
    rng = random.Random(pattern)
    for least, most in BOUNDS:
        counted, start, product = both_ways(pattern, least, most, setting)
        assert isinstance(counted, _fast.Counted) and (start == _fast.DEAD) == (product.start == _fast.DEAD)
        for _ in range(60 if product.start != _fast.DEAD else 0):
            text = ('"' + "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 14)))).encode()
            here, there = start, product.start
            for byte in text + b'"':
                if there == _fast.DEAD:
                    break
                here, there = counted.run(here, bytes([byte])), product.run(there, bytes([byte]))
                assert (here == _fast.DEAD) == (there == _fast.DEAD), (least, most, text)
                if there == _fast.DEAD:
                    break
                assert counted.is_accepting(here) == product.is_accepting(there)
                assert product.is_accepting(product.run(there, counted.completion(here))), (least, most, text)
                assert counted.labels(counted.run(here, counted.completion(here))) == (LABEL,)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("least", "most"), BOUNDS)
def test_masks_are_those_of_asking_every_token(pattern, least, most):
    schema = {"type": "string", "pattern": pattern, "minLength": least}
    if most is not None:
        schema["maxLength"] = most
    try:
        constraint = guided.json_schema(schema)
        recognizer = constraint.recognizer()
    except guided.ConstraintError:
        assert both_ways(pattern, least, most)[1] == _fast.DEAD
        return
    matcher = guided.Matcher(constraint, VOCAB)
    written = b""
    text = recognizer.completion(recognizer.start)
    for byte in text:
        assert ids_of(matcher.mask(), VOCAB.size) == brute_mask(recognizer, written, VOCAB), written
        matcher.advance(byte)
        written += bytes([byte])
    assert matcher.is_accepting


def test_a_long_minimum_is_completed_at_once():
    spelled = Spelling("shortest").quoted(search_tree("^(a|bcd)*$", "", DEFAULT_LIMITS))
    counted = lexers.counted_strings(LABEL, spelled)
    assert len(counted.completion(counted.begin(1_000_000, None))) == 1_000_002


def test_irregular_lengths_are_left_to_the_product():
    """An even number of characters: no layer is like the one before it, so the product is asked."""
    even = Spelling("shortest").quoted(search_tree("^(..)*$", "", DEFAULT_LIMITS))
    with pytest.raises(LimitExceeded):
        lexers.counted_strings(LABEL, even)
    constraint = guided.json_schema({"type": "string", "pattern": "^(..)*$", "minLength": 3, "maxLength": 5})
    recognizer = constraint.recognizer()
    assert recognizer.accepts(b'"abcd"') and not recognizer.accepts(b'"abc"') and not recognizer.accepts(b'"abcde"')
    with pytest.raises(guided.ConstraintError):
        guided.json_schema({"type": "string", "pattern": "^(..)*$", "minLength": 3, "maxLength": 3}).recognizer()


WORDS = ["a", "ab", "abb", "bcd", "é\n", "aaa", ""]


@pytest.mark.parametrize("pattern", [None, "^a{3}$", "^[ab]{1,3}$", "a|bc", "^(ab?){0,4}$", "^(|a|ab)$"])
@pytest.mark.parametrize(("least", "most"), [(0, None), (0, 3), (2, 2)])
def test_strings_less_some_words_are_the_difference(pattern, least, most):
    """uniqueItems after WORDS, against the product with the complement: prefixes and completions."""
    parts = [] if pattern is None else [Spelling("shortest").quoted(search_tree(pattern, "", DEFAULT_LIMITS))]
    if (least, most) != (0, None):
        parts.append(concat(QUOTE, Repeat(ANY_SPELLING, least, most), QUOTE))
    node = Both((*parts, Spelling("shortest").every, Not(Spelling("shortest").words(WORDS))))
    fast, start = lexers.part(LABEL, node, DEFAULT_LIMITS)
    slow = lexers.shared_dfa(((LABEL, node),))
    assert isinstance(fast, _fast.Without) and (start == _fast.DEAD) == (slow.start == _fast.DEAD)
    rng = random.Random(pattern)
    for _ in range(80 if start != _fast.DEAD else 0):
        here, there, written = start, slow.start, b""
        for byte in ('"' + "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 6))) + '"').encode():
            here, there = fast.run(here, bytes([byte])), slow.run(there, bytes([byte]))
            assert (here == _fast.DEAD) == (there == _fast.DEAD), written
            if there == _fast.DEAD:
                break
            written += bytes([byte])
            assert fast.is_accepting(here) == slow.is_accepting(there)
            assert fast.accepts(written + fast.completion(here)) and slow.accepts(written + fast.completion(here))


def test_what_is_known_without_a_mask_leaves_out_what_is_excluded():
    """`a` stays inside the strings of the pattern, but only `ab` begins so, and that was written."""
    constraint = guided.json_schema({"items": {"type": "string", "pattern": "^(ab|b)$"}, "uniqueItems": True})
    text = b'["ab","'
    index = _fast.index_of(constraint.recognizer(), VOCAB, 1 << 22)
    state = index.skip(index.start, text)
    accepted, undecided = np.zeros(index.n_words, np.uint32), np.zeros(index.n_words, np.uint32)
    _fast.known_tokens(index, state, accepted, undecided)
    allowed = brute_mask(constraint.recognizer(), text, VOCAB)
    assert ids_of(accepted, VOCAB.size) <= allowed <= ids_of(accepted | undecided, VOCAB.size)
    assert ord("a") not in ids_of(accepted | undecided, VOCAB.size)


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize(
    "items", [{"type": "string"}, {"type": "string", "pattern": "^[ab]{1,2}$"}, {"type": "string", "maxLength": 2}, {}]
)
def test_masks_of_items_that_must_not_come_again(items, order):
    constraint = guided.json_schema({"type": "array", "items": items, "uniqueItems": True, "minItems": 4}, order=order)
    recognizer = constraint.recognizer()
    text = b'["a","ab","b","aa"'
    matcher = guided.Matcher(constraint, VOCAB)
    for position, byte in enumerate(text):
        assert ids_of(matcher.mask(), VOCAB.size) == brute_mask(recognizer, text[:position], VOCAB), text[:position]
        matcher.advance(byte)
    for again in (b',"a"', b',"ab"', b',"b"', b',"aa"'):
        assert recognizer.run(recognizer.run(recognizer.start, text), again) == _fast.DEAD
