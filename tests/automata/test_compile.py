"""Trees become the automata of their languages: against re, against the slow matcher, and by the laws of states."""

from __future__ import annotations

import itertools
import random
import re

import pytest

from guided import _fast
from guided.automata.compile import compile_dfa, fold
from guided.automata.syntax import (
    ANY_TEXT,
    NEVER,
    Ahead,
    Both,
    Concat,
    Literal,
    Node,
    Not,
    Repeat,
    Words,
    chars,
    concat,
    star,
    union,
)
from guided.errors import ConstraintError, LimitExceeded
from guided.limits import Limits
from tests.automata.trees import TEXTS, as_re, tree
from tests.oracle.slow_matcher import matches

A = Literal("a")


def compiled(seed: int, kinds: str, depth: int = 3) -> tuple[Node, _fast.Dfa]:
    """A random tree that can be compiled, and its automaton."""
    rng = random.Random(f"{kinds} {seed}")
    while True:
        node = tree(rng, depth, kinds)
        try:
            return node, compile_dfa(node)
        except ConstraintError:  # a lookahead in an unbounded repeat
            continue


@pytest.mark.parametrize("kinds", ["plain", "around"])
def test_random_trees_accept_what_re_matches(kinds: str) -> None:
    for seed in range(1000):
        node, dfa = compiled(seed, kinds, depth=2)  # re takes exponential time on nested repeats
        pattern = re.compile(as_re(node))
        for text in TEXTS:
            if len(text) < 7:
                assert dfa.accepts(text) == bool(pattern.fullmatch(text)), (seed, pattern.pattern, text)


@pytest.mark.parametrize("kinds", ["plain", "around", "boolean"])
def test_random_trees_accept_what_the_slow_matcher_does(kinds: str) -> None:
    for seed in range(150):
        node, dfa = compiled(seed + 1000, kinds)
        for text in TEXTS:
            assert dfa.accepts(text) == matches(node, text), (seed, node, text)


@pytest.mark.parametrize("kinds", ["plain", "around", "boolean"])
def test_a_state_is_alive_exactly_if_a_member_continues(kinds: str) -> None:
    """Alive: its completion is a member, says the slow matcher.  Dead: none of 40 continuations is."""
    for seed in range(60):
        node, dfa = compiled(seed + 2000, kinds)
        for text in TEXTS[:40]:
            state = dfa.run(dfa.start, text.encode())
            if state == _fast.DEAD:
                assert not any(matches(node, text + more) for more in TEXTS[:40]), (seed, node, text)
            else:
                assert matches(node, text + dfa.completion(state).decode()), (seed, node, text)


@pytest.mark.parametrize("kinds", ["plain", "around", "boolean"])
def test_completions_are_shortest(kinds: str) -> None:
    """Against breadth-first search over the states; `completions` finds the same for every label set."""
    for seed in range(150):
        _, dfa = compiled(seed + 3000, kinds)
        if dfa.start == _fast.DEAD:
            continue
        for text in random.Random(seed).sample(TEXTS, 8):
            state = dfa.run(dfa.start, text.encode())
            if state != _fast.DEAD:
                completion = dfa.completion(state)
                assert dfa.is_accepting(dfa.run(state, completion))
                assert len(completion) == shortest(dfa, state) == dfa.distance(state)
                assert {labels: len(way) for labels, way in dfa.completions(state).items()} == {(0,): len(completion)}


def shortest(dfa: _fast.Dfa, state: int) -> int:
    """Bytes to the nearest accepting state."""
    layer, seen = {state}, {state}
    for distance in itertools.count():
        if any(map(dfa.is_accepting, layer)):
            return distance
        layer = {dfa.step(here, byte) for here in layer for byte in dfa.live_bytes(here)} - seen
        seen |= layer
    raise AssertionError


