"""What the tests of the logits processor share: prompts, and the texts that `generate` wrote."""

from __future__ import annotations

import torch

from tests.small_models import tokenizer

PROMPTS = ["the name of the", "abc cthed cthe"]


def inputs(*prompts: str):
    """A left-padded batch."""
    found = tokenizer()(list(prompts), return_tensors="pt", padding=True)
    found.pop("token_type_ids", None)
    return found


def written(model, given, processor, **options) -> list[str]:
    """The texts of `model.generate`, prompts and special tokens taken off."""
    ids = generated(model, given, processor, **options)
    start = 1 if model.config.is_encoder_decoder else given["input_ids"].shape[1]
    return [tokenizer().decode(row[start:], skip_special_tokens=True) for row in ids]


def generated(model, given, processor, **options) -> torch.Tensor:
    torch.manual_seed(7)
    return model.generate(**given, logits_processor=[processor], **{"max_new_tokens": 30, **options})
