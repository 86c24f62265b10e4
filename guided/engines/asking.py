"""Asker: what a constraint says about the next token of a text, by mask, by what is known of it, or token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from guided._fast import Urn, known_tokens
from guided.engines.samplers import as_row, bit, urn_over
from guided.errors import DeadEnd
from guided.index import index_for

DEAD = -1
Question = tuple[int, bytes, int]  # state, text so far, token


class Asker:
    """One constraint over one vocabulary.

    constraint : a Constraint, a Tested (a language and tests, see constraints/predicate.py), or None.
    States are those of the language's index; 0 throughout where there is no language.
    n_asked    : tokens asked about so far, here and by every test.
    """

    def __init__(self, constraint: Any, vocab: Any) -> None:
        self.tests = tuple(getattr(constraint, "tests", ()))
        language = constraint.language if self.tests else constraint
        if language is not None and not hasattr(language, "recognizer"):
            raise TypeError(f"constraint must be a Constraint, a predicate or None, not {constraint!r}")
        self.index = None if language is None else index_for(language, vocab)
        self.vocab, self.n_asked = vocab, 0
        self.eos_ids = frozenset(vocab.eos_ids)
        if not self.eos_ids:
            raise DeadEnd("this vocabulary has no EOS token, so no text can end: Vocabulary(tokens, eos_ids={..})")
        self.start = 0 if self.index is None else self.index.start
        self.n_words = (vocab.size + 31) // 32
        texts = np.zeros(self.n_words * 32, np.uint8)
        texts[[token for token, spelled in enumerate(vocab.tokens) if spelled]] = 1
        self.text_words = np.packbits(texts, bitorder="little").view(np.uint32)  # tokens that are text
        texts[sorted(self.eos_ids)] = 1
        self.any_words = np.packbits(texts, bitorder="little").view(np.uint32)  # and EOS
        self.has_prefix_test = any(test.prefix is not None for test in self.tests)

    def after(self, state: int, token: int) -> int:
        """The state after a token."""
        return state if self.index is None else self.index.after(state, token)

    def is_over(self, state: int) -> bool:
        """Whether a text here is complete and nothing can follow it."""
        return self.index is not None and self.index.is_final(state)

    def urn(self, row: Any, state: int, form: str) -> Urn:
        """What may be drawn after a text, with all that is known for nothing."""
        allowed, known = self.any_words, None
        if form == "plain":
            return urn_over(row)
        if self.index is not None:
            allowed = np.empty(self.n_words, np.uint32)
            if form in ("auto", "mask"):
                self.index.mask_into(state, allowed)
                known = allowed
            else:
                known, undecided = np.empty(self.n_words, np.uint32), np.empty(self.n_words, np.uint32)
                known_tokens(self.index, state, known, undecided)
                np.bitwise_or(known, undecided, out=allowed)
        elif not self.has_prefix_test:
            known = self.any_words
        if self.has_prefix_test:
            return urn_over(row, allowed)
        if self.tests and known is not None:
            known = known & self.text_words  # whether the text may end here must be asked
        all_known = known is not None and bool(np.array_equal(known, allowed))
        return urn_over(row, allowed, None if all_known else known, all_known)

    def full_urn(self, row: Any, state: int, text: bytes) -> Urn:
        """The same with everything known: every token is asked about that the language does not decide."""
        allowed = self.any_words
        if self.index is not None:
            allowed = np.empty(self.n_words, np.uint32)
            self.index.mask_into(state, allowed)
        tokens = members(allowed)
        answers = self.ask([(state, text, token) for token in tokens])
        bits = np.zeros(self.n_words * 32, np.uint8)
        bits[[token for token, answer in zip(tokens, answers, strict=True) if answer]] = 1
        return Urn(as_row(row), np.packbits(bits, bitorder="little").view(np.uint32), None, True)

    def ask(self, questions: Sequence[Question]) -> list[bool]:
        """Whether each token may follow its text; EOS: whether the text is a member."""
        self.n_asked += len(questions)
        answers = [
            bit(self.any_words, token, True) if self.index is None else self.index.after(state, token) != DEAD
            for state, _, token in questions
        ]
        for test in self.tests:
            for is_eos in (False, True):
                asked = [
                    number
                    for number, (_, _, token) in enumerate(questions)
                    if answers[number] and (token in self.eos_ids) == is_eos
                ]
                texts = [questions[number][1] + self.vocab.tokens[questions[number][2]] for number in asked]
                if texts:
                    for number, answer in zip(asked, test.passes(texts, is_complete=is_eos), strict=True):
                        answers[number] = answer
        return answers

    def may_end(self, state: int, text: bytes) -> bool:
        """Whether a text is a member."""
        return self.ask([(state, text, min(self.eos_ids))])[0]


def members(words: npt.NDArray[np.uint32]) -> list[int]:
    """The tokens whose bits are set."""
    found: list[int] = np.flatnonzero(np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")).tolist()
    return found
