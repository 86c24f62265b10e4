"""The Llama forward pass for training on a CPU, with the parameter names of transformers' LlamaForCausalLM.

`state_dict()` loads into LlamaForCausalLM as it is (a test compares the logits).  Written out because the attention
below costs half of what transformers' does on two cores: it skips the blocks above the diagonal, and torch.compile
fuses the soft-max with the casts.  Not here: optimiser and loop (train_tiny.py).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

QUERY_BLOCK = 256  # queries per attention block; at 1,024 tokens 10 of 16 blocks are computed


def llama_config(vocab_size: int, width: int, n_layers: int, head_width: int, context: int) -> dict[str, Any]:
    """Arguments of transformers.LlamaConfig.  The MLP is 8/3 wide, rounded up to a multiple of 64."""
    return {
        "vocab_size": vocab_size,
        "hidden_size": width,
        "intermediate_size": math.ceil(width * 8 / 3 / 64) * 64,
        "num_hidden_layers": n_layers,
        "num_attention_heads": width // head_width,
        "num_key_value_heads": width // head_width,
        "head_dim": head_width,
        "max_position_embeddings": context,
        "rope_theta": 10_000.0,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }


class Norm(nn.Module):
    """Root-mean-square normalisation with a gain per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


class Attention(nn.Module):
    """Causal attention with rotary positions; head h, channel c is rotated with channel c + head_width / 2."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.head_width = head_width
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x : [batch, length, width];  cos, sin : [length, head_width]."""
        n_batch, length, width = x.shape
        qkv = functional.linear(x, torch.cat([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight]))
        q, k, v = qkv.view(n_batch, length, 3, -1, self.head_width).permute(
            2, 0, 3, 1, 4
        )  # [batch, head, length, head_width]

        def rotate(u: Tensor) -> Tensor:
            low, high = u.chunk(2, -1)
            return (u * cos + torch.cat([-high, low], -1) * sin).to(qkv.dtype)

        q, k = rotate(q) * self.head_width**-0.5, rotate(k)
        out = []
        for start in range(0, length, QUERY_BLOCK):
            stop = min(start + QUERY_BLOCK, length)
            scores = (q[:, :, start:stop] @ k[:, :, :stop].transpose(-1, -2)).float()
            future = torch.arange(stop)[None, :] > torch.arange(start, stop)[:, None]
            weights = scores.masked_fill(future, -1e4).softmax(-1).to(qkv.dtype)
            out.append(weights @ v[:, :, :stop])
        return self.o_proj(torch.cat(out, 2).transpose(1, 2).reshape(n_batch, length, width))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """The gated layer: down(silu(gate x) * up x)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = functional.linear(x, torch.cat([self.gate_proj.weight, self.up_proj.weight])).chunk(2, -1)
        return self.down_proj(functional.silu(gate) * up)  # type: ignore[no-any-return]


class Layer(nn.Module):
    def __init__(self, width: int, inner: int, head_width: int) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(width, head_width), MLP(width, inner)
        self.input_layernorm, self.post_attention_layernorm = Norm(width), Norm(width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Embedding, layers and last norm: LlamaModel."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, inner, self.head_width = config["hidden_size"], config["intermediate_size"], config["head_dim"]
        self.embed_tokens = nn.Embedding(config["vocab_size"], width)
        self.layers = nn.ModuleList(Layer(width, inner, self.head_width) for _ in range(config["num_hidden_layers"]))
        self.norm = Norm(width)
        frequencies = config["rope_theta"] ** -(torch.arange(0, self.head_width, 2) / self.head_width)
        angles = (
            torch.arange(config["max_position_embeddings"])[:, None] * torch.cat([frequencies, frequencies])[None, :]
        )
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """ids : int64[batch, length].  Returns float32[batch, length, width]."""
        x = self.embed_tokens(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]  # type: ignore[index]
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)  # type: ignore[no-any-return]


class TinyLlama(nn.Module):
    """The decoder and its loss; the embedding is the output layer too."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.model = Decoder(config)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                # Matrices that write to the residual stream start at zero: each layer begins as the identity.
                writes = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.0 if writes else 0.02)

    def forward(self, ids: Tensor, targets: Tensor, n_chunks: int) -> Tensor:
        """Mean cross-entropy in nats.  ids, targets : int64[batch, length].

        n_chunks : the logits are made in so many parts; all of them at once would be 8,192 x 8,192 float32, 268 MB.
        """
        hidden = self.model(ids).flatten(0, 1)
        weight = self.model.embed_tokens.weight
        parts = [
            functional.cross_entropy(functional.linear(part, weight).float(), target)
            for part, target in zip(hidden.chunk(n_chunks), targets.flatten().chunk(n_chunks), strict=True)
        ]
        return torch.stack(parts).mean()
