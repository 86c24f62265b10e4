"""Matcher: the tokens that may come next, one text at a time."""

from __future__ import annotations

from guided import _fast
from guided.constraints.base import Constraint
from guided.index import index_for
from guided.vocab import Vocabulary


class Matcher(_fast.Matcher):
    """A position in a text that must become a member of `constraint`, written in tokens of `vocab`.

    mask, allows, advance, rollback, forced, fork, mask_within, tokens_to_finish: see the compiled class.
    """

    def __init__(self, constraint: Constraint, vocab: Vocabulary) -> None:
        super().__init__(index_for(constraint, vocab))
        self.constraint, self.vocab = constraint, vocab

    @property
    def approximate(self) -> bool:
        """Whether the constraint has assumed so far that some text can be finished; see Constraint.approximate."""
        return self.constraint.approximate

    def fork(self) -> Matcher:
        """An independent matcher at the same position."""
        other: Matcher = super().fork()
        other.constraint, other.vocab = self.constraint, self.vocab
        return other
