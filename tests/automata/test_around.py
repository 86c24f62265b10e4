"""Anchors, word boundaries and lines, anywhere in a pattern: against re, and against ECMA-262 written as re."""

from __future__ import annotations

import itertools
import random
import re

import pytest

from guided import _fast
from guided.automata.compile import compile_dfa
from guided.automata.parse import parse
from guided.automata.syntax import ANY_TEXT, concat
from guided.errors import ConstraintError, LimitExceeded
from guided.limits import Limits
from tests.automata.test_parse import fullmatch

LEAVES = ["a", "b", "é", "-", " ", "ab", r"\w", r"\W", ".", "[a-]", r"[^a]", r"\n", "", "a b", "x|-", "é |a-|ab"]
ASSERTIONS = [r"\b", r"\B", "^", "$", r"\A", r"\Z", r"(?a:\b)", r"(?a:\B)", "(?m:^)", "(?m:$)"]
REPEATS = ["*", "+", "?", "{2}", "{0,2}", "{1,3}", "{2,}", "{3,4}", "{0}"]
TEXTS = ["".join(t) for n in range(4) for t in itertools.product("aé- \n", repeat=n)] + [
    "ab", "ab ab", "a b-a", "abab", "bab", "x", "a\nb\na", "aa-aa", "a-é a", "é\na b\n", "----", "a   a", "ééé-",
]  # fmt: skip


def pattern(rng: random.Random, depth: int) -> str:
    """A random pattern that asks what stands around it."""
    dice = rng.random()
    if depth == 0 or dice < 0.15:
        return rng.choice(ASSERTIONS) if rng.random() < 0.4 else f"(?:{rng.choice(LEAVES)})"
    if dice < 0.55:
        return "".join(pattern(rng, depth - 1) for _ in range(rng.randint(2, 3)))
    if dice < 0.7:
        return f"(?:{'|'.join(pattern(rng, depth - 1) for _ in range(2))})"
    if dice < 0.78:
        return f"(?{rng.choice('=!')}{pattern(rng, depth - 1)})"
    return f"(?:{pattern(rng, depth - 1)}){rng.choice(REPEATS)}"


def searching(text: str, dialect: str = "python") -> _fast.Dfa:
    return compile_dfa(concat(ANY_TEXT, parse(text, dialect=dialect), ANY_TEXT))


@pytest.mark.parametrize("seed", range(12))
def test_random_patterns_that_look_around_mean_what_they_mean_in_re(seed: int) -> None:
    """Per seed 40 patterns, 60 texts each, as full match and as search."""
    rng, compared = random.Random(seed), 0
    for _ in range(40):
        text = pattern(rng, 3)
        theirs, anywhere = re.compile(text), re.compile(rf"(?s:.*)(?:{text})(?s:.*)")
        try:
            ours, found = compile_dfa(parse(text)), searching(text)
        except ConstraintError as error:
            assert "unbounded repeat" in str(error), (text, error)
            continue
        compared += 1
        for sample in rng.sample(TEXTS, 60):
            wanted, searched = fullmatch(theirs, sample), fullmatch(anywhere, sample)
            if wanted is None or searched is None:  # a pattern for which re takes exponential time
                break
            assert ours.accepts(sample) == wanted, (text, sample)
            assert found.accepts(sample) == searched, (text, sample)
        if ours.start != _fast.DEAD:  # a state is alive only if it can be completed
            assert theirs.fullmatch(ours.completion(ours.start).decode()), text
    assert compared > 20


def as_ecma(text: str) -> str:
    """A pattern of ECMA-262 in Python's words: ASCII classes, `$` is the true end, \\B holds in the empty text."""
    text = re.sub(r"\\Z|\$|\(\?m:\$\)", r"\\Z", text).replace("(?m:^)", "^").replace(".", r"[^\n\r\u2028\u2029]")
    text = text.replace("(?a:", "(?:").replace(r"\B", r"(?:\A\Z|\B)")
    return f"(?a:{text})"


@pytest.mark.parametrize("seed", range(6))
def test_random_ecma_patterns_that_look_around_mean_what_they_mean_in_re(seed: int) -> None:
    rng = random.Random(seed + 1000)
    for _ in range(60):
        text = pattern(rng, 3).replace("(?m:", "(?:").replace(r"\A", "^").replace(r"\Z", "$").replace("(?a:", "(?:")
        theirs = re.compile(rf"(?s:.*)(?:{as_ecma(text)})(?s:.*)")
        try:
            found = searching(text, "ecma")
        except ConstraintError as error:
            assert "unbounded repeat" in str(error), (text, error)
            continue
        for sample in rng.sample(TEXTS, 60):
            wanted = fullmatch(theirs, sample)
            if wanted is None:
                break
            assert found.accepts(sample) == wanted, (text, sample)


@pytest.mark.parametrize(
    ("text", "members", "others"),
    [
        (r"(?:\bfoo\b ?)+", ["foo", "foo foo"], ["foofoo", "foo "[:3] + "o"]),
        (r"(a|^b|c$)*", ["", "b", "ba", "aac", "c"], ["ab", "ca"]),
        (r"(?m)(?:^\w+$\n?)*", ["", "ab\ncd", "ab\ncd\n"], ["ab cd", "\n\n"]),
        (r"\w+\b.\b\w+", ["a-b", "é é"], ["ab", "a--b"]),
        (r".*\B.*", ["ab", "--"], ["a", "", "a-b"]),
        (r"(?a)\bé\b.*", [], ["é", "éa"]),
        (r"(?a)é\ba", ["éa"], ["é"]),
    ],
)
def test_what_stands_around_a_place(text: str, members: list[str], others: list[str]) -> None:
    dfa = compile_dfa(parse(text))
    assert all(dfa.accepts(member) == bool(re.fullmatch(text, member)) for member in [*members, *others])
    assert [dfa.accepts(member) for member in members] == [True] * len(members)
    assert [dfa.accepts(other) for other in others] == [False] * len(others)


def test_counted_repeats_stay_counted_between_boundaries() -> None:
    """One copy of the body and its counter: a million rounds cost what ten cost."""
    sizes = set()
    for most in (10, 1_000_000):
        dfa = compile_dfa(parse(rf"\b[a-z ]{{3,{most}}}\b!(?:\b|-)"), limits=Limits(max_nfa_states=200))
        assert dfa.accepts("a b c!-") and not dfa.accepts("a b !-") and not dfa.accepts("ab!-")
        sizes.add(dfa.n_states)
    assert len(sizes) == 1
    assert dfa.accepts("a" * 5_000 + "!-")


def test_rounds_that_look_around_are_copied_within_a_limit() -> None:
    dfa = compile_dfa(parse(r"(?:\b[a-z]+\b ?){2,300}"))
    assert dfa.accepts("ab " * 300) and not dfa.accepts("ab " * 301) and not dfa.accepts("ab ")
    with pytest.raises(LimitExceeded, match="a repeated lookahead or anchor"):
        compile_dfa(parse(r"(?:\b[a-z]+\b ?){2,300000}"))


def test_thousands_of_lookaheads_and_boundaries_do_not_recurse() -> None:
    dfa = compile_dfa(parse(r"(?:\b|a)" * 3_000 + "(?=a)" * 200 + "a{3}"))
    assert dfa.accepts("aaa")
    deep = "(?:" * 3_000 + r"\b" + ")?" * 3_000 + "ab"
    assert compile_dfa(parse(deep)).accepts("ab")
