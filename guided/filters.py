"""canonical(): a constraint on token sequences, to be combined by `&` with constraints on texts.

Every other constraint is a language of bytes and knows no tokenizer.  This one says nothing about texts: it allows the
one way of cutting each text into tokens that the tokenizer itself has.  It acts on the index, where masks are made.
"""

from __future__ import annotations

from typing import Any

from guided import _fast
from guided.constraints.base import Constraint
from guided.constraints.predicate import Tested
from guided.constraints.regex import regex
from guided.errors import ConstraintError, VocabularyError
from guided.vocab.canonical import Canonical

WAYS = ("error", "yield")


class Filtered(Constraint):
    """The texts of `language` in the canonical tokens of `tokenizer`.  See canonical()."""

    def __init__(self, language: Constraint | None, tokenizer: Any, when_stuck: str) -> None:
        inner = regex(r"(?s:.*)") if language is None else language
        name = "canonical" if language is None else f"({language.name} & canonical)"
        super().__init__(name, inner.recognizer, value_kind=inner.value_kind, parse=inner.parse, limits=inner.limits)
        self.language, self.tokenizer, self.when_stuck = language, tokenizer, when_stuck
        self._explain = self._details
        self.way_out = '. canonical(tokenizer, when_stuck="yield") lets the language decide there' * (
            when_stuck == "error"
        )

    def _details(self) -> dict[str, Any]:
        inner = {} if self.language is None else self.language.explain()
        return {**inner, "constraint": self.name, "tokens": f"canonical, when_stuck={self.when_stuck!r}"}

    def index_over(self, vocab: Any) -> _fast.Index:
        """Raises VocabularyError where the tokenizer's canonical sequences are not known exactly, with the reason."""
        rule = Canonical.of(vocab, self.tokenizer)
        if not rule.exact:
            raise VocabularyError(f"canonical(..) cannot be exact for this tokenizer: {rule.reason}")
        limits = self.limits
        inner = (self.language or regex(r"(?s:.*)")).index_over(vocab)
        return _fast.FilteredIndex(inner, rule, self.when_stuck == "yield", limits.max_mask_bytes, limits.max_states)

    def __and__(self, other: Any) -> Any:
        if isinstance(other, Tested):
            return Tested(self if other.language is None else self & other.language, other.tests)
        if isinstance(other, Filtered):
            if other.tokenizer is not self.tokenizer or other.when_stuck != self.when_stuck:
                raise ConstraintError("canonical(..) of two tokenizers, or with two ways out, cannot both hold")
            other = other.language
        if other is None:
            return self
        if not isinstance(other, Constraint):
            return NotImplemented
        language = other if self.language is None else self.language & other
        return Filtered(language, self.tokenizer, self.when_stuck)

    __rand__ = __and__

    def __or__(self, other: Any) -> Any:
        raise ConstraintError("canonical(..) is about tokens, not texts: it can be combined by &, not by |")

    __ror__ = __or__


def canonical(tokenizer: Any, *, when_stuck: str = "error") -> Filtered:
    """Only sequences of tokens that the tokenizer itself writes: the ones the model was trained on.

    tokenizer  : of Hugging Face, or what `guided.load` returns.
    when_stuck : a language may demand a text whose canonical tokens are not those taken so far ("name" after the token
                 "n").  "error": DeadEnd is raised there.  "yield": the language decides alone, the rule begins anew.

    Combine it with `&`: guided.json_schema(..) & guided.canonical(tokenizer).  A mask costs one AND more.  EOS is
    allowed where the language allows it and the tokens so far are what the tokenizer writes for the text as it stands.
    In `generate` the joint to the prompt counts; a Matcher and ConstraintLogitsProcessor take the text to begin a word.
    Raises, where a vocabulary is met, VocabularyError for tokenizers that change texts or do not work by merges.
    """
    if when_stuck not in WAYS:
        raise ValueError(f"when_stuck must be one of {WAYS}, not {when_stuck!r}")
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    return Filtered(None, tokenizer, when_stuck)