SATURATED = [
    star(A),
    Repeat(chars("ab"), 0, 1000),
    Repeat(chars("ab"), 50, 60),
    Repeat(union(A, Literal("aa"), Literal("b")), 40, 90),
    Repeat(Concat((Repeat(A, 1, 40), Literal("b"))), 3, 50),
    Repeat(Repeat(Concat((A, Literal("b"))), 2, 30), 20, None),
    Concat((Repeat(union(A, Literal("b")), 20, None), Literal("a"), Repeat(chars("ab"), 5, 25))),
    Repeat(chars("aé\u0800"), 10, 40),
    Repeat(Literal("abab"), 4, 9),
    Repeat(Concat((Repeat(A, 1, None), Repeat(Literal("b"), 1, None))), 3, 8),
    Repeat(Concat((union(Literal("ab"), Repeat(Literal("bb"), 2, 4)), Repeat(A, 0, 1))), 2, 9),
]


@pytest.mark.parametrize("node", SATURATED, ids=as_re)
@pytest.mark.parametrize("horizon", [0, 1, 3, 6])
def test_saturated_states_cannot_be_told_apart_within_the_horizon(node: Node, horizon: int) -> None:
    dfa, rng = compile_dfa(node), random.Random(horizon)
    for _ in range(60):
        state = dfa.start
        for _ in range(rng.randint(0, 70)):
            ways = dfa.live_bytes(state)
            if not ways:
                break
            state = dfa.step(state, rng.choice(ways))
        same = dfa.saturate(state, _fast.Horizon(horizon))
        layer = {(state, same)}
        for _ in range(horizon + 1):
            for left, right in layer:
                assert (left == _fast.DEAD) == (right == _fast.DEAD)
                assert dfa.is_accepting(left) == dfa.is_accepting(right)
            layer = {
                (dfa.step(left, byte), dfa.step(right, byte))
                for left, right in layer
                for byte in b"ab\xc3\xa9\xe0\xa0\x80"
            }


def test_counts_far_from_their_bounds_share_one_state() -> None:
    dfa = compile_dfa(Repeat(chars("ab"), 0, 1000))
    states = {dfa.saturate(dfa.run(dfa.start, b"a" * n), _fast.Horizon(20)) for n in range(900)}
    assert len(states) == 1
    assert dfa.saturate(dfa.run(dfa.start, b"a" * 990), _fast.Horizon(20)) not in states


def test_long_rounds_are_far_from_their_bounds_sooner() -> None:
    dfa = compile_dfa(Repeat(Literal("abab"), 0, 40))
    states = [dfa.saturate(dfa.run(dfa.start, b"abab" * n), _fast.Horizon(40)) for n in range(40)]
    assert len(set(states[:28])) == 1  # at most 11 rounds end within 40 bytes
    assert len(set(states[28:])) == 12


WORD = Repeat(chars("ab"), 1, None)
WORDS = [
    Concat((Repeat(Concat((WORD, Repeat(Literal(" "), 1, None))), 0, 30), WORD)),
    Concat((Repeat(Concat((WORD, Literal(" "))), 3, 40), WORD)),
    Repeat(Concat((WORD, Repeat(Concat((Literal(" "), Repeat(A, 0, 1))), 2, 40))), 1, 30),
    Repeat(Concat((Repeat(Literal("ab"), 0, 1), Repeat(Literal(" a"), 0, 1))), 2, 50),
]


@pytest.mark.parametrize("node", WORDS, ids=as_re)
def test_saturated_states_cannot_be_told_apart_by_a_token(node: Node) -> None:
    dfa, rng = compile_dfa(node), random.Random(5)
    tokens = ["".join(rng.choice("ab  ") for _ in range(rng.randint(1, 4))).encode() for _ in range(40)]
    tokens += [b" " * 60, b"a" * 60, b"ab" * 30]
    horizon = _fast.TokenHorizon(_fast.Trie(tokens))
    for _ in range(200):
        state = dfa.start
        for _ in range(rng.randint(0, 120)):
            state = dfa.step(state, rng.choice(dfa.live_bytes(state) or b"a"))
            if state == _fast.DEAD or not dfa.live_bytes(state):
                break
        if state == _fast.DEAD:
            continue
        same = dfa.saturate(state, horizon)
        for token in tokens:
            for end in range(len(token) + 1):
                left, right = dfa.run(state, token[:end]), dfa.run(same, token[:end])
                assert (left == _fast.DEAD) == (right == _fast.DEAD)
                assert dfa.is_accepting(left) == dfa.is_accepting(right)


