"""JSON Schemas with labelled instances: time to the first mask, time of every mask, memory, verdicts.

    python -m benchmarks.maskbench --data DIR --tokenizer DIR [--engines guided,llguidance,xgrammar] [--rivals DIR]
        [--schemas N --seed S] [--order any|schema] [--profile] [--out benchmarks/results/maskbench.jsonl]

DIR of data holds *.json files with {"schema": .., "tests": [{"valid": bool, "data": ..}]}.  Every instance is written
by json.dumps(ensure_ascii=False) and tokenised beforehand; then every token, and EOS, is one mask and one commit.  Each
engine runs in one process of its own environment on one core, all schemas one after another, the collector of Python as
it is.  A schema that takes longer than `--limit-s` ends its process; it counts as a time-out, and the next goes on.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines import FILES
from benchmarks.measure import resident_mb, say

MASK_PERCENTILES = (50, 90, 99, 99.9)
FIRST_PERCENTILES = (50, 90, 99)
MEMORY_EVERY = 50  # schemas between two looks at the memory


def chosen(data: Path, seed: int, n_schemas: int | None) -> list[Path]:
    """The schemas to run, in a random order that the seed fixes."""
    files = sorted(data.glob("*.json"))
    random.Random(seed).shuffle(files)
    return files[:n_schemas]


# ---- the process of one engine ----


def judge(engine: Any, document: dict[str, Any], instances: list[list[int]]) -> dict[str, Any]:
    """Times in microseconds of one schema: of the first mask with compilation, and of each mask with its commit."""
    masks_us: list[float] = []
    wrong: list[str] = []
    start = time.perf_counter()
    origin = engine.json_matcher(document["schema"])
    first_us = None
    compile_us = (time.perf_counter() - start) * 1e6
    for test, tokens in zip(document["tests"], instances, strict=True):
        matcher, accepted = engine.fork(origin), True
        for token in tokens:
            start = time.perf_counter()
            engine.fill(matcher)
            if first_us is None:
                first_us = compile_us + (time.perf_counter() - start) * 1e6
            accepted = engine.commit(matcher, token)
            masks_us.append(round((time.perf_counter() - start) * 1e6, 2))
            if not accepted:
                break
        if accepted != test["valid"]:
            wrong.append("rejects a valid instance" if test["valid"] else "accepts an invalid instance")
    return {"first_us": first_us, "compile_us": compile_us, "masks_us": masks_us, "wrong": wrong}


class Profile:
    """Counts and times what guided's contexts are asked."""

    def __init__(self) -> None:
        from guided.schema.contexts import JsonContexts

        self.asked: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
        for name in ("facts", "lexer", "exit"):
            if hasattr(JsonContexts, name):
                self.watch(JsonContexts, name)

    def watch(self, owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def timed(*arguments: Any) -> Any:
            start = time.perf_counter()
            try:
                return inner(*arguments)
            finally:
                self.asked[name][0] += 1
                self.asked[name][1] += time.perf_counter() - start

        setattr(owner, name, timed)


def written(instance: Any) -> str:
    """The text of an instance, as the measurements of all engines write it."""
    return json.dumps(instance, ensure_ascii=False)


def one_engine(options: argparse.Namespace) -> None:
    """Measure all schemas with one engine, printing a JSON line for each as it is done."""
    import transformers

    os.sched_setaffinity(0, {options.core})
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.tokenizer)
    files = chosen(options.data, options.seed, options.schemas)[options.skip :]
    documents = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    instances = [
        [
            [*tokenizer.encode(written(test["data"]), add_special_tokens=False), tokenizer.eos_token_id]
            for test in document["tests"]
        ]
        for document in documents
    ]
    engine = importlib.import_module(f"benchmarks.engines.{FILES[options.child]}").Engine(tokenizer)
    if options.child == "guided":
        engine.order = options.order
    base_mb = resident_mb()
    engine.load()
    say(version=engine.version(), base_mb=round(base_mb, 1), loaded_mb=round(resident_mb(), 1))
    profile = Profile() if options.profile and options.child == "guided" else None
    for number, (file, document, tokens) in enumerate(zip(files, documents, instances, strict=True)):
        say(begun=file.name)
        signal.alarm(options.limit_s)
        try:
            result = judge(engine, document, tokens)
        except Exception as error:  # a schema that is refused is reported, not hidden
            result = {"error": f"{type(error).__name__}: {error}"[:200]}
        signal.alarm(0)
        say(schema=file.name, **result)
        if number % MEMORY_EVERY == MEMORY_EVERY - 1 or number == len(files) - 1:
            say(after_schemas=number + 1, resident_mb=resident_mb())
    if profile:
        say(asked={name: {"calls": n, "ms": seconds * 1e3} for name, (n, seconds) in profile.asked.items()})


