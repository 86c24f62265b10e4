"""The rows of one call of `generate`: where their prompts end, and the constraint's state after what each has written.

A state is a function of a row's tokens, never of its row number: beams permute rows, and assisted decoding goes back to
shorter prefixes.  Histories form a tree, one node per token, so that a step costs one dictionary look-up per row when
the rows continue those of the previous step, and one per token when they do not.

Not here: which call of `generate` this is (callers.py), masks and scores (transformers.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

FINISHED, ILLEGAL, FREE = -5, -1, -9  # states below 0; the first two as Index.after gives them, FREE is "no constraint"


class Node:
    """A history: the tokens from the end of the prompt to here.

    state    : of the index, or FINISHED, ILLEGAL (the constraint could not have written this), FREE (no constraint).
    children : next token -> Node, None until there is one.
    record   : what the model wanted here, if a report was asked for: (mass removed, token wanted).
    """

    __slots__ = ("children", "index", "record", "state")

    def __init__(self, index: Any, state: int) -> None:
        self.index, self.state = index, state
        self.children: dict[int, Node] | None = None
        self.record: tuple[float, int] | None = None

    def after(self, token: int) -> Node:
        """The history with one token more.

        Special tokens other than EOS are no text and change nothing: models such as BART force a BOS after the prompt,
        and rows that a stopping criterion has ended are fed PAD.
        """
        if self.children is None:
            self.children = {}
        child = self.children.get(token)
        if child is None:
            state = self.state
            if state >= 0:
                state = self.index.after(state, token)
                if state == ILLEGAL and token in self.index.vocab.special_ids and token not in self.index.vocab.eos_ids:
                    state = self.state
            child = self.children[token] = Node(self.index, state)
        return child


class Session:
    """One call of `generate`.

    indexes       : one per constraint, None where rows are free; a batch is divided among them evenly, in order, so
                    that row r of B belongs to indexes[r * n // B], as transformers expands rows for beams and
                    num_return_sequences.
    prompt_length : columns of `input_ids` that belong to the prompts, left padding included.
    n_prompts     : how many prompts to tell apart, where records are kept: a record belongs to a prompt and a history.
    max_length    : columns at which the call stops; None if nothing says so.
    keeps_ids     : copy the ids, for callers that may write into the same tensor again.
    """

    def __init__(
        self,
        indexes: Sequence[Any],
        prompt_length: int,
        n_prompts: int = 1,
        keeps_ids: bool = False,
        max_length: int | None = None,
    ) -> None:
        n_roots = max(n_prompts, len(indexes)) if n_prompts % len(indexes) == 0 else len(indexes)
        by_root = [indexes[number * len(indexes) // n_roots] for number in range(n_roots)]
        self.roots = [Node(index, FREE if index is None else index.start) for index in by_root]
        self.prompt_length, self.keeps_ids = prompt_length, keeps_ids
        self.longest, self.max_length = prompt_length, max_length
        self.ids: torch.Tensor | None = None
        self.prompts: torch.Tensor | None = None
        self.nodes: list[Node] = []
        self.warned = False

    def nodes_of(self, input_ids: torch.Tensor) -> list[Node]:
        """The history of every row.

        input_ids : int64[B, T].      Raises ValueError if the rows cannot be divided among the constraints.
        O(B) if the rows extend the previous call's by one token, else O(B (T - prompt_length)).
        """
        n_rows, length = input_ids.shape
        before = self.ids
        if (
            before is not None
            and length == before.shape[1] + 1
            and n_rows == before.shape[0]
            and length > self.prompt_length
            and torch.equal(input_ids[:, :-1], before)
        ):
            tokens = input_ids[:, -1].tolist()
            self.nodes = [node.after(token) for node, token in zip(self.nodes, tokens, strict=True)]
        else:
            self.nodes = self._walk(input_ids)
        self.ids = input_ids.clone() if self.keeps_ids else input_ids
        self.longest = max(self.longest, length)
        if self.prompts is None:
            self.prompts = self.ids[:, : self.prompt_length]
        return self.nodes

    def _walk(self, input_ids: torch.Tensor) -> list[Node]:
        n_rows = len(input_ids)
        if n_rows % len(self.roots):
            raise ValueError(
                f"{len(self.roots)} constraints cannot be divided among {n_rows} rows: give one, or one per prompt"
            )
        found = []
        for row, tokens in enumerate(input_ids[:, self.prompt_length :].tolist()):
            node = self.root(row, n_rows)
            for token in tokens:
                node = node.after(token)
            found.append(node)
        return found

    def root(self, row: int, n_rows: int) -> Node:
        """The empty history of a row of n_rows."""
        return self.roots[row * len(self.roots) // n_rows]

    def may_continue(self, input_ids: torch.Tensor) -> bool:
        """Whether these rows may be the next step of this session: the same prompts, and at most one token more than
        any step before.  Only asked where no call of `generate` says which session it is."""
        return (
            self.prompts is not None
            and self.prompt_length <= input_ids.shape[1] <= self.longest + 1
            and input_ids.shape[0] == self.prompts.shape[0]
            and torch.equal(input_ids[:, : self.prompt_length], self.prompts)
        )
