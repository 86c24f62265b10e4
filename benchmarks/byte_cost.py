"""The cost of a byte: passes of the model, time, and error, beside genlm-bytes (in an environment that has it).

    python -m benchmarks.byte_cost --rival ENVIRONMENT/bin/python [--n-bytes 60] [--before 0] [--model FOLDER]

Both read the same texts (left-out modules, from their 2,000th byte) with the same model, byte after byte, each in a
process of its own on one thread, ours before and after the rival's, the better time of ours.  `--before` bytes of text
are read first, untimed.  genlm-bytes: beam 5, pruning 0.05, as its README has them, with and without the 20 ms that its
backend waits for more requests.  Where its beam runs empty it can read no further: its figures, and ours beside them,
are of the bytes before.  Errors are those of log2 P(byte), against the exact figure of what each wants to know: ours
(canonical) with tolerance 0, theirs (all segmentations) with tolerance 1e-4 and beam 8 (`--no-errors` leaves them out).
`known text` is guided.ByteModel.logprob, which is told the whole text; `through transformers` is ours without the
compiled passes that small Llamas have (models/llama_tree.py), as other models are read.
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
Text = tuple[bytes, bytes]  # what is read untimed, what is measured


def texts(n_bytes: int, before: int) -> list[Text]:
    folder = Path(json.__file__).parent.parent
    raw = [(folder / f"{name}.py").read_bytes() for name in MODULES]
    return [(one[max(0, 2000 - before) : 2000], one[2000 : 2000 + n_bytes]) for one in raw]


def rival(folder: str, given: list[Text]) -> dict[str, Any]:
    """What genlm-bytes takes, and what it finds; timeout is how long its backend waits for more requests."""
    import torch
    from genlm.backend import load_model_by_name  # type: ignore[import-not-found]
    from genlm.bytes import BeamParams, ByteBeamState  # type: ignore[import-not-found]

    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for name, options in (("default", {}), ("no waiting", {"timeout": 0.0})):
        llm = load_model_by_name(folder, backend="hf", llm_opts=options)
        calls, seconds = [0], [0.0]
        forward = llm.model.forward

        def counted(*args: Any, forward: Any = forward, calls: list[int] = calls, **more: Any) -> Any:
            calls[0] += 1
            return forward(*args, **more)

        llm.model.forward = counted

        async def read(text: Text, llm: Any = llm, calls: Any = calls, seconds: Any = seconds) -> list[float]:
            state = await ByteBeamState.initial(llm, BeamParams(K=5, prune_threshold=0.05))
            before = calls[0]
            if text[0]:
                state = await state.prefill(text[0])
            calls[0] = before
            logps: list[float] = []
            start = time.perf_counter()
            for byte in text[1]:
                if not len(state):
                    break
                row = await state.logp_next()
                logps.append(float(row[byte]))
                state = await (state << byte)
            seconds[0] += time.perf_counter() - start
            return logps

        async def run(read: Any = read) -> list[list[float]]:
            return [await read(text) for text in given]

        logps = asyncio.run(run())
        found[name] = {"seconds": seconds[0], "calls": calls[0], "logps": logps}
    return found


def ours(lm: Any, given: list[Text], **options: Any) -> dict[str, Any]:
    """Byte after byte; `at` is the time after each byte."""
    import guided

    blm = guided.ByteModel(lm, **options)
    found: dict[str, Any] = {"calls": 0, "contexts": 0, "logps": [], "at": [], "bound": 0.0}
    for before, text in given:
        state, logps, times = blm.begin(before), [], []
        if before:
            state.next_logprobs()
        calls, contexts = blm.n_calls, blm.n_contexts
        start = time.perf_counter()
        for byte in text:
            logps.append(float(state.next_logprobs()[byte]))
            found["bound"] = max(found["bound"], state.bound)
            state.advance(byte)
            times.append(time.perf_counter() - start)
        found["calls"] += blm.n_calls - calls
        found["contexts"] += blm.n_contexts - contexts
        found["logps"].append(logps)
        found["at"].append(times)
    return found


def known(lm: Any, given: list[Text]) -> dict[str, Any]:
    """The same texts, told at once."""
    import guided

    found = {"seconds": 0.0, "calls": 0, "logp": 0.0}
    for before, text in given:
        blm = guided.ByteModel(lm)
        if before:
            blm.next_logprobs(before)
        calls, start = blm.n_calls, time.perf_counter()
        found["logp"] += blm.logprob(text, before)
        found["seconds"] += time.perf_counter() - start
        found["calls"] += blm.n_calls - calls
    return found


def through_transformers(lm: Any, given: list[Text]) -> dict[str, Any]:
    """Ours, every pass by transformers."""
    from guided.models import kv_tree

    compiled = kv_tree.compiled
    kv_tree.compiled = lambda model: None
    try:
        return ours(lm, given)
    finally:
        kv_tree.compiled = compiled


def seconds_of(found: dict[str, Any], lengths: list[int]) -> float:
    """The time for the first so many bytes of each text."""
    return sum(times[length - 1] for times, length in zip(found["at"], lengths, strict=True) if length)


def error(found: list[list[float]], truth: list[list[float]]) -> float:
    """Mean absolute difference of log2 P(byte); what is impossible counts as 100 bits."""
    pairs = [pair for one, other in zip(found, truth, strict=True) for pair in zip(one, other, strict=False)]
    return sum(min(100.0, abs(a - b) / math.log(2)) for a, b in pairs) / max(1, len(pairs))


def bits(logps: list[list[float]]) -> float:
    """Bits per byte; infinite where a byte had probability 0."""
    return -sum(map(sum, logps)) / math.log(2) / sum(map(len, logps))


def compare(options: argparse.Namespace, folder: str) -> dict[str, Any]:
    import torch

    import guided

    torch.set_num_threads(1)
    lm = guided.load(folder, dtype=torch.float32) if options.model else guided.tiny()
    given = texts(options.n_bytes, options.before)
    ours(lm, [(b"", text[:8]) for _, text in given])  # tables that are made once
    mine, theirs = ours(lm, given), {}
    if options.rival:
        command = [options.rival, __file__, "--as-rival", folder]
        lines = "\n".join(f"{before.hex()} {text.hex()}" for before, text in given)
        done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the rival's interpreter failed:\n{done.stderr[-2000:]}")
        theirs = json.loads(done.stdout.splitlines()[-1])
    again, told = ours(lm, given), known(lm, given)
    n = sum(len(text) for _, text in given)
    lengths = [len(text) for _, text in given]
    mine = min(mine, again, key=lambda one: seconds_of(one, lengths))
    line: dict[str, Any] = {"n_bytes": n, "before": options.before, "calls_per_byte": mine["calls"] / n}
    line |= {"contexts_per_byte": mine["contexts"] / n, "ms_per_byte": 1e3 * seconds_of(mine, lengths) / n}
    line |= {"bound": mine["bound"], "bits_per_byte": bits(mine["logps"])}
    line["known text"] = {
        "ms_per_byte": 1e3 * told["seconds"] / n,
        "calls_per_byte": told["calls"] / n,
        "bits_per_byte": -told["logp"] / math.log(2) / n,
    }
    slow = through_transformers(lm, given)
    line["through transformers"] = {"ms_per_byte": 1e3 * seconds_of(slow, lengths) / n}
    for name, one in theirs.items():
        read = [len(logps) for logps in one["logps"]]
        beside = seconds_of(mine, read)
        line[f"genlm-bytes, {name}"] = {
            "n_bytes_read": sum(read),
            "ms_per_byte": 1e3 * one["seconds"] / sum(read),
            "calls_per_byte": one["calls"] / sum(read),
            "bits_per_byte": bits(one["logps"]),
            "ours_ms_per_byte": 1e3 * beside / sum(read),
            "ratio": beside / one["seconds"],
            "ratio_through_transformers": seconds_of(slow, read) / one["seconds"],
            "ratio_of_known_text": told["seconds"] / n / (one["seconds"] / sum(read)),
        }
    if not options.no_errors:
        line["error"] = error(mine["logps"], ours(lm, given, tolerance=0)["logps"])
        if theirs:
            every = ours(lm, given, encodings="all", tolerance=1e-4, beam=8)["logps"]
            for name, one in theirs.items():
                line[f"genlm-bytes, {name}"]["error"] = error(one["logps"], every)
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rival", help="the interpreter of an environment with genlm-bytes 0.2.0")
    parser.add_argument("--as-rival", help=argparse.SUPPRESS)
    parser.add_argument("--model", help="a folder; default the built-in model")
    parser.add_argument("--n-bytes", type=int, default=60)
    parser.add_argument("--before", type=int, default=0)
    parser.add_argument("--no-errors", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/byte_cost.jsonl"))
    options = parser.parse_args()
    if options.as_rival:
        pairs = [line.split(" ") for line in sys.stdin.read().splitlines()]
        given = [(bytes.fromhex(before), bytes.fromhex(text)) for before, text in pairs]
        print(json.dumps(rival(options.as_rival, given)))
        return
    from benchmarks.results_file import append
    from guided.models.tiny import tiny_path

    line = compare(options, options.model or str(tiny_path()))
    print(json.dumps(line, indent=1))
    append(options.out, "byte_cost", line)


if __name__ == "__main__":
    main()
