"""Train the built-in model of `guided` on two CPU cores: tokenizer, training, checkpoints, export.

Usage: python examples/train_tiny.py --folder RUN --steps 2400
       python examples/train_tiny.py --folder RUN --minutes 90 --resume --mixture focused   # from RUN/checkpoint.pt
       python examples/train_tiny.py --folder RUN2 --small     # 2 M parameters, vocabulary 2,048
       ... --float32 --batch-tokens 4096 --threads 1           # a processor without bfloat16 arithmetic, one core

The rate is constant for the first 72 % of the run and falls linearly to zero at its end, counted in steps or, on a
machine shared with others, in minutes; a run can be prolonged or cut short by resuming with another end.  Given the
same files, the data of step k depend on k and --mixture alone.  Not here: the text (tiny_corpus.py), the forward pass
(tiny_llama.py).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny_corpus import MIXTURES, training_documents, training_sources
from tiny_evaluation import evaluate
from tiny_llama import TinyLlama, llama_config
from tiny_muon import Muon
from tiny_tokens import ROW_TOKENS, batch_rows, pack, save_tokenizer, train_tokenizer
from tokenizers import Tokenizer
from tqdm import tqdm

SEED = 0
WARMUP_STEPS = 40
DECAY_FROM = 0.72  # of the run: from there on the rate falls to zero, and rows are 1,024 tokens long
MUON_RATE = 0.02  # spectral norm of one step, for the matrices inside the layers
ADAM_RATE = 3e-3  # embedding and norms
MICRO_BATCH_TOKENS = 4096  # activations of this many tokens stay near the 32 MiB cache: 16,384 runs at half the speed


def prepare(folder: Path, vocab_size: int, mixture: str) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """The training rows of a mixture; the first call writes tokenizer.json, MIXTURE.npy and MIXTURE.json into `folder`.

    The tokenizer is made with the mixture that is asked for first.
    """
    path = folder / f"{mixture}.npy"
    if not path.exists():
        sources, dropped = training_sources()
        documents = list(training_documents(sources, MIXTURES[mixture]))
        if not (folder / "tokenizer.json").exists():
            # It learns from what it will mostly read: packages count a quarter, markers would only confuse it.
            texts = [
                text
                for k, (domain, text) in enumerate(documents)
                if not domain.endswith("fim") and (domain != "packages" or k % 4 == 0)
            ]
            train_tokenizer(texts, vocab_size).save(str(folder / "tokenizer.json"))
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        rows = pack(tokenizer, [text for _, text in documents], MIXTURES[mixture].seed)
        n_bytes: dict[str, int] = {}
        for domain, text in documents:
            n_bytes[domain] = n_bytes.get(domain, 0) + len(text.encode())
        unique: dict[str, int] = {}
        for source in sources:
            unique[source.domain] = unique.get(source.domain, 0) + len(source.text.encode())
        report = {"bytes": n_bytes, "unique_bytes": unique, "tokens": int(rows[:, 1:].size), "dropped": dropped}
        (folder / f"{mixture}.json").write_text(json.dumps({**report, "files": len(sources)}, indent=1))
        np.save(path, rows)
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def optimisers(model: TinyLlama) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for the embedding and the norms."""
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.dim() != 2 or "embed" in name]
    return [
        Muon(matrices, lr=MUON_RATE, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


def rate_factor(step: int, progress: float) -> float:
    """Warm-up by steps; then constant; then linear to zero.  progress : the part of the run that is done, 0 to 1."""
    return min((step + 1) / WARMUP_STEPS, 1.0, max(0.0, (1 - progress) / (1 - DECAY_FROM)))


def done(step: int, seconds: float, options: argparse.Namespace) -> float:
    """The part of the run that is done, 0 to 1: by steps, or by the clock where --minutes is given."""
    return seconds / (60 * options.minutes) if options.minutes else step / options.steps  # type: ignore[no-any-return]


def export(model: TinyLlama, config: dict[str, Any], tokenizer: Tokenizer, folder: Path) -> None:
    """The model as transformers reads it, float16; written beside `folder` first, so nobody reads half of it."""
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    llama = LlamaForCausalLM(LlamaConfig(**config))
    llama.load_state_dict({**model.state_dict(), "lm_head.weight": model.model.embed_tokens.weight})
    llama.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=0, pad_token_id=0)
    llama.half().save_pretrained(fresh)
    save_tokenizer(tokenizer, fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    torch.save(state, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def train(options: argparse.Namespace) -> None:
    """The loop: gradient of a batch, one step, and now and then a checkpoint and an evaluation."""
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = prepare(folder, options.vocab_size, options.mixture)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    config = llama_config(options.vocab_size, options.width, options.layers, options.head_width, ROW_TOKENS)
    model = TinyLlama(config)
    steppers = optimisers(model)
    step, tokens_seen, seconds = 0, 0, 0.0
    if options.resume:
        state = torch.load(folder / "checkpoint.pt", weights_only=True)
        model.load_state_dict(state["model"])
        for stepper, saved in zip(steppers, state["optimisers"], strict=True):
            stepper.load_state_dict(saved)
        step, tokens_seen, seconds = state["step"], state["tokens_seen"], state["seconds"]
    # Two row lengths, two programs; one program for any length would be slower than either.
    forward = torch.compile(model, dynamic=False) if options.compile else model
    log = (folder / "log.jsonl").open("a")

    def record(**entry: Any) -> None:
        log.write(json.dumps({"step": step, "tokens": tokens_seen, "seconds": round(seconds), **entry}) + "\n")
        log.flush()

    def checkpoint() -> None:
        save(
            folder / "checkpoint.pt",
            {
                "model": model.state_dict(),
                "optimisers": [s.state_dict() for s in steppers],
                "step": step,
                "tokens_seen": tokens_seen,
                "seconds": seconds,
                "config": config,
            },
        )

    record(
        event="start",
        parameters=sum(p.numel() for p in model.parameters()),
        rows=len(rows),
        options={key: str(value) for key, value in vars(options).items()},
    )
    last_checkpoint = last_evaluation = began = time.monotonic()
    seconds_before, losses = seconds, []
    bar = tqdm(total=None if options.minutes else options.steps, initial=step, unit="step", mininterval=5)
    while (progress := done(step, seconds, options)) < 1:
        factor = rate_factor(step, progress)
        for stepper, rate in zip(steppers, (MUON_RATE, ADAM_RATE), strict=True):
            stepper.param_groups[0]["lr"] = rate * factor
        length = options.length if progress < DECAY_FROM else ROW_TOKENS
        batch = torch.from_numpy(batch_rows(rows, tokens_seen, options.batch_tokens, length))
        parts = batch.split(MICRO_BATCH_TOKENS // length)
        loss_sum = 0.0
        for part in parts:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not options.float32):
                loss = forward(part[:, :-1], part[:, 1:], MICRO_BATCH_TOKENS // 1024)
            (loss / len(parts)).backward()
            loss_sum += loss.item() / len(parts)
        for stepper in steppers:
            stepper.step()
            stepper.zero_grad(set_to_none=True)
        step, tokens_seen = step + 1, tokens_seen + options.batch_tokens
        now = time.monotonic()
        seconds = seconds_before + now - began
        losses.append(loss_sum)
        bar.update()
        finished = done(step, seconds, options) >= 1 or step == options.stop_at
        if step % 25 == 0:
            bar.set_postfix(loss=f"{np.mean(losses[-25:]):.3f}")
            record(loss=round(float(np.mean(losses[-25:])), 4), rate=round(factor, 4))
        if now - last_checkpoint > 60 * options.checkpoint_minutes or finished:
            checkpoint()
            last_checkpoint = now
        if now - last_evaluation > 60 * options.evaluate_minutes or finished:
            export(model, config, tokenizer, folder / "export")
            record(event="evaluation", **evaluate(folder / "export", quick=True))
            last_evaluation = time.monotonic()
        if finished:
            break
    bar.close()


def parse() -> argparse.Namespace:
    """The command line; --small changes the defaults of width, layers and vocabulary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="checkpoint, log, tokens and export go here")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--minutes", type=float, help="end after so many minutes of training, earlier runs counted in")
    parser.add_argument("--stop-at", type=int, help="end after this step of the schedule; --resume goes on from there")
    parser.add_argument("--mixture", choices=list(MIXTURES), default="broad")
    parser.add_argument("--batch-tokens", type=int, default=8192)
    parser.add_argument("--length", type=int, default=512, help="row length before the decay, in tokens")
    parser.add_argument("--small", action="store_true", help="width 160, 5 layers, vocabulary 2,048: 2 M parameters")
    parser.add_argument("--width", type=int)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--head-width", type=int)
    parser.add_argument("--vocab-size", type=int)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--float32", action="store_true", help="for processors without AVX-512: 30 times as fast")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint-minutes", type=float, default=4)
    parser.add_argument("--evaluate-minutes", type=float, default=10)
    options = parser.parse_args()
    defaults = (160, 5, 32, 2048) if options.small else (256, 8, 64, 8192)
    for name, default in zip(("width", "layers", "head_width", "vocab_size"), defaults, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, default)
    return options


if __name__ == "__main__":
    train(parse())
