"""Adaptive weighted rejection sampling, measured: time of a step, questions per token, particles against one sequence.

    python -m benchmarks.awrs step       one step at |V| = 128,000, beside genlm-control (in an environment that has it)
    python -m benchmarks.awrs mask       the same against asking about every token, 10 us a question
    python -m benchmarks.awrs asked      questions per token under constraints, with the built-in model (or --model DIR)
    python -m benchmarks.awrs particles  time of 16 particles against one, with the same model

One thread, and the processor's time of this process, so that other work on the machine does not count (set
OMP_NUM_THREADS=1).  Every part prints a Markdown table and adds a line to benchmarks/results/awrs.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import guided
from benchmarks.results_file import write_line
from guided._fast import DEAD, Stream
from guided.engines.asking import Asker
from guided.engines.contexts import tree_of
from guided.engines.samplers import StepSampler

RESULTS = Path(__file__).parent / "results" / "awrs.jsonl"
N_TOKENS = 128_000
QUESTION_S = 10e-6  # the cost of a question in `mask`


def cases(seed: int = 0) -> list[tuple[str, Any, set[int]]]:
    """(name, float32 log-probabilities, accepted tokens): two widths of logits, two shares of the mass."""
    rng, found = np.random.default_rng(seed), []
    for scale in (2, 4):
        logits = (rng.normal(size=N_TOKENS) * scale).astype(np.float32)
        probs = np.exp(logits.astype(np.float64))
        logprobs = (logits - math.log(probs.sum())).astype(np.float32)
        for share in (0.5, 0.01):
            order = rng.permutation(N_TOKENS)
            reached = np.cumsum(probs[order]) / probs.sum()
            accepted = set(order[: int(np.searchsorted(reached, share)) + 1].tolist())
            found.append((f"scale {scale}, {share:.0%} of the mass accepted", logprobs, accepted))
    return found


def table(heads: list[str], rows: list[list[Any]]) -> None:
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(f"{cell:,.3g}" if isinstance(cell, float) else str(cell) for cell in row) + " |")


# --- one step --------------------------------------------------------------------------------------------------------


def rival_step(logprobs: Any, accepted: set[int], autobatch: bool) -> Callable[[], int]:
    """A step of genlm-control's AWRS, tokens spelled as bytes; returns the number of questions.

    autobatch : its default is True, for batches of particles; without it, a single step costs it less.
    """
    from genlm.control import AWRS, Potential  # type: ignore[import-not-found]

    tokens = [b"%d" % token for token in range(N_TOKENS)]
    allowed = {tokens[token] for token in accepted}
    asked = [0]

    class Logits(Potential):  # type: ignore[misc]
        async def prefix(self, context: Any) -> float:
            return 0.0

        async def complete(self, context: Any) -> float:
            return -math.inf

        async def logw_next(self, context: Any) -> Any:
            return self.weights

    class Test(Potential):  # type: ignore[misc]
        async def prefix(self, context: Any) -> float:
            asked[0] += 1
            return 0.0 if context[-1] in allowed else -math.inf

        async def complete(self, context: Any) -> float:
            return -math.inf

    model, test = Logits(tokens), Test(tokens)
    model.weights = model.make_lazy_weights(np.append(logprobs, -np.inf))
    sampler = AWRS(model, test, seed=0, autobatch=autobatch)
    loop = asyncio.new_event_loop()

    def step() -> int:
        asked[0] = 0
        loop.run_until_complete(sampler.sample([]))
        return asked[0]

    return step


def our_step(logprobs: Any, accepted: set[int]) -> Callable[[], int]:
    streams = iter(range(10**9))
    chance = Stream(0)

    def step() -> int:
        return guided.sample_token(
            logprobs, accepted.__contains__, sampler="awrs", stream=chance.stream(next(streams))
        ).n_asked

    return step


def timed(step: Callable[[], int]) -> tuple[float, int]:
    start = time.process_time()
    n_asked = step()
    return time.process_time() - start, n_asked


def measure_step(rounds: int) -> None:
    """Turn by turn, so that both meet the same machine."""
    rows = []
    for name, logprobs, accepted in cases():
        steps = {
            "ours": our_step(logprobs, accepted),
            "default": rival_step(logprobs, accepted, True),
            "plain": rival_step(logprobs, accepted, False),
        }
        found: dict[str, list[tuple[float, int]]] = {who: [] for who in steps}
        for _ in range(rounds):
            for who, step in steps.items():
                found[who] += [timed(step) for _ in range(5 if who == "ours" else 1)]
        times = {who: statistics.median(one[0] for one in runs) * 1e3 for who, runs in found.items()}
        rows.append(
            [
                name,
                times["ours"],
                times["default"],
                f"1/{times['default'] / times['ours']:.0f}",
                times["plain"],
                f"1/{times['plain'] / times['ours']:.0f}",
                mean_asked(found["ours"]),
                mean_asked(found["default"] + found["plain"]),
            ]
        )
    heads = ["case", "ours, ms", "genlm-control 0.4.1, ms", "ratio", "its autobatch off, ms", "ratio"]
    table([*heads, "our questions", "its questions"], rows)
    write({"step": rows})


def mean_asked(runs: list[tuple[float, int]]) -> str:
    """Questions a step, with the standard error."""
    counts = [one[1] for one in runs]
    return f"{statistics.mean(counts):.1f} ± {statistics.stdev(counts) / math.sqrt(len(counts)):.1f}"


def measure_mask(rounds: int) -> None:
    """Against the mask that a predicate costs: a question per token."""
    rows = []
    for name, logprobs, accepted in cases():

        def ask(token: int, accepted: set[int] = accepted) -> bool:
            end = time.process_time() + QUESTION_S
            while time.process_time() < end:
                pass
            return token in accepted

        chance = Stream(1)
        few, counts = [], []
        for number in range(rounds):
            start = time.process_time()
            drawn = guided.sample_token(logprobs, ask, sampler="awrs", stream=chance.stream(number))
            few.append(time.process_time() - start)
            counts.append(drawn.n_asked)
        start = time.process_time()
        guided.sample_token(logprobs, ask, sampler="mask", stream=chance.stream(rounds))
        whole = time.process_time() - start
        mean = statistics.mean(few)
        asked = f"{statistics.mean(counts):.1f} ± {statistics.stdev(counts) / math.sqrt(rounds):.1f}"
        rows.append([name, asked, mean * 1e3, whole * 1e3, f"1/{whole / mean:,.0f}"])
    table(["case", "questions", "AWRS, ms (mean)", "mask, ms", "ratio"], rows)
    write({"mask": rows})


# --- with a model ----------------------------------------------------------------------------------------------------


def well_nested(text: str) -> bool:
    """An unfinished sum in brackets: never more closed than opened, no two signs in a row, at most 60 characters."""
    depth = 0
    for before, here in zip(" " + text, text, strict=False):
        depth += (here == "(") - (here == ")")
        if depth < 0 or here not in "0123456789+-*() " or (before in "+-*(" and here in "+-*)"):
            return False
    return len(text) <= 60


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 3},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}


def constraints() -> dict[str, tuple[str, Any]]:
    """name -> (prompt, constraint), made anew: their indexes know nothing."""
    return {
        "SQL grammar": ("-- The names of all users.\n", guided.grammar("sql")),
        "arithmetic grammar": ("x = 3\ny = ", guided.grammar("arithmetic")),
        "JSON schema": ("A person as JSON: ", guided.json_schema(PERSON)),
        "regex, date": ("The meeting was held on ", guided.regex(r"\d{4}-\d{2}-\d{2} at \d{2}:\d{2}")),
        "regex, e-mail": ("Write to me: ", guided.regex(r"[a-z]{2,10}(\.[a-z]{2,10})?@[a-z]{3,10}\.(com|org|net)")),
        "regex, words": ("Once upon a time", guided.regex(r"( [a-z]{1,9}){4,12}\.")),
        "predicate, sums": (
            "(1 + 2) * 3 - (",
            guided.predicate(prefix=well_nested, complete=lambda t: well_nested(t) and t.count("(") == t.count(")")),
        ),
    }


def as_black_box(constraint: Any) -> Any:
    """The language as a mere test of texts, so that nothing is known before it is asked."""
    language = constraint.recognizer()
    return guided.predicate(
        prefix=lambda text: language.run(language.start, text) != DEAD, complete=constraint.accepts, as_bytes=True
    )


def measure_asked(lm: Any, n_texts: int, max_tokens: int, only: str) -> None:
    rows = []
    for name, (prompt, constraint) in constraints().items():
        if only not in name:
            continue
        is_test = hasattr(constraint, "tests")
        asked: dict[str, list[int]] = {"black box": [], "known": []}
        masses: list[float] = []
        judge = Asker(constraint, lm.vocab)  # knows every mask
        for number in range(n_texts):
            fresh = constraints()[name][1]
            kinds = {"black box": Asker(fresh if is_test else as_black_box(fresh), lm.vocab)}
            if not is_test:
                kinds["known"] = Asker(fresh, lm.vocab)
            walk(lm, prompt, kinds, judge, number, max_tokens, asked, masses)
        black, divergence = np.array(asked["black box"]), -np.array(masses)
        bins = [black[(divergence >= low) & (divergence < high)] for low, high in ((0, 0.1), (0.1, 1), (1, 3), (3, 99))]
        rows.append(
            [
                name,
                len(black),
                float(black.mean()),
                float(np.percentile(black, 99)),
                float(np.mean(asked["known"])) if asked["known"] else "-",
                float(np.nanmean(divergence)),
                ", ".join(f"{one.mean():.1f}" if len(one) else "-" for one in bins),
            ]
        )
        print(rows[-1], flush=True)
    heads = ["constraint", "tokens", "black box: mean", "99th percentile", "with what is known", "divergence"]
    table([*heads, "black box where it is < 0.1, < 1, < 3, more"], rows)
    write({"asked": rows, "vocabulary": lm.vocab.size})


def walk(
    lm: Any,
    prompt: str,
    kinds: dict[str, Asker],
    judge: Asker,
    seed: int,
    max_tokens: int,
    asked: dict[str, list[int]],
    masses: list[float],
) -> None:
    """One text, token by token, asked about in every way; what the first way drew is written.

    masses : log of the allowed mass; of a test, for which every token must be asked, at every fourth token, else NaN.
    """
    tree, node, raw = tree_of(lm, lm.encode(prompt)), 0, b""
    chance, plan = Stream(seed), StepSampler("awrs")
    states, true_state = {kind: asker.start for kind, asker in kinds.items()}, judge.start
    for number in range(max_tokens):
        row = tree.row(node)
        drawn = {}
        for kind, asker in kinds.items():
            step, _ = plan.begin(asker.urn(row, states[kind], "awrs"), chance.stream(number))
            while step.asking >= 0:
                step.answer(asker.ask([(states[kind], raw, step.asking)])[0])
            asked[kind].append(step.n_asked)
            drawn[kind] = step.token
        if not judge.tests:
            masses.append(judge.urn(row, true_state, "auto").log_mass)
        else:
            masses.append(judge.full_urn(row, true_state, raw).log_mass if number % 4 == 0 else math.nan)
        token = drawn["black box"]
        if token < 0 or token in lm.vocab.eos_ids:
            return
        raw += lm.vocab.tokens[token]
        states = {kind: asker.after(states[kind], token) for kind, asker in kinds.items()}
        true_state = judge.after(true_state, token)
        (node,) = tree.extend([node], [token])
        tree.keep([node])


def write(found: dict[str, Any]) -> None:
    """Add a line to the results."""
    line = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": "python -m benchmarks.awrs " + " ".join(sys.argv[1:]),
        **found,
    }
    write_line(RESULTS, line)


def measure_particles(lm: Any, rounds: int) -> None:
    """64 tokens of a text that cannot end sooner; every step is counted."""
    endless = guided.regex(r"[A-Za-z ,.']{2000}")
    prompt = "Once upon a time there was"
    times: dict[int, list[float]] = {1: [], 16: []}
    rows_asked = {}
    for number in range(rounds + 1):
        for n_particles in (1, 16):
            start = time.process_time()
            result = guided.smc(lm, prompt, endless, n_particles=n_particles, max_tokens=64, seed=number)
            if number:  # the first round makes masks
                times[n_particles].append(time.process_time() - start)
            rows_asked[n_particles] = result.n_rows
    one, many = statistics.median(times[1]), statistics.median(times[16])
    table(
        ["particles", "seconds", "distinct texts", "ratio"],
        [[1, one, rows_asked[1], 1.0], [16, many, rows_asked[16], many / one]],
    )
    write({"particles": {"1": one, "16": many}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["step", "mask", "asked", "particles"])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--model", help="a folder; default: the built-in model")
    parser.add_argument("--only", default="", help="asked: constraints with this in their name")
    options = parser.parse_args()
    if options.part in ("asked", "particles"):
        import torch

        torch.set_num_threads(1)
        lm = guided.load(options.model, dtype="float32") if options.model else guided.tiny()
        if options.part == "asked":
            measure_asked(lm, options.rounds, 60, options.only)
        else:
            measure_particles(lm, options.rounds)
    elif options.part == "step":
        measure_step(options.rounds)
    else:
        measure_mask(options.rounds)


if __name__ == "__main__":
    main()
