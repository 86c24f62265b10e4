"""Masks over stacks deeper than what a mask is made for: tokens that pop everything are decided by the whole stack."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import guided
from tests.oracle.brute_mask import brute_mask, ids_of

CLOSERS = [b"]" * length for length in range(1, 40)] + [
    b")" * 7,
    b"])" * 9,
    b"]]]],",
    b"0]]]]]]]]]]",
    b"]" * 25 + b"]]x",
]
TOKENS = [bytes([byte]) for byte in range(256)] + CLOSERS
VOCAB = guided.Vocabulary(TOKENS, eos_ids={len(TOKENS)}, size=len(TOKENS) + 1)
NESTED = 'start: value\nvalue: "[" [value ("," value)*] "]" | "(" value ")" | "0"'
RIGHT = 'start: x "]"\nx: "0" x | ")"'


@pytest.mark.parametrize(
    "text", [b"[" * 25, b"[" * 25 + b"0", b"[(" * 9 + b"[0]", b"[[[0,[" * 3, b"[" * 3, b"([" * 5 + b"]"]
)
def test_tokens_that_close_many_brackets_are_decided_exactly(text):
    constraint = guided.cfg(NESTED)
    matcher = guided.Matcher(constraint, VOCAB)
    for byte in text:
        matcher.advance(byte)
    assert ids_of(matcher.mask(), VOCAB.size) == brute_mask(constraint.recognizer(), text, VOCAB)


@pytest.mark.parametrize("n_zeros", [0, 1, 5, 6, 7, 30])
def test_one_lexeme_that_pops_the_whole_stack_is_decided_exactly(n_zeros):
    constraint = guided.cfg(RIGHT)
    matcher = guided.Matcher(constraint, VOCAB)
    for byte in b"0" * n_zeros:
        matcher.advance(byte)
    text = b"0" * n_zeros
    assert ids_of(matcher.mask(), VOCAB.size) == brute_mask(constraint.recognizer(), text, VOCAB)
    matcher.advance(ord(")"))
    assert ids_of(matcher.mask(), VOCAB.size) == brute_mask(constraint.recognizer(), text + b")", VOCAB)
    matcher.advance(ord("]"))
    assert ids_of(matcher.mask(), VOCAB.size) == VOCAB.eos_ids


@pytest.mark.parametrize("parser", ["lalr", "earley"])
@pytest.mark.parametrize("text", [b"(a-b-(6", b"(-s(6", b"((a-1)-s(6", b"((a)-s(6,1*(2", b"a+(b*(c"])
def test_what_a_token_adds_to_a_short_stack_is_decided_exactly(text, parser):
    """The text's own stack is not cut, but those behind the first lexeme of a token are: `))/` was once left out."""
    grammar = (Path(__file__).parent.parent.parent / "grammars" / "arithmetic.lark").read_text(encoding="utf-8")
    constraint = guided.cfg(grammar, parser=parser)
    tokens = [bytes([byte]) for byte in range(256)] + b")) ))/ )- ))) ))^( ), -(( )-(-((a))".split()
    vocab = guided.Vocabulary([*tokens, b""], eos_ids={len(tokens)})
    matcher = guided.Matcher(constraint, vocab)
    for byte in text:
        matcher.advance(byte)
    assert ids_of(matcher.mask(), vocab.size) == brute_mask(constraint.recognizer(), text, vocab)


TEXTS = {
    "arithmetic": ["max(x, (rate*2 - f(1e-3))) / 4 ^ n_1", "((a - 1.50) % -b) * sqrt(2, 3)", "-(1)"],
    "json": ['{"a": [1, -2.5e3, {"b": null}], "c": "d\\u00e9\\n"}', "[[[[]], {}], true]"],
    "python-expressions": ["f(x[0], *a, k=lambda y: y if y else -1)", "[i ** 2 for i in (1, 2) if not i in z]"],
    "sql": [
        "SELECT T1.a, count(*) FROM t AS T1 JOIN u AS T2 ON T1.id = T2.id WHERE T1.b LIKE 'x%' GROUP BY T1.a",
        "SELECT a FROM t WHERE (b > 1 AND c IN (SELECT max(d) FROM u)) ORDER BY a DESC LIMIT 3",
    ],
}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_tokens_of_several_lexemes_are_decided_exactly(name):
    """Every mask along texts, against asking each token; the tokens are pieces of such texts, also of other places."""
    grammar = (Path(__file__).parent.parent.parent / "grammars" / f"{name}.lark").read_text(encoding="utf-8")
    constraint = guided.cfg(grammar)
    rng = random.Random(name)
    pieces = {bytes([byte]) for byte in range(256)} | {b"))", b")))", b") ", b")]", b"]]}", b"-(-", b"''"}
    for text in TEXTS[name]:
        for _ in range(400):
            start = rng.randrange(len(text))
            pieces.add(text[start : start + rng.randint(1, 14)].encode())
    tokens = sorted(pieces)
    vocab = guided.Vocabulary([*tokens, b""], eos_ids={len(tokens)})
    origin = guided.Matcher(constraint, vocab)
    for text in TEXTS[name]:
        matcher = origin.fork()
        for position, byte in enumerate(text.encode()):
            if position % 3 == 0:
                prefix = text.encode()[:position]
                assert ids_of(matcher.mask(), vocab.size) == brute_mask(constraint.recognizer(), prefix, vocab), prefix
            matcher.advance(tokens.index(bytes([byte])))
        assert matcher.is_accepting
