"""Sources of texts with the perfect models of their tokens, shared by the tests of bytes, healing and ensembles."""

from __future__ import annotations

from guided import ByteModel
from tests.oracle.slow_bytes import Listed, longest_first, markov_texts, merging

LETTERS, LENGTH = b"ABC", 7
BPE = [b"A", b"B", b"C", b"AA", b"AB", b"AAB", b"CA", b"BC", b""]
MERGES = [(b"A", b"A"), (b"A", b"B"), (b"AA", b"B"), (b"C", b"A"), (b"B", b"C")]
LONGEST = [b"A", b"B", b"C", b"AA", b"AAA", b"BA", b"CB", b"BAC", b""]


def source(kind: str, order: int, seed: int = 0):
    """(texts with their probabilities, the perfect model of their tokens)."""
    texts = markov_texts(LETTERS, LENGTH, order, seed)
    tokens, encode = (BPE, merging(BPE, MERGES)) if kind == "bpe" else (LONGEST, longest_first(LONGEST))
    listed = Listed(texts, tokens, encode)
    return texts, listed.model(eos=len(tokens) - 1)


def blm_of(lm, **options):
    return ByteModel(lm, canonical=lm.canonical, **{"tolerance": 0, **options})
