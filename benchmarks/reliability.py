"""Run a corpus of bad input, every case in a child process with limits of time and memory, and report how each ended.

    python -m benchmarks.reliability CORPUS.jsonl [--tokenizer DIR] [--kinds regex,json_schema,lark,choice] [--write]

A case is a line of JSON: id, class, kind, input (text, or a generator object), expect, and where it helps must_accept
and must_reject (whole texts).  Expected is one of

    accept   it compiles, gives a mask, takes every must_accept text to its end and no must_reject text
    error    it is refused when compiled, with an error of guided
    bounded  it compiles or is refused, inside the limits, and never takes a must_reject text

A text counts as taken only if every token is in the mask, is read, and EOS is in the mask at its end.  Two
vocabularies are tried: the 256 bytes, and the tokenizer's (texts are cut into the longest tokens).  The parent forks;
a child that is killed, runs out of time or raises anything but an error of guided has failed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import guided
from benchmarks.results_file import write_line
from guided import Matcher, Vocabulary

GIGABYTE = 1 << 30
MAX_FED = 20_000  # bytes of a must_accept text that are fed token by token; of longer ones the language alone is asked


def expand(given: Any) -> str:
    """The text of an input: itself, or what a generator object says."""
    if isinstance(given, str):
        return given
    if "$cat" in given:
        return "".join(expand(part) for part in given["$cat"])
    if "$rep" in given:
        return expand(given["$rep"][0]) * given["$rep"][1]
    if "$join" in given:
        join = given["$join"]
        return join.get("sep", "").join(join["fmt"].replace("{i}", str(i)) for i in range(join["n"]))
    n = given["n"]
    if given["$gen"] == "refchain":
        links = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(n)}
        return json.dumps({"$ref": "#/$defs/d0", "$defs": {**links, f"d{n}": {"type": "string"}}})
    if given["$gen"] == "larkterms":
        names = " | ".join(f"T{i}" for i in range(n))
        return f"start: ({names})+\n" + "".join(f"T{i}: /[a-z]+{i}/\n" for i in range(n))
    rules = {"larkchain": "r{i}: r{j}", "larkexp": "r{i}: r{j} r{j}", "larkexpnull": "r{i}: r{j} r{j}"}
    lines = [rules[given["$gen"]].replace("{i}", str(i)).replace("{j}", str(i + 1)) for i in range(n)]
    last = f'r{n}: "a"?' if given["$gen"] == "larkexpnull" else f'r{n}: "a"'
    return "\n".join(["start: r0", *lines, last]) + "\n"


def compiled(kind: str, text: str) -> guided.Constraint:
    """The constraint of a case."""
    if kind == "regex":
        return guided.regex(text)
    if kind == "lark":
        return guided.cfg(text)
    if kind == "choice":
        return guided.choice(json.loads(text))
    return guided.json_schema(text)


def longest_tokens(text: bytes, vocab: Vocabulary, longest: int, ids: dict[bytes, int]) -> list[int]:
    """`text` cut into the longest tokens from the left."""
    found, at = [], 0
    while at < len(text):
        size = next(n for n in range(min(longest, len(text) - at), 0, -1) if text[at : at + n] in ids)
        found.append(ids[text[at : at + size]])
        at += size
    return found


class Feeder:
    """Feeds whole texts to matchers over one vocabulary."""

    def __init__(self, vocab: Vocabulary) -> None:
        self.vocab = vocab
        self.ids = {token: number for number, token in enumerate(vocab.tokens) if token}
        self.longest = max(map(len, self.ids))

    def takes(self, constraint: guided.Constraint, text: str) -> bool:
        """Whether every token is in the mask and read, and EOS is at the end; mask and allows() must agree."""
        matcher = Matcher(constraint, self.vocab)
        for token in longest_tokens(text.encode(), self.vocab, self.longest, self.ids):
            inside = bool(matcher.mask()[token >> 5] >> (token & 31) & 1)
            if inside != matcher.allows(token):
                raise AssertionError(f"mask and allows() differ about token {token} of {text!r:.60}")
            if not inside:
                return False
            matcher.advance(token)
        return any(matcher.mask()[eos >> 5] >> (eos & 31) & 1 for eos in self.vocab.eos_ids)


def outcome(case: dict[str, Any], feeders: list[Feeder]) -> str:
    """ "accept", "error: ..", or "wrong: ..": what was taken or refused against the case's word."""
    try:
        constraint = compiled(case["kind"], expand(case["input"]))
        for feeder in feeders:
            Matcher(constraint, feeder.vocab).mask()
    except guided.GuidedError as error:
        return f"error: {type(error).__name__}: {error}"
    wrong = []
    for texts, wanted in ((case.get("must_accept", ()), True), (case.get("must_reject", ()), False)):
        for text in texts:
            found = {constraint.accepts(text)}
            if len(text) <= MAX_FED:
                found |= {feeder.takes(constraint, text) for feeder in feeders}
            if found != {wanted}:
                wrong.append(f"{'refuses' if wanted else 'takes'} {text!r:.60}")
    return "wrong: " + "; ".join(wrong) if wrong else "accept"