def test_words_are_counted_by_those_that_one_token_holds() -> None:
    dfa = compile_dfa(Repeat(Concat((WORD, Repeat(Literal(" "), 1, None))), 0, 30))
    horizon = _fast.TokenHorizon(_fast.Trie([b" " * 128, b"a" * 100, b"a b a b a", b"a", b" "]))
    states = [dfa.saturate(dfa.run(dfa.start, b"a " * n), horizon) for n in range(1, 31)]
    assert len(set(states[:23])) == 1  # at most five words end in a token
    assert len(set(states[23:])) == 7


# ---- labels ----


def test_labels_name_the_alternatives_that_are_complete() -> None:
    dfa = compile_dfa({3: Literal("ab"), 7: Repeat(chars("ab"), 2, 3), 5: Words(("a", "ba"))})
    assert dfa.labels(dfa.start) == ()
    assert dfa.labels(dfa.run(dfa.start, b"a")) == (5,)
    assert dfa.labels(dfa.run(dfa.start, b"ab")) == (3, 7)
    assert dfa.labels(dfa.run(dfa.start, b"ba")) == (5, 7)
    assert dfa.labels(dfa.run(dfa.start, b"bab")) == (7,)
    assert dfa.labels(_fast.DEAD) == ()
    assert {labels: len(text) for labels, text in dfa.completions(dfa.start).items()} == {
        (5,): 1,
        (3, 7): 2,
        (5, 7): 2,
        (7,): 2,
    }


def test_accept_drops_states_that_reach_no_wanted_label_set() -> None:
    key = Repeat(chars((0x61, 0x7A)), 1, 4)
    dfa = compile_dfa({0: Literal("ab"), 1: key}, accept=lambda labels: labels == (1,))
    assert not dfa.accepts("ab") and dfa.accepts("a") and dfa.accepts("abc") and dfa.accepts("abcd")
    only = compile_dfa({0: Literal("abcd"), 1: key}, accept=lambda labels: 0 in labels)
    assert only.accepts("abcd") and only.run(only.start, b"b") == _fast.DEAD
    assert only.labels(only.run(only.start, b"abcd")) == (0, 1)
    assert compile_dfa({0: A}, accept=lambda labels: False).start == _fast.DEAD


def test_final_states_are_complete_and_closed() -> None:
    dfa = compile_dfa(Words(("a", "ab")))
    assert not dfa.is_final(dfa.start)
    assert not dfa.is_final(dfa.run(dfa.start, b"a"))
    assert dfa.is_final(dfa.run(dfa.start, b"ab"))


def test_fingerprints_tell_automata_by_content() -> None:
    first, again, other = (compile_dfa(Repeat(A, 0, n)) for n in (5, 5, 6))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert compile_dfa(NEVER).fingerprint != first.fingerprint


# ---- edges of the language ----


@pytest.mark.parametrize(
    "node", [NEVER, chars(), Words(()), Concat((A, NEVER)), Both((A, Literal("b"))), Repeat(NEVER, 1, 2)]
)
def test_an_empty_language_starts_dead(node: Node) -> None:
    assert compile_dfa(node).start == _fast.DEAD


def test_texts_are_utf8_and_nothing_else() -> None:
    """Every string of up to 2 bytes, longer ones around surrogates and overlong forms, against Python's decoder."""
    dfa = compile_dfa(ANY_TEXT)
    strings = [bytes(t) for n in (0, 1, 2) for t in itertools.product(range(256), repeat=n)]
    strings += [
        bytes([a, b, c]) for a in (0xE0, 0xE1, 0xED, 0xEF) for b in range(0x70, 0xD0) for c in (0x7F, 0x80, 0xBF, 0xC0)
    ]
    strings += [bytes([a, b, 0x80, 0xBF]) for a in range(0xEF, 0xF8) for b in range(0x78, 0xC8)]
    for string in strings:
        try:
            string.decode()
            valid = True
        except UnicodeDecodeError:
            valid = False
        assert dfa.accepts(string) == valid, string


