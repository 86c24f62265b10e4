"""How good k drafts are: superposed with and without n-grams, nucleus, beam, greedy, on text the model has not read.

Called by benchmarks/superposed.py.  Every method gets the same prompts and writes at most three drafts of ten tokens;
all drafts are scored by the model itself, a whole pass over each.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import guided

K, N_TOKENS, CONTEXT = 3, 10, 400  # drafts, tokens of a draft, characters of context at least
Sample = tuple[str, str]  # prompt, what follows


def samples(tokenizer: Any, n: int, kind: str, part: int, at_characters: bool = False) -> list[Sample]:
    """Places in left-out text, at token ends (or anywhere).  part : 0 was used to choose defaults, 1 was not."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
    from tiny_corpus import evaluation_sources
    from tiny_json import json_document

    rng = random.Random(f"{kind} {part}")
    if kind == "code":
        texts = [source.text for source in evaluation_sources()[part::2]]
    else:
        texts = ["".join(json_document(random.Random(f"held out {part} {number}"))) for number in range(n)]
    found: list[Sample] = []
    while len(found) < n:
        text = rng.choice(texts)
        place = rng.randrange(min(CONTEXT, len(text) // 3), max(len(text) - 40, len(text) // 3 + 1))
        start = max(0, place - 2 * CONTEXT)
        start = text.rfind("\n", 0, start) + 1 if start else 0
        if not at_characters:
            ends = tokenizer.backend_tokenizer.encode(text[start : place + 40]).offsets
            place = start + next(end for _, end in ends if end >= place - start)
        prompt, rest = text[start:place], text[place : place + 10]
        if len(rest) == 10 and rest.strip():
            found.append((prompt, rest))
    return found


def nucleus(lm: Any, prompt: str, k: int, seed: int) -> list[list[int]]:
    made = guided.generate(lm, prompt, max_tokens=N_TOKENS, top_p=0.95, n=k, seed=seed)
    return [out.tokens for out in made]


def beam(lm: Any, prompt: str, k: int) -> list[list[int]]:
    ids = torch.tensor([lm.encode(prompt)])
    rows = lm.model.generate(
        ids, attention_mask=torch.ones_like(ids), num_beams=k, num_return_sequences=k, max_new_tokens=N_TOKENS,
        do_sample=False, pad_token_id=min(lm.vocab.eos_ids),
    )  # fmt: skip
    texts = [row[ids.shape[1] :].tolist() for row in rows]
    ends = [next((at + 1 for at, token in enumerate(text) if token in lm.vocab.eos_ids), len(text)) for text in texts]
    return [text[:end] for text, end in zip(texts, ends, strict=True)]


def methods(ngrams: Any) -> dict[str, Callable[..., list[list[int]]]]:
    def superposed(**options: Any) -> Callable[..., list[list[int]]]:
        def write(lm: Any, prompt: str, _: int) -> list[list[int]]:
            return [draft.tokens for draft in guided.superpose(lm, prompt, K, N_TOKENS, **options)]

        return write

    return {
        "superposed": superposed(),
        "superposed, the best k of all ways": superposed(apart=False),
        "superposed, n-grams as in the paper": superposed(ngrams=ngrams.with_smoothing("paper")),
        "superposed, n-grams with back-off": superposed(ngrams=ngrams),
        "greedy": lambda lm, prompt, seed: [guided.generate(lm, prompt, max_tokens=N_TOKENS, temperature=0).tokens],
        "nucleus 0.95": lambda lm, prompt, seed: nucleus(lm, prompt, K, seed),
        "beam": lambda lm, prompt, seed: beam(lm, prompt, K),
    }


def judge(lm: Any, chosen: list[Sample], write: Callable[..., list[list[int]]]) -> dict[str, float]:
    """Means over prompts; perplexities are exp of minus the mean log-probability per token, of all and of the best."""
    all_logp, all_tokens, best_logp, n_distinct = 0.0, 0, 0.0, 0
    hits = {"first_5": 0, "best_5": 0, "first_10": 0, "best_10": 0}
    for number, (prompt, rest) in enumerate(chosen):
        drafts = [tokens for tokens in write(lm, prompt, number) if tokens]
        rows = lm.superposed([lm.encode(prompt)]).score(0, [tokens[:-1] for tokens in drafts])
        logps = [
            sum(float(rows[draft, step, token]) for step, token in enumerate(tokens))
            for draft, tokens in enumerate(drafts)
        ]
        all_logp, all_tokens = all_logp + sum(logps), all_tokens + sum(map(len, drafts))
        best_logp += max(logp / len(tokens) for logp, tokens in zip(logps, drafts, strict=True))
        texts = [lm.vocab.bytes_of(tokens).decode("utf-8", "replace") for tokens in drafts]
        n_distinct += len(set(texts))
        for length in (5, 10):
            found = [text[:length] == rest[:length] for text in texts]
            hits[f"first_{length}"] += found[0]
            hits[f"best_{length}"] += any(found)
    n = len(chosen)
    return {
        "ppl_all": math.exp(-all_logp / all_tokens),
        "ppl_best": math.exp(-best_logp / n),
        **{name: count / n for name, count in hits.items()},
        "distinct": n_distinct / n,
    }


def healing(lm: Any, ngrams: Any, n: int) -> dict[str, float]:
    """Best of three at places in the middle of words, with and without healing."""
    chosen = samples(lm.tokenizer, n, "code", 1, at_characters=True)
    found = {}
    for heal in (False, True):
        hits = 0
        for prompt, rest in chosen:
            drafts = guided.superpose(lm, prompt, K, N_TOKENS, ngrams, heal=heal)
            hits += any(draft.text[:5] == rest[:5] for draft in drafts)
        found["with" if heal else "without"] = hits / n
    return found