def in_a_child(case: dict[str, Any], feeders: list[Feeder], limit_s: float, limit_bytes: int) -> tuple[str, float]:
    """outcome() under the limits, and the seconds of processor time that it took."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), int(limit_s) + 1))
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
        signal.alarm(int(limit_s) * 20)  # a child that sleeps; waiting for a busy machine is not its fault
        answer = "died"
        try:
            answer = outcome(case, feeders)
        except BaseException as error:  # MemoryError, RecursionError and whatever else: all are failures to be named
            answer = f"raised {type(error).__name__}: {error}"
        finally:
            os.write(writing, answer.encode("utf-8", "replace")[:2000])
            os._exit(0)
    os.close(writing)
    _, status, used = os.wait4(child, 0)
    answer = os.read(reading, 2000).decode("utf-8", "replace")
    os.close(reading)
    if os.WIFSIGNALED(status):
        answer = f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return answer or "died", used.ru_utime + used.ru_stime


def is_as_expected(expect: str, found: str) -> bool:
    """Whether a case ended as it should."""
    kind = found.split(":")[0]
    return kind in {"accept": ("accept",), "error": ("error",), "bounded": ("accept", "error")}[expect]


def vocabularies(tokenizer: str | None) -> list[Vocabulary]:
    found = [Vocabulary([bytes([byte]) for byte in range(256)], eos_ids={256}, size=257)]
    if tokenizer:
        from transformers import AutoTokenizer

        found.append(Vocabulary.from_tokenizer(AutoTokenizer.from_pretrained(tokenizer)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--tokenizer", help="a folder with tokenizer.json; without it the 256 bytes alone are tried")
    parser.add_argument("--kinds", default="regex,json_schema,lark,choice")
    parser.add_argument("--only", default="", help="ids that begin so")
    parser.add_argument("--limit-s", type=float, default=10.0, help="processor time of a case")
    parser.add_argument("--limit-gb", type=float, default=4.0)
    parser.add_argument("--write", action="store_true", help="append a line to benchmarks/results/reliability.jsonl")
    options = parser.parse_args()
    feeders = [Feeder(vocab) for vocab in vocabularies(options.tokenizer)]
    guided.cfg('start: "a"')  # what is imported lazily is imported once, before the children are made
    guided.json_schema({"type": "string", "pattern": "a"}).recognizer()
    lines = options.corpus.read_text(encoding="utf-8").splitlines()
    cases = [case for case in map(json.loads, lines) if case["kind"] in options.kinds.split(",")]
    cases = [case for case in cases if case["id"].startswith(options.only)]
    failures, slowest, began = [], ("", 0.0), time.perf_counter()
    by_class: dict[str, list[int]] = {}
    for case in cases:
        found, took_s = in_a_child(case, feeders, options.limit_s, int(options.limit_gb * GIGABYTE))
        good = is_as_expected(case["expect"], found)
        count = by_class.setdefault(case["class"], [0, 0])
        count[0] += good
        count[1] += 1
        slowest = max(slowest, (case["id"], took_s), key=lambda pair: pair[1])
        if not good:
            failures.append(case["id"])
            print(
                f"{case['id']:<20} {case['kind']:<12} expected {case['expect']}, {took_s:.1f} s: {found}\n"
                f"    {case['why']}"
            )
    for name, (n_good, n_all) in sorted(by_class.items()):
        print(f"{name:<24} {n_good:>4} of {n_all}")
    n_good = len(cases) - len(failures)
    print(
        f"{n_good} of {len(cases)} as expected ({n_good / max(len(cases), 1):.1%}); "
        f"slowest {slowest[0]}, {slowest[1]:.1f} s"
    )
    if options.write:
        line = {
            "date": datetime.now(timezone.utc).date().isoformat(),
            "version": guided.__version__,
            "cases": len(cases),
            "as_expected": n_good,
            "failures": failures,
            "slowest": list(slowest),
            "took_s": round(time.perf_counter() - began, 1),
        }
        write_line(Path(__file__).parent / "results" / "reliability.jsonl", line)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