@pytest.mark.parametrize("outer", [(0, 1), (0, 2), (1, 2), (2, 2), (2, 3), (0, None), (1, None), (2, None), (3, 5)])
@pytest.mark.parametrize(
    "inner", [(0, 1), (0, 3), (1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (3, 4), (0, None), (1, None), (2, None)]
)
def test_nested_repeats_are_folded_only_where_that_is_exact(outer: tuple, inner: tuple) -> None:
    node = Repeat(Repeat(A, *inner), *outer)
    body, least, most = fold(node)
    folded = {n for n in range(26) if body == A and n >= least and (most is None or n <= most)}
    wanted = {n for n in range(26) if matches(node, "a" * n)}
    assert body != A or folded == wanted
    assert {n for n in range(26) if compile_dfa(node).accepts("a" * n)} == wanted


# ---- size ----


def test_counted_repeats_cost_the_same_for_every_count() -> None:
    sizes = set()
    for most in (10, 1000, 2**31 - 1):
        dfa = compile_dfa(Repeat(chars("ab"), 3, most))
        dfa.run(dfa.start, b"ab" * 4)
        sizes.add(dfa.n_states)
    assert sizes == {9}
    nested = compile_dfa(Repeat(Concat((Repeat(A, 1, 1000), Literal("b"))), 1, 1000))
    assert nested.accepts("aab" * 1000) and not nested.accepts("aab" * 1001)


def test_overlapping_counts_stay_small() -> None:
    dfa = compile_dfa(Repeat(union(A, Literal("aa")), 0, 1000))
    assert dfa.accepts("a" * 2000) and not dfa.accepts("a" * 2001)
    assert dfa.n_states <= 2002


def test_completions_of_large_counts_are_exact() -> None:
    dfa = compile_dfa(Concat((Repeat(Concat((Repeat(A, 20, 30), Literal("b"))), 300, 400), Literal("c"))))
    state = dfa.run(dfa.start, b"a" * 25)
    assert dfa.completion(state) == b"b" + (b"a" * 20 + b"b") * 299 + b"c"
    assert dfa.n_states < 40


@pytest.mark.parametrize(
    ("node", "limit"),
    [
        (Literal("a" * 2000), "max_nfa_states"),
        (Both((concat(ANY_TEXT, A, Repeat(chars("ab"), 12, 12)), ANY_TEXT)), "max_dfa_states"),
        (
            Repeat(Repeat(Concat((Repeat(Concat((A, Repeat(A, 2, 2**29))), 2, 2**29), A)), 2, 2**29), 2, 3),
            "max_nfa_states",
        ),
    ],
    ids=["long", "determinisation", "nest"],
)
def test_limits_are_named(node: Node, limit: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        compile_dfa(node, limits=Limits(max_nfa_states=1000, max_dfa_states=1000))
    assert caught.value.limit == limit


def test_states_are_limited_while_reading() -> None:
    dfa = compile_dfa(concat(star(chars("ab")), A, Repeat(chars("ab"), 40, 40)), limits=Limits(max_states=500))
    rng = random.Random(0)
    with pytest.raises(LimitExceeded, match="max_states"):
        dfa.run(dfa.start, bytes(rng.choice(b"ab") for _ in range(5000)))


def test_deep_trees_do_not_recurse() -> None:
    node: Node = A
    for _ in range(20_000):
        node = Repeat(Concat((A, node)), 0, 1)
    dfa = compile_dfa(node)
    assert dfa.accepts("a" * 19_999) and dfa.accepts("a" * 20_001)
    assert not dfa.accepts("a" * 20_000) and not dfa.accepts("a" * 20_002)
    deep: Node = A
    for _ in range(20_000):
        deep = Not(deep)
    assert compile_dfa(deep).accepts("a")


def test_lookahead_in_an_unbounded_repeat_is_refused() -> None:
    with pytest.raises(ConstraintError, match="unbounded"):
        compile_dfa(star(Concat((Ahead(A), chars("ab")))))
