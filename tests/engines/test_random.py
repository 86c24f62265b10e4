"""Random streams are addressed, not shared: the same numbers wherever they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from guided._fast import Stream, philox_words


@pytest.mark.parametrize(
    ("block", "stream", "key", "words"),
    [
        (0, 0, (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (2**64 - 1, 2**64 - 1, (2**32 - 1, 2**32 - 1), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            0x85A308D3243F6A88,
            0x0370734413198A2E,
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_answers(block, stream, key, words):
    """The known-answer vectors of the Random123 library: counter and key all 0, all 1, and digits of pi."""
    assert philox_words(block, stream, *key) == words


def test_streams_of_one_seed_do_not_depend_on_each_other():
    left, right = Stream(11), Stream(11).stream(3)
    mixed = [(left.uniform(), right.uniform()) for _ in range(5)]
    alone = Stream(11, 3)
    assert [alone.uniform() for _ in range(5)] == [pair[1] for pair in mixed]
    assert Stream(12, 3).uniform() != Stream(11, 3).uniform()


def test_numbers_are_uniform_and_never_0_or_1():
    stream = Stream(5)
    numbers = np.array([stream.uniform() for _ in range(20_000)])
    assert 0 < numbers.min() < 0.001
    assert 0.999 < numbers.max() < 1
    counts = np.histogram(numbers, 20, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 45  # 19 degrees of freedom: exceeded once in 1,400


def test_a_script_is_replayed_and_then_ends():
    stream = Stream.replay([0.25, 0.5])
    assert [stream.uniform(), stream.uniform(), stream.position] == [0.25, 0.5, 2]
    with pytest.raises(IndexError, match="script"):
        stream.uniform()
