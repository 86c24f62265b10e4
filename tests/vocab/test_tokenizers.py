"""Tokenizers of every kind, against what the tokenizer itself encodes and decodes."""

import random

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from guided.errors import VocabularyError
from guided.vocab import Vocabulary
from tests.vocab.random_text import random_text
from tests.vocab.tiny_tokenizers import KINDS, byte_level_bpe, gemma_bpe, metaspace_bpe, unigram, word_piece

REVERSIBLE = ["byte_level_bpe", "sentencepiece_bpe", "metaspace_bpe", "gemma_bpe", "added_words"]


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request) -> Tokenizer:
    return KINDS[request.param]()


def anchor_of(vocab: Vocabulary) -> int:
    """A token that is an "a", whatever spaces it has."""
    return next(ids[0] for text in (b" a", b"a", b"a ") if (ids := vocab.trie.ids_of(text)))


def assert_decodes_between_anchors(tokenizer: Tokenizer, vocab: Vocabulary) -> None:
    """Every token that is whole characters: its bytes are what `decode` shows between two others."""
    anchor = anchor_of(vocab)
    known = vocab.tokens[anchor].decode()
    start = known.lstrip() if vocab.fidelity.drops_first_space else known
    end = known.rstrip() if vocab.fidelity.drops_last_space else known
    n_checked = 0
    for token, text in enumerate(vocab.tokens):
        try:
            want = start + text.decode("utf-8") + end
        except UnicodeDecodeError:
            continue
        if text:
            assert tokenizer.decode([anchor, token, anchor], skip_special_tokens=False) == want, token
            n_checked += 1
    assert n_checked > 30


def assert_gives_back(vocab: Vocabulary, text: str, ids: list[int]) -> None:
    """The bytes of `ids` are `text`, with the space before it that the tokenizer adds."""
    is_prefixed = vocab.fidelity.adds_first_space and text
    assert vocab.bytes_of(ids).decode() in ([f" {text}", text] if is_prefixed else [text])
    if is_prefixed and not text.startswith(" "):
        assert vocab.bytes_of(ids).startswith(b" ")


def test_every_token_is_what_decode_shows(tokenizer):
    assert_decodes_between_anchors(tokenizer, Vocabulary.from_tokenizer(tokenizer))


@pytest.mark.parametrize("kind", REVERSIBLE)
def test_reversible_tokenizers_give_texts_back(kind):
    tokenizer, rng = KINDS[kind](), random.Random(0)
    vocab = Vocabulary.from_tokenizer(tokenizer, added_tokens="text")
    assert vocab.is_reversible
    for _ in range(500):
        text = random_text(rng)
        assert_gives_back(vocab, text, tokenizer.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(REVERSIBLE)))
def test_lossy_tokenizers_say_so_and_give_what_decode_gives(kind):
    tokenizer, rng = KINDS[kind](), random.Random(0)
    vocab = Vocabulary.from_tokenizer(tokenizer)
    assert vocab.notes
    assert not vocab.is_reversible
    for _ in range(300):
        ids = tokenizer.encode(random_text(rng), add_special_tokens=False).ids
        shown = tokenizer.decode(ids, skip_special_tokens=True)
        assert vocab.bytes_of(ids).decode().strip(" ") == shown.strip(" ")


@pytest.mark.data
@pytest.mark.parametrize("name", ["gpt2", "llama2", "llama3"])
def test_real_tokenizers_give_ten_thousand_texts_back(shared_data, name):
    tokenizer, rng = Tokenizer.from_file(str(shared_data / "tokenizers" / name / "tokenizer.json")), random.Random(1)
    vocab = Vocabulary.from_tokenizer(tokenizer)
    assert (vocab.is_reversible, vocab.missing_bytes) == (True, b"")
    texts = [text for text in (random_text(rng) for _ in range(10_000)) if "</s>" not in text]
    assert len(texts) > 9_900
    for text, encoding in zip(texts, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True):
        assert_gives_back(vocab, text, encoding.ids)


@pytest.mark.data
@pytest.mark.parametrize("name", ["gpt2", "llama2", "llama3"])
def test_every_real_token_is_what_decode_shows(shared_data, name):
    tokenizer = Tokenizer.from_file(str(shared_data / "tokenizers" / name / "tokenizer.json"))
    assert_decodes_between_anchors(tokenizer, Vocabulary.from_tokenizer(tokenizer))


@pytest.mark.parametrize("make", [byte_level_bpe, gemma_bpe])
def test_special_tokens_inside_a_text_are_no_text(make):
    tokenizer = make()
    special = "<eos>" if make is byte_level_bpe else "</s>"
    vocab = Vocabulary.from_tokenizer(tokenizer, eos_ids=tokenizer.token_to_id(special))
    ids = tokenizer.encode(f"one{special}two", add_special_tokens=False).ids
    assert tokenizer.token_to_id(special) in ids
    assert vocab.bytes_of(ids) == b"onetwo"
    assert vocab.eos_ids <= vocab.special_ids
    assert vocab.trie.ids_of(special.encode()) == []


