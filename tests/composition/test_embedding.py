"""Grammars with other languages inside: what Lark says once embedded pieces are replaced by a placeholder."""

from __future__ import annotations

import random
import re

import lark
import pytest

import guided
from guided import Matcher, _fast
from guided.errors import GrammarError
from tests.composition.leaves import all_texts
from tests.laws.vocabularies import byte_vocabulary, wordy_vocabulary
from tests.oracle.brute_mask import brute_mask, ids_of

MARK = "\uf8ff"  # Lark's placeholder here: one that no terminal below matches


def pieces(text, fits, most=3):
    """All texts with up to `most` pieces that fit replaced by the mark."""
    waiting, seen = [(text, 0, 0)], set()
    while waiting:
        here, start, n = waiting.pop()
        yield here
        if n < most:
            for first in range(start, len(here)):
                for end in range(first + 1, len(here) + 1):
                    if fits(here[first:end]):
                        other = (here[:first] + MARK + here[end:], first + 1, n + 1)
                        if other not in seen:
                            seen.add(other)
                            waiting.append(other)


def lark_takes(parser, text) -> bool:
    try:
        parser.parse(text)
    except lark.exceptions.LarkError:
        return False
    return True


GRAMMARS = [  # with X for the embedded language; an embedded pattern
    ('start: "a" X "b"', "[ab]+"),
    ("start: NAME X\nNAME: /[a-b]+/", "b+a"),
    ("start: X (SEP X)*\nSEP: /,/", "a|b|ab"),
    ('start: "a" [X] start | "b"', "b+"),
    ("start: NAME (X | NAME)\nNAME: /a+/\n%ignore /,/", "a,|b"),
    ('start: x\nx: "(" x ")" | X | "b"', r"\(?[ab]+\)?"),
]


@pytest.mark.parametrize(("grammar", "pattern"), GRAMMARS)
def test_the_language_is_lark_s_with_pieces_replaced(grammar, pattern):
    compiled, vocab = re.compile(pattern), byte_vocabulary()
    parser = lark.Lark(f'{grammar}\nX: "{MARK}"', parser="lalr")
    constraint = guided.cfg(grammar, embed={"X": guided.regex(pattern)})
    recognizer = constraint.recognizer()
    assert isinstance(recognizer, _fast.Embedding)
    alphabet = "ab()" if '"("' in grammar else "ab,"
    n_members = 0
    for text in all_texts(alphabet, 5):
        wanted = any(lark_takes(parser, given) for given in pieces(text, lambda t: compiled.fullmatch(t) is not None))
        assert constraint.accepts(text) == wanted, text
        n_members += wanted
        if wanted:
            matcher = Matcher(constraint, vocab)
            for byte in text.encode():
                assert matcher.allows(byte)
                matcher.advance(byte)
            assert matcher.is_accepting
        state = recognizer.run(recognizer.start, text.encode())
        if state != _fast.DEAD:
            assert recognizer.accepts(text.encode() + recognizer.completion(state))
    assert n_members > 3


CALLS = """
start: call (";" call)*
call: NAME "(" [args ("," args)*] ")"
NAME: /[a-z_]+/
%ignore " "
"""


def test_calls_with_json_arguments():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    constraint = guided.cfg(CALLS, embed={"args": schema})
    for text, wanted in {
        'f({"a": ");("})': True,
        'f ( {"a":"x"} , {"a":"y"} ) ; g()': True,
        'f({"b": 1})': False,
        'f({"a": "x"}': False,
        "f(\U0010ff00)": False,
        'f({"a": "\U0010ff00"})': True,
    }.items():
        assert constraint.accepts(text) == wanted, text
    assert constraint.explain()["embedded"]["args"]["recognizer"]


@pytest.mark.parametrize("vocab", [byte_vocabulary(), wordy_vocabulary()], ids=["bytes", "wordy"])
def test_masks_inside_and_around_embedded_json(vocab):
    constraint = guided.cfg(CALLS, embed={"args": {"type": "object"}})
    rng = random.Random(3)
    for _ in range(6):
        matcher = Matcher(constraint, vocab)
        for byte in b'the({"a' if rng.random() < 0.5 else b"":
            matcher.advance(byte)
        for _ in range(15):
            allowed = ids_of(matcher.mask(), vocab.size)
            assert allowed == brute_mask(constraint.recognizer(), matcher.text, vocab)
            tokens = sorted(allowed - set(vocab.eos_ids))
            matcher.advance(rng.choice(tokens))
        assert constraint.accepts(matcher.text + constraint.recognizer().completion(matcher.state))


@pytest.mark.parametrize(
    ("grammar", "embed", "message"),
    [
        ('start: "a" X', {"X": guided.regex("b*")}, "empty text"),
        ('start: "a" X\nX: "b"', {"X": guided.regex("b")}, "line 2, column 1: X is embedded"),
        ('start: "a"', {"X": guided.regex("b")}, "does not use"),
        ('start: "a" X', {"x y": guided.regex("b")}, "is named in lower case"),
        ('start: "\U00101234" X', {"X": guided.regex("b")}, "line 1, column 9: .*plane 16"),
        ('start: "a" X Y', {"X": guided.regex("b")}, "Y"),
        ('start: "a" X', {"X": None}, "no language"),
    ],
)
def test_what_cannot_be_embedded_says_why(grammar, embed, message):
    with pytest.raises(GrammarError, match=message):
        guided.cfg(grammar, embed=embed)


def test_declared_terminals_are_embedded_by_name_and_files_as_well(tmp_path):
    path = tmp_path / "call.lark"
    path.write_text('start: "do" ARGS OTHER\n%declare ARGS\nOTHER: "!"\n', encoding="utf-8")
    constraint = guided.cfg(path, embed={"ARGS": {"type": "integer"}})
    assert constraint.accepts("do12!") and not constraint.accepts("do!")
    two = guided.cfg("start: (A | B)+\n%declare A B", embed={"A": guided.regex("a"), "B": guided.regex("b,")})
    assert two.accepts("ab,a") and not two.accepts("ab")
