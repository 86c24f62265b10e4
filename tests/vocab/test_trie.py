"""The flat trie against a trie of dictionaries, and its queries against the plain list of tokens."""

import pickle
import random
from array import array

import pytest

from guided._fast import Children, Trie
from guided.errors import VocabularyError
from tests.oracle.slow_trie import rows, slow_trie


def random_tokens(seed: int) -> list[bytes]:
    """A vocabulary with few letters (so prefixes and duplicates abound), NUL bytes, and tokens without text."""
    rng = random.Random(seed)
    letters = [b"ab", b"\x00\x01", b"a\x00\xff", bytes(range(256))][seed % 4]
    longest = rng.choice([1, 3, 12, 40])
    return [bytes(rng.choices(letters, k=rng.randint(0, longest))) for _ in range(rng.choice([0, 1, 5, 60, 400]))]


@pytest.mark.parametrize("seed", range(60))
def test_flat_trie_equals_a_trie_of_dictionaries(seed):
    tokens = random_tokens(seed)
    trie = Trie(tokens)
    want = rows(slow_trie(tokens))
    assert [trie.node(node) for node in range(trie.n_nodes)] == want
    assert trie.max_depth == max((len(token) for token in tokens), default=0)
    assert [trie.token_bytes(token) for token in range(len(tokens))] == tokens


@pytest.mark.parametrize("seed", range(20))
def test_queries_equal_a_search_through_the_list(seed):
    tokens, rng = random_tokens(seed), random.Random(seed)
    trie = Trie(tokens)
    for _ in range(50):
        text = rng.choice(tokens or [b""])[: rng.randint(0, 5)] + bytes(rng.choices(b"ab\x00\xff", k=rng.randint(0, 2)))
        assert trie.ids_of(text) == [t for t, token in enumerate(tokens) if token == text and text]
        with_prefix = sorted((token, t) for t, token in enumerate(tokens) if token and token.startswith(text))
        node = trie.node_of(text)
        assert (node >= 0) == (bool(with_prefix) or text == b"")
        if node >= 0:
            assert trie.ids_below(node) == [t for _, t in with_prefix]
        inside = [token for token in tokens if token and text.startswith(token)]
        longest = max(inside, key=len, default=b"")
        assert trie.longest_prefix(text) == ((tokens.index(longest), len(longest)) if inside else (-1, 0))


def test_children_are_found_at_the_root_and_below():
    trie = Trie([b"ab", b"ac", b"b"])
    a = trie.child(0, ord("a"))
    assert trie.node(a) == (ord("a"), 1, 3, [])
    assert [trie.node(trie.child(a, byte))[3] for byte in b"bc"] == [[0], [1]]
    assert trie.child(a, ord("a")) == trie.child(a, ord("d")) == trie.child(0, ord("c")) == -1


def test_ids_above_the_tokens_are_padding():
    trie = Trie([b"a"], 33)
    assert (trie.n_tokens, trie.n_words, trie.n_ordered, trie.n_nodes) == (33, 2, 1, 2)
    assert trie.token_bytes(32) == b""
    with pytest.raises(IndexError, match="token 33 of a vocabulary of 33"):
        trie.token_bytes(33)


def test_tokens_of_four_megabytes_are_indexed():
    long = b"x" * (4 << 20)
    trie = Trie([long, b"x", long + b"y"])
    assert (trie.n_nodes, trie.max_depth) == ((4 << 20) + 2, (4 << 20) + 1)
    assert trie.longest_prefix(long + b"z") == (0, 4 << 20)


def test_a_blob_gives_the_trie_of_its_pieces():
    trie = Trie.from_blob(b"abcab", array("i", [1, 0, 2, 2]), 5)
    assert [trie.token_bytes(token) for token in range(5)] == [b"a", b"", b"bc", b"ab", b""]
    assert list(trie.lengths()) == [1, 0, 2, 2, 0]


@pytest.mark.parametrize("lengths", [[1, 2], [1, 5], [6, -1], [-1, 6]])
def test_lengths_that_do_not_fit_the_blob_are_refused(lengths):
    with pytest.raises(ValueError, match="length"):
        Trie.from_blob(b"abcde", array("i", lengths))


def test_a_size_below_the_tokens_is_refused():
    with pytest.raises(VocabularyError, match="at least the number of tokens, 2"):
        Trie([b"a", b"b"], 1)


def test_a_trie_survives_a_copy_to_another_process():
    trie = pickle.loads(pickle.dumps(Trie([b"a", b"", b"ab"], 40)))
    assert [trie.node(node) for node in range(trie.n_nodes)] == rows(slow_trie([b"a", b"", b"ab"]))
    assert trie.n_tokens == 40


def test_building_twice_is_refused():
    trie = Trie([b"a"])
    with pytest.raises(ValueError, match="built once"):
        trie.__init__([b"b"])
    assert trie.token_bytes(0) == b"a"


@pytest.mark.parametrize("seed", range(8))
def test_runs_of_siblings_side_by_side_are_those_of_the_tree(seed):
    rng = random.Random(seed)
    tokens = [bytes(rng.choice(b"abc") for _ in range(rng.randint(1, 5))) for _ in range(rng.randint(1, 60))]
    trie = Trie(tokens)
    children = Children(trie)
    for node in range(trie.n_nodes):
        child, below = node + 1, []
        while child < node + trie.node(node)[2]:
            below.append(child)
            child += trie.node(child)[2]
        for first in range(len(below)):
            for last in range(first, len(below)):
                end = below[last] + trie.node(below[last])[2]
                assert children.siblings(trie, below[first], end) == below[first : last + 1]
