"""The cost of a byte: passes of the model, time, and error, beside genlm-bytes (in an environment that has it).

    python -m benchmarks.byte_cost --rival ENVIRONMENT/bin/python [--n-bytes 200]
    python -m benchmarks.byte_cost --as-rival FOLDER < TEXTS      (what the rival's interpreter runs)

Both read the same texts (left-out modules, from their 2,000th byte) with the built-in model, byte after byte, each in a
process of its own on one thread, the two in turn.  Errors are those of log2 P(byte), against the exact figure of what
each wants to know: ours (canonical) with tolerance 0, theirs (all segmentations) with tolerance 1e-4 and beam 8.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MODULES = ("argparse", "textwrap", "tempfile")


def texts(n_bytes: int) -> list[bytes]:
    folder = Path(json.__file__).parent.parent
    return [(folder / f"{name}.py").read_bytes()[2000 : 2000 + n_bytes] for name in MODULES]


def rival(folder: str, given: list[bytes]) -> dict[str, Any]:
    """genlm-bytes, beam 5, pruning 0.05; timeout is how long its backend waits for more requests, 20 ms by default."""
    import torch
    from genlm.backend import load_model_by_name  # type: ignore[import-not-found]
    from genlm.bytes import BeamParams, ByteBeamState  # type: ignore[import-not-found]

    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for name, options in (("default", {}), ("no waiting", {"timeout": 0.0})):
        llm = load_model_by_name(folder, backend="hf", llm_opts=options)
        calls = [0]
        forward = llm.model.forward

        def counted(*args: Any, forward: Any = forward, calls: list[int] = calls, **more: Any) -> Any:
            calls[0] += 1
            return forward(*args, **more)

        llm.model.forward = counted

        async def read(text: bytes, llm: Any = llm) -> list[float]:
            state = await ByteBeamState.initial(llm, BeamParams(K=5, prune_threshold=0.05))
            logps = []
            for byte in text:
                row = await state.logp_next()
                logps.append(float(row[byte]))
                state = await (state << byte)
            return logps

        async def run(read: Any = read) -> list[list[float]]:
            return [await read(text) for text in given]

        start = time.perf_counter()
        logps = asyncio.run(run())
        seconds = time.perf_counter() - start
        found[name] = {"seconds": seconds, "calls": calls[0], "logps": logps}
    return found


def ours(given: list[bytes], **options: Any) -> dict[str, Any]:
    import torch

    import guided

    torch.set_num_threads(1)
    blm = guided.ByteModel(guided.tiny(), **options)
    logps, bounds, start = [], [], time.perf_counter()
    for text in given:
        state, row = blm.begin(), []
        for byte in text:
            row.append(float(state.next_logprobs()[byte]))
            bounds.append(state.bound)
            state.advance(byte)
        logps.append(row)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "calls": blm.n_calls, "contexts": blm.n_contexts, "logps": logps, "bound": max(bounds)}


def error(found: list[list[float]], truth: list[list[float]]) -> float:
    """Mean absolute difference of log2 P(byte); what is impossible counts as 100 bits."""
    pairs = [pair for one, other in zip(found, truth, strict=True) for pair in zip(one, other, strict=True)]
    return sum(min(100.0, abs(a - b) / math.log(2)) for a, b in pairs) / len(pairs)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rival")
    parser.add_argument("--as-rival")
    parser.add_argument("--n-bytes", type=int, default=200)
    arguments = parser.parse_args()
    if arguments.as_rival:
        given = [bytes.fromhex(line) for line in sys.stdin.read().split()]
        print(json.dumps(rival(arguments.as_rival, given)))
        return
    from guided.models.tiny import tiny_path

    given = texts(arguments.n_bytes)
    n = sum(map(len, given))
    mine = ours(given)
    theirs: dict[str, Any] = {}
    if arguments.rival:
        command = [arguments.rival, __file__, "--as-rival", str(tiny_path())]
        done = subprocess.run(
            command, input="\n".join(text.hex() for text in given), capture_output=True, text=True, check=True
        )
        theirs = json.loads(done.stdout.splitlines()[-1])
    again = ours(given)
    mine["seconds"] = min(mine["seconds"], again["seconds"])
    print(n, mine["calls"] / n, mine["contexts"] / n, 1e3 * mine["seconds"] / n, flush=True)
    for name, one in theirs.items():
        print(name, 1e3 * one["seconds"] / n, one["calls"] / n, mine["seconds"] / one["seconds"], flush=True)
    exact, every = ours(given, tolerance=0), ours(given, encodings="all", tolerance=1e-4, beam=8)
    line: dict[str, Any] = {"n_bytes": n, "calls_per_byte": mine["calls"] / n}
    line["contexts_per_byte"] = mine["contexts"] / n
    line |= {"ms_per_byte": 1e3 * mine["seconds"] / n, "error": error(mine["logps"], exact["logps"])}
    line["bound"], line["bits_per_byte"] = mine["bound"], -sum(map(sum, mine["logps"])) / math.log(2) / n
    for name, one in theirs.items():
        line[f"genlm-bytes, {name}"] = {
            "ms_per_byte": 1e3 * one["seconds"] / n,
            "calls_per_byte": one["calls"] / n,
            "error": error(one["logps"], every["logps"]),
            "bits_per_byte": -sum(map(sum, one["logps"])) / math.log(2) / n,
            "ratio": mine["seconds"] / one["seconds"],
        }
    print(json.dumps(line, indent=1))


if __name__ == "__main__":
    main()