def test_added_tokens_match_no_text_unless_asked():
    tokenizer = KINDS["added_words"]()
    added = [tokenizer.token_to_id(content) for content in ("<think>", "guided", "    ", "the")]
    never, text = Vocabulary.from_tokenizer(tokenizer), Vocabulary.from_tokenizer(tokenizer, added_tokens="text")
    assert [never.tokens[token] for token in added] == [b""] * 4
    assert [text.tokens[token] for token in added] == [b"<think>", b"guided", b"    ", b"the"]
    spaces = Vocabulary.from_tokenizer(tokenizer, added_tokens="spaces")
    assert [spaces.tokens[token] for token in added] == [b"", b"", b"    ", b""]
    assert ("4 added tokens" in never.notes[0], "3 added tokens" in spaces.notes[0]) == (True, True)
    assert text.notes == ()
    assert not never.special_ids & set(added)
    with pytest.raises(VocabularyError, match="'never', 'spaces', 'text'"):
        Vocabulary.from_tokenizer(tokenizer, added_tokens="always")


def test_ids_with_the_same_bytes_all_stay():
    tokenizer = gemma_bpe()
    vocab = Vocabulary.from_tokenizer(tokenizer)
    same = [tokenizer.token_to_id("<0x61>"), tokenizer.token_to_id("a")]
    assert vocab.trie.ids_of(b"a") == sorted(same)


def test_sentencepiece_marks_are_spaces_and_byte_tokens_bytes():
    tokenizer = metaspace_bpe()
    vocab = Vocabulary.from_tokenizer(tokenizer)
    assert vocab.tokens[tokenizer.token_to_id("▁quick")] == b" quick"
    assert [vocab.tokens[tokenizer.token_to_id(f"<0x{byte:02X}>")] for byte in (0, 10, 255)] == [b"\0", b"\n", b"\xff"]
    fidelity = vocab.fidelity
    assert (fidelity.adds_first_space, fidelity.drops_first_space, fidelity.drops_last_space) == (True, True, False)


def test_word_pieces_start_with_a_space_or_go_on():
    tokenizer = word_piece()
    vocab = Vocabulary.from_tokenizer(tokenizer)
    spelled = {piece: vocab.tokens[tokenizer.token_to_id(piece)] for piece in ("dog", "##o", ".", ",", "(", "[UNK]")}
    assert spelled == {"dog": b" dog", "##o": b"o", ".": b".", ",": b",", "(": b" (", "[UNK]": b""}
    assert vocab.bytes_of(tokenizer.encode("The dog, a fox.", add_special_tokens=False).ids) == b" the dog, a fox."


def test_a_unigram_model_does_not_hide_its_unknown_token():
    bare = Tokenizer(models.Unigram([("a", -1.0), ("<unk>", 0.0), ("▁b", -1.0)], unk_id=1))
    bare.decoder = decoders.Metaspace()
    assert list(Vocabulary.from_tokenizer(bare).tokens) == [b"a", b"", b" b"]
    assert list(Vocabulary.from_tokenizer(bare).special_ids) == [1]
    without = Tokenizer(models.Unigram([("a", -1.0), ("b", -2.0)]))
    without.decoder = decoders.Fuse()
    assert list(Vocabulary.from_tokenizer(without).tokens) == [b"a", b"b"]


def test_padding_rows_are_no_text_and_silent_ids_may_be_cut():
    tokenizer = byte_level_bpe()
    n_ids = tokenizer.get_vocab_size()
    padded = Vocabulary.from_tokenizer(tokenizer, size=n_ids + 9)
    assert (padded.size, list(padded.tokens[n_ids:])) == (n_ids + 9, [b""] * 9)
    cut = Vocabulary.from_tokenizer(tokenizer, size=n_ids - 1)  # the last id is <eos>
    assert (cut.size, cut.special_ids) == (n_ids - 1, frozenset())
    with pytest.raises(VocabularyError, match="cuts off tokens with text"):
        Vocabulary.from_tokenizer(tokenizer, size=n_ids - 2)
    with pytest.raises(VocabularyError, match="out of range"):
        Vocabulary.from_tokenizer(tokenizer, size=n_ids - 1, eos_ids={n_ids - 1})


