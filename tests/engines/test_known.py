"""What an index knows before a mask is made: never wrong, and enough to keep most questions from being asked."""

from __future__ import annotations

import math

import numpy as np
import pytest

import guided
from guided._fast import Rejection, Stream, index_of, known_tokens
from guided.engines.asking import Asker, members
from guided.vocab import Vocabulary
from tests.small_models import tokenizer

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 9}, "age": {"type": "integer"}},
    "additionalProperties": {"type": "boolean"},
    "required": ["name"],
}
TEXTS = [
    b"",
    b"{",
    b'{"na',
    b'{"name": "A',
    b'{"name": "Ann"',
    b'{"name": "Ann", "age": 3',
    b'{"name": "Ann", "x',
    b'{"name": "" }',
]
GRAMMAR_TEXTS = [
    b"",
    b"1",
    b"12",
    b"1 ",
    b"1 +",
    b"-(x",
    b"max(a, 3",
    b"max(a, 3)",
    b"1.5e",
    b"1.5e3 *",
    b"((((((((1",
    b"f(g(h(x",
]
SQL_TEXTS = [
    b"",
    b"SEL",
    b"SELECT",
    b"SELECT ",
    b"SELECT na",
    b"SELECT a, b FROM t",
    b"SELECT 'it",
    b"SELECT a FROM t WHERE x <",
]
GRAMMARS = {"arithmetic": GRAMMAR_TEXTS, "sql": SQL_TEXTS}
CONSTRAINTS = {"json": lambda: guided.json_schema(SCHEMA), "regex": lambda: guided.regex(r'\{"na.*')}


def vocabulary():
    return Vocabulary.from_tokenizer(tokenizer())


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_known_tokens_are_in_the_mask_and_the_mask_is_known_or_asked(name):
    vocab, constraint = vocabulary(), CONSTRAINTS[name]()
    index = index_of(constraint.recognizer(), vocab, 2**20)
    n_asked = []
    for text in TEXTS:
        state = constraint.recognizer().run(index.start, text)
        if state < 0:
            continue
        accepted, undecided, mask = (np.zeros(index.n_words, np.uint32) for _ in range(3))
        known_tokens(index, state, accepted, undecided)
        n_asked.append(np.unpackbits(undecided.view(np.uint8)).sum())
        index.mask_into(state, mask)
        assert not np.any(accepted & ~mask), text
        assert not np.any(mask & ~(accepted | undecided)), text
        known_tokens(index, state, accepted, undecided)  # the mask has been made
        assert np.array_equal(accepted, mask)
        assert not undecided.any()
    assert n_asked[0] < vocab.size / 8  # all but those that begin with a brace or a blank are known


def test_a_cold_start_asks_about_undecided_tokens_alone_and_stays_proper():
    vocab, rng = vocabulary(), np.random.default_rng(0)
    logits = (rng.normal(size=vocab.size) * 2).astype(np.float32)
    probs = np.exp(logits.astype(float)) / np.exp(logits.astype(float)).sum()
    for text in TEXTS:
        constraint = guided.json_schema(SCHEMA)
        asker = Asker(constraint, vocab)
        state = constraint.recognizer().run(asker.start, text)
        accepted, undecided = (np.zeros(asker.n_words, np.uint32) for _ in range(2))
        known_tokens(asker.index, state, accepted, undecided)
        urn, found = asker.urn(logits, state, "awrs"), []
        for number in range(600):
            step = Rejection(urn.fork(), Stream(0, number))
            while step.asking >= 0:
                assert step.asking in members(undecided)
                step.answer(asker.ask([(state, text, step.asking)])[0])
            found.append(math.exp(step.logw))
        mask = np.zeros(asker.n_words, np.uint32)
        asker.index.mask_into(state, mask)
        error = np.std(found) / math.sqrt(600)
        assert abs(np.mean(found) - probs[members(mask)].sum()) <= 4.5 * error + 1e-6, text


@pytest.mark.parametrize("name", GRAMMARS)
def test_of_a_grammar_what_stays_inside_the_lexeme_is_known(name):
    vocab, n_known = vocabulary(), 0
    for text in GRAMMARS[name]:
        constraint = guided.grammar(name)
        index = index_of(constraint.recognizer(), vocab, 2**20)
        state = constraint.recognizer().run(index.start, text)
        assert state >= 0, text
        accepted, undecided, mask = (np.zeros(index.n_words, np.uint32) for _ in range(3))
        known_tokens(index, state, accepted, undecided)
        n_known += bool(accepted.any())
        assert not np.any(accepted & undecided), text
        index.mask_into(state, mask)
        assert not np.any(accepted & ~mask), text
        assert not np.any(mask & ~(accepted | undecided)), text
        known_tokens(index, state, accepted, undecided)  # the mask has been made
        assert np.array_equal(accepted, mask)
        assert not undecided.any()
    assert n_known > len(GRAMMARS[name]) / 3


def test_a_mask_of_another_size_is_refused():
    index = index_of(guided.regex("a*").recognizer(), vocabulary(), 2**20)
    with pytest.raises(ValueError, match="words of 32 bits"):
        known_tokens(index, index.start, np.zeros(1, np.uint32), np.zeros(1, np.uint32))
