"""Grammars that are not LALR: guided.cfg accepts what Lark's Earley parser parses, and has no dead ends."""

from __future__ import annotations

import itertools

import pytest

import guided
from guided._fast import DEAD
from tests.context_free.random_grammars import random_grammar
from tests.oracle.brute_mask import brute_mask, ids_of
from tests.oracle.lark_parse import LarkOracle, TooSlow, alarm

HAND_MADE = {
    "ambiguous": ('start: start start | "a" | "b"', "ab", 6),
    "palindromes": ('start: "a" start "a" | "b" start "b" | "a" | "b" | ', "ab", 8),
    "left and right recursion": ('start: start "a" | "b" start | "c"', "abc", 6),
    "hidden left recursion": ('start: x start "a" | "b"\nx: "c"?', "abc", 6),
    "cyclic": ('start: start | x | "a"\nx: start | x x | "b"', "ab", 6),
    "two ways to the same text": ('start: A s | B s\ns: start | "c"\nA: /a/\nB: /[ab]/', "abc", 6),
    "nullable all over": ('start: x x x\nx: "a"? y\ny: x? "b"?', "ab", 6),
    "a terminal is read whole": ('start: A A "b" | A "b" "b"\nA: /a+/', "ab", 7),
    "ignored text before and after": ('start: A+ "b" | A A+\nA: "a"\n%ignore / +/', "ab ", 6),
    "ignored as well as expected": ('start: A B A | A A\nA: "a"\nB: "b"\n%ignore B', "ab", 7),
    "priorities do not matter": ("start: a | b\na.2: A A\nb: B+\nA.3: /a|ab/\nB: /[ab]/", "ab", 6),
    "templates": ('start: pair{x, x} | pair{x, y}\npair{l, r}: l r | r l\nx: "a" x?\ny: "b" y? | x', "ab", 6),
    "look-ahead": ('start: (A | B)+ | B A\nA: /a(?!b)/\nB: /b(?=a|$)|ab/', "ab", 7),
    "look-behind": ('start: (A | B | C)+ | A\nA: /(?<!b)a/\nB: "b"\nC: /(?<=b)aa/', "ab", 7),
}  # fmt: skip


def check_all_texts(grammar: str, alphabet: str, longest: int, lexer: str) -> int:
    """Compare every text, and complete every prefix that is alive.  Returns the number of texts."""
    oracle = LarkOracle(grammar, lexer=lexer)
    try:
        recognizer = guided.cfg(grammar, parser="earley", lexer=lexer).recognizer()
    except guided.GrammarError as error:
        if "no text fits" not in str(error) and "no finite text" not in str(error):
            raise
        recognizer = None
    n_texts = 0
    for length in range(longest + 1):
        for letters in itertools.product(alphabet, repeat=length):
            text = "".join(letters)
            n_texts += 1
            state = DEAD if recognizer is None else recognizer.run(recognizer.start, text.encode())
            accepted = state != DEAD and recognizer.is_accepting(state)
            parses = oracle.parses(text)
            assert accepted or parses is not None, text  # where Lark gives up, the grammar derives the text
            assert parses in (None, accepted), text
            if state != DEAD and not accepted:
                whole = text + recognizer.completion(state).decode()
                assert oracle.parses(whole) is not False, (text, whole)
    return n_texts


@pytest.mark.parametrize("lexer", ["dynamic", "dynamic_complete"])
@pytest.mark.parametrize("name", sorted(HAND_MADE))
def test_every_short_text_is_judged_as_lark_judges_it(name, lexer):
    grammar, alphabet, longest = HAND_MADE[name]
    while len(alphabet) ** longest > 300:
        longest -= 1
    if lexer == "dynamic_complete" and name.startswith("look"):
        with pytest.raises(guided.GrammarError, match="looks around"):
            guided.cfg(grammar, lexer=lexer)
        return
    assert check_all_texts(grammar, alphabet, longest, lexer) > 50


