"""Sequences, alternatives and repeats of languages, against every cut of short texts."""

from __future__ import annotations

import random

import numpy as np
import pytest

import guided
from guided import Matcher, _fast
from guided.constraints.composition import Composition, many, optional, seq, text
from guided.errors import ConstraintError, LimitExceeded
from tests.composition.leaves import all_texts, leaves, random_tree
from tests.laws.vocabularies import byte_vocabulary, wordy_vocabulary
from tests.oracle.brute_mask import brute_mask, ids_of
from tests.oracle.slow_pieces import is_member

POOL = leaves()
for _constraint in list(POOL):  # literals of trees have a predicate as well
    assert callable(_constraint.fits)


def with_fits(tree):
    """Give literals, which seq() makes, the predicate that the slow twin asks for."""
    for part in guided.constraints.composition.parts_of(tree):
        if not hasattr(part, "fits"):
            wanted = part.node.text
            part.fits = lambda given, wanted=wanted: given == wanted
    return tree


def shortest_rest(recognizer, state, most):
    """Bytes of a shortest way to a member, breadth first; most + 1 if it takes more."""
    layer, seen = [state], {state}
    for length in range(most + 1):
        if any(recognizer.is_accepting(here) for here in layer):
            return length
        layer = list({recognizer.step(here, byte) for here in layer for byte in b"ab,"} - {-1} - seen)
        seen.update(layer)
    return most + 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 500))
def test_more_random_compositions_agree_with_every_cut(seed):
    test_random_compositions_agree_with_every_cut(seed)


@pytest.mark.parametrize("seed", range(40))
def test_random_compositions_agree_with_every_cut(seed):
    rng = random.Random(seed)
    composition = random_tree(rng, POOL, 2)
    if not isinstance(composition, Composition):
        composition = seq(composition)
    tree = with_fits(composition.tree)
    recognizer = composition.recognizer()
    alive, members = {""}, set()
    for given in all_texts("ab,", 6):
        if is_member(tree, given):
            members.add(given)
            alive.update(given[:k] for k in range(len(given) + 1))
    for given in all_texts("ab,", 6):
        assert recognizer.accepts(given) == (given in members), (composition, given)
    for given in all_texts("ab,", 4):
        state = recognizer.run(recognizer.start, given.encode())
        if given in alive and members:
            assert state != _fast.DEAD
        if state != _fast.DEAD:  # alive: the completion is a member, and a shortest one
            rest = recognizer.completion(state)
            assert recognizer.accepts(given.encode() + rest)
            assert len(rest) == shortest_rest(recognizer, state, len(rest))


@pytest.mark.parametrize("seed", range(12))
def test_values_of_random_compositions_spell_the_text(seed):
    """The values of the parts, put together again, are the text: every part is text here."""
    rng = random.Random(1000 + seed)
    parts = [random_tree(rng, POOL, 1) for _ in range(3)]
    composition = seq(*parts)
    for given in all_texts("ab,", 4):
        if composition.accepts(given):
            flat, waiting = [], [composition.parse(given)]
            while waiting:
                value = waiting.pop()
                if isinstance(value, (tuple, list)):
                    waiting.extend(reversed(value))
                elif value is not None:
                    flat.append(value)
            spelled = "".join(flat)  # literals and separators leave no value
            assert is_subsequence(spelled, given)


def is_subsequence(short, long):
    letters = iter(long)
    return all(letter in letters for letter in short)


@pytest.mark.parametrize("until", ["</think>", ["ab", "ba"], "aab", ["a", "ab"]])
def test_free_text_ends_at_the_first_marker(until):
    markers = [until] if isinstance(until, str) else until
    constraint = text(until=until)
    alphabet = "ab" if "<" not in markers[0] else "<t>/"
    texts = [*list(all_texts(alphabet, 7)), "</think", "x</think>", "</</think>", "</think>x", "</think></think>"]
    for given in texts:
        ends = [k for k in range(len(given) + 1) if any(given[:k].endswith(marker) for marker in markers)]
        assert constraint.accepts(given) == (bool(ends) and ends[0] == len(given)), given
    assert constraint.accepts("日本🙂" + markers[0])


def test_free_text_without_a_marker_and_with_a_length():
    constraint = text(without=["ab", ","])
    for given in all_texts("ab,", 5):
        assert constraint.accepts(given) == ("ab" not in given and "," not in given)
    short = text(max_characters=2)
    assert [short.accepts(given) for given in ("", "日本", "日本語")] == [True, True, False]
    both = text(until="b", max_characters=3)
    assert [both.accepts(given) for given in ("b", "aab", "aaab", "aaa")] == [True, True, False, False]
    assert both.recognizer().run(both.recognizer().start, b"aaa") == _fast.DEAD  # no dead end at the last character
    assert text().accepts("") and not text().accepts(b"\xff")


