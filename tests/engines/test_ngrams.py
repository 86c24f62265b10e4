"""N-gram files say what counting in dicts says, sum to one, and say clearly when they are not to be used."""

import random

import numpy as np
import pytest

import guided
from guided.engines import ngrams as module
from guided.engines.ngrams import NGrams
from guided.errors import VocabularyError
from tests.oracle.slow_superpose import SlowNGrams
from tests.small_models import CORPUS, EOS, tokenizer

TEXTS = ["the name of the other name", "abc aab bba ababab ccc", "the the the", *CORPUS[:3]]


def documents(texts=TEXTS):
    return [[*tokenizer()(text, add_special_tokens=False)["input_ids"], EOS] for text in texts]


@pytest.fixture(scope="module")
def trained():
    return NGrams.train(TEXTS, tokenizer(), progress=False)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
@pytest.mark.parametrize("min_count", [1, 2])
def test_counts_are_those_of_dicts(order, min_count):
    made = NGrams.train(TEXTS, tokenizer(), order, min_count=min_count, progress=False)
    slow = SlowNGrams(documents(), order, min_count)
    for history, seen in slow.after.items():
        assert made.counts(history) == seen
    assert made.n_ngrams == sum(map(len, slow.after.values()))
    assert made.counts([1]) == {}  # BOS never came
    assert made.n_tokens == sum(map(len, documents()))


def test_probabilities_are_those_of_dicts_and_sum_to_one(trained):
    rng, slow, n = random.Random(0), SlowNGrams(documents(), 6), trained.n_ids
    paper = trained.with_smoothing("paper")
    for _ in range(60):
        text = rng.choice(documents())
        end = rng.randrange(len(text))
        history = [rng.randrange(4, n) for _ in range(rng.randrange(3))] + text[max(0, end - rng.randrange(8)) : end]
        tokens = [text[end], *rng.sample(range(n), 8)]
        assert trained.probs(history, tokens) == pytest.approx([slow.backoff(history, token, n) for token in tokens])
        assert paper.probs(history, tokens) == pytest.approx([slow.paper(history, token) for token in tokens])
        assert trained.probs(history, range(n)).sum() == pytest.approx(1)
        found = np.empty((2, 9))
        pair = np.array([[*[7] * 8, *history][-6:], [9] * 6], np.int32)
        trained.table.score_pairs(pair, np.array(tokens, np.int32), found)
        for row, expected in zip(found, pair.tolist(), strict=True):
            assert row == pytest.approx(trained.probs(expected, tokens))


def test_a_history_that_was_never_seen_costs_nothing(trained):
    """Back-off: the longest history that was seen is believed whole; the paper's sum loses the weight of the others."""
    seen = documents()[0][:2]
    assert trained.probs([300, 300, *seen], range(10)) == pytest.approx(trained.probs(seen, range(10)))