def check_random(seed: int, lexer: str) -> None:
    grammar = random_grammar(seed)
    try:
        LarkOracle(grammar, lexer=lexer)
    except Exception as refusal:  # Lark raises what its parts raise
        with alarm(20), pytest.raises(guided.GrammarError):
            guided.cfg(grammar, lexer=lexer)
        assert str(refusal)
        return
    try:
        assert check_all_texts(grammar, "abc", 4, lexer) == 121
    except TooSlow:
        pytest.skip("Lark takes too long")
    except guided.GrammarError as error:
        assert "looks around" in str(error)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("lexer", ["dynamic", "dynamic_complete"])
def test_random_grammars_are_read_as_lark_reads_them(seed, lexer):
    check_random(seed, lexer)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 400))
@pytest.mark.parametrize("lexer", ["dynamic", "dynamic_complete"])
def test_more_random_grammars_are_read_as_lark_reads_them(seed, lexer):
    check_random(seed, lexer)


def test_auto_takes_lalr_where_it_can_and_says_so():
    assert guided.cfg('start: "a"+').explain()["parser"] == "lalr, contextual lexer"
    ambiguous = guided.cfg('start: a "x" | a "y"\na: "x"*')
    assert ambiguous.explain()["parser"] == "earley, dynamic lexer"
    assert "Shift/Reduce" in ambiguous.explain()["conflicts"]
    assert ambiguous.accepts("x")
    assert not guided.cfg('start: a "x" | a "y"\na: "x"*', parser="lalr").accepts("x")
    assert guided.cfg("start: A A\nA: /a+/", lexer="dynamic_complete").accepts("aaa")
    with pytest.raises(guided.GrammarError, match="no text fits"):
        guided.cfg("start: A A\nA: /a+/", parser="earley")
    with pytest.raises(guided.GrammarError, match="goes with parser='earley'"):
        guided.cfg('start: "a"', parser="lalr", lexer="dynamic")


def test_exponential_ambiguity_makes_one_state_a_byte():
    recognizer = guided.cfg('start: start start start | start start | "a" | "a" "a"').recognizer()
    assert recognizer.is_accepting(recognizer.run(recognizer.start, b"a" * 100))
    assert recognizer.n_states <= 101


@pytest.mark.parametrize("grammar", ['start: "a" start | "a" | "a" "a"', 'start: start "a" | "a" | "a" "a"'])
def test_recursion_on_one_side_makes_no_states(grammar):
    recognizer = guided.cfg(grammar, parser="earley").recognizer()
    recognizer.run(recognizer.start, b"a" * 20)
    before = recognizer.n_states
    assert recognizer.is_accepting(recognizer.run(recognizer.start, b"a" * 20_000))
    assert recognizer.n_states == before


def test_deep_nesting_costs_no_recursion():
    recognizer = guided.cfg('start: "[" start? "]" | "[" "]"', parser="earley").recognizer()
    state = recognizer.run(recognizer.start, b"[" * 2_000)
    assert recognizer.completion(state) == b"]" * 2_000
    assert recognizer.is_accepting(recognizer.run(state, b"]" * 2_000))
    assert recognizer.run(state, b"]" * 2_001) == DEAD


TOKENS = [bytes([byte]) for byte in range(256)] + [b"]" * n for n in range(1, 12)]
TOKENS += [b"0]]]", b"[[0", b"0,0", b"]],[["]
VOCAB = guided.Vocabulary(TOKENS, eos_ids={len(TOKENS)}, size=len(TOKENS) + 1)
NESTED = """
start: value
value: "[" [value ("," value)*] "]" | NUMBER | NUMBER NUMBER
NUMBER: /[0-9]+/
%ignore " "
"""


@pytest.mark.parametrize("lexer", ["dynamic", "dynamic_complete"])
@pytest.mark.parametrize("text", [b"", b"[", b"[0", b"[[[[[[[[0", b"[[[[[[[[[[0]]", b"[" * 9 + b"0,1 2", b"0 0"])
def test_masks_are_those_of_asking_every_token(text, lexer):
    constraint = guided.cfg(NESTED, parser="earley", lexer=lexer)
    matcher = guided.Matcher(constraint, VOCAB)
    for byte in text:
        matcher.advance(byte)
    assert ids_of(matcher.mask(), VOCAB.size) == brute_mask(constraint.recognizer(), text, VOCAB)
