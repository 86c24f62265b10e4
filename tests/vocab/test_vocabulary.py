"""Vocabularies made by hand: what is kept, what never matches text, and what is refused."""

import copy
import subprocess
import sys

import numpy as np
import pytest

from guided.errors import VocabularyError
from guided.vocab import Vocabulary


def test_tokens_are_kept_by_id_and_padded_to_the_size():
    vocab = Vocabulary([b"a", b"ab", b"a"], eos_ids={3}, size=4)
    assert vocab.tokens == [b"a", b"ab", b"a", b""]
    assert (len(vocab), vocab.size, vocab.eos_ids, vocab.special_ids) == (4, 4, {3}, {3})
    assert vocab.trie.ids_of(b"a") == [0, 2]
    assert vocab.bytes_of([1, 3, 0]) == b"aba"


def test_eos_and_special_ids_never_match_text():
    vocab = Vocabulary([b"a", b"</s>", b"<pad>", b"</s>"], eos_ids=[1], special_ids=[2])
    assert list(vocab.tokens) == [b"a", b"", b"", b"</s>"]
    assert vocab.special_ids == {1, 2}


def test_tokens_behave_as_a_sequence():
    tokens = Vocabulary([b"a", b"b", b"", b"c"]).tokens
    assert (tokens[-1], tokens[1:3], len(tokens), tokens.index(b"b"), b"c" in tokens) == (b"c", [b"b", b""], 4, 1, True)
    assert tokens != [b"a", b"b", b""]
    assert "4 tokens" in repr(tokens)
    with pytest.raises(IndexError):
        tokens[4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], ()), "none of the 0 tokens stands for text"),
        (([b"", b""], ()), "none of the 2 tokens stands for text"),
        (([b"</s>"], {0}), "none of the 1 tokens stands for text"),
        ((["a"], ()), "token 0: tokens are bytes, not str"),
        (([b"a", None], ()), "token 1: tokens are bytes, not NoneType"),
        (([b"a"], {1}), "the EOS id 1 is out of range: this vocabulary has 1 ids"),
        (([b"a"], {-1}), "the EOS id -1 is out of range"),
        (([b"a"], {"</s>"}), "EOS id must be an integer, not '</s>'"),
        (([b"a"], {True}), "EOS id must be an integer, not True"),
        (([b"a", b"b"], (), 1), "at least the number of tokens, 2"),
        (([b"a"], (), 2**31), "fit in 31 bits"),
        (([b"a"], (), 1.5), "size must be an integer, not 1.5"),
    ],
)
def test_what_is_not_a_vocabulary_is_refused(arguments, message):
    with pytest.raises(VocabularyError) as caught:
        Vocabulary(*arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("token", [4, -1, 2**40, "a"])
def test_text_of_an_id_out_of_range_is_refused(token):
    vocab = Vocabulary([b"a", b"b"], size=4)
    with pytest.raises(VocabularyError, match=r"ids of this vocabulary are 0..3"):
        vocab.bytes_of([0, token])


def test_numpy_integers_are_ids():
    vocab = Vocabulary([b"a", b"b", b"c"], eos_ids=np.array([2]), size=np.int64(3))
    assert (vocab.eos_ids, vocab.bytes_of(np.array([1, 0]))) == ({2}, b"ba")


def test_fingerprint_names_the_content():
    def fingerprint(*arguments, **options):
        return Vocabulary(*arguments, **options).fingerprint

    first = fingerprint([b"ab", b"c"], {2}, 3)
    assert first == fingerprint(iter([b"ab", b"c", b""]), [2])
    others = [([b"a", b"bc"], {2}, 3), ([b"ab", b"c"], {2}, 4), ([b"ab", b"c"], (), 3), ([b"ab", b"d"], {2}, 3)]
    assert len({first, *(fingerprint(*other) for other in others)}) == 5


def test_missing_bytes_are_those_without_a_token_of_their_own():
    every = [bytes([byte]) for byte in range(256)]
    assert Vocabulary([*every, b"ab"]).missing_bytes == b""
    assert Vocabulary([*every[:65], *every[66:], b"AB"]).missing_bytes == b"A"


def test_copies_are_equal_and_independent():
    vocab = Vocabulary([b"a", b"b"], {2}, 3)
    twin = copy.deepcopy(vocab)
    assert (twin.tokens, twin.fingerprint, twin.size) == (vocab.tokens, vocab.fingerprint, 3)
    assert twin.trie is not vocab.trie


def test_importing_vocabularies_brings_no_model_library():
    names = "torch", "transformers", "tokenizers"
    code = f"import sys, guided.vocab; print([name for name in {names} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