def test_counting_in_pieces_changes_nothing(trained, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_TOKENS", 20)
    monkeypatch.setattr(module, "BATCH_CHARACTERS", 10)
    again = NGrams.train(TEXTS, tokenizer(), progress=True)
    assert bytes(again.body) == bytes(trained.body)


def test_files_and_texts_are_the_same(tmp_path, trained):
    paths = [tmp_path / str(number) for number in range(len(TEXTS))]
    for path, text in zip(paths, TEXTS, strict=True):
        path.write_text(text, encoding="utf-8")
    assert bytes(NGrams.train(paths, tokenizer()).body) == bytes(trained.body)


def test_a_file_opens_as_what_was_saved(tmp_path, trained):
    path = trained.save(tmp_path / "some.ngrams")
    opened = NGrams.open(path, check=True)
    assert bytes(opened.body) == bytes(trained.body)
    assert (opened.order, opened.n_tokens, opened.n_ngrams) == (6, trained.n_tokens, trained.n_ngrams)
    assert opened.probs([20, 30], range(50)).tolist() == trained.probs([20, 30], range(50)).tolist()
    assert opened.bytes_per_ngram < 40  # a few hundred n-grams, whose tables are mostly empty
    assert [entry.name for entry in tmp_path.iterdir()] == ["some.ngrams"]


def test_files_that_are_no_text_are_named(tmp_path):
    path = tmp_path / "picture.py"
    path.write_bytes(b"abc \xff\xfe")
    with pytest.raises(ValueError, match=r"picture\.py is no UTF-8 text"):
        NGrams.train([path], tokenizer(), progress=False)


def test_a_file_that_is_cut_off_or_something_else_is_refused(tmp_path, trained):
    whole = trained.save(tmp_path / "whole").read_bytes()
    path = tmp_path / "bad"
    for cut in (0, 5, 17, 40, 300, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"cut off|no n-gram file|damaged"):
            NGrams.open(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(ValueError, match="bytes of counts where there were"):
        NGrams.open(path)
    path.write_bytes(whole.replace(b"guided ngrams 1", b"guided ngrams 9"))
    with pytest.raises(ValueError, match="another version"):
        NGrams.open(path)
    path.write_bytes(b"PK\x03\x04" + whole)
    with pytest.raises(ValueError, match="no n-gram file"):
        NGrams.open(path)


def test_damage_anywhere_is_an_error_or_harmless(tmp_path, trained):
    """Every byte of the header is under a checksum; the rest may be wrong, and is then read within its bounds."""
    whole = bytearray(trained.save(tmp_path / "whole").read_bytes())
    n_start = len(whole) - trained.n_bytes
    path, rng = tmp_path / "bad", random.Random(1)
    for trial in range(120):
        damaged = bytearray(whole)
        place = rng.randrange(n_start - 64) if trial < 40 else rng.randrange(n_start, len(whole))
        for offset in range(place, min(len(whole), place + rng.choice([1, 64, 4000]))):
            damaged[offset] = rng.randrange(256) if trial < 40 else 255
        if damaged == whole:
            continue
        path.write_bytes(damaged)
        if trial < 40:
            with pytest.raises(ValueError, match=r"damaged|no n-gram file|another version"):
                NGrams.open(path)
            continue
        with pytest.raises(ValueError, match="checksum of its counts"):
            NGrams.open(path, check=True)
        opened = NGrams.open(path)
        for document in documents()[:2]:
            for end in range(len(document)):
                probs = opened.probs(document[:end], range(0, 340, 30))
                assert probs.shape == (12,)
                opened.counts(document[max(0, end - 5) : end])


def test_ngrams_of_another_tokenizer_are_refused(trained):
    trained.check_vocabulary(guided.Vocabulary.from_tokenizer(tokenizer(), size=400, eos_ids={2, 3}))  # padding, EOS
    with pytest.raises(VocabularyError, match="another tokenizer"):
        trained.check_vocabulary(guided.Vocabulary.from_tokenizer(tokenizer(300)))


def test_bad_arguments_are_named(trained):
    for given, match in (({"order": 1}, "order"), ({"order": 9}, "order"), ({"min_count": 0}, "min_count")):
        with pytest.raises(ValueError, match=match):
            NGrams.train(TEXTS, tokenizer(), **given)
    with pytest.raises(ValueError, match="min_count"):
        NGrams.train(TEXTS, tokenizer(), 3, min_count=[1, 2])
    with pytest.raises(ValueError, match="no token"):
        NGrams.train(["", ""], tokenizer())
    with pytest.raises(TypeError, match="a list"):
        NGrams.train("one text", tokenizer())
    with pytest.raises(TypeError, match="int"):
        NGrams.train([3], tokenizer())
    with pytest.raises(ValueError, match="smoothing"):
        trained.with_smoothing("kneser")
    with pytest.raises(ValueError, match="at most 5"):
        trained.counts([4] * 6)


def test_the_ready_made_ones_leave_out_what_the_model_is_judged_on():
    import importlib.util
    import sys
    from pathlib import Path

    from guided.models import tiny_ngrams

    folder = Path(__file__).parents[2] / "examples"
    sys.path.insert(0, str(folder))
    try:
        specification = importlib.util.spec_from_file_location("tiny_corpus_here", folder / "tiny_corpus.py")
        corpus = importlib.util.module_from_spec(specification)
        sys.modules["tiny_corpus_here"] = corpus
        specification.loader.exec_module(corpus)
        assert set(tiny_ngrams.LEFT_OUT) == set(corpus.LEFT_OUT)
        everywhere = [corpus.telling_lines(source.text) for source in corpus.evaluation_sources()]
        for text in tiny_ngrams.standard_library():
            lines = corpus.telling_lines(text)
            for module_lines in everywhere:
                assert (
                    len(lines & module_lines) <= corpus.SHARED_LINES * min(len(lines), len(module_lines))
                    or len(lines) < 5
                )
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("tiny_corpus_here", None)
