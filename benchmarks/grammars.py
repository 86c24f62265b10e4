"""Lark grammars with texts of theirs: time of compilation and first mask, time of every mask with its commit, verdicts.

    python -m benchmarks.grammars --data DIR --tokenizer DIR [--engines guided,llguidance] [--rivals DIR]
        [--grammars json,sql,python-expressions,arithmetic,python] [--texts N --seed S] [--rounds 3]

The grammars are the files of grammars/, the same text for both engines: these are such that both read them as they are.
llguidance's dialect has no look-around, no priorities and no indentation, so `python` (whole modules) is ours alone and
`python-expressions` is what is compared.  DIR of data holds maskbench-dev/*.json (instances of JSON Schemas) and
spider-dev/queries.json (SQL); Python comes from the standard library of the running Python, arithmetic from a random
grammar.  Texts that Lark itself does not parse with the grammar are left out before anything is measured.

Every text is tokenised beforehand; then every token, and EOS, is one mask and one commit.  An engine runs in a process
of its own environment on one core; a grammar is compiled once, and its texts follow one after another, each from the
start.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines import FILES
from benchmarks.measure import say

FOLDER = Path(__file__).parent.parent / "grammars"
PERCENTILES = (50, 90, 99, 99.9)
ALONE = {"python"}  # grammars that the rival cannot read
MAX_CHARACTERS = 4_000  # of a text


# ---- texts ----


def json_texts(data: Path, rng: random.Random) -> list[str]:
    """Valid instances of schemas, as json.dumps writes them."""
    found = []
    for file in sorted((data / "maskbench-dev").glob("*.json")):
        document = json.loads(file.read_text(encoding="utf-8"))
        found += [json.dumps(test["data"], ensure_ascii=False) for test in document["tests"] if test["valid"]]
    return found


def sql_texts(data: Path, rng: random.Random) -> list[str]:
    return [entry["query"] for entry in json.loads((data / "spider-dev" / "queries.json").read_text(encoding="utf-8"))]


def modules() -> list[str]:
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    return [file.read_text(encoding="utf-8") for file in files if file.stat().st_size < 100_000]


def expression_texts(data: Path, rng: random.Random) -> list[str]:
    """Expressions of the standard library's statements, on one line."""
    found = []
    for text in rng.sample(modules(), 12):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call | ast.IfExp | ast.ListComp | ast.Dict | ast.Compare | ast.BinOp):
                found.append(ast.unparse(node))
    return [text for text in dict.fromkeys(found) if 20 <= len(text) <= 400]


def arithmetic_texts(data: Path, rng: random.Random) -> list[str]:
    """Sums of products of atoms, brackets to depth 3."""

    def atom(depth: int) -> str:
        kind = rng.random()
        if depth < 3 and kind < 0.25:
            return f"({total(depth + 1)})"
        if depth < 3 and kind < 0.4:
            arguments = ", ".join(total(depth + 1) for _ in range(rng.randint(1, 3)))
            return f"{rng.choice(['max', 'sqrt', 'f'])}({arguments})"
        return rng.choice(["x", "rate", "n_1", str(rng.randint(0, 9999)), f"{rng.random():.3f}", "1e-3"])

    def total(depth: int) -> str:
        parts = [atom(depth)]
        for _ in range(rng.randint(0, 3)):
            parts += [rng.choice([" + ", " - ", " * ", "/", " % ", "^"]), atom(depth)]
        return "".join(parts)

    return [total(0) for _ in range(2_000)]


def module_texts(data: Path, rng: random.Random) -> list[str]:
    """Whole functions and classes at the top of modules."""
    found = []
    for text in modules():
        lines = text.splitlines(keepends=True)
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.decorator_list:
                found.append("".join(lines[node.lineno - 1 : node.end_lineno]))
    return found


TEXTS = {
    "json": json_texts,
    "sql": sql_texts,
    "python-expressions": expression_texts,
    "arithmetic": arithmetic_texts,
    "python": module_texts,
}


def chosen(name: str, data: Path, n_texts: int, seed: int) -> list[str]:
    """Texts of a grammar that Lark parses with it, in an order that the seed fixes."""
    import lark
    from lark.indenter import PythonIndenter

    rng = random.Random(f"{name} {seed}")
    texts = [text for text in TEXTS[name](data, rng) if len(text) <= MAX_CHARACTERS]
    rng.shuffle(texts)
    postlex = PythonIndenter() if name == "python" else None
    judge = lark.Lark((FOLDER / f"{name}.lark").read_text(encoding="utf-8"), parser="lalr", postlex=postlex)
    found: list[str] = []
    for text in texts:
        try:
            judge.parse(text)
        except lark.exceptions.LarkError:
            continue
        found.append(text)
        if len(found) == n_texts:
            break
    return found


# ---- the process of one engine ----


