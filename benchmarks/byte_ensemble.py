"""Bits per byte of two models with different tokens, and of their ensembles, on the left-out modules.

    python -m benchmarks.byte_ensemble FOLDER [--n-bytes 300] [--model FOLDER]

FOLDER is what `examples/train_tiny.py --small` has exported.

Weights are chosen on one half of the modules, the *choosing* half, and every ensemble is measured on the other with the
weight that was best there: no figure is of a text that a weight was chosen on.  Texts begin at the 3,000th byte of a
module, after 600 bytes that all models have read.  The last figure is how many bits the best ensemble saves a byte
against the best member, with a 95 % interval by resampling the measured modules' pieces of 50 bytes.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

import guided
from benchmarks.results_file import append

CHOOSING = ("argparse", "csv", "heapq", "configparser")
MEASURED = ("textwrap", "tempfile", "shlex", "statistics")
WEIGHTS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
BEFORE, PIECE = 600, 50

Rows = np.ndarray[Any, np.dtype[np.float64]]


def rows_of(members: list[Any], name: str, n_bytes: int) -> tuple[Rows, bytes]:
    """(log-probabilities of every next byte by every member, float64[members, n, 257]; the bytes)."""
    raw = (Path(json.__file__).parent.parent / f"{name}.py").read_bytes()
    before, text = raw[3000 - BEFORE : 3000], raw[3000 : 3000 + n_bytes]
    found = [[state.next_logprobs() for state, _ in member.walk(text, before)] for member in members]
    return np.array(found), text


def bits(rows: Rows, text: bytes, kind: str, weight: float) -> Rows:
    """Bits of every byte, float64[n], under an ensemble of the two members."""
    at = np.arange(len(text)), np.frombuffer(text, np.uint8)
    told = rows[(slice(None), *at)]
    if kind == "member":
        return -told[int(weight)] / math.log(2)
    if kind == "mixture":
        return -np.logaddexp(math.log(weight) + told[0], math.log(1 - weight) + told[1]) / math.log(2)
    if kind == "product":
        joint = weight * rows[0] + (1 - weight) * rows[1]
        return -(joint[at] - np.logaddexp.reduce(joint, axis=1)) / math.log(2)
    prior = np.log([weight, 1 - weight])[:, None] + np.concatenate([np.zeros((2, 1)), told.cumsum(axis=1)], axis=1)
    mass = np.logaddexp(prior[0], prior[1])
    return -(mass[1:] - mass[:-1]) / math.log(2)


def agrees(members: list[Any], name: str, rows: Rows, text: bytes) -> None:
    """The formulas above are those of guided.Ensemble: compared on a few bytes.  Raises AssertionError."""
    raw = (Path(json.__file__).parent.parent / f"{name}.py").read_bytes()
    for kind in ("mixture", "product"):
        state = guided.Ensemble(members, kind, [0.8, 0.2]).begin(raw[3000 - BEFORE : 3000])
        for byte, wanted in zip(text[:6], bits(rows, text, kind, 0.8), strict=False):
            assert abs(-state.next_logprobs()[byte] / math.log(2) - wanted) < 1e-2, kind
            state.advance(byte)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--model", help="a folder; default the built-in model")
    parser.add_argument("--n-bytes", type=int, default=300, help="of each of the eight modules")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/byte_ensemble.jsonl"))
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    start = time.perf_counter()
    large = guided.load(options.model, dtype=torch.float32) if options.model else guided.tiny()
    lms = [large, guided.load(options.folder, dtype=torch.float32)]
    members = [guided.ByteModel(lm, tolerance=1e-4) for lm in lms]
    halves = [{name: rows_of(members, name, options.n_bytes) for name in names} for names in (CHOOSING, MEASURED)]
    agrees(members, MEASURED[0], *halves[1][MEASURED[0]])

    def mean(half: int, kind: str, weight: float) -> float:
        return float(np.concatenate([bits(*one, kind, weight) for one in halves[half].values()]).mean())

    line: dict[str, Any] = {"n_bytes_measured": sum(len(text) for _, text in halves[1].values())}
    line["members"] = {"large": mean(1, "member", 0), "small": mean(1, "member", 1)}
    best = "member", float(line["members"]["small"] < line["members"]["large"])
    for kind in ("mixture", "product", "bayes"):
        chosen = min(WEIGHTS, key=lambda weight: mean(0, kind, weight))
        pieces = []
        for one in halves[1].values():
            saved = bits(*one, *best) - bits(*one, kind, chosen)
            pieces += [saved[first : first + PIECE].mean() for first in range(0, len(saved) - PIECE + 1, PIECE)]
        draws = np.random.default_rng(0).integers(0, len(pieces), (5000, len(pieces)))
        interval = np.percentile(np.array(pieces)[draws].mean(axis=1), [2.5, 97.5])
        line[kind] = {
            "weight of large": chosen,
            "chosen at": mean(0, kind, chosen),
            "bits_per_byte": mean(1, kind, chosen),
            "saved against the best member": [float(np.mean(pieces)), *map(float, interval)],
        }
    line["equal weights"] = {kind: mean(1, kind, 0.5) for kind in ("mixture", "product")}
    line["seconds"] = time.perf_counter() - start
    print(json.dumps(line, indent=1))
    append(options.out, "byte_ensemble", line)


if __name__ == "__main__":
    main()
