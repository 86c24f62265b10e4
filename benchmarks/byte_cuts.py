"""Prompts cut at random bytes: bits per byte of the true continuation, for five ways to read the prompt's open end.

    python -m benchmarks.byte_cuts --n 2000 --seed 0 [--model FOLDER]

raw       : the prompt's own tokens, as they are.
healing   : the last token is taken back; the next one must begin with its bytes (one-token healing).
alignment : the last three tokens are taken back; each new token must agree with their bytes, and is renormalised on its
            own (arXiv:2403.08688).
SMC       : the same with 64 particles, weighted by what was renormalised and resampled when half of them count; what
            they predict is the weighted mean, the token that reaches over the end left open.
exact     : the cover of the prompt (guided.heal).
What follows the prompt is written as the tokenizer writes it, for all five.  Texts: the modules that the built-in model
has not read, and made-up JSON of another seed.  Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import guided
from benchmarks.results_file import append
from guided.engines.byte_model import rule_of
from guided.engines.covers import Context, Counts, Cover, Forest, ask
from guided.engines.heal import EXACT

METHODS = ("raw", "healing", "alignment", "SMC", "exact")
STEPS = (1, 4, 16)
BACK, BEFORE = 3, 400  # tokens that alignment takes back; bytes of a prompt
PARTICLES = 64


def texts(seed: int) -> dict[str, list[bytes]]:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))
    from tiny_corpus import LEFT_OUT
    from tiny_json import json_document

    rng = random.Random(1_000_003 + seed)
    folder = Path(json.__file__).parent.parent
    return {
        "modules": [(folder / f"{name}.py").read_bytes() for name in LEFT_OUT],
        "JSON": ["\n".join(json_document(rng)).strip().encode() for _ in range(400)],
    }


def cuts(kind: list[bytes], n: int, rng: random.Random) -> list[tuple[bytes, bytes]]:
    """(prompt, the next 16 bytes)."""
    found = []
    while len(found) < n:
        text = rng.choice(kind)
        if len(text) < 80:
            continue
        at = rng.randrange(40, len(text) - max(STEPS))
        prompt, rest = text[max(0, at - BEFORE) : at], text[at : at + max(STEPS)]
        try:
            prompt.decode()
            rest.decode()
        except UnicodeDecodeError:
            continue
        found.append((prompt, rest))
    return found


class Cut:
    """One cut: the covers of all methods over one tree of contexts."""

    def __init__(self, lm: Any, rule: Any, prompt: bytes) -> None:
        self.lm, self.rule, self.prompt = lm, rule, prompt
        ids = rule.encode(prompt)
        cut = rule.cut_before(prompt, len(prompt))
        first = min(len(rule.encode(prompt[:cut])) if cut else 0, max(0, len(ids) - BACK))
        self.forest = Forest(lm, [*lm.encode(""), *ids[:first]], rule, Counts())
        start = len(lm.vocab.bytes_of(ids[:first]))
        self.root = Context(None, None, start, rule.state_of(ids[:first]))
        self.chain = [self.root]  # the prompt's own tokens, one after the other
        for token in ids[first:]:
            end = self.chain[-1].end + len(lm.vocab.tokens[token])
            leaf = lm.vocab.trie.node_of(lm.vocab.tokens[token])
            self.chain.append(self.chain[-1].child(token, end, rule, leaf))
        self.exact = self._cover(start)
        self.exact.ends = [self.root]
        for byte in prompt[start:]:
            self.exact.read(byte)
        self.forest.ask(self.chain)
        self.chain[-1].settle()
        ask([self.exact])

    def _cover(self, end: int) -> Cover:
        return Cover(self.forest, self.prompt[:end], EXACT)

    def fresh(self, context: Context, logp: float, state: Any = None) -> Context:
        """A context after the same tokens, with another weight, and the text after it written as if it began there."""
        made = Context(None, context.token, context.end, self.rule.start if state is None else state, context.leaf)
        made.logp, made.node, made.path = logp, context.node, context.path
        self.forest._read(made)
        self.forest.known[made.node] = context
        return made

    def covers(self, chance: Any) -> dict[str, Cover]:
        n = len(self.prompt)
        raw = self._cover(n)
        raw.ends = [self.fresh(self.chain[-1], 0.0)]
        healing = self._cover(n)
        if len(self.chain) > 1:
            before = self.chain[-2]
            open_end = self.fresh(before, 0.0)
            node = self.lm.vocab.trie.node_of(self.prompt[before.end :])
            healing.elements = [(open_end, node)]
            p = dict(open_end.masses.ending(node)).get(self.chain[-1].token, 0.0)
            if p > 0:
                healing.ends = [self.fresh(self.chain[-1], math.log(p))]
        found = {"raw": raw, "healing": healing, "alignment": self._aligned(), "exact": self.exact}
        found["SMC"] = self._particles(chance) or raw
        return found

    def _base(self) -> Context:
        return self.chain[max(0, len(self.chain) - 1 - BACK)]

    def _by_path(self) -> dict[Any, Context]:
        return {one.path: one for one in [*self.forest.known.values(), *self.chain]}

    def _choices(self, context: Context) -> list[tuple[float, int | None, int]]:
        """(probability, token that ends inside the prompt or with it, its trie node): what agrees with the prompt.

        The last entry, without a token, stands for all tokens that reach over the end, from the node there.
        """
        node, found = 0, []
        for byte in self.prompt[context.end :]:
            node = self.lm.vocab.trie.child(node, byte)
            if node < 0:
                return found
            found += [(p, token, node) for token, p in context.masses.ending(node)]
        return [*found, (context.masses.beyond(node), None, node)]

    def _particles(self, chance: Any) -> Cover | None:
        """Aligned texts as particles of SMC; None where all of them have died."""
        by_path, cover = self._by_path(), self._cover(len(self.prompt))
        # context, node where the token under way has left the prompt (None: under way), natural log of the weight
        particles: list[tuple[Context, int | None, float]] = [(self._base(), None, 0.0)] * PARTICLES
        while any(node is None and one.end < len(self.prompt) for one, node, _ in particles):
            moved = [one for one in particles if one[1] is not None or one[0].end == len(self.prompt)]
            open_ones = [one for one in particles if one[1] is None and one[0].end < len(self.prompt)]
            for context in {id(one): one for one, _, _ in open_ones}.values():
                here = [logw for one, _, logw in open_ones if one is context]
                choices = self._choices(context)
                total = sum(p for p, _, _ in choices)
                if total <= 0:
                    continue
                drawn = chance.choice(len(choices), len(here), p=[p / total for p, _, _ in choices])
                for logw, number in zip(here, drawn.tolist(), strict=True):
                    _, token, at = choices[number]
                    child = context if token is None else by_path.get((token, context.path))
                    if child is not None:  # else no way leads on from there
                        moved.append((child, at if token is None else None, logw + math.log(total)))
            if not moved:
                return None
            weights = np.exp(np.array([logw for _, _, logw in moved]) - max(logw for _, _, logw in moved))
            if weights.sum() ** 2 < PARTICLES / 2 * (weights**2).sum():
                mean = math.log(weights.sum() / PARTICLES) + max(logw for _, _, logw in moved)
                drawn = chance.choice(len(moved), PARTICLES, p=weights / weights.sum())
                moved = [(*moved[number][:2], mean) for number in drawn]
            particles = moved
        sums: dict[tuple[int, int | None], tuple[Context, float]] = {}
        for one, node, logw in particles:
            key = id(one), node
            sums[key] = one, float(np.logaddexp(logw, sums[key][1])) if key in sums else logw
        for (_, node), (one, logw) in sums.items():
            if node is None:
                cover.ends.append(self.fresh(one, logw))
            else:
                mass = one.masses.beyond(node)
                cover.elements.append((self.fresh(one, logw - math.log(mass), one.state), node))
        return cover

    def _aligned(self) -> Cover:
        """The elements of the cover, each token renormalised among those that agree with what is left of the prompt."""
        cover = self._cover(len(self.prompt))
        base, by_path = self._base(), self._by_path()

        def log_z(context: Context) -> float:
            total = sum(p for p, _, _ in self._choices(context))
            return math.log(total) if total > 0 else -math.inf

        def weight(context: Context) -> float:
            """Natural log of the aligned probability of its tokens after the base."""
            total, path = context.logp - base.logp, context.path
            while path != base.path:
                if path is None:
                    return -math.inf  # begins before the base
                above = by_path.get(path[1])
                if above is None:
                    return -math.inf
                total -= log_z(above)
                path = path[1]
            return total

        for context, node in self.exact.elements:
            found = weight(context)
            if found > -math.inf and context.is_asked:
                cover.elements.append((self.fresh(context, found - log_z(context), context.state), node))
        for context in self.exact.ends:
            found = weight(context)
            if found > -math.inf:
                cover.ends.append(self.fresh(context, found))
        return cover


def measure(lm: Any, rule: Any, prompt: bytes, rest: bytes, chance: Any) -> dict[str, tuple[list[float], bool]]:
    """Method -> (bits of the next 1, 4, 16 bytes; whether the most probable next byte is the true one)."""
    covers, stages = Cut(lm, rule, prompt).covers(chance), {}
    for method, cover in covers.items():
        stages[method] = [cover]
        fork = cover.fork()
        for number, byte in enumerate(rest, 1):
            fork.read(byte)
            if number in STEPS:
                stages[method].append(fork)
                fork = fork.fork()
    ask([stage for one in stages.values() for stage in one])
    found = {}
    for method, (first, *later) in stages.items():
        weights, _ = first.distribution()
        logs = []
        for stage in (first, *later):
            stage.weigh()
            logs.append(stage.log_mass)
        bits = [min(200.0, (logs[0] - one) / math.log(2)) for one in logs[1:]]
        found[method] = (bits, int(weights.argmax()) == rest[0])
    return found


def interval(values: Any, chance: Any) -> tuple[float, float, float]:
    """Mean, and its 95 % interval by 2,000 resamplings of the cuts."""
    values = np.asarray(values, float)
    means = values[chance.integers(0, len(values), (2000, len(values)))].mean(axis=1)
    return float(values.mean()), *(float(one) for one in np.quantile(means, (0.025, 0.975)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", help="a folder; default the built-in model")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/byte_cuts.jsonl"))
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long, with what is there")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    lm = guided.load(options.model, dtype=torch.float32) if options.model else guided.tiny()
    rng, start = random.Random(options.seed), time.perf_counter()
    rule, found, drawing = rule_of(lm), [], np.random.default_rng([options.seed, 2])
    kinds = {name: cuts(kind, options.n // 2, rng) for name, kind in texts(options.seed).items()}
    for number in range(options.n // 2):
        for name, kind in kinds.items():
            found.append((name, measure(lm, rule, *kind[number], drawing)))
        if time.perf_counter() - start > options.seconds:
            break
    chance = np.random.default_rng(0)
    line: dict[str, Any] = {"n": len(found), "seconds": time.perf_counter() - start}
    print(
        "| texts | method | "
        + " | ".join(f"bits/byte, next {k}" for k in STEPS)
        + " | next byte right |\n|"
        + "---|" * 6
    )
    for name in kinds:
        rows = [one for kind, one in found if kind == name]
        for method in METHODS:
            cells = [interval([one[method][0][k] / STEPS[k] for one in rows], chance) for k in range(len(STEPS))]
            right = interval([one[method][1] for one in rows], chance)
            line[f"{name}/{method}"] = [*cells, right]
            shown = " | ".join(f"{mean:.3f} ({low:.3f}-{high:.3f})" for mean, low, high in [*cells, right])
            print(f"| {name} | {method} | {shown} |")
        for other in METHODS[:-1]:
            gains = [
                interval([(one[other][0][k] - one["exact"][0][k]) / STEPS[k] for one in rows], chance) for k in range(3)
            ]
            line[f"{name}/gain over {other}"] = gains
            print(
                f"| {name} | gain over {other} | "
                + " | ".join(f"{m:.3f} ({a:.3f}-{b:.3f})" for m, a, b in gains)
                + " | |"
            )
    print(json.dumps(line))
    append(options.out, "byte_cuts", line)


if __name__ == "__main__":
    main()
