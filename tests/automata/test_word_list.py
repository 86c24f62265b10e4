"""Lists of texts against the automaton that the compiler builds of the same texts."""

from __future__ import annotations

import random

import pytest

from guided import _fast
from guided.automata.compile import compile_dfa
from guided.automata.syntax import Words


def pairs(rng: random.Random) -> list[tuple[bytes, int]]:
    words = ["".join(rng.choice("abé") for _ in range(rng.randrange(5))) for _ in range(rng.randrange(1, 12))]
    return [(word.encode(), rng.randrange(3)) for word in words]


@pytest.mark.parametrize("seed", range(40))
def test_a_word_list_is_the_automaton_of_its_words(seed):
    rng = random.Random(seed)
    words = pairs(rng)
    fast = _fast.WordList([word for word, _ in words], [label for _, label in words])
    labels = {label for _, label in words}
    slow = compile_dfa({label: Words(tuple(w.decode() for w, own in words if own == label)) for label in labels})
    queue, seen = [(fast.start, slow.start)], set()
    for here, there in queue:
        if (here, there) in seen:
            continue
        seen.add((here, there))
        assert fast.live_bytes(here) == slow.live_bytes(there)
        assert fast.labels(here) == slow.labels(there)
        assert fast.is_final(here) == slow.is_final(there)
        assert {key: len(rest) for key, rest in fast.completions(here).items()} == {
            key: len(rest) for key, rest in slow.completions(there).items()
        }
        assert fast.labels(fast.run(here, fast.completion(here)))
        queue += [(fast.step(here, byte), slow.step(there, byte)) for byte in fast.live_bytes(here)]
    assert len({here for here, _ in seen}) == fast.n_states


def test_no_words_are_the_empty_language():
    assert _fast.WordList([], []).start == _fast.DEAD


def test_states_are_made_where_they_are_reached():
    words = [f"key{number:04}".encode() for number in range(5_000)]
    keys = _fast.WordList(words, range(5_000))
    assert keys.labels(keys.run(keys.start, b"key1234")) == (1234,)
    assert keys.n_states <= 8
