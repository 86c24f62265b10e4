"""What this library and its rivals say of the documents of the JSON-Schema-Test-Suite, one test at a time.

    python -m benchmarks.differential --suite DIR --tokenizer DIR [--drafts draft2020-12,draft7] [--examples 2]

The suite says what is right, so a difference is explained by the test it stands beside.  Refusing a schema is no wrong
answer; accepting an invalid document, or rejecting a valid one, is.  Documents are written by json.dumps and read as
tokens of `--tokenizer`; formats are not asserted, as the suite's required tests want it; keys may come in any order.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ENGINES = ("guided", "llguidance", "xgrammar")
METASCHEMAS = {
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft4": "http://json-schema.org/draft-04/schema#",
}
RIGHT, ACCEPTS, REJECTS, REFUSES = "right", "accepts an invalid document", "rejects a valid document", "refuses"


def groups(suite: Path, draft: str) -> Iterator[tuple[str, str, Any, list[dict[str, Any]]]]:
    """(file, description, schema, tests) of the required tests of a draft."""
    for path in sorted((suite / "tests" / draft).glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8")):
            schema = case["schema"]
            if isinstance(schema, dict):
                schema = {"$schema": METASCHEMAS[draft], **schema}
            yield path.stem, case["description"], schema, case["tests"]


def remotes(suite: Path, draft: str) -> dict[str, Any]:
    """The documents that the suite serves, by URI."""
    found = {}
    for path in sorted((suite / "remotes").rglob("*.json")):
        name = path.relative_to(suite / "remotes").as_posix()
        if not name.startswith(("draft", "v1")) or name.startswith(draft):
            found[f"http://localhost:1234/{name}"] = json.loads(path.read_text(encoding="utf-8"))
    return found


class Guided:
    """This library, asked for whole texts."""

    def __init__(self, tokenizer: Any, documents: dict[str, Any]) -> None:
        self.documents = documents

    def reader(self, schema: Any) -> Any:
        import guided
        from guided.errors import ConstraintError, UnsupportedSchema

        try:
            made = guided.json_schema(schema, order="any", formats="annotate", registry=self.documents)
            return made.accepts
        except UnsupportedSchema:
            raise
        except ConstraintError:  # no document fits: every one is rejected
            return lambda text: False


class Llguidance:
    """llguidance, asked token by token."""

    def __init__(self, tokenizer: Any, documents: dict[str, Any]) -> None:
        import llguidance
        import llguidance.hf

        self.llguidance, self.tokenizer = llguidance, tokenizer
        self.vocabulary = llguidance.hf.from_tokenizer(tokenizer)

    def reader(self, schema: Any) -> Any:
        grammar = json.dumps({"grammars": [{"json_schema": schema}]})
        first = self.llguidance.LLMatcher(self.vocabulary, grammar)
        if first.is_error():
            raise ValueError(first.get_error())

        def reads(text: str) -> bool:
            matcher = first.deep_copy()
            tokens = self.tokenizer.encode(text, add_special_tokens=False)
            return all(matcher.try_consume_tokens([token]) == 1 for token in tokens) and bool(matcher.is_accepting())

        return reads


class Xgrammar:
    """xgrammar, asked token by token."""

    def __init__(self, tokenizer: Any, documents: dict[str, Any]) -> None:
        import xgrammar

        self.xgrammar, self.tokenizer = xgrammar, tokenizer
        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer)
        self.compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)

    def reader(self, schema: Any) -> Any:
        compiled = self.compiler.compile_json_schema(json.dumps(schema), any_whitespace=False, strict_mode=True)
        eos = self.tokenizer.eos_token_id

        def reads(text: str) -> bool:
            matcher = self.xgrammar.GrammarMatcher(compiled)
            return all(matcher.accept_token(t) for t in [*self.tokenizer.encode(text, add_special_tokens=False), eos])

        return reads


def child(engine: str, suite: Path, draft: str, tokenizer_folder: str, skip: set[int]) -> None:
    """Print one JSON line per group: its number before it is asked, then the outcome of each test."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    made = {"guided": Guided, "llguidance": Llguidance, "xgrammar": Xgrammar}[engine](tokenizer, remotes(suite, draft))
    for number, (_, _, schema, tests) in enumerate(groups(suite, draft)):
        if number in skip:
            continue
        print(json.dumps({"begun": number}), flush=True)
        try:
            reads = made.reader(schema)
        except Exception as error:
            print(json.dumps({"group": number, "refused": str(error)[:200], "outcomes": [REFUSES] * len(tests)}))
            continue
        outcomes = []
        for test in tests:
            accepted = reads(json.dumps(test["data"], ensure_ascii=False))
            outcomes.append(RIGHT if accepted == test["valid"] else ACCEPTS if accepted else REJECTS)
        print(json.dumps({"group": number, "outcomes": outcomes}), flush=True)


def ask(engine: str, python: Path, options: argparse.Namespace, draft: str) -> dict[int, list[str]]:
    """Outcomes by group; a group at which the process died counts as refused, and the rest is asked anew."""
    found: dict[int, list[str]] = {}
    sizes = [len(tests) for _, _, _, tests in groups(options.suite, draft)]
    while len(found) < len(sizes):
        arguments = [engine, "--suite", str(options.suite), "--tokenizer", options.tokenizer, "--drafts", draft]
        command = [str(python), "-m", "benchmarks.differential", "--child", *arguments]
        given = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run(
            [*command, "--skip", ",".join(map(str, sorted(found)))], stdout=subprocess.PIPE, env=given, check=False
        )
        begun = None
        for line in map(json.loads, done.stdout.decode().splitlines()):
            if "group" in line:
                found[line["group"]] = line["outcomes"]
            else:
                begun = line["begun"]
        if done.returncode and begun is not None and begun not in found:
            found[begun] = [REFUSES] * sizes[begun]
        elif done.returncode:
            raise SystemExit(f"{engine} ended with status {done.returncode}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=Path, required=True, help="folder with tests/ and remotes/")
    parser.add_argument("--tokenizer", required=True, help="folder with tokenizer.json")
    parser.add_argument("--rivals", type=Path, default=Path(".venv-rivals"))
    parser.add_argument("--drafts", default="draft2020-12")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--examples", type=int, default=1, help="wrong answers to show per file and engine")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--skip", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        skip = {int(number) for number in options.skip.split(",") if number}
        child(options.child, options.suite, options.drafts, options.tokenizer, skip)
        return
    for draft in options.drafts.split(","):
        known = list(groups(options.suite, draft))
        for engine in options.engines.split(","):
            python = Path(sys.executable) if engine == "guided" else options.rivals / engine / "bin" / "python"
            outcomes = ask(engine, python, options, draft)
            total = Counter(outcome for group in outcomes.values() for outcome in group)
            n_refused = sum(REFUSES in group for group in outcomes.values())
            print(f"{draft} {engine}: {dict(total)}; groups refused {n_refused} of {len(known)}")
            shown: Counter[str] = Counter()
            by_file: dict[str, Counter[str]] = defaultdict(Counter)
            for number, group in sorted(outcomes.items()):
                file, about, _, tests = known[number]
                by_file[file].update(group)
                for outcome, test in zip(group, tests, strict=True):
                    if outcome in (ACCEPTS, REJECTS) and shown[file] < options.examples:
                        shown[file] += 1
                        print(f"    {file}: {outcome}: {about}: {test['description']}")
            for file, counts in by_file.items():
                if set(counts) != {RIGHT}:
                    print(f"  {file}: {dict(counts)}")


if __name__ == "__main__":
    main()
