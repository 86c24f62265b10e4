"""Tokenizer objects of transformers: wrapped ones, the classes of the common families, slow ones."""

import json

import pytest
from transformers import (
    BertTokenizer,
    ByT5Tokenizer,
    CLIPTokenizer,
    GemmaTokenizer,
    GPT2Tokenizer,
    LlamaTokenizer,
    PreTrainedTokenizerFast,
    Qwen2Tokenizer,
    SiglipTokenizer,
    T5Tokenizer,
)

from guided.errors import VocabularyError
from guided.vocab import Vocabulary
from tests.vocab.tiny_tokenizers import CORPUS, byte_level_bpe, gemma_bpe, unigram, word_piece

TEXT = "the quick fox"


def model_of(make):
    """(vocab, merges) of a tiny tokenizer, as the classes of transformers take them."""
    model = json.loads(make().to_str())["model"]
    vocab = model["vocab"]
    pieces = [tuple(piece) for piece in vocab] if isinstance(vocab, list) else vocab
    return pieces, [tuple(merge) for merge in model.get("merges", [])]


def build(family, make):
    pieces, merges = model_of(make)
    return family(vocab=pieces, merges=merges) if merges else family(vocab=pieces)


def test_a_wrapped_tokenizer_names_its_eos_and_special_tokens():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level_bpe(), eos_token="<eos>", pad_token="<pad>")
    vocab = Vocabulary.from_tokenizer(tokenizer)
    assert vocab.size == len(tokenizer)
    assert vocab.eos_ids == {tokenizer.eos_token_id}
    assert vocab.special_ids == {tokenizer.eos_token_id, tokenizer.pad_token_id}
    assert vocab.bytes_of(tokenizer.encode(TEXT)) == TEXT.encode()
    several = Vocabulary.from_tokenizer(tokenizer, eos_ids=[tokenizer.eos_token_id, tokenizer.pad_token_id])
    assert several.eos_ids == {tokenizer.eos_token_id, tokenizer.pad_token_id}
    with pytest.raises(VocabularyError, match="the EOS id 99999 is out of range"):
        Vocabulary.from_tokenizer(tokenizer, eos_ids=99999)


def test_tokens_added_to_a_wrapped_tokenizer_are_no_text():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level_bpe(), eos_token="<eos>")
    before = Vocabulary.from_tokenizer(tokenizer)
    tokenizer.add_tokens(["<think>", "plain"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<tool>"]})
    after = Vocabulary.from_tokenizer(tokenizer)
    assert after.size == before.size + 3
    assert list(after.tokens[before.size :]) == [b""] * 3
    assert after.bytes_of(tokenizer.encode("a<think>b<tool>c")) == b"abc"


@pytest.mark.parametrize(
    ("family", "make", "want"),
    [
        (GPT2Tokenizer, byte_level_bpe, TEXT),
        (Qwen2Tokenizer, byte_level_bpe, TEXT),
        (LlamaTokenizer, gemma_bpe, " " + TEXT),
        (T5Tokenizer, unigram, " " + TEXT),
        (BertTokenizer, word_piece, " " + TEXT),
    ],
)
def test_the_families_of_transformers_give_the_text_back(family, make, want):
    tokenizer = build(family, make)
    vocab = Vocabulary.from_tokenizer(tokenizer)
    ids = tokenizer.encode(TEXT, add_special_tokens=False)
    assert vocab.bytes_of(ids) == want.encode()
    assert vocab.fidelity.adds_first_space == want.startswith(" ")
    assert tokenizer.decode(ids) == TEXT


def test_gemma_keeps_the_first_space():
    pieces, merges = model_of(gemma_bpe)
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    numbered = {piece: index for index, piece in enumerate(dict.fromkeys([*special, *pieces]))}
    vocab = Vocabulary.from_tokenizer(tokenizer := GemmaTokenizer(vocab=numbered, merges=merges))
    assert not vocab.fidelity.drops_first_space
    for text in (TEXT, "  " + TEXT):
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert vocab.bytes_of(ids).decode() == tokenizer.decode(ids) == text


def test_a_decode_that_contradicts_the_decoder_is_refused():
    """CLIP replaces "</w>" in Python, after its byte-level decoder."""
    letters, _ = model_of(byte_level_bpe)
    pieces = [*letters, *(f"{letter}</w>" for letter in letters if len(letter) == 1)]
    tokenizer = CLIPTokenizer(vocab={piece: index for index, piece in enumerate(dict.fromkeys(pieces))}, merges=[])
    with pytest.raises(VocabularyError, match=r"but its decoder says .*</w>.* Give the bytes by hand"):
        Vocabulary.from_tokenizer(tokenizer)


def test_a_slow_tokenizer_without_pieces_is_refused():
    with pytest.raises(VocabularyError, match="ByT5Tokenizer has no fast form"):
        Vocabulary.from_tokenizer(ByT5Tokenizer())


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_slow_sentencepiece_tokenizer_is_read_from_its_pieces(tmp_path, kind):
    sentencepiece = pytest.importorskip("sentencepiece", reason="slow tokenizers need sentencepiece")
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(line.replace("\r\n", " ") for line in CORPUS))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(tmp_path / "tiny"),
        vocab_size=360,
        model_type=kind,
        byte_fallback=True,
        pad_id=3,
        minloglevel=2,
        hard_vocab_limit=False,
    )
    tokenizer = SiglipTokenizer(str(tmp_path / "tiny.model"), do_lower_case=False)
    vocab = Vocabulary.from_tokenizer(tokenizer)
    assert vocab.eos_ids == {tokenizer.eos_token_id}
    assert vocab.tokens[tokenizer.convert_tokens_to_ids("<0x0A>")] == b"\n"
    ids = tokenizer.encode(TEXT + " 京☃", add_special_tokens=False)
    assert vocab.bytes_of(ids).decode() == f" {TEXT} 京☃"
    assert (vocab.is_reversible, vocab.fidelity.drops_first_space) == (False, True)
    assert "SentencePiece" in vocab.notes[0]
