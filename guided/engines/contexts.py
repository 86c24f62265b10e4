"""ContextTree: contexts that grow as a tree, for models that keep no cache; every distinct context is asked about once.

A model that keeps a cache offers `tree(prompt_ids)` with the same methods (models/kv_tree.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol


class Tree(Protocol):
    """Contexts by number; 0 is the prompt.

    A tree with `extends_any` extends every context that was kept, and contexts made earlier in the same call.
    """

    n_rows: int  # contexts the model was asked about so far

    def extend(self, nodes: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """New contexts, each an old one and a token, in one pass of the model."""

    def row(self, node: int) -> Any:
        """Logits of the next token after a context: float[V], NumPy or torch."""

    def keep(self, nodes: Collection[int]) -> None:
        """Only these will be extended or looked at from now on."""


def tree_of(lm: Any, prompt_ids: Sequence[int]) -> Tree:
    """The model's own tree if it has one."""
    own = getattr(lm, "tree", None)
    return ContextTree(lm, prompt_ids) if own is None else own(prompt_ids)


def tree_that_forks(lm: Any, prompt_ids: Sequence[int]) -> Any:
    """A tree in which every context that was kept can be extended; without a cache where the model's own cannot."""
    own = tree_of(lm, prompt_ids)
    return own if getattr(own, "extends_any", False) else ContextTree(lm, prompt_ids)


class ContextTree:
    """Contexts as tuples of tokens over `lm.logprobs`."""

    extends_any = True

    def __init__(self, lm: Any, prompt_ids: Sequence[int]) -> None:
        self.lm, self.n_rows = lm, 0
        self.contexts: dict[int, tuple[int, ...]] = {}
        self.rows: dict[int, Any] = {}
        self._add([tuple(prompt_ids)])

    def _add(self, contexts: list[tuple[int, ...]]) -> list[int]:
        first = self.n_rows
        self.n_rows += len(contexts)
        nodes = list(range(first, self.n_rows))
        for node, context, row in zip(nodes, contexts, self.lm.logprobs(contexts), strict=True):
            self.contexts[node], self.rows[node] = context, row
        return nodes

    def extend(self, nodes: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """New contexts, each an old one and a token; the k-th of a call has the number n_rows + k."""
        found: list[tuple[int, ...]] = []
        for node, token in zip(nodes, tokens, strict=True):
            above = self.contexts[node] if node < self.n_rows else found[node - self.n_rows]
            found.append((*above, token))
        return self._add(found)

    def row(self, node: int) -> Any:
        """Log-probabilities after a context, float[V]."""
        return self.rows[node]

    def keep(self, nodes: Collection[int]) -> None:
        """Forget all others."""
        for node in self.rows.keys() - set(nodes):
            del self.rows[node], self.contexts[node]