def judge(engine: Any, name: str, texts: list[list[int]]) -> dict[str, Any]:
    """Times in microseconds of one grammar: of the first mask with compilation, and of each mask with its commit."""
    masks_us: list[float] = []
    refused = 0
    start = time.perf_counter()
    origin = engine.grammar_matcher(name, (FOLDER / f"{name}.lark").read_text(encoding="utf-8"))
    compile_us = (time.perf_counter() - start) * 1e6
    first_us = None
    for tokens in texts:
        matcher = engine.fork(origin)
        for token in tokens:
            start = time.perf_counter()
            engine.fill(matcher)
            if first_us is None:
                first_us = compile_us + (time.perf_counter() - start) * 1e6
            accepted = engine.commit(matcher, token)
            masks_us.append(round((time.perf_counter() - start) * 1e6, 2))
            if not accepted:
                refused += 1
                break
    return {"first_us": first_us, "compile_us": compile_us, "masks_us": masks_us, "refused": refused}


def one_engine(options: argparse.Namespace) -> None:
    """Measure all grammars with one engine, printing a JSON line for each as it is done."""
    import transformers

    os.sched_setaffinity(0, {options.core})
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.tokenizer)
    engine = importlib.import_module(f"benchmarks.engines.{FILES[options.child]}").Engine(tokenizer)
    engine.load()
    say(version=engine.version())
    for name, texts in json.loads(Path(options.prepared).read_text(encoding="utf-8")).items():
        if options.child != "guided" and name in ALONE:
            continue
        eos = tokenizer.eos_token_id
        tokens = [[*tokenizer.encode(text, add_special_tokens=False), eos] for text in texts]
        say(grammar=name, texts=len(texts), **judge(engine, name, tokens))


# ---- the runner ----


def run_engine(engine: str, prepared: str, options: argparse.Namespace) -> dict[str, Any]:
    """The figures of one round of an engine."""
    python = Path(sys.executable) if engine == "guided" else options.rivals / engine / "bin" / "python"
    command = [str(python), "-m", "benchmarks.grammars", "--child", engine, "--prepared", prepared]
    command += ["--data", str(options.data), "--tokenizer", options.tokenizer, "--core", str(options.core)]
    threads = {"RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, **threads, **offline}, check=True)
    lines = [json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith("{")]
    figures: dict[str, Any] = {"version": lines[0]["version"]}
    for line in lines[1:]:
        masks = np.array(line["masks_us"])
        points = {f"p{point:g}": round(float(np.percentile(masks, point)), 2) for point in PERCENTILES}
        figures[line["grammar"]] = {
            "texts": line["texts"],
            "refused": line["refused"],
            "masks": masks.size,
            "compile_ms": round(line["compile_us"] / 1e3, 2),
            "first_mask_ms": round(line["first_us"] / 1e3, 2),
            "mask_us": {"mean": round(float(masks.mean()), 2), **points, "max": round(float(masks.max()), 2)},
        }
    return figures


def median_round(rounds: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The round with the median mean mask of a grammar; all means beside it."""
    means = [figures[name]["mask_us"]["mean"] for figures in rounds]
    middle = statistics.median_low(means)
    return {**rounds[means.index(middle)][name], "means_us": means}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", required=True, help="folder with a byte-level tokenizer.json")
    parser.add_argument("--engines", default="guided,llguidance")
    parser.add_argument("--rivals", type=Path, default=Path(".venv-rivals"))
    parser.add_argument("--grammars", default=",".join(TEXTS))
    parser.add_argument("--texts", type=int, default=150, help="of each grammar")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/grammars.jsonl"))
    parser.add_argument("--child", choices=FILES, help=argparse.SUPPRESS)
    parser.add_argument("--prepared", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        one_engine(options)
        return
    from benchmarks.results_file import machine, write_line

    names = options.grammars.split(",")
    rounds: dict[str, list[dict[str, Any]]] = {engine: [] for engine in options.engines.split(",")}
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as prepared:
        json.dump({name: chosen(name, options.data, options.texts, options.seed) for name in names}, prepared)
        prepared.flush()
        for _ in range(options.rounds):
            for engine, found in rounds.items():
                found.append(run_engine(engine, prepared.name, options))
    engines: dict[str, dict[str, Any]] = {}
    for engine, found in rounds.items():
        measured = [name for name in names if name in found[0]]
        engines[engine] = {"version": found[0]["version"], **{name: median_round(found, name) for name in measured}}
    print(json.dumps(engines, indent=1))
    for name in names:
        means = {engine: figures[name]["mask_us"]["mean"] for engine, figures in engines.items() if name in figures}
        ratio = f", ratio {means['guided'] / means['llguidance']:.2f} (bar 0.33)" if len(means) == 2 else ""
        print(f"{name}: mean mask with commit, us: {means}{ratio}")
    tokenizer = Path(options.tokenizer).name
    line = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "tokenizer": tokenizer,
        "command": f"python -m benchmarks.grammars --tokenizer {tokenizer} --grammars {options.grammars} "
        f"--texts {options.texts} --seed {options.seed} --rounds {options.rounds}",
        "engines": engines,
    }
    write_line(options.out, line)


if __name__ == "__main__":
    main()
