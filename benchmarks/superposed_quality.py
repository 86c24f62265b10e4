"""How good k drafts are: superposed with and without n-grams, nucleus, beam, greedy, on text the model has not read.

Called by benchmarks/superposed.py.  Every method gets the same prompts and writes at most three drafts of ten tokens;
all drafts are scored by the model itself, in passes that read them as they are.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import guided

K, N_TOKENS = 3, 10  # drafts, tokens of a draft
CONTEXT = 200  # characters before a place at least; a prompt is at most twice as long
BATCH = 32  # prompts that are decoded together
RESAMPLES = 2000  # for intervals
MATCHES = ("first_5", "best_5", "first_10", "best_10")
Sample = tuple[str, str]  # prompt, what follows
Tokens = list[int]
Method = Callable[[Any, list[str]], list[list[Tokens]]]  # drafts of every prompt
Rows = npt.NDArray[np.float64]


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


def superposed(**options: Any) -> Method:
    """guided.superpose with these options."""

    def write(lm: Any, prompts: list[str]) -> list[list[Tokens]]:
        found = guided.superpose(lm, prompts, K, N_TOKENS, batch_size=BATCH, **options)
        return [[draft.tokens for draft in drafts] for drafts in found]

    return write


def sampled(n: int, **options: Any) -> Method:
    """n texts of guided.generate per prompt."""

    def write(lm: Any, prompts: list[str]) -> list[list[Tokens]]:
        made = guided.generate(
            lm, prompts, max_tokens=N_TOKENS, n=n, seed=0, heal=False, batch_size=BATCH, progress=False, **options
        )
        return [[out.tokens for out in made[first : first + n]] for first in range(0, len(made), n)]

    return write


def beam(lm: Any, prompts: list[str]) -> list[list[Tokens]]:
    """Beam search with K beams, by transformers."""
    pad_id = min(lm.vocab.eos_ids)
    encoded = [lm.encode(prompt) for prompt in prompts]
    width = max(map(len, encoded))
    ids = torch.tensor([[pad_id] * (width - len(row)) + row for row in encoded])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in encoded])
    rows = lm.model.generate(
        ids, attention_mask=mask, num_beams=K, num_return_sequences=K, max_new_tokens=N_TOKENS, do_sample=False,
        pad_token_id=pad_id,
    )  # fmt: skip
    texts = [row[width:].tolist() for row in rows]
    ends = [next((at + 1 for at, token in enumerate(text) if token in lm.vocab.eos_ids), len(text)) for text in texts]
    cut = [text[:end] for text, end in zip(texts, ends, strict=True)]
    return [cut[first : first + K] for first in range(0, len(cut), K)]


def methods(ngrams: Any) -> dict[str, Method]:
    """What is compared; the others are compared with the first."""
    return {
        "superposed": superposed(),
        "superposed, the best k of all ways": superposed(apart=False),
        "superposed, n-grams as in the paper": superposed(ngrams=ngrams.with_smoothing("paper")),
        "superposed, n-grams with back-off": superposed(ngrams=ngrams),
        "greedy": sampled(1, temperature=0),
        "nucleus 0.95": sampled(K, top_p=0.95),
        "beam": beam,
    }


class Judged:
    """What the drafts of one method came to, a row for each prompt.

    logps, lengths : of all drafts together.      best : mean log-probability per token of the likeliest draft.
    """

    def __init__(self, n: int) -> None:
        self.logps, self.lengths, self.best, self.distinct = (np.zeros(n) for _ in range(4))
        self.matches = {name: np.zeros(n) for name in MATCHES}
        self.seconds = 0.0

    def note(self, number: int, drafts: Sequence[tuple[str, float, int]], rest: str) -> None:
        """drafts : text, log-probability and tokens of each; rest : what really follows."""
        texts = [text for text, _, _ in drafts]
        self.logps[number], self.lengths[number] = sum(logp for _, logp, _ in drafts), sum(n for *_, n in drafts)
        self.best[number] = max(logp / n for _, logp, n in drafts)
        self.distinct[number] = len(set(texts))
        for length in (5, 10):
            found = [text[:length] == rest[:length] for text in texts]
            self.matches[f"first_{length}"][number] = found[0]
            self.matches[f"best_{length}"][number] = any(found)

    def figures(self, chosen: npt.NDArray[np.int64]) -> dict[str, Rows]:
        """Each measure over resampled prompts: chosen is int64[resamples, n], the result float64[resamples]."""
        return {
            "ppl_all": np.exp(-self.logps[chosen].sum(1) / self.lengths[chosen].sum(1)),
            "ppl_best": np.exp(-self.best[chosen].mean(1)),
            **{name: values[chosen].mean(1) for name, values in self.matches.items()},
            "distinct": self.distinct[chosen].mean(1),
        }


def judge(lm: Any, places: list[Sample], ways: dict[str, Method]) -> dict[str, Judged]:
    """All methods on all places; a text that several of them wrote is scored once."""
    found = {name: Judged(len(places)) for name in ways}
    for first in range(0, len(places), BATCH):
        batch = places[first : first + BATCH]
        prompts = [prompt for prompt, _ in batch]
        written: dict[str, list[list[Tokens]]] = {}
        for name, write in ways.items():
            start = time.perf_counter()
            written[name] = write(lm, prompts)
            found[name].seconds += time.perf_counter() - start
        session = lm.superposed([lm.encode(prompt) for prompt in prompts])
        for row, (_, rest) in enumerate(batch):
            texts = sorted({tuple(tokens) for drafts in written.values() for tokens in drafts[row] if tokens})
            logprobs = session.score(row, [tokens[:-1] for tokens in texts]).numpy()
            logps = {
                tokens: float(logprobs[number, np.arange(len(tokens)), tokens].sum())
                for number, tokens in enumerate(texts)
            }
            for name, drafts in written.items():
                given = [tuple(tokens) for tokens in drafts[row] if tokens]
                shown = [lm.vocab.bytes_of(tokens).decode("utf-8", "replace") for tokens in given]
                lengths = map(len, given)
                found[name].note(
                    first + row, list(zip(shown, map(logps.__getitem__, given), lengths, strict=True)), rest
                )
    return found


def summary(found: dict[str, Judged]) -> dict[str, dict[str, Any]]:
    """Every measure with a 95 % interval, and how many matches the first method has more than the others.

    Intervals are of 2,000 bootstrap samples of prompts; differences are of the same prompts, so they are paired.
    """
    n = len(next(iter(found.values())).best)
    everything = np.arange(n)[None]
    chosen = np.random.default_rng(0).integers(0, n, (RESAMPLES, n))
    first = next(iter(found))
    resampled = {name: judged.figures(chosen) for name, judged in found.items()}
    result: dict[str, dict[str, Any]] = {}
    for name, judged in found.items():
        whole = judged.figures(everything)
        result[name] = {
            measure: {"value": float(whole[measure][0]), "interval": _interval(values)}
            for measure, values in resampled[name].items()
        }
        result[name]["seconds"] = judged.seconds
        result[name]["first_method_has_more"] = {
            measure: {
                "value": float(np.mean(found[first].matches[measure] - judged.matches[measure])),
                "interval": _interval(resampled[first][measure] - resampled[name][measure]),
            }
            for measure in MATCHES
        }
    return result


def _interval(values: Rows) -> list[float]:
    return [float(value) for value in np.quantile(values, (0.025, 0.975))]


def table(kind: str, found: dict[str, dict[str, Any]]) -> str:
    """The summary as a table in Markdown; after each figure half the width of its interval."""
    heads = ("ppl_all", "ppl_best", *MATCHES, "distinct")
    lines = [
        f"| {kind} | perplexity, all | best | first 5 | any 5 | first 10 | any 10 | distinct |",
        "| --- " * (len(heads) + 1) + "|",
    ]
    for name, figures in found.items():
        cells = []
        for head in heads:
            low, high = figures[head]["interval"]
            digits = 3 if head in MATCHES else 2
            cells.append(f"{figures[head]['value']:.{digits}f} ± {(high - low) / 2:.{digits}f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def healing(lm: Any, n: int, part: int) -> dict[str, float]:
    """Best of three at places in the middle of words, with and without healing: the next five characters."""
    chosen = samples(lm.tokenizer, n, "code", part, at_characters=True)
    found = {}
    for heal in (False, True):
        lists = guided.superpose(lm, [prompt for prompt, _ in chosen], K, N_TOKENS, heal=heal, batch_size=BATCH)
        hits = sum(
            any(draft.text[:5] == rest[:5] for draft in drafts) for drafts, (_, rest) in zip(lists, chosen, strict=True)
        )
        found["with" if heal else "without"] = hits / n
    return found
