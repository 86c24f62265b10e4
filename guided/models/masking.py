"""Token masks on torch tensors: a compiled kernel for float32 on the CPU, torch operations everywhere else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from guided import _fast
from guided.errors import ModelError


def apply_mask(logits: torch.Tensor, mask: npt.NDArray[np.uint32] | torch.Tensor) -> torch.Tensor:
    """Set the logits of tokens outside the mask to -inf, in place; returns `logits`.

    logits : float[V'] or float[B, V'], any device and float type.      mask : uint32[n_words] or [B, n_words] as a
    Matcher gives it, or the same as an int32 tensor.  Columns beyond the mask are never allowed.
    Raises ModelError if the shapes do not fit.
    """
    words = mask.detach().cpu().numpy().view(np.uint32) if isinstance(mask, torch.Tensor) else mask
    rows = logits.unsqueeze(0) if logits.dim() == 1 else logits
    words = words[None] if words.ndim == 1 else words
    if rows.dim() != 2 or len(words) not in (1, len(rows)):
        raise ModelError(f"logits of shape {tuple(logits.shape)} do not fit masks of shape {tuple(np.shape(mask))}")
    if rows.device.type == "cpu" and rows.dtype == torch.float32 and rows.stride(-1) == 1 and not rows.requires_grad:
        target = rows if rows.is_contiguous() else rows.contiguous()
        if len(words) != len(rows):
            words = np.broadcast_to(words, (len(rows), words.shape[1]))
        _fast.mask_logits(target.numpy(), np.ascontiguousarray(words))
        if target is not rows:
            rows.copy_(target)
    else:
        rows.masked_fill_(~bits_of(words, rows.shape[-1]).to(rows.device), -torch.inf)
    return logits


def bits_of(mask: npt.NDArray[np.uint32], n_columns: int) -> torch.Tensor:
    """bool[..., n_columns] on the CPU: bit t of the mask; False in columns beyond it."""
    bits = np.unpackbits(np.ascontiguousarray(mask).view(np.uint8), axis=-1, bitorder="little")[..., :n_columns]
    missing = n_columns - bits.shape[-1]
    if missing > 0:
        bits = np.concatenate([bits, np.zeros((*bits.shape[:-1], missing), np.uint8)], axis=-1)
    return torch.from_numpy(bits.view(np.bool_))
