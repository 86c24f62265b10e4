"""Lexers made of parts: bounded strings against the automaton of each bound, and masks against brute force."""

from __future__ import annotations

import random

import pytest

from guided import Matcher, Vocabulary, _fast
from guided.automata.compile import compile_dfa
from guided.automata.syntax import Chars, Literal, Repeat, concat
from guided.constraints.json_schema import json_schema
from guided.schema.lexers import counted_strings, disjoint
from guided.schema.strings import ANY_SPELLING, ONE_SPELLING, QUOTE
from tests.oracle.brute_mask import brute_mask, ids_of

PIECES = ["a", "é", "😀", "\\n", "\\u00e9", "\\ud83d\\ude00", '\\"', " ", "\\\\", '"', "\\", "\\u", "0", "d8", "\x01"]
CHARACTERS = {"any": ANY_SPELLING, "shortest": ONE_SPELLING, "letters": Chars(((0x61, 0x7A), (0x400, 0x4FF)))}


def any_number_of(character):
    return concat(QUOTE, Repeat(character, 0, None), QUOTE)


def pieces(rng: random.Random, most: int) -> bytes:
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(most))).encode()


@pytest.mark.parametrize("kind", CHARACTERS)
@pytest.mark.parametrize("seed", range(20))
def test_a_counted_string_is_the_automaton_of_its_bounds(kind, seed):
    rng = random.Random(seed)
    least = rng.randrange(5)
    most = rng.choice([None, least, least + 1, least + 3, least + rng.randrange(200)])
    slow = compile_dfa({5: concat(QUOTE, Repeat(CHARACTERS[kind], least, most), QUOTE)})
    fast = counted_strings(5, any_number_of(CHARACTERS[kind]))
    n_compared = 0
    for _ in range(60):
        here, there = fast.begin(least, most), slow.start
        for byte in b'"' + pieces(rng, 8) + b'"':
            here, there = fast.step(here, byte), slow.step(there, byte)
            assert (here == _fast.DEAD) == (there == _fast.DEAD)
            if here == _fast.DEAD:
                break
            n_compared += 1
            assert fast.labels(here) == slow.labels(there)
            assert fast.live_bytes(here) == slow.live_bytes(there)
            assert fast.is_final(here) == slow.is_final(there)
            assert len(fast.completion(here)) == len(slow.completion(there))
            assert fast.labels(fast.run(here, fast.completion(here))) == (5,)
            assert {labels: len(rest) for labels, rest in fast.completions(here).items()} == {
                (5,): len(slow.completion(there))
            }
    assert n_compared > 60


def test_saturated_counts_agree_as_far_as_the_horizon():
    rng, near = random.Random(3), _fast.Horizon(3)
    strings = counted_strings(5, any_number_of(ANY_SPELLING))
    start = strings.run(strings.begin(12, 40), b'"')
    for state in (start, strings.run(start, b"aaaa"), strings.run(start, b"a" * 30), strings.run(start, b"a" * 38)):
        for horizon in (0, 3, 9):
            likened = strings.saturate(state, _fast.Horizon(horizon))
            for _ in range(50):
                text = (pieces(rng, 8) + rng.choice([b'"', b""]))[:horizon]
                here, there = strings.run(state, text), strings.run(likened, text)
                assert (here == _fast.DEAD) == (there == _fast.DEAD)
                assert strings.labels(here) == strings.labels(there)
    assert strings.saturate(start, near) == strings.saturate(strings.run(start, b"aa"), near) != start


def test_bounds_that_cross_are_the_empty_language():
    assert counted_strings(5, any_number_of(ANY_SPELLING)).begin(3, 2) == _fast.DEAD


def test_disjoint_parts_are_their_union():
    strings = counted_strings(1, any_number_of(ANY_SPELLING))
    words = _fast.WordList([b"null", b"true"], [7, 8])
    digits = compile_dfa({9: Repeat(Chars(((0x30, 0x39),)), 1, None)})
    parts = ((words, words.start), (strings, strings.begin(1, 2)), (digits, digits.start))
    union = disjoint(parts)
    assert union is disjoint(parts)
    for text in (b"null", b'"a"', b'"ab"', b'""', b'"abc"', b"12", b"", b"nul", b"truet", b"1e", b'"\\n'):
        states = [(part, part.run(start, text)) for part, start in parts] if text else []
        labels = [part.labels(state) for part, state in states if state != _fast.DEAD]
        state = union.run(union.start, text)
        assert union.labels(state) == (labels[0] if labels else ())
        if text:
            assert (state == _fast.DEAD) == (not labels)
    assert set(union.completions(union.start)) == {(1,), (7,), (8,), (9,)}
    assert union.accepts(union.completion(union.start))


