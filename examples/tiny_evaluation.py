"""Bits per byte of a causal language model on texts: the left-out modules, and made-up JSON and SQL of another seed.

Usage: python examples/tiny_evaluation.py [FOLDER]      (the shipped model unless a folder is given)
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import torch
from tiny_corpus import evaluation_sources, synthetic_documents

HELD_OUT_SEED = 1_000_003  # training uses seeds 0 and 1
WINDOW, STRIDE = 1024, 512  # tokens; every token but a text's first 512 sees 512 or more before it


@torch.inference_mode()
def nats(model: Any, ids: list[int], start_id: int) -> float:
    """-log p(ids | start_id), natural log, by windows of WINDOW tokens that move on by STRIDE."""
    sequence = torch.tensor([start_id, *ids])
    total, scored = 0.0, 1  # sequence[:scored] is accounted for; the start token is given
    while scored < len(sequence):
        stop = min(len(sequence), max(WINDOW, scored + STRIDE))
        window = sequence[max(0, stop - WINDOW) : stop]
        logits = model(input_ids=window[None, :-1]).logits[0].float()
        fresh = stop - scored
        total += torch.nn.functional.cross_entropy(logits[-fresh:], window[-fresh:], reduction="sum").item()
        scored = stop
    return total


def bits_per_byte(model: Any, tokenizer: Any, texts: list[str]) -> float:
    """Total bits over total UTF-8 bytes; every text starts after <|endoftext|>."""
    bits = sum(
        nats(model, tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.bos_token_id) for text in texts
    ) / math.log(2)
    return bits / sum(len(text.encode()) for text in texts)


def quick_texts() -> list[str]:
    """The first 5,000 characters of every second left-out module: about 70 KB, for figures during training."""
    return [source.text[:5_000] for source in evaluation_sources()[::2]]


def evaluate(folder: Path, quick: bool = False) -> dict[str, Any]:
    """Bits per byte of the model in `folder`, loaded in float32: overall, per left-out module, JSON and SQL."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    made_up = list(synthetic_documents(*((60, 20) if quick else (400, 150)), seed=HELD_OUT_SEED))
    result: dict[str, Any] = {
        domain: round(bits_per_byte(model, tokenizer, [text for kind, text in made_up if kind == domain]), 4)
        for domain in ("json", "sql")
    }
    if quick:
        return {"code_quick": round(bits_per_byte(model, tokenizer, quick_texts()), 4), **result}
    sources = evaluation_sources()
    modules = {source.name: bits_per_byte(model, tokenizer, [source.text]) for source in sources}
    sizes = {source.name: len(source.text.encode()) for source in sources}
    overall = sum(modules[name] * sizes[name] for name in modules) / sum(sizes.values())
    return {
        "code": round(overall, 4),
        **result,
        "bytes": sum(sizes.values()),
        "modules": {name: round(bits, 3) for name, bits in modules.items()},
    }


if __name__ == "__main__":
    shipped = Path(__file__).parent.parent / "guided" / "models" / "tiny_model"
    print(json.dumps(evaluate(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped), indent=1))
