"""Bits per byte of two models with different tokens, and of their ensembles, on the left-out modules.

    python -m benchmarks.byte_ensemble FOLDER [--n-bytes 300]      (FOLDER: the small model, train_tiny.py --small)

Texts begin at the 3,000th byte of a module, after 600 bytes that all models have read.  Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import guided

MODULES = ("argparse", "textwrap", "tempfile", "csv", "shlex", "heapq", "statistics", "configparser")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--n-bytes", type=int, default=300)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    large = guided.ByteModel(guided.tiny(), tolerance=1e-4)
    small = guided.ByteModel(guided.load(arguments.folder, dtype=torch.float32), tolerance=1e-4)
    models = {"built-in": large, "small": small}
    for weight in (0.5, 0.7, 0.8, 0.9, 0.95):
        models[f"mixture {weight}"] = guided.Ensemble([large, small], "mixture", [weight, 1 - weight])
        models[f"product {weight}"] = guided.Ensemble([large, small], "product", [weight, 1 - weight])
    models["bayes"] = guided.Ensemble([large, small], "bayes")
    folder, bits, n = Path(json.__file__).parent.parent, dict.fromkeys(models, 0.0), 0
    for name in MODULES:
        raw = (folder / f"{name}.py").read_bytes()
        text, before = raw[3000 : 3000 + arguments.n_bytes], raw[2400:3000]
        first = {member: member.begin(before) for member in (large, small)}
        states = {}
        for key, model in models.items():
            if model in first:
                states[key] = first[model]
            else:
                states[key] = type(model.begin())(model, [first[member] for member in model.members])
        for byte in text:
            rows = {key: state.next_logprobs() for key, state in states.items()}
            for key, row in rows.items():
                bits[key] -= row[byte] / math.log(2)
            bayes = states["bayes"]
            told = bayes.log_weights + [first[member].next_logprobs()[byte] for member in (large, small)]
            bayes.log_weights = told - (told.max() + math.log(sum(math.exp(one - told.max()) for one in told)))
            for state in first.values():
                state.advance(byte)
        n += len(text)
        print(json.dumps({"n_bytes": n, **{key: value / n for key, value in bits.items()}}), flush=True)


if __name__ == "__main__":
    main()
