"""Canonical sequences against the tokenizer itself: pairs, whole texts, states, tokenizers that cannot be exact."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

import guided
from guided.errors import VocabularyError
from guided.models.tiny import tiny_path
from guided.vocab import Vocabulary
from guided.vocab.canonical import DEAD, Canonical
from tests.vocab.random_text import random_text
from tests.vocab.tiny_tokenizers import KINDS

TEXTS = [
    "def f(x):\r\n\treturn {'a': 1234567, \"b\": [1, 2.50, None]}  # done\r\n\r\n\r\n    x\n",
    "naïve café, Straße, e\u0301, 東京と大阪, Привет мир, שלום, العربية ٣٤٥٦٧, नमस्ते",
    "😀👍🏽 \u200d x\u00a0y\u3000z  \t\t \n \n\n  y 'll don't I'LL ''s 'x '' 'ſ  ",
    "1 12 123 1234 12345 1,000.50 x1y22z333   4444",
    "   leading,  and   trailing   ",
    "<|endoftext|> is a text here, and so is <s>",
]


def with_tokenizer(name: str, shared_data: Path | None = None) -> tuple[Canonical, Tokenizer]:
    folder = tiny_path() if name == "tiny" else (shared_data or Path()) / "tokenizers" / name
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    eos_ids = [0] if name == "tiny" else None
    return Canonical.of(Vocabulary.from_tokenizer(tokenizer, eos_ids=eos_ids), tokenizer), tokenizer


def check_sequences(canonical: Canonical, n: int, lengths: tuple[int, ...], seed: int = 0) -> int:
    """accepts() against the tokenizer on random sequences; how many were compared."""
    rng, vocab = random.Random(seed), canonical.vocab
    ids = [token for token, text in enumerate(vocab.tokens) if text]
    n_compared = 0
    while n_compared < n:
        sequence = [rng.choice(ids) for _ in range(rng.choice(lengths))]
        written = canonical.encoder.restore(sequence)
        if written is None:
            continue
        n_compared += 1
        assert canonical.accepts(sequence) == (written == sequence), [vocab.tokens[token] for token in sequence]
    return n_compared


def check_texts(canonical: Canonical, tokenizer: Tokenizer, texts: list[str]) -> None:
    """What encode() writes is what the tokenizer writes, and every beginning of it is alive."""
    for text in texts:
        ids = canonical.encode(text.encode())
        if "<" not in text:
            assert ids == tokenizer.encode(text, add_special_tokens=False).ids
        state = canonical.start
        for number, token in enumerate(ids):
            assert canonical.allowed(state)[token], (text, number)
            state = canonical.after(state, token)
            assert state != DEAD
        assert canonical.ends(state)


def test_pairs_and_sequences_of_the_built_in_tokenizer_are_judged_as_it_writes_them() -> None:
    canonical, tokenizer = with_tokenizer("tiny")
    assert canonical.exact and canonical.reason is None
    check_sequences(canonical, 1500, (2,))
    check_sequences(canonical, 700, (1, 3, 4, 6), seed=1)
    check_texts(canonical, tokenizer, TEXTS)


def test_random_texts_are_accepted_as_they_are_written() -> None:
    canonical, tokenizer = with_tokenizer("tiny")
    rng = random.Random(3)
    check_texts(canonical, tokenizer, [random_text(rng) for _ in range(60)])


def test_a_segmentation_with_one_token_taken_apart_is_refused() -> None:
    canonical, _ = with_tokenizer("tiny")
    rng, trie = random.Random(5), canonical.vocab.trie
    ids = canonical.encode(Path(__file__).read_bytes()[:4000])
    n_tried = 0
    for at in range(0, 600, 2):
        token = ids[at]
        text = canonical.vocab.tokens[token]
        cut = rng.randrange(1, len(text)) if len(text) > 1 else 0
        parts = [trie.ids_of(text[:cut]), trie.ids_of(text[cut:])] if cut else [[], []]
        if all(parts):
            n_tried += 1
            assert not canonical.accepts([*ids[:at], parts[0][0], parts[1][0], *ids[at + 1 :]])
    assert n_tried > 80


@pytest.mark.parametrize("name", ["byte_level_bpe", "gemma_bpe", "metaspace_bpe", "sentencepiece_bpe"])
def test_small_tokenizers_of_every_exact_kind(name: str) -> None:
    tokenizer = KINDS[name]()
    canonical = Canonical(Vocabulary.from_tokenizer(tokenizer), tokenizer)
    assert canonical.exact, canonical.reason
    check_sequences(canonical, 600, (1, 2, 3))
    for text in TEXTS[1:3]:
        assert canonical.accepts(canonical.encode(text.encode()))


@pytest.mark.parametrize("name", ["unigram", "word_piece", "suffix_bpe", "word_level"])
def test_tokenizers_that_change_texts_are_named_as_inexact(name: str) -> None:
    tokenizer = KINDS[name]()
    canonical = Canonical(Vocabulary.from_tokenizer(tokenizer), tokenizer)
    assert not canonical.exact and canonical.reason
    ids = tokenizer.encode("the quick fox", add_special_tokens=False).ids
    texts = [token for token in ids if canonical.vocab.tokens[token]]
    for left, right in itertools.pairwise(texts):
        assert canonical.follows(left)[right]


def test_what_follows_a_token_holds_in_every_text() -> None:
    canonical, _ = with_tokenizer("tiny")
    for text in TEXTS:
        ids = canonical.encode(text.encode())
        for left, right in itertools.pairwise(ids):
            assert canonical.pair(left, right)
    for left in ids[:6]:
        row = canonical.follows(left)
        for right in range(300, 8192, 977):
            assert row[right] == canonical.pair(left, right)


def test_look_ahead_leaves_the_last_space_to_the_next_word() -> None:
    canonical, _ = with_tokenizer("tiny")
    ids_of = canonical.vocab.trie.ids_of
    (two,), (one,), (x,), (spaced,) = ids_of(b"  "), ids_of(b" "), ids_of(b"x"), ids_of(b" x")
    assert canonical.accepts([two]) and not canonical.accepts([two, x]) and not canonical.accepts([one, one])
    assert canonical.accepts([one, spaced])  # two spaces and a letter
    state = canonical.after(canonical.start, two)
    assert not canonical.allowed(state)[x] and canonical.allowed(state)[spaced]


def test_a_prompt_need_not_be_canonical_and_special_tokens_begin_anew() -> None:
    canonical, _ = with_tokenizer("tiny")
    (f,), (a,) = canonical.vocab.trie.ids_of(b"f"), canonical.vocab.trie.ids_of(b"a")
    assert canonical.state_after([f, a, 0]) == canonical.start
    assert canonical.state_after([f, a, f, a]) != DEAD
    assert canonical.after(canonical.start, 0) == DEAD and canonical.after(canonical.start, 10**6) == DEAD


def test_masks_agree_with_rows_and_carry_eos() -> None:
    canonical, _ = with_tokenizer("tiny")
    state = canonical.state_after(canonical.encode(b"x = ("))
    words = canonical.words(state)
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")[: canonical.vocab.size].astype(bool)
    assert bits[0] == canonical.ends(state)
    bits[0] = False
    assert np.array_equal(bits, canonical.allowed(state))


def test_bytes_that_are_no_text_are_written_by_bytes() -> None:
    canonical, _ = with_tokenizer("tiny")
    text = b"a\xffb\xe4\xbd \xc3"
    assert canonical.vocab.bytes_of(canonical.encode(text)) == text


def test_tokens_out_of_range_are_named() -> None:
    canonical, _ = with_tokenizer("tiny")
    with pytest.raises(VocabularyError, match="8192"):
        canonical.follows(8192)


def test_a_normaliser_is_the_reason_for_not_being_exact() -> None:
    from tokenizers import normalizers

    tokenizer = KINDS["byte_level_bpe"]()
    tokenizer.normalizer = normalizers.NFC()
    canonical = Canonical(Vocabulary.from_tokenizer(tokenizer), tokenizer)
    assert not canonical.exact and "NFC" in (canonical.reason or "")
    with pytest.raises(VocabularyError, match="NFC"):
        guided.Matcher(guided.canonical(tokenizer), Vocabulary.from_tokenizer(tokenizer))


@pytest.mark.data
@pytest.mark.parametrize("name", ["gpt2", "llama2"])
def test_published_tokenizers(name: str, shared_data: Path) -> None:
    canonical, tokenizer = with_tokenizer(name, shared_data)
    assert canonical.exact, canonical.reason
    check_sequences(canonical, 1000, (2, 2, 3))
    check_texts(canonical, tokenizer, TEXTS)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpt2", "llama2", "llama3", "tiny"])
def test_a_hundred_thousand_random_pairs(name: str, shared_data: Path) -> None:
    canonical, tokenizer = with_tokenizer(name, shared_data)
    assert check_sequences(canonical, 100_000, (2,)) == 100_000
    rng = random.Random(0)
    check_texts(canonical, tokenizer, TEXTS + [random_text(rng) for _ in range(2000)])
