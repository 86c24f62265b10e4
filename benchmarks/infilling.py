"""Random-span infilling with the built-in model: four ways to treat a cursor that stands inside a token.

    python -m benchmarks.infilling [--cases 120] [--seed 0] [--layouts spm psm] [--model FOLDER]

In the form of HumanEval-Infilling: random spans are taken out of modules that the model was not trained on, and written
again, greedily, from what is before and behind.  Half of the spans begin inside a token, half between two.  A middle
ends where the model ends it, or where it goes on with the first SUFFIX_SHOWN characters of the suffix, as with
guided.infill(.., stop=suffix[:8]).  Appends one dated JSON line with exact match and edit similarity (1 - distance /
longer length) of whole middles, and similarity at the length of the span; 95 % intervals by the bootstrap.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.results_file import append

METHODS = ("raw tokens", "one-token healing", "alignment, 3 tokens", "exact")
WINDOW = (400, 1000)  # characters of a piece of a module
SPAN = (3, 24)  # characters taken out
MAX_TOKENS = 24
SUFFIX_SHOWN = 8
BATCH = 16


MEASURES = ("exact_match", "similarity", "starts_with_it", "next_character", "similarity_at_its_length")


class Case(NamedTuple):
    """A text with a hole.  is_inside : the hole begins inside a token of the whole text."""

    name: str
    prefix: str
    middle: str
    suffix: str
    is_inside: bool


class Start(NamedTuple):
    """What the model is shown, and the bytes of the middle that are known already."""

    ids: list[int]
    beyond: bytes


def left_out() -> list[tuple[str, str]]:
    """(name, text) of the modules that training left out."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
    from tiny_corpus import evaluation_sources

    return [(source.name, source.text) for source in evaluation_sources()]