def test_values_of_a_sequence_are_those_of_its_parts_without_plain_strings():
    reasoned = seq(text(until="</think>"), "\n", guided.json_schema({"type": "object"}))
    assert reasoned.parse('so {"a": 1}?</think>\n{"a": [1]}') == ('so {"a": 1}?</think>', {"a": [1]})
    assert seq(text(), {"type": "integer"}).parse("page 12") == ("page ", 12)
    assert many({"type": "integer"}, separator=", ").parse("1, 23") == [1, 23]
    assert many("ab").parse("abab") == ["ab", "ab"]
    assert optional({"type": "null"}).parse("") is None
    assert seq("a", optional("b"), "c").parse("abc") == ("b",)
    assert (guided.json_schema({"type": "integer"}) | "none").parse("none") == "none"
    assert ("none" | guided.json_schema({"type": "integer"})).parse("7") == 7
    with pytest.raises(ConstraintError, match="does not fit"):
        reasoned.parse("no")


def test_of_several_cuts_the_left_parts_take_little():
    assert seq(text(), text()).parse("abc") == ("", "abc")
    assert seq(guided.regex("a+"), guided.regex("a*")).parse("aaa") == ("a", "aa")
    assert many(guided.regex("a+"), least=1).parse("aaa") == ["a", "a", "a"]


def test_regular_compositions_are_one_automaton_and_stay_exact_under_and():
    composition = seq(text(until="."), optional(" "), many(guided.regex("[ab]"), most=3))
    assert isinstance(composition.recognizer(), _fast.Dfa)
    both = composition & guided.regex("x.*b")
    assert isinstance(both.recognizer(), _fast.Dfa)
    assert both.accepts("x. ab") and not both.accepts("x. aa")
    looks = seq(guided.regex("a(?=.*b).*"), "b")  # the lookahead sees its own part only
    assert not looks.accepts("aab") and looks.accepts("abb")
    assert (looks & guided.regex(".{3}")).accepts("abb")


def test_parts_are_types_schemas_and_strings():
    composition = seq("x=", int, {"enum": ["a"]}, guided.choice(["!", "?"]))
    assert composition.parse('x=12"a"!') == (12, "a", "!")
    for wrong in (None, 3, object()):
        with pytest.raises(ConstraintError):
            seq("a", wrong)
    with pytest.raises(ConstraintError, match="surrogate"):
        seq("\ud800")
    with pytest.raises(ConstraintError, match="least"):
        many("a", least=3, most=2)
    with pytest.raises(ConstraintError, match="at least one character"):
        text(until="")
    assert seq().accepts("") and not seq().accepts("a")
    assert many("a", most=0).accepts("")


def test_long_chains_and_deep_nests_are_bounded():
    chain = guided.json_schema({"type": "integer"})
    for number in range(400):
        chain = chain | f"w{number}"
    assert chain.accepts("w399") and chain.accepts("12") and chain.parse("w7") == "w7"
    with pytest.raises(LimitExceeded, match="nested parts"):
        deep = seq("a")
        for _ in range(200):
            deep = seq(deep, "b")
    with pytest.raises(LimitExceeded, match="in parts"):
        many({"type": "integer"}, most=10**9).recognizer()
    with pytest.raises(LimitExceeded, match="in parts"):
        many(many({"type": "integer"}, most=10**3), most=10**3).recognizer()
    long = many(guided.json_schema({"type": "integer"}), separator=",")
    assert long.parse(",".join(["1"] * 3000)) == [1] * 3000


@pytest.mark.parametrize("vocab", [byte_vocabulary(), wordy_vocabulary()], ids=["bytes", "wordy"])
def test_masks_across_the_borders_of_parts(vocab):
    """Tokens that end one part, hold a whole one, and begin a third."""
    words = guided.json_schema({"enum": ["a", "no"]})
    rng = random.Random(5)
    for composition in (
        seq(text(until="the"), words, ", ", words, text()),
        seq({"type": "number"}, optional("2"), many({"type": ["number", "null"]}, separator="-"), "on"),
        seq(guided.cfg('start: "ab" start "c" | "12"'), many({"type": "array"}, least=1), "yes"),
    ):
        for _ in range(4):
            matcher = Matcher(composition, vocab)
            for _ in range(14):
                allowed = ids_of(matcher.mask(), vocab.size)
                assert allowed == brute_mask(composition.recognizer(), matcher.text, vocab)
                tokens = sorted(allowed - set(vocab.eos_ids))
                if not tokens:
                    break
                matcher.advance(rng.choice(tokens))


def test_a_part_whose_stack_was_cut_knows_when_it_ends():
    """Deep stacks are cut for masks; whether the part ends is then asked of the whole stack."""
    vocab = wordy_vocabulary()
    composition = seq(guided.cfg('start: "(" start ")" | "a"'), text())
    matcher = Matcher(composition, vocab)
    for byte in b"(" * 40 + b"a" + b")" * 40:
        assert matcher.allows(byte)
        matcher.advance(byte)
        allowed = ids_of(matcher.mask(), vocab.size)
        assert allowed == brute_mask(composition.recognizer(), matcher.text, vocab)
    assert matcher.is_accepting
    assert np.count_nonzero(matcher.mask())
