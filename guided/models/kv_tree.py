"""KVTree: contexts that grow as a tree on one transformers model, all of them in one row of its key-value cache.

Every token has one slot of the cache, and sees its ancestors alone, by a mask.  A fork is a number, the prompt is there
once, contexts with the same tokens are one, and what is dropped costs nothing more.  Models whose attention takes no
mask of its own, or counts slots instead of positions, get KVRows: one row of a batch per context.
Not here: small Llamas (llama_tree.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from guided.errors import ModelError
from guided.models.kv import KVSession
from guided.models.llama_tree import LlamaTree, compiled

if TYPE_CHECKING:
    from guided.models.huggingface import HuggingFaceModel

MASKED_ATTENTION = ("eager", "sdpa")  # implementations that take a mask per query
LEAST_DEAD_SLOTS = 512  # dropped slots are kept until they are so many and more than half: moving the rest is a copy


def tree_on(lm: HuggingFaceModel, prompt_ids: Sequence[int]) -> LlamaTree | KVTree | KVRows:
    """The tree that suits a model."""
    weights = compiled(lm.model)
    if weights is not None:
        return LlamaTree(lm, weights, prompt_ids)
    attention = getattr(lm.model.config.get_text_config(), "_attn_implementation", None)
    if lm.takes_ragged_rows and attention in MASKED_ATTENTION:
        return KVTree(lm, prompt_ids)
    return KVRows(lm, prompt_ids)


class KVTree:
    """Contexts by number, 0 is the prompt; see engines/contexts.py for the methods.

    n_rows  : contexts the model was asked about so far.
    n_slots : slots of the cache in use, those of dropped contexts included.
    """

    extends_any = True  # any context that was kept can be extended, and one made earlier in the same call

    @torch.no_grad()
    def __init__(self, lm: HuggingFaceModel, prompt_ids: Sequence[int]) -> None:
        self.lm, self.n_prompt, self.n_slots = lm, len(prompt_ids), len(prompt_ids)
        session = KVSession(lm, [prompt_ids])
        self.cache = session.cache
        # context -> its slots after the prompt
        self.paths: dict[int, np.ndarray[Any, np.dtype[np.int64]]] = {0: np.empty(0, np.int64)}
        self.logits: dict[int, torch.Tensor] = {0: session.logits[0]}
        self.n_rows = 1

    @torch.no_grad()
    def extend(self, nodes: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """New contexts, each an old one and a token, in one pass over len(tokens) tokens.

        A context may extend one that this very call makes: the k-th new one has the number n_rows + k.
        Raises ModelError if a context becomes longer than the model's.
        """
        n_new, before, device = len(nodes), self.n_slots, self.lm.device
        made = list(range(self.n_rows, self.n_rows + n_new))
        sees = np.zeros((n_new, before + n_new), bool)
        sees[:, : self.n_prompt] = True
        new: dict[int, np.ndarray[Any, np.dtype[np.int64]]] = {}
        depths = []
        for number, node in enumerate(nodes):
            above = new[node] if node in new else self.paths[node]
            depths.append(self.n_prompt + len(above))
            new[made[number]] = path = np.append(above, before + number)
            sees[number, path] = True
        room = self.lm.max_length
        if room is not None and max(depths) >= room:
            raise ModelError(f"the model's context is {room:,} tokens long, prompt included: lower max_tokens")
        dtype = self.lm.model.dtype
        mask = torch.zeros(sees.shape, dtype=dtype).masked_fill_(~torch.from_numpy(sees), torch.finfo(dtype).min)
        outputs = self.lm.model(
            input_ids=torch.tensor([list(tokens)], device=device),
            attention_mask=mask[None, None].to(device),
            position_ids=torch.tensor([depths], device=device),
            use_cache=True,
            return_dict=True,
            **{self.lm.cache_name: self.cache},
        )
        self.cache = getattr(outputs, self.lm.cache_name)
        self.paths.update(new)
        for number, node in enumerate(made):
            self.logits[node] = outputs.logits[0, number]
        self.n_rows += n_new
        self.n_slots += n_new
        return made

    def row(self, node: int) -> torch.Tensor:
        """Logits after a context, [V], on the model's device, in its precision."""
        return self.logits[node]

    def keep(self, nodes: Collection[int]) -> None:
        """Forget all other contexts; the slots that no context needs are freed when that is worth a copy."""
        for node in self.paths.keys() - set(nodes):
            del self.paths[node], self.logits[node]
        live = np.unique(np.concatenate([np.arange(self.n_prompt), *self.paths.values()]))
        n_dead = self.n_slots - len(live)
        if n_dead < max(LEAST_DEAD_SLOTS, len(live)):
            return
        chosen = torch.from_numpy(live).to(self.lm.device)
        for layer in self.cache.layers:
            layer.keys, layer.values = layer.keys.index_select(2, chosen), layer.values.index_select(2, chosen)
        for node, path in self.paths.items():
            self.paths[node] = np.searchsorted(live, path)
        self.n_slots = len(live)


class KVRows:
    """The same methods over a KVSession; only contexts of the last extend() (at first the prompt) can be extended."""

    extends_any = False

    def __init__(self, lm: HuggingFaceModel, prompt_ids: Sequence[int]) -> None:
        self.session = KVSession(lm, [prompt_ids])
        self.row_of, self.n_rows = {0: 0}, 1

    def extend(self, nodes: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """New contexts, each an old one and a token, in one pass."""
        rows = [self.row_of[node] for node in nodes]
        if rows != list(range(len(self.session))):
            self.session.select(rows)
        self.session.append([[token] for token in tokens])
        made = list(range(self.n_rows, self.n_rows + len(nodes)))
        self.row_of = {node: row for row, node in enumerate(made)}
        self.n_rows += len(nodes)
        return made

    def row(self, node: int) -> torch.Tensor:
        """Logits after a context, float32[V]."""
        return self.session.logits[self.row_of[node]]

    def keep(self, nodes: Collection[int]) -> None:
        """Rows are freed with the next extend()."""
