"""ContextTree: contexts that grow as a tree, for models that keep no cache; every distinct context is asked about once.

A model that keeps a cache offers `tree(prompt_ids)` with the same methods (models/kv_tree.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol


class Tree(Protocol):
    """Contexts by number; 0 is the prompt."""

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


class ContextTree:
    """Contexts as tuples of tokens over `lm.logprobs`."""

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
        """New contexts, each an old one and a token."""
        return self._add([(*self.contexts[node], token) for node, token in zip(nodes, tokens, strict=True)])

    def row(self, node: int) -> Any:
        """Log-probabilities after a context, float[V]."""
        return self.rows[node]

    def keep(self, nodes: Collection[int]) -> None:
        """Forget all others."""
        for node in self.rows.keys() - set(nodes):
            del self.rows[node], self.contexts[node]
