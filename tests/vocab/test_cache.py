"""What is kept of a tokenizer: with the object until it changes, and on disk, where damage is never fatal."""

import gc
import os
import random
import warnings
import weakref

import pytest
from tokenizers import normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from guided.vocab import Vocabulary, cache, vocabulary
from tests.vocab.tiny_tokenizers import byte_level_bpe, gemma_bpe


@pytest.fixture
def saved(tmp_path):
    """A folder with a tokenizer in it, as `save_pretrained` writes it."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level_bpe(), eos_token="<eos>")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def n_read(monkeypatch):
    """Counts how often a tokenizer is read from scratch."""
    calls = []
    read = vocabulary.read_tokenizer
    monkeypatch.setattr(vocabulary, "read_tokenizer", lambda *arguments: calls.append(1) or read(*arguments))
    return lambda: len(calls)


def test_the_same_object_gives_the_same_vocabulary(n_read):
    tokenizer = byte_level_bpe()
    first = Vocabulary.from_tokenizer(tokenizer)
    assert Vocabulary.from_tokenizer(tokenizer) is first
    assert n_read() == 1
    assert Vocabulary.from_tokenizer(tokenizer, cache=False) is not first
    assert Vocabulary.from_tokenizer(tokenizer, size=1_000) is not first
    assert Vocabulary.from_tokenizer(tokenizer, eos_ids=5) is not first
    assert Vocabulary.from_tokenizer(tokenizer) is first


@pytest.mark.parametrize(
    "change",
    [
        lambda tokenizer: tokenizer.add_tokens(["new"]),
        lambda tokenizer: tokenizer.add_tokens(["the"]),
        lambda tokenizer: tokenizer.add_special_tokens(["the"]),
        lambda tokenizer: setattr(tokenizer, "decoder", gemma_bpe().decoder),
        lambda tokenizer: setattr(tokenizer, "normalizer", normalizers.NFC()),
        lambda tokenizer: setattr(tokenizer, "model", gemma_bpe().model),
    ],
    ids=["add", "add a piece", "add special", "decoder", "normalizer", "model"],
)
def test_a_changed_tokenizer_is_read_again(n_read, change):
    tokenizer = byte_level_bpe()
    Vocabulary.from_tokenizer(tokenizer)
    change(tokenizer)
    assert Vocabulary.from_tokenizer(tokenizer).tokens == Vocabulary.from_tokenizer(tokenizer, cache=False).tokens
    assert n_read() == 3


def test_what_is_kept_dies_with_the_tokenizer():
    tokenizer = byte_level_bpe()
    vocab = weakref.ref(Vocabulary.from_tokenizer(tokenizer))
    gc.collect()
    assert vocab() is not None
    del tokenizer
    gc.collect()
    assert vocab() is None


def test_few_variants_are_kept_with_one_tokenizer():
    tokenizer = byte_level_bpe()
    kept = [weakref.ref(Vocabulary.from_tokenizer(tokenizer, size=size)) for size in range(500, 510)]
    gc.collect()
    assert sum(vocab() is not None for vocab in kept) == cache.MAX_PER_TOKENIZER


def test_a_second_process_reads_the_file(saved, tmp_path, n_read):
    first, second = (
        Vocabulary.from_tokenizer(AutoTokenizer.from_pretrained(saved), cache=tmp_path / "kept") for _ in range(2)
    )
    assert n_read() == 1
    assert first is not second
    assert first.fingerprint == second.fingerprint
    assert (first.special_ids, first.eos_ids, first.fidelity) == (second.special_ids, second.eos_ids, second.fidelity)
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_the_default_folder_follows_the_environment(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    Vocabulary.from_tokenizer(AutoTokenizer.from_pretrained(saved), cache=True)
    assert len(list((tmp_path / "home" / "guided").glob("*.vocab"))) == 1
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.default_folder().parts[-2:] == (".cache", "guided")


def test_a_changed_file_or_object_has_a_file_of_its_own(saved, tmp_path, n_read):
    tokenizer = AutoTokenizer.from_pretrained(saved)
    Vocabulary.from_tokenizer(tokenizer, cache=tmp_path)
    tokenizer.add_tokens(["new"])
    assert Vocabulary.from_tokenizer(tokenizer, cache=tmp_path).size == len(tokenizer)
    gemma_bpe().save(str(saved / "tokenizer.json"))
    changed = AutoTokenizer.from_pretrained(saved)
    assert Vocabulary.from_tokenizer(changed, cache=tmp_path).tokens[20] == b"\x11"
    assert (n_read(), len(list(tmp_path.glob("*.vocab")))) == (3, 3)


def test_damaged_files_are_made_anew(saved, tmp_path, n_read):
    folder, rng = tmp_path / "kept", random.Random(0)
    want = list(Vocabulary.from_tokenizer(AutoTokenizer.from_pretrained(saved), cache=folder).tokens)
    (path,) = folder.iterdir()
    good = path.read_bytes()
    damaged = [b"", good[:10], good[:-1], good + b"x", b"x" * len(good), cache.MAGIC, cache.MAGIC + b"\0" * 100]
    for _ in range(20):
        at = rng.randrange(len(good))
        damaged.append(good[:at] + bytes([good[at] ^ (1 << rng.randrange(8))]) + good[at + 1 :])
    tokenizer = AutoTokenizer.from_pretrained(saved)
    for number, content in enumerate(damaged, 2):
        path.write_bytes(content)
        vocab = Vocabulary.from_tokenizer(tokenizer, cache=folder, size=1_000 + number)
        assert (vocab.tokens[: len(tokenizer)], n_read()) == (want, number)
        assert path.read_bytes() == good
    assert Vocabulary.from_tokenizer(AutoTokenizer.from_pretrained(saved), cache=folder).tokens == want
    assert n_read() == len(damaged) + 1


def test_a_folder_that_cannot_be_written_is_a_warning(saved, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.warns(RuntimeWarning, match="cannot be kept on disk"):
        vocab = Vocabulary.from_tokenizer(AutoTokenizer.from_pretrained(saved), cache=tmp_path / "file")
    assert vocab.size > 256


def test_a_tokenizer_without_a_file_is_not_kept_on_disk(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Vocabulary.from_tokenizer(byte_level_bpe(), cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_files_that_were_not_used_for_longest_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "MAX_FOLDER_BYTES", 25)
    for age, name in enumerate(["new", "middle", "old"]):
        (tmp_path / f"{name}.vocab").write_bytes(b"0123456789")
        os.utime(tmp_path / f"{name}.vocab", (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "other.txt").write_bytes(b"x" * 100)
    cache.make_room(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle.vocab", "new.vocab", "other.txt"]
