"""Superposed decoding: time, quality, n-grams, constraints; one command each, results appended to a file of JSON lines.

    python -m benchmarks.superposed time|quality|ngrams|constraints [--out benchmarks/results/superposed.jsonl]

time        : k drafts of ten tokens on a randomly initialised Llama of 110 M parameters, against k nucleus generations
              one after the other and in one batch, and the part of our own code in a step.
quality     : perplexity, matches with what really follows, different drafts, as a table; see superposed_quality.py.
ngrams      : look-ups per step against nested dicts, size, opening.
constraints : prompts x four constraints: how many drafts are members, judged without this library's recognisers.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

N_TOKENS = 10
PROMPT = "def read(path):\n    with open(path) as file:\n        return"


def random_llama() -> Any:
    """12 layers of width 768, 32,000 tokens: 110 M parameters, and a tokenizer of 32,000 made-up words."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    import guided

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    rng, words = np.random.default_rng(0), dict.fromkeys(["</s>", *letters])
    while len(words) < 32_000:
        words["".join(rng.choice(letters, rng.integers(2, 7)))] = None
    raw = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32_000, hidden_size=768, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12,
        max_position_embeddings=512, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return guided.load(LlamaForCausalLM(config), PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="</s>"))


def in_turns(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each way; all ways once per round, so that a busy machine slows all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def own_share(lm: Any, k: int, ngrams: Any, rounds: int) -> dict[str, float]:
    """What is not the model: from the end of one `model.forward` to the begin of the next, over all steps of all calls.

    What a call does once (reading the prompt's text, decoding the drafts) is no part of a step.
    """
    import guided

    passes: list[tuple[float, float]] = []
    forward = lm.model.forward

    @functools.wraps(forward)  # its signature says what the model takes
    def timed(*given: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return forward(*given, **named)
        finally:
            passes.append((start, time.perf_counter()))

    own, inside = [], []
    lm.model.forward = timed
    try:
        for number in range(rounds + 1):
            passes.clear()
            guided.superpose(lm, PROMPT, k, 2 * N_TOKENS, ngrams)
            if number:  # the first call warms up; the first pass of each reads the prompt
                own += [after[0] - before[1] for before, after in itertools.pairwise(passes[1:])]
                inside += [end - start for start, end in passes[1:]]
    finally:
        del lm.model.forward
    share = statistics.median(own) / (statistics.median(own) + statistics.median(inside))
    return {"us_per_step": statistics.median(own) * 1e6, "least_us_per_step": min(own) * 1e6, "share": share}


def times(rounds: int, ks: list[int]) -> dict[str, Any]:
    import guided

    lm = random_llama()
    free: dict[str, Any] = {"max_tokens": N_TOKENS, "top_p": 0.95, "heal": False}  # healing takes a pass more
    found: dict[str, Any] = {"parameters": sum(weight.numel() for weight in lm.model.parameters())}
    for k in ks:

        def one_by_one(k: int = k) -> None:
            for seed in range(k):
                assert len(guided.generate(lm, PROMPT, seed=seed, **free).tokens) == N_TOKENS

        seconds = in_turns(
            {
                "superposed": lambda k=k: guided.superpose(lm, PROMPT, k, N_TOKENS),  # type: ignore[misc]
                "one_by_one": one_by_one,
                "batched": lambda k=k: guided.generate(lm, PROMPT, n=k, seed=0, **free),  # type: ignore[misc]
            },
            rounds,
        )
        found[f"k={k}"] = {
            **seconds,
            "times_faster_than_one_by_one": seconds["one_by_one"] / seconds["superposed"],
            "times_faster_than_batched": seconds["batched"] / seconds["superposed"],
            "own": own_share(lm, k, None, rounds),
        }
    found["bars"] = {"k=3": 2.7, "k=8": 7.0, "own_share": 0.05, "own_us_at_k=3": 150}
    return found


def quality(n: int, only: list[str], part: int) -> dict[str, Any]:
    import guided
    from benchmarks import superposed_quality as measure
    from guided.models.tiny_ngrams import tiny_ngrams

    start, lm, ngrams = time.perf_counter(), guided.tiny(), tiny_ngrams()
    found: dict[str, Any] = {"prompts": n, "part": part, "ngrams": repr(ngrams)}
    for kind in only or ("code", "json"):
        places = measure.samples(lm.tokenizer, n, kind, part)
        found[kind] = measure.summary(measure.judge(lm, places, measure.methods(ngrams)))
        print(measure.table(kind, found[kind]), flush=True)
        print(f"{time.perf_counter() - start:.0f} s so far\n", flush=True)
    if not only:
        found["healing_best_5"] = measure.healing(lm, n, part)
    found["seconds"] = time.perf_counter() - start
    return found


def ngram_lookups(rounds: int) -> dict[str, Any]:
    """One step of k = 3, m = 9, five orders: our table, and nested dicts as the paper's code has them."""
    from guided.engines.ngrams import NGrams
    from guided.models.tiny_ngrams import standard_library, tiny_ngrams
    from guided.models.tiny_ngrams import tiny_path as folder

    ours = tiny_ngrams()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder())
    ids = [ids for text in standard_library()[:200] for ids in [tokenizer.backend_tokenizer.encode(text).ids]]
    dicts: list[dict[tuple[int, ...], dict[int, int]]] = [{} for _ in range(5)]
    for document in ids:
        for n in range(1, 6):
            level = dicts[n - 1]
            for place in range(n, len(document)):
                after = level.setdefault(tuple(document[place - n : place]), {})
                after[document[place]] = after.get(document[place], 0) + 1
    rng = np.random.default_rng(0)
    flat = np.concatenate([np.array(document, np.int32) for document in ids])
    places = rng.integers(8, len(flat) - 1, (2000, 3))
    histories = np.ascontiguousarray(flat[places[..., None] - np.arange(5, 0, -1)], np.int32)
    tokens = np.ascontiguousarray(np.concatenate([flat[places], rng.choice(flat, (2000, 6))], 1), np.int32)
    out = np.empty((3, 9))

    def with_dicts() -> None:
        for step in range(len(places)):
            for history in histories[step].tolist():
                for token in tokens[step].tolist():
                    total = 0.0
                    for n, weight in enumerate((0.01, 0.04, 0.15, 0.18, 0.12), 1):
                        after = dicts[n - 1].get(tuple(history[5 - n :]))
                        if after is not None:
                            total += weight * after.get(token, 0) / sum(after.values())

    def with_table(table: Any) -> Callable[[], None]:
        def run() -> None:
            for step in range(len(places)):
                table.score_pairs(histories[step], tokens[step], out)

        return run

    paper = ours.with_smoothing("paper")
    seconds = in_turns(
        {"backoff": with_table(ours.table), "paper": with_table(paper.table), "dicts": with_dicts}, rounds
    )
    with tempfile.TemporaryDirectory() as place:
        path = ours.save(Path(place) / "some.ngrams")
        opening = in_turns({"open": lambda: NGrams.open(path)}, rounds)["open"]
    steps = len(places)
    return {
        "us_per_step": {name: value / steps * 1e6 for name, value in seconds.items()},
        "lookups_per_second": 3 * 9 * 5 * steps / seconds["backoff"],
        "open_ms": opening * 1e3,
        "ngrams": ours.n_ngrams,
        "megabytes": ours.n_bytes / 1e6,
        "bytes_per_ngram": ours.bytes_per_ngram,
        "bar_us": 15,
    }


def constrained(n: int, only: list[str]) -> dict[str, Any]:
    """n prompts x four constraints; members judged by `re`, `jsonschema`, Lark and `in`."""
    import jsonschema
    import lark

    import guided
    from benchmarks import superposed_quality as part

    lm = guided.tiny()
    prompts = [text[-200:] for text, _ in part.samples(lm.tokenizer, n, "code", 1)]
    pattern = r"[a-z_]{1,12}\((self|[a-z]{1,8})?\)"
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}, "count": {"type": "integer", "minimum": 0}},
        "required": ["name", "count"],
        "additionalProperties": False,
    }
    grammar = 'start: sum\nsum: product (("+" | "-") product)*\n'
    grammar += 'product: atom (("*" | "/") atom)*\natom: /[0-9]{1,3}/ | "(" sum ")"'
    words = ["return None", "raise ValueError", "pass", "continue", "yield value", "import os"]
    parser = lark.Lark(grammar, parser="lalr")

    def is_json(text: str) -> bool:
        jsonschema.validate(json.loads(text), schema)
        return True

    def is_sum(text: str) -> bool:
        parser.parse(text)
        return True

    kinds: dict[str, tuple[Any, Callable[[str], Any], int]] = {
        "regex": (guided.regex(pattern), lambda text: re.fullmatch(pattern, text), 12),
        "json_schema": (guided.json_schema(schema), is_json, 24),
        "grammar": (guided.cfg(grammar), is_sum, 12),
        "choice": (guided.choice(words), lambda text: text in words, 8),
    }
    found: dict[str, Any] = {"prompts": n}
    for name in only or kinds:
        constraint, judge, max_tokens = kinds[name]
        n_drafts = n_members = 0
        for drafts in guided.superpose(lm, prompts, 3, max_tokens, constraint=constraint, complete=True):
            for draft in drafts:
                n_drafts += 1
                try:
                    n_members += bool(judge(draft.text))
                except (ValueError, lark.LarkError, jsonschema.ValidationError):
                    print("not a member:", name, repr(draft.text))
        found[name] = {"drafts": n_drafts, "members": n_members}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["time", "quality", "ngrams", "constraints"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=0, help="quality: 200; constraints: 1,000")
    parser.add_argument("--part", type=int, default=1, choices=[0, 1], help="quality: 0 is for choosing defaults")
    parser.add_argument("--k", type=int, nargs="+", default=[3, 8], help="time: numbers of drafts")
    parser.add_argument("--only", nargs="+", default=[], help="quality: code, json; constraints: names of them")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/superposed.jsonl"))
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})

    import torch
    import transformers

    import guided
    from benchmarks.results_file import machine, write_line

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    figures = {
        "time": lambda: times(options.rounds, options.k),
        "quality": lambda: quality(options.prompts or 200, options.only, options.part),
        "ngrams": lambda: ngram_lookups(options.rounds),
        "constraints": lambda: constrained(options.prompts or 1000, options.only),
    }[options.what]()
    line = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "command": "python -m benchmarks.superposed " + " ".join(sys.argv[1:]),
        "versions": {"guided": guided.__version__, **{name: version(name) for name in ("torch", "transformers")}},
        options.what: figures,
    }
    print(json.dumps(line, indent=1))
    write_line(options.out, line)


if __name__ == "__main__":
    main()
