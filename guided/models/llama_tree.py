"""LlamaTree: contexts that grow as a tree on a small Llama on the CPU, by passes of our own core (_fast/llama.pyx).

In a model of 8 million weights a pass over a few tokens through transformers is 15 ms of calls from one operation to
the next and 5 ms of arithmetic; compiled whole it is 1 to 3 ms for up to eight.  Models that are larger, elsewhere, in
another precision or of another kind take KVTree, and a Llama whose logits here are not those of transformers does too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch
from transformers import LlamaForCausalLM

from guided._fast import Llama
from guided.errors import ModelError

if TYPE_CHECKING:
    from guided.models.huggingface import HuggingFaceModel

MOST_WEIGHTS = 100_000_000  # beyond, arithmetic is nearly all of a pass, and torch has more threads for it
MOST_POSITIONS = 32_768  # a table of angles is made for each
KNOWN_ROPES = ("default", "linear", "llama3")  # angles depend on the position alone
LEAST_SLOTS, LEAST_DEAD_SLOTS = 256, 512  # as in kv_tree.py: dropped slots are kept until they are so many
CLOSE = 1e-3  # logits may differ so far from those of transformers, as a share of the largest

_known: WeakKeyDictionary[Any, tuple[Any, Llama | None]] = WeakKeyDictionary()


def compiled(model: Any) -> Llama | None:
    """The weights of a model, packed; None where it must go through transformers.  Kept until its weights change."""
    if not Llama.is_built or type(model) is not LlamaForCausalLM or any(map(_is_watched, model.modules())):
        return None
    stamp = tuple((weight.data_ptr(), weight._version, weight.dtype) for weight in model.parameters())
    found = _known.get(model)
    if found is None or found[0] != stamp:
        found = _known[model] = stamp, _packed(model)
    return found[1]


@torch.no_grad()
def _packed(model: LlamaForCausalLM) -> Llama | None:
    config, inner = model.config, model.model
    weights = list(model.parameters())
    if (
        any(weight.dtype != torch.float32 or weight.device.type != "cpu" for weight in weights)
        or sum(weight.numel() for weight in weights) > MOST_WEIGHTS
        or config.hidden_act != "silu"
        or config.max_position_embeddings > MOST_POSITIONS
        or getattr(inner.rotary_emb, "rope_type", "default") not in KNOWN_ROPES
        or any(type(part).__name__.endswith("Linear") and _is_special(part) for part in model.modules())
    ):
        return None
    embedding = inner.embed_tokens.weight
    positions = torch.arange(config.max_position_embeddings)[None]
    cosines, sines = (one[0].numpy() for one in inner.rotary_emb(embedding[None, :1], positions))
    tables = {
        "embedding": embedding.numpy(),
        "norm": inner.norm.weight.numpy(),
        "output": model.lm_head.weight.numpy(),
        "cosines": cosines,
        "sines": sines,
    }
    layers = []
    for layer in inner.layers:
        parts = {
            "before_attention": layer.input_layernorm,
            "query": layer.self_attn.q_proj,
            "key": layer.self_attn.k_proj,
            "value": layer.self_attn.v_proj,
            "joined": layer.self_attn.o_proj,
            "before_inner": layer.post_attention_layernorm,
            "gate": layer.mlp.gate_proj,
            "up": layer.mlp.up_proj,
            "down": layer.mlp.down_proj,
        }
        layers.append({name: part.weight.numpy() for name, part in parts.items()})
    try:
        made = Llama(tables, layers, config.num_attention_heads, config.num_key_value_heads, config.rms_norm_eps)
    except ValueError:  # sizes that are no multiples of the vectors
        return None
    return made if _agrees(model, made) else None


def _is_watched(part: Any) -> bool:
    """Whether somebody wants to see, or to change, what goes through a module."""
    return bool(part._forward_hooks or part._forward_pre_hooks or "forward" in vars(part))


def _is_special(part: Any) -> bool:
    """Whether a linear layer is more than a matrix."""
    return type(part) is not torch.nn.Linear or part.bias is not None


def _agrees(model: LlamaForCausalLM, made: Llama) -> bool:
    """Whether a few tokens have the logits that transformers gives them."""
    tokens = np.arange(1, 8, dtype=np.int32) * 37 % made.n_tokens
    slots = Slots(made)
    found = slots.read(tokens, list(range(7)), [np.arange(number + 1, dtype=np.int32) for number in range(7)], 7)
    wanted = model(input_ids=torch.from_numpy(tokens.astype(np.int64))[None]).logits[0].numpy()
    return bool(np.abs(found - wanted).max() <= CLOSE * max(1.0, float(np.abs(wanted).max())))


class Slots:
    """A cache of keys and values that grows: one slot a token.  n : slots in use."""

    def __init__(self, weights: Llama) -> None:
        self.weights, self.n = weights, 0
        self.keys, self.values = (self._made(LEAST_SLOTS) for _ in range(2))

    def _made(self, n_slots: int) -> npt.NDArray[np.float32]:
        return np.empty((self.weights.n_layers, n_slots, self.weights.n_row), np.float32)

    def read(
        self, tokens: Any, depths: Sequence[int], seen: Sequence[npt.NDArray[np.int32]], n_wanted: int
    ) -> npt.NDArray[np.float32]:
        """Tokens into the next slots; the logits after the last n_wanted, float32[n_wanted, V].

        depths : their positions.      seen : the slots that each of them sees, its own included.
        """
        n_after = self.n + len(depths)
        if n_after > self.keys.shape[1]:
            for name in ("keys", "values"):
                longer = self._made(2 * n_after)
                longer[:, : self.n] = getattr(self, name)[:, : self.n]
                setattr(self, name, longer)
        starts = np.cumsum([0, *map(len, seen)], dtype=np.int32)
        logits = self.weights.read(
            *(self.keys, self.values, np.asarray(tokens, np.int32), np.asarray(depths, np.int32), self.n),
            *(np.concatenate(seen, dtype=np.int32), starts, n_wanted),
        )
        self.n = n_after
        return logits

    def keep(self, slots: npt.NDArray[np.int64]) -> None:
        """Only these slots, in ascending order, which are numbered anew."""
        self.n = len(slots)
        self.keys[:, : self.n], self.values[:, : self.n] = self.keys[:, slots], self.values[:, slots]


class LlamaTree:
    """Contexts by number, 0 is the prompt; see engines/contexts.py for the methods.

    n_rows : contexts the model was asked about so far.
    """

    extends_any = True

    def __init__(self, lm: HuggingFaceModel, weights: Llama, prompt_ids: Sequence[int]) -> None:
        self.lm, self.n_prompt, self.slots = lm, len(prompt_ids), Slots(weights)
        self._check(self.n_prompt - 1)
        self.prompt = np.arange(self.n_prompt, dtype=np.int32)
        seen = [self.prompt[: number + 1] for number in range(self.n_prompt)]
        rows = self.slots.read(prompt_ids, range(self.n_prompt), seen, 1)
        self.paths = {0: self.prompt}  # context -> its slots
        self.logits = {0: rows[0]}
        self.n_rows = 1

    @property
    def n_slots(self) -> int:
        """Slots of the cache in use, those of dropped contexts included."""
        return self.slots.n

    def _check(self, deepest: int) -> None:
        room = self.lm.max_length
        if room is not None and deepest >= room:
            raise ModelError(f"the model's context is {room:,} tokens long, prompt included: lower max_tokens")

    def extend(self, nodes: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """New contexts, each an old one and a token, in one pass over len(tokens) tokens.

        A context may extend one that this very call makes: the k-th new one has the number n_rows + k.
        Raises ModelError if a context becomes longer than the model's.
        """
        made = list(range(self.n_rows, self.n_rows + len(nodes)))
        new: dict[int, npt.NDArray[np.int32]] = {}
        for number, node in enumerate(nodes):
            above = new[node] if node in new else self.paths[node]
            path = np.empty(len(above) + 1, np.int32)
            path[:-1], path[-1] = above, self.slots.n + number
            new[made[number]] = path
        depths = [len(path) - 1 for path in new.values()]
        self._check(max(depths))
        rows = self.slots.read(tokens, depths, list(new.values()), len(nodes))
        self.paths.update(new)
        self.logits.update(zip(made, rows, strict=True))
        self.n_rows += len(nodes)
        return made

    def row(self, node: int) -> npt.NDArray[np.float32]:
        """Logits after a context, float32[V]."""
        return self.logits[node]

    def keep(self, nodes: Collection[int]) -> None:
        """Forget all other contexts; the slots that no context needs are freed when that is worth a copy."""
        for node in self.paths.keys() - set(nodes):
            del self.paths[node], self.logits[node]
        live = np.unique(np.concatenate([self.prompt, *self.paths.values()]))
        n_dead = self.slots.n - len(live)
        if n_dead < max(LEAST_DEAD_SLOTS, len(live)):
            return
        self.slots.keep(live)
        for node, path in self.paths.items():
            self.paths[node] = np.searchsorted(live, path).astype(np.int32)
