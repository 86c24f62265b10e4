"""guided.cfg accepts exactly what Lark parses, and nothing it lets one write is a dead end: Lark is the judge of
both.
"""

from __future__ import annotations

import itertools

import pytest

import guided
from guided._fast import DEAD
from tests.context_free.random_grammars import random_grammar
from tests.oracle.lark_parse import LarkOracle, TooSlow, alarm

# grammar, alphabet, longest text; the point of each is in its name
HAND_MADE = {
    "not the longest match": ("start: (A | B)+\nA: /a+/\nB: \"aab\"", "ab", 7),
    "order inside a pattern": ("start: A B?\nA: /a|ab/\nB: /b/", "ab", 6),
    "words by width": ('start: (A | "c")+\nA: "a" | "ab"', "abc", 5),
    "lazy": ("start: A B\nA: /a.*?b/\nB: /b+/", "ab", 8),
    "gives back": ("start: (A | B)+\nA: /a(b*c)?/\nB: /b/", "abc", 6),
    "keyword or name": ('start: "if" NAME | NAME\nNAME: /[a-z]+/\n%ignore " "', "if ", 6),
    "keyword in another context": ('start: "do" NAME | NAME "x"\nNAME: /[dox]+/', "dox", 5),
    "keyword without case": ('start: ("if"i | NAME)+\nNAME: /[a-z]+/\n%ignore " "', "ifIF ", 4),
    "priorities": ("start: (A | B)+\nA.2: /a/\nB: /ab?/", "ab", 7),
    "ignored word becomes a token": ('start: NAME*\nNAME: /[a-z]+/\n%ignore "ab"', "ab", 6),
    "two comments": ('start: "a"*\n%ignore /#[^\\n]*/\n%ignore /\\/\\*(b|\\*b)*\\*\\//', "a#/*b\n", 4),
    "look-behind": ('start: S+\nS: /"a*?(?<!b)(bb)*?"/', 'ab"', 7),
    "escaped string": ("start: ESCAPED_STRING+\n%import common.ESCAPED_STRING", 'a\\"', 7),
    "start of the text": ("start: (A | B)+\nA: /^a/\nB: /b|a+b/", "ab", 6),
    "nullable": ('start: a b? "x"\na: "a"*\nb: "b" | ', "abx", 6),
    "nested": ('start: "(" start* ")" | "[" start "]"', "()[]", 6),
    "right recursion": ('start: "a" start "b" | "a" start | "c"', "abc", 6),
    "floats and ranges": ('start: n (".." n)*\nn: INT | FLOAT\nINT: /1+/\nFLOAT: /1+\\.1*/', "1.", 9),
    "templates": ('start: list{"a"}\nlist{x}: "[" [x ("," x)*] "]"', "a[],", 6),
    "characters of several bytes": ("start: (A | B)+\nA: /[é-ü]/\nB: /(?<=é)x/", "éüx", 4),
}  # fmt: skip


def check_all_texts(grammar: str, alphabet: str, longest: int) -> int:
    """Compare every text, and complete every prefix that is alive.  Returns the number of texts."""
    oracle = LarkOracle(grammar)
    try:
        recognizer = guided.cfg(grammar, parser="lalr").recognizer()
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
            parses = oracle.parses(text)
            assert parses == (state != DEAD and recognizer.is_accepting(state)), text
            if state != DEAD:
                whole = text + recognizer.completion(state).decode()
                assert oracle.parses(whole), (text, whole)
    return n_texts


@pytest.mark.parametrize("name", sorted(HAND_MADE))
def test_every_short_text_is_judged_as_lark_judges_it(name):
    grammar, alphabet, longest = HAND_MADE[name]
    while len(alphabet) ** longest > 1_500:
        longest -= 1
    assert check_all_texts(grammar, alphabet, longest) > 50


@pytest.mark.parametrize("seed", range(40))
def test_random_grammars_are_read_as_lark_reads_them(seed):
    grammar = random_grammar(seed)
    try:
        LarkOracle(grammar)
    except Exception as refusal:  # Lark raises what its parts raise
        with alarm(20), pytest.raises(guided.GrammarError):
            guided.cfg(grammar, parser="lalr")
        assert str(refusal)
        return
    try:
        assert check_all_texts(grammar, "abc", 4) == 121
    except TooSlow:
        pytest.skip("Lark reduces for ever on this grammar")


def test_a_grammar_without_texts_is_refused_when_compiled():
    with pytest.raises(guided.GrammarError, match="no text fits rule start"):
        guided.cfg("start: A A\nA: /a+/")
    assert guided.cfg('start: A " " A\nA: /a+/').accepts("aa a")


def test_only_the_lookaheads_of_the_stack_are_alive():
    """LALR tables merge contexts: `)` is an action after any number, but a dead end outside brackets."""
    recognizer = guided.cfg('start: sum\nsum: sum "+" atom | atom\natom: "1" | "(" sum ")"').recognizer()
    assert recognizer.live_bytes(recognizer.run(recognizer.start, b"1")) == b"+"
    assert recognizer.live_bytes(recognizer.run(recognizer.start, b"(1")) == b")+"
    assert recognizer.live_bytes(recognizer.run(recognizer.start, b"(1)")) == b"+"


def test_deep_nesting_costs_no_recursion():
    constraint = guided.cfg('start: "[" start? "]"')
    recognizer = constraint.recognizer()
    state = recognizer.run(recognizer.start, b"[" * 20_000)
    assert recognizer.completion(state) == b"]" * 20_000
    assert constraint.accepts(b"[" * 20_000 + b"]" * 20_000)
    assert not constraint.accepts(b"[" * 20_000 + b"]" * 20_001)


def test_lists_stay_in_a_bounded_number_of_states():
    constraint = guided.cfg('start: "[" [NUMBER ("," NUMBER)*] "]"\nNUMBER: /[0-9]+/')
    recognizer = constraint.recognizer()
    recognizer.run(recognizer.start, b"[1,2,3,4,5")
    before = recognizer.n_states
    recognizer.run(recognizer.start, b"[1" + b",23" * 10_000)
    assert recognizer.n_states == before
