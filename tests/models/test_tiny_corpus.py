"""What the built-in model is trained on: made-up documents are right, left-out modules stay out."""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

import tiny_corpus  # noqa: E402
import tiny_tokens  # noqa: E402
from tiny_json import json_document  # noqa: E402
from tiny_sql import sql_document  # noqa: E402


def test_the_same_seed_makes_the_same_documents() -> None:
    first, again, other = (list(tiny_corpus.synthetic_documents(40, 20, seed)) for seed in (1, 1, 2))
    assert first == again
    assert not set(first) & set(other)


def test_json_documents_parse() -> None:
    pairs = [json_document(random.Random(k)) for k in range(500)]
    assert all(isinstance(json.loads(document), dict | list) for _, document in pairs)
    assert 0.5 < sum(bool(request) for request, _ in pairs) / len(pairs) < 0.9


def test_a_made_up_email_belongs_to_the_name_beside_it() -> None:
    for k in range(300):
        made = json.loads(json_document(random.Random(k))[1])
        if isinstance(made, dict) and isinstance(made.get("name"), str) and "email" in made:
            last_name = made["name"].split()[-1].lower()
            assert last_name in made["email"] or made["email"].startswith(made["name"].split()[0].lower())


def test_sql_runs_under_sqlite() -> None:
    for k in range(300):
        schema, pairs = sql_document(random.Random(k))
        with sqlite3.connect(":memory:") as database:
            database.executescript(schema)
            for question, select in pairs:
                assert question
                database.execute(select)


@pytest.mark.parametrize("seed", range(10))
def test_fill_in_the_middle_can_be_undone(seed: int) -> None:
    text = (EXAMPLES / "tiny_sql.py").read_text("utf-8")
    rng = random.Random(seed)
    parts = list(tiny_corpus.pieces(text, rng))
    assert "".join(parts) == text
    for part in parts:
        rearranged = tiny_corpus.rearrange(part, rng)
        assert tiny_corpus.restore(rearranged) == part
        assert all(rearranged.count(marker) == 1 for marker in tiny_corpus.SPECIAL_TOKENS[1:])


def test_left_out_modules_and_their_tests_are_not_read() -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    names = ("csv.py", "heapq.py", "test/test_heapq.py", "test/test_csv.py", "test/test_configparser.py")
    assert all(tiny_corpus.is_left_out(library / name, library) for name in names)
    names = ("json/decoder.py", "zipfile.py", "test/test_json/test_decode.py", "test/test_zipfile.py", "turtle.py")
    assert not any(tiny_corpus.is_left_out(library / name, library) for name in names)


def test_copies_of_left_out_modules_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    left_out = tiny_corpus.evaluation_sources()
    assert {source.name for source in left_out} == set(tiny_corpus.LEFT_OUT)
    heapq = next(source.text for source in left_out if source.name == "heapq")
    longer = heapq + "\n".join(f"a line of somebody else, number {k}" for k in range(10_000))
    cut = "\n".join(heapq.splitlines()[: len(heapq.splitlines()) // 2])
    other = Path(tiny_corpus.__file__).read_text("utf-8").replace("<|", "<")
    made = {"longer": longer, "cut": cut, "other": other, "again": other, "marked": "# a line with <|endoftext|> in it"}
    sources = [tiny_corpus.Source(name, text, "packages") for name, text in made.items()]
    monkeypatch.setattr(tiny_corpus, "candidate_sources", lambda: iter(sources))
    kept, dropped = tiny_corpus.training_sources()
    assert [source.name for source in kept] == ["other"]
    assert dropped == ["longer", "cut"]


def test_rows_hold_every_token_once_and_follow_from_the_seed() -> None:
    texts = [text for _, text in tiny_corpus.synthetic_documents(400, 40, 5)]
    tokenizer = tiny_tokens.train_tokenizer(texts, 600)
    rows = tiny_tokens.pack(tokenizer, texts, seed=3)
    assert rows.shape[1] == tiny_tokens.ROW_TOKENS + 1
    assert np.array_equal(rows, tiny_tokens.pack(tokenizer, texts, seed=3))
    n_tokens = sum(len(ids) + 1 for ids in tiny_tokens.encode(tokenizer, texts))
    assert n_tokens - tiny_tokens.ROW_TOKENS <= rows[:, 1:].size < n_tokens
    assert (rows[:, :-1] == 0).sum() <= len(texts)


def test_a_batch_follows_from_the_tokens_seen() -> None:
    rows = np.arange(5 * (tiny_tokens.ROW_TOKENS + 1), dtype=np.uint16).reshape(5, -1)
    long = tiny_tokens.batch_rows(rows, 4 * 1024, 2 * 1024, 1024)
    assert np.array_equal(long, rows[[4, 0]])  # after the last row comes the first
    short = tiny_tokens.batch_rows(rows, 1024, 1024, 512)
    assert short.shape == (2, 513)
    assert np.array_equal(short[0], rows[1, :513])
    assert np.array_equal(short[1], rows[1, 512:])
