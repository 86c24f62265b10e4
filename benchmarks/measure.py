"""Measure one engine in this process and print one JSON line per figure as it is known.

Lines: {"figure": name, "value": number}, and {"begun": pattern} before a pattern is compiled, so that the runner knows
which pattern a process was at when the time limit ended it.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

from benchmarks.engines import FILES
from benchmarks.engines.base import Base
from benchmarks.patterns import PATTERNS

BATCH = 64  # matchers in the batch that is filled by one call


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def resident_mb() -> float:
    """Resident memory of this process in MB of 1,000,000 bytes, after free pages went back to the system.

    Without that, what an engine allocates would hide in pages that loading the tokenizer has left free.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


def median_us(call: Callable[[], object], seconds: float = 0.5) -> float:
    """Median duration of `call` in microseconds, over as many calls as fit into `seconds` (at least 20)."""
    durations: list[int] = []
    end = time.perf_counter() + seconds
    while len(durations) < 20 or time.perf_counter() < end:
        start = time.perf_counter_ns()
        call()
        durations.append(time.perf_counter_ns() - start)
    return statistics.median(durations) / 1e3


def first_masks(engine: Base, names: list[str], limit_s: int) -> list[Any]:
    """Compile each pattern and fill its first mask; a pattern over the limit ends this process (SIGALRM)."""
    matchers = []
    for name in names:
        say(begun=name)
        signal.alarm(limit_s)
        start = time.perf_counter()
        try:
            matcher = engine.matcher(PATTERNS[name])
            engine.fill(matcher)
        except Exception as error:  # an engine that refuses a pattern is reported, not hidden
            say(refused=name, error=f"{type(error).__name__}: {error}"[:200])
        else:
            say(figure=f"first_mask_ms/{name}", value=(time.perf_counter() - start) * 1e3)
            matchers.append(matcher)
        signal.alarm(0)
    return matchers


def seen_masks(engine: Base, matchers: list[Any]) -> None:
    """Masks at states seen before: ten states in turn by ten calls, and a batch of 64 by one call."""

    def each() -> None:
        for matcher in matchers:
            engine.fill(matcher)

    each()
    say(figure="seen_mask_us", value=median_us(each) / len(matchers))
    fill_all = engine.batch([engine.fork(matchers[row % len(matchers)]) for row in range(BATCH)])
    fill_all()
    say(figure="fill_64_us", value=median_us(fill_all))


def cached_vocabulary(engine: Base, fresh_tokenizer: Callable[[], Any]) -> None:
    """Time the vocabulary from a cache on disk that an earlier call has filled.

    Each call gets a tokenizer object of its own: what is kept with an object in memory is not what is measured.
    """
    with tempfile.TemporaryDirectory() as folder:
        engine.tokenizer = fresh_tokenizer()
        engine.load(folder)
        engine.tokenizer = fresh_tokenizer()
        start = time.perf_counter()
        engine.load(folder)
        say(figure="vocabulary_cached_s", value=time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=FILES)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--limit-s", type=int, required=True)
    parser.add_argument("--patterns", default=",".join(PATTERNS))
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    warnings.simplefilter("ignore")

    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(arguments.tokenizer)
    module = importlib.import_module(f"benchmarks.engines.{FILES[arguments.engine]}")
    engine: Base = module.Engine(tokenizer)
    say(version=engine.version(), vocabulary_from=engine.vocabulary_from)

    before_mb = resident_mb()
    start = time.perf_counter()
    engine.load()
    say(figure="vocabulary_s", value=time.perf_counter() - start)
    names = arguments.patterns.split(",")
    matchers = first_masks(engine, names, arguments.limit_s)
    if len(names) == len(PATTERNS):
        say(figure="resident_mb", value=resident_mb() - before_mb)
    if matchers:
        seen_masks(engine, matchers)
    if engine.distribution == "guided":
        cached_vocabulary(engine, lambda: transformers.AutoTokenizer.from_pretrained(arguments.tokenizer))


if __name__ == "__main__":
    main()
