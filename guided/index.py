"""One index per (constraint, vocabulary): made once, shared by every matcher, processor and engine."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from guided import _fast
from guided.constraints.base import Constraint
from guided.vocab import Vocabulary

_INDEXES: WeakKeyDictionary[Constraint, dict[str, _fast.Index]] = WeakKeyDictionary()


def index_for(constraint: Constraint, vocab: Vocabulary) -> _fast.Index:
    """Masks and steps of `constraint` over `vocab`; the same object for the same content.

    Raises ConstraintError if the constraint has no member.
    """
    by_vocab = _INDEXES.setdefault(constraint, {})
    index = by_vocab.get(vocab.fingerprint)
    if index is None or (index.recognizer.is_worn() and constraint.recognizer() is not index.recognizer):
        index = constraint.index_over(vocab)
        by_vocab[vocab.fingerprint] = index
    return index
