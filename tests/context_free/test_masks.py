"""Masks over stacks deeper than what a mask is made for: tokens that pop everything are decided by the whole stack."""

from __future__ import annotations

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