def make_cases(n: int, seed: int, canonical: Any) -> list[Case]:
    """n spans that begin inside a token, and n that begin where a token of the whole text begins."""
    rng, sources = random.Random(seed), left_out()
    found: dict[bool, list[Case]] = {True: [], False: []}
    while min(map(len, found.values())) < n:
        name, text = rng.choice(sources)
        size = rng.randint(*WINDOW)
        first = rng.randrange(max(1, len(text) - size))
        piece = text[text.rfind("\n", 0, first) + 1 :][:size]
        start = rng.randrange(len(piece) // 4, max(len(piece) // 4 + 1, len(piece) - SPAN[1] - 1))
        middle = piece[start : start + rng.randint(*SPAN)]
        suffix = piece[start + len(middle) :]
        if not middle.strip() or not suffix or not piece.isascii():
            continue
        ends = np.cumsum([0, *(len(canonical.vocab.tokens[token]) for token in canonical.encode(piece.encode()))])
        is_inside = start not in ends
        if len(found[is_inside]) < n:
            found[is_inside].append(Case(name, piece[:start], middle, suffix, is_inside))
    return [*found[True], *found[False]]


def starts(lm: Any, frame: Any, case: Case) -> dict[str, Start]:
    """Where each method lets the model begin."""
    prefix, suffix = case.prefix.encode(), case.suffix.encode()
    canonical, tokens = frame.canonical, lm.vocab.tokens
    whole, _ = frame.prompt(prefix, suffix, False, MAX_TOKENS, True)
    own = canonical.encode(prefix)
    context, rest = frame.prompt(prefix, suffix, True, MAX_TOKENS, True)
    best = frame.ways(context, rest)[0]

    def back(n: int) -> tuple[list[int], bytes]:
        """The prompt without the prefix's last n tokens, and their bytes."""
        taken = own[max(0, len(own) - n) :]
        if frame.layout == "spm":
            return whole[: len(whole) - len(taken)], lm.vocab.bytes_of(taken)
        at = whole.index(frame.tokens.suffix)
        return [*whole[: at - len(taken)], *whole[at:]], lm.vocab.bytes_of(taken)

    def match(ids: list[int], text: bytes, only_whole: bool) -> Start:
        """Greedy character matching: each token goes on with `text`, or contains what is left of it."""
        tree, at = lm.tree(ids), 0
        while text:
            row = tree.row(at)
            node = lm.vocab.trie.node_of(text)
            fits = [] if node < 0 else list(lm.vocab.trie.ids_below(node))
            if not only_whole:
                fits += [token for cut in range(1, len(text)) for token in lm.vocab.trie.ids_of(text[:cut])]
            token = max(fits, key=lambda one: float(row[one]))
            ids = [*ids, token]
            at = tree.extend([at], [token])[0]
            if len(tokens[token]) >= len(text):
                return Start(ids, tokens[token][len(text) :])
            text = text[len(tokens[token]) :]
        return Start(ids, b"")

    return {
        "raw tokens": Start(whole, b""),
        "one-token healing": match(*back(1), True),
        "alignment, 3 tokens": match(*back(3), False),
        "exact": Start([*context, *best.tokens], best.beyond),
    }


def write(lm: Any, vocab: Any, chosen: list[Start]) -> list[str]:
    """The middles, greedily."""
    from guided.engines.generate import Run
    from guided.engines.infill import Given

    run = Run(Given(lm, vocab), None, MAX_TOKENS, lm.sampler(temperature=0.0), 0, [], False)
    prompts = list(dict.fromkeys(tuple(one.ids) for one in chosen))  # methods often begin alike: written once
    done = {event.index: event.done for event in run.events(prompts, 1, BATCH, False) if event.done}
    tokens = {prompt: done[number].tokens for number, prompt in enumerate(prompts)}
    return [(one.beyond + vocab.bytes_of(tokens[tuple(one.ids)])).decode("utf-8", "replace") for one in chosen]


def similarity(left: str, right: str) -> float:
    """1 - edit distance / the longer length; 1 for two empty texts."""
    row = list(range(len(right) + 1))
    for number, one in enumerate(left, 1):
        before, row[0] = row[0], number
        for at, other in enumerate(right, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (one != other))
    longest = max(len(left), len(right))
    return 1.0 if not longest else 1 - row[-1] / longest


def ended(text: str, suffix: str) -> str:
    """The text up to where it goes on as the suffix begins."""
    at = text.find(suffix[:SUFFIX_SHOWN])
    return text if at < 0 else text[:at]


def judged(text: str, case: Case) -> tuple[float, ...]:
    """What MEASURES names.

    A model that was taught with long middles seldom ends a short one, so what it writes is also compared at the length
    of the hole.
    """
    wanted, middle = case.middle, ended(text, case.suffix)
    begins = text.startswith(wanted), text[:1] == wanted[:1]
    return middle == wanted, similarity(middle, wanted), *begins, similarity(text[: len(wanted)], wanted)


def interval(values: np.ndarray[Any, Any]) -> list[float]:
    """[mean, lower, upper]: 95 % by 5,000 bootstrap samples of the cases."""
    draws = np.random.default_rng(0).integers(0, len(values), (5000, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return [round(float(value), 4) for value in (values.mean(), low, high)]


def measure(lm: Any, layout: str, n: int, seed: int) -> dict[str, Any]:
    from guided.engines.infill import Frame

    frame = Frame(lm, layout, None)
    cases = make_cases(n, seed, frame.canonical)
    begun = [starts(lm, frame, case) for case in cases]
    texts = write(lm, frame.vocab, [one[method] for method in METHODS for one in begun])
    written = {method: texts[k * len(cases) : (k + 1) * len(cases)] for k, method in enumerate(METHODS)}
    report: dict[str, Any] = {}
    for is_inside, kind in ((True, "inside a token"), (False, "between tokens")):
        here = [number for number, case in enumerate(cases) if case.is_inside == is_inside]
        scores: dict[str, np.ndarray[Any, Any]] = {}
        for method in METHODS:
            scores[method] = np.array([judged(written[method][number], cases[number]) for number in here], float)
        report[kind] = {}
        for method in METHODS:
            found: dict[str, Any] = {name: interval(scores[method][:, k]) for k, name in enumerate(MEASURES)}
            if method != "exact":
                for k, name in enumerate(MEASURES):
                    found[f"gain_of_exact_in_{name}"] = interval(scores["exact"][:, k] - scores[method][:, k])
                found["same_text_as_exact"] = float(np.mean([written[method][k] == written["exact"][k] for k in here]))
            report[kind][method] = found
    return report


def main() -> None:
    import torch

    import guided

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=120, help="of each kind")
    parser.add_argument("--model", help="a folder; default the built-in model")
    parser.add_argument("--layouts", nargs="+", default=["spm", "psm"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/infilling.jsonl"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    lm = guided.load(options.model, dtype=torch.float32) if options.model else guided.tiny()
    started = time.perf_counter()
    layouts = {layout: measure(lm, layout, options.cases, options.seed) for layout in options.layouts}
    print(json.dumps(layouts, indent=1))
    seconds = round(time.perf_counter() - started)
    append(options.out, "infilling", {"cases_of_each_kind": options.cases, "seconds": seconds, "layouts": layouts})


if __name__ == "__main__":
    main()