def test_an_eos_that_is_a_piece_of_text_loses_it():
    tokenizer = byte_level_bpe()
    newline = tokenizer.token_to_id("Ċ")
    vocab = Vocabulary.from_tokenizer(tokenizer, eos_ids=[newline, tokenizer.token_to_id("<eos>")])
    assert vocab.tokens[newline] == b""
    assert vocab.missing_bytes == b"\n"
    assert Vocabulary.from_tokenizer(tokenizer).tokens[newline] == b"\n"


def test_ids_with_holes_are_read_to_the_last():
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 70_000, "c": 9_000}, unk_token="a"))
    tokenizer.decoder = decoders.Fuse()
    vocab = Vocabulary.from_tokenizer(tokenizer)
    assert vocab.size == 70_001
    assert {token: text for token, text in enumerate(vocab.tokens) if text} == {9_000: b"c", 70_000: b"b"}


def test_byte_level_tokens_outside_the_alphabet_are_their_own_text():
    tokenizer = byte_level_bpe()
    tokenizer.add_tokens([AddedToken("日 本", normalized=False), AddedToken("\n\n", normalized=False)])
    vocab = Vocabulary.from_tokenizer(tokenizer, added_tokens="text")
    assert list(vocab.tokens[-2:]) == ["日 本".encode(), b"\n\n"]
    ids = tokenizer.encode("a日 本b\n\n").ids
    assert vocab.bytes_of(ids).decode() == tokenizer.decode(ids) == "a日 本b\n\n"


@pytest.mark.parametrize(
    ("normalizer", "note"),
    [
        (normalizers.NFC(), "composed form"),
        (normalizers.Lowercase(), "lower case"),
        (normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()]), "compatibility characters"),
        (normalizers.Replace("a", "b"), "replaces"),
        (normalizers.Replace(" ", ""), "replaces"),
    ],
)
def test_normalizers_that_change_text_are_reported(normalizer, note):
    tokenizer = byte_level_bpe()
    assert Vocabulary.from_tokenizer(tokenizer).is_reversible
    tokenizer.normalizer = normalizer
    vocab = Vocabulary.from_tokenizer(tokenizer)
    assert not vocab.is_reversible
    assert any(note in line for line in vocab.notes)


def test_pre_tokenizers_that_drop_text_are_reported():
    tokenizer = byte_level_bpe()
    drop = pre_tokenizers.Split("-", "removed")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([drop, tokenizer.pre_tokenizer])
    assert any("drops what matches" in line for line in Vocabulary.from_tokenizer(tokenizer).notes)


class PythonDecoder:
    def decode(self, tokens):
        return "".join(tokens)


@pytest.mark.parametrize("decoder", [decoders.CTC(), decoders.Decoder.custom(PythonDecoder())], ids=["ctc", "python"])
def test_decoders_whose_bytes_cannot_be_known_are_refused(decoder):
    tokenizer = unigram()
    tokenizer.decoder = decoder
    with pytest.raises(VocabularyError, match=r"is not known. Give the bytes by hand: guided.Vocabulary"):
        Vocabulary.from_tokenizer(tokenizer)


@pytest.mark.parametrize("thing", [None, "gpt2", 7, object()])
def test_what_is_no_tokenizer_is_refused(thing):
    with pytest.raises(VocabularyError, match=f"a Hugging Face tokenizer is needed, not {type(thing).__name__}"):
        Vocabulary.from_tokenizer(thing)


def test_an_empty_tokenizer_is_refused():
    with pytest.raises(VocabularyError, match="none of the 0 tokens"):
        Vocabulary.from_tokenizer(Tokenizer(models.BPE()))


@pytest.mark.parametrize(
    ("steps", "want"),
    [
        ([decoders.Strip("_", 1, 2)], b"_a_"),
        ([decoders.Strip("_", 9, 9)], b"a"),
        ([decoders.Fuse(), decoders.Strip(" ", 1, 0)], b"__a___"),
        ([decoders.Replace("__", "-")], b"-a-_"),
        ([decoders.Metaspace("_", "never")], b"  a   "),
        ([decoders.Sequence([decoders.Replace("_", " ")]), decoders.Fuse()], b"  a   "),
    ],
)
def test_decoder_steps_apply_to_one_token(steps, want):
    tokenizer = Tokenizer(models.WordLevel({"x": 0, "__a___": 1, "a": 2}, unk_token="x"))
    tokenizer.decoder = decoders.Sequence(steps)
    vocab = Vocabulary.from_tokenizer(tokenizer)
    assert vocab.tokens[1] == want
    assert tokenizer.decode([2, 1, 2]) == f"a{want.decode()}a"


def test_joined_bytes_of_a_split_character_are_the_character():
    tokenizer = byte_level_bpe()
    vocab = Vocabulary.from_tokenizer(tokenizer)
    ids = tokenizer.encode("𓀀").ids
    assert [vocab.tokens[token] for token in ids] == [b"\xf0", b"\x93", b"\x80", b"\x80"]
