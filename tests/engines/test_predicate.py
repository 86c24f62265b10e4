"""predicate(): what is asked, in which form, and how it combines with languages."""

from __future__ import annotations

import pytest

import guided
from guided.constraints.predicate import read


def test_text_is_given_without_a_character_that_is_not_finished():
    assert read("aé".encode()[:-1], is_complete=False) == "a"
    assert read("aé".encode()[:-1], is_complete=True) is None
    assert read(b"\xffa", is_complete=False) is None
    assert read("日本".encode(), is_complete=True) == "日本"


def test_a_predicate_answers_for_whole_texts_and_counts_its_calls():
    short = guided.predicate(prefix=lambda text: len(text) < 4, name="short")
    assert short.accepts("abc")
    assert not short.accepts("abcd")
    assert not short.accepts(b"\xff")
    assert short.n_calls == 2
    assert repr(short & guided.regex("a*")) == f"{guided.regex('a*')!r} & short"


def test_bytes_are_given_as_they_are_where_asked_for():
    seen = []
    assert guided.predicate(complete=lambda text: seen.append(text) or True, as_bytes=True).accepts(b"\xff")
    assert seen == [b"\xff"]


def test_and_is_both_on_either_side():
    digits, even = guided.regex("[0-9]+"), guided.predicate(complete=lambda text: int(text) % 2 == 0)
    small = guided.predicate(complete=lambda text: int(text) < 50)
    for both in (digits & even & small, even & digits & small, even & (small & digits), small & even & digits):
        assert [number for number in ("12", "13", "52", "x") if both.accepts(number)] == ["12"]
    with pytest.raises(TypeError):
        even | digits


def test_a_batch_with_the_wrong_number_of_answers_is_refused():
    with pytest.raises(guided.ConstraintError, match="was asked about 1 texts and answered"):
        guided.predicate(complete=lambda texts: [], batched=True).accepts("a")