def test_parts_with_the_same_first_byte_or_an_empty_text_are_refused():
    words = _fast.WordList([b"null"], [7])
    other = compile_dfa(Literal("no"))
    with pytest.raises(ValueError, match="begin with the byte 0x6e"):
        _fast.Disjoint(((words, words.start), (other, other.start)))
    empty = compile_dfa(Repeat(Literal("a"), 0, 3))
    with pytest.raises(ValueError, match="empty text"):
        _fast.Disjoint(((empty, empty.start),))


def vocabulary() -> Vocabulary:
    """Single bytes and 1,300 words with common beginnings: subtrees of the trie that a walk may take whole."""
    rng = random.Random(5)
    letters = ["a", "b", "c", "é", "中", "😀", " ", "-", "1", '"', "\\n", '\\"', '"}', '",', "\\u00e9", "\\u0", "д"]
    weights = [9, 9, 9, 3, 3, 2, 3, 3, 3, 2, 1, 1, 1, 1, 1, 1, 2]
    letters += ["…", "→", "、", "の", "\u3000", "\u00a0", "£", "\u1680", "ሀ", "\ufeff", "ﾝ"]  # some are white space
    weights += [2, 1, 2, 2, 1, 1, 1, 1, 1, 1, 1]
    words = {"".join(rng.choices(letters, weights, k=rng.randrange(2, 9))).encode() for _ in range(1300)}
    words |= {word[:-1] for word in words} | {word[1:] for word in list(words)[:200]}
    words = {word for word in words if len(word) > 1}
    return Vocabulary([*(bytes([byte]) for byte in range(256)), *sorted(words), b""], eos_ids={256 + len(words)})


VOCAB = vocabulary()
STRINGS = [
    {"type": "string"},
    {"type": "string", "minLength": 1},
    {"type": "string", "minLength": 3, "maxLength": 6},
    {"type": "string", "maxLength": 0},
    {"type": "string", "minLength": 40},
    {"type": "string", "pattern": "^[a-c1-]+$"},
    {"type": "string", "pattern": "^[a-c]{2,5}$"},
    {"type": "string", "pattern": "^[^ ]{1,64}$"},
    {"type": "string", "pattern": r"^[\w\s]+$"},
    {"type": "string", "pattern": "^[a-c]{1,9}-[a-c]{2,40}$"},
    {"type": "string", "pattern": "^[^ ]{2,6}( [a-d中д😀]{1,30})+$"},
    {"type": "string", "pattern": "^([^ ]+ +){0,5}[^ ]+$"},
    {"type": "string", "pattern": "^([^ ]+ +){0,60}[^ ]+$"},
    {"type": "string", "pattern": "^([a-c]{2} ?){40,90}$"},
    {"type": "string", "pattern": r"^\S+$"},
    {"type": "string", "pattern": r"^(\S+\s+){0,3}\S{1,40}$"},
    {"type": "string", "pattern": "^[^→の]+$"},
    {"type": "string", "pattern": "^[^a中]{3,30}[0-9]?$"},
    {"type": "string", "pattern": "^([a-c-]{1,30}1){2}$"},
    {"type": "string", "format": "email", "maxLength": 30},
    {"type": "string", "pattern": "ab|ca$|^é"},
    {"type": "string", "pattern": r"^[а-я中]+-"},
    {"type": "string", "pattern": "b", "maxLength": 5},
    {"anyOf": [{"type": "string", "pattern": "^a.*$"}, {"type": "string", "minLength": 4}, {"type": "null"}]},
    {"oneOf": [{"enum": ["ab", "abc", 1]}, {"type": "string", "pattern": "^[a-b]+$"}]},
    {"type": ["string", "integer", "null"], "not": {"enum": ["a", "ab"]}},
    {"type": "array", "items": {"type": ["string", "number"], "maxLength": 3}},
    {"type": "object", "additionalProperties": {"type": "string", "maxLength": 2}},
]


@pytest.mark.parametrize("schema", STRINGS, ids=repr)
def test_masks_of_strings_are_those_of_brute_force(schema):
    constraint, rng = json_schema(schema), random.Random(7)
    machine = constraint.recognizer()
    for _ in range(2):
        matcher = Matcher(constraint, VOCAB)
        for _ in range(8):
            allowed = ids_of(matcher.mask(), VOCAB.size)
            assert allowed == brute_mask(machine, matcher.text, VOCAB), matcher.text
            choices = sorted(allowed - set(VOCAB.eos_ids))
            if not choices:
                break
            matcher.advance(rng.choice(choices))