# ---- the runner ----


def run_engine(engine: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """All lines of an engine; a process that dies or runs out of time is started again behind the schema it was at."""
    python = Path(sys.executable) if engine == "guided" else options.rivals / engine / "bin" / "python"
    lines: list[dict[str, Any]] = []
    skip = 0
    while skip < len(chosen(options.data, options.seed, options.schemas)):
        command = [str(python), "-m", "benchmarks.maskbench", "--child", engine, "--skip", str(skip)]
        for name in ("data", "tokenizer", "schemas", "seed", "order", "limit_s", "core"):
            value = getattr(options, name)
            command += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
        command += ["--profile"] if options.profile else []
        threads = {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        environment = {**os.environ, **threads, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
        done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False)
        found = [json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith("{")]
        begun = sum("begun" in line for line in found)
        if begun == 0:
            raise SystemExit(f"{engine} ended with status {done.returncode} before its first schema")
        if done.returncode:
            what = "time-out" if done.returncode == -signal.SIGALRM else f"ended with status {done.returncode}"
            found.append({"schema": "?", "error": what})
        lines += found
        skip += begun
    return lines


def figures(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What one engine's lines come to."""
    results = [line for line in lines if "schema" in line]
    good = [line for line in results if line.get("masks_us")]
    masks = np.array([duration for line in good for duration in line["masks_us"]])
    first = np.array([line["first_us"] for line in good]) / 1e3
    memory = [(line["after_schemas"], round(line["resident_mb"], 1)) for line in lines if "after_schemas" in line]
    found: dict[str, Any] = {
        "version": lines[0]["version"],
        "schemas": len(results),
        "refused": sum("error" in line for line in results),
        "without_documents": len(results) - len(good) - sum("error" in line for line in results),
        "schemas_with_wrong_verdicts": sum(bool(line["wrong"]) for line in good),
        "masks": masks.size,
        "mask_us": spread(masks, MASK_PERCENTILES),
        "first_mask_ms": spread(first, FIRST_PERCENTILES),
        "resident_mb": {"base": lines[0]["base_mb"], "loaded": lines[0]["loaded_mb"], "after": memory},
    }
    asked = [line["asked"] for line in lines if "asked" in line]
    if asked:
        found["asked"] = asked[-1]
        found["compile_ms"] = spread(np.array([line["compile_us"] for line in good]) / 1e3, FIRST_PERCENTILES)
    return found


def spread(values: Any, percentiles: tuple[float, ...]) -> dict[str, float]:
    """Mean, percentiles, maximum."""
    points = {f"p{point:g}": float(np.percentile(values, point)) for point in percentiles}
    return {name: round(value, 3) for name, value in {"mean": values.mean(), **points, "max": values.max()}.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", required=True, help="folder with a byte-level tokenizer.json")
    parser.add_argument("--engines", default="guided")
    parser.add_argument("--rivals", type=Path, default=Path(".venv-rivals"))
    parser.add_argument("--schemas", type=int, help="how many; all if not given")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--order", choices=("any", "schema"), default="any", help="of keys, for guided")
    parser.add_argument("--profile", action="store_true", help="count what guided's contexts are asked; slower")
    parser.add_argument("--limit-s", type=int, default=20)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/maskbench.jsonl"))
    parser.add_argument("--child", choices=FILES, help=argparse.SUPPRESS)
    parser.add_argument("--skip", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        one_engine(options)
        return
    from benchmarks.results_file import machine, write_line

    engines = {engine: figures(run_engine(engine, options)) for engine in options.engines.split(",")}
    print(json.dumps(engines, indent=1))
    name = Path(options.tokenizer).name
    line = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "tokenizer": name,
        "command": f"python -m benchmarks.maskbench --tokenizer {name} --seed {options.seed} --order {options.order}"
        + (f" --schemas {options.schemas}" if options.schemas else ""),
        "engines": engines,
    }
    write_line(options.out, line)


if __name__ == "__main__":
    main()
