"""Token masks meet torch: apply_mask, in place, on any device and float type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from guided import _fast

if TYPE_CHECKING:
    import numpy.typing as npt


def apply_mask(logits: torch.Tensor, mask: npt.NDArray[np.uint32] | torch.Tensor) -> torch.Tensor:
    """Set the logits of tokens outside the mask to -inf, in place; returns `logits`.

    logits : float[B, V'] or [V'], any float type and device.  Columns beyond the mask are never allowed.
    mask   : uint32[B, W] or [W], bit t % 32 of word t // 32 is token t (Matcher.mask, fill_masks).  One mask serves all
             rows if B is 1 on its side only.
    Raises ValueError if the rows do not match.      float32 on the CPU runs in the compiled core, the rest in torch.
    """
    rows = logits if logits.dim() == 2 else logits.unsqueeze(0)
    words: npt.NDArray[Any] = np.atleast_2d(mask.cpu().numpy() if isinstance(mask, torch.Tensor) else mask)
    if words.dtype == np.int32:
        words = words.view(np.uint32)
    if rows.dim() != 2 or words.shape[0] not in (1, rows.shape[0]):
        raise ValueError(f"logits of shape {tuple(logits.shape)} do not fit masks of shape {words.shape}")
    if words.shape[0] != rows.shape[0]:
        words = np.repeat(words, rows.shape[0], axis=0)
    if rows.device.type == "cpu" and rows.dtype == torch.float32 and rows.is_contiguous():
        _fast.mask_logits(rows.detach().numpy(), np.ascontiguousarray(words))
        return logits
    rows.masked_fill_(~unpack(words, rows.shape[1], rows.device), float("-inf"))
    return logits


def unpack(words: npt.NDArray[np.uint32], n_columns: int, device: torch.device | str) -> torch.Tensor:
    """bool[B, n_columns] on `device`; only the packed words travel.  Columns beyond the words are False."""
    packed = torch.from_numpy(np.ascontiguousarray(words).view(np.int32)).to(device, non_blocking=True)
    bits = torch.arange(32, device=device, dtype=torch.int32)
    flat = ((packed.unsqueeze(-1) >> bits) & 1).bool().flatten(1)
    if flat.shape[1] < n_columns:
        flat = torch.nn.functional.pad(flat, (0, n_columns - flat.shape[1]))
    return flat[:, :n_columns]
