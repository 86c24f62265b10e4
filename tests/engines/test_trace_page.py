"""The page of a trace: complete, self-contained, and sound where runs are odd."""

from __future__ import annotations

import math
from html.parser import HTMLParser

import pytest

import guided
from guided.engines.trace import Move, Step, Trace
from tests.engines.toys import toy

VOID = {"meta", "rect", "path", "line", "br"}


class Balance(HTMLParser):
    """Open and closed tags, and all text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.texts, self.links, self.boxes = [], [], [], 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        given = dict(attributes)
        self.links += [given[name] for name in ("src", "href") if name in given]
        self.boxes += given.get("class") == "box"

    def handle_startendtag(self, tag, attributes):
        self.boxes += dict(attributes).get("class") == "box"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(trace):
    page = trace.to_html()
    assert "nan" not in page.lower().replace("finance", "")
    assert "<script" not in page
    found = Balance(page)
    assert found.open == []
    assert found.links == []  # nothing is fetched
    return found


def test_every_token_drawn_has_a_box_and_every_text_a_share():
    constraint = guided.regex("(ab|c)*b?") & guided.predicate(prefix=lambda text: "cc" not in text)
    result = guided.smc(toy(), [], constraint, max_tokens=4, n_particles=16, seed=2, ess_threshold=1)
    found = read(result.trace)
    assert found.boxes == sum(
        move.token is not None or bool(move.form) for step in result.trace.steps for move in step.moves
    )
    shown = "".join(found.texts)
    for text, share in result.probabilities.items():
        assert f"{share:.1%}{text}" in shown
    assert "turned away" in shown
    assert f"{sum(result.trace.n_asked):,} in all" in shown


def test_a_run_that_turned_nothing_away_says_so():
    shown = "".join(read(guided.smc(toy(), [], guided.regex("(ab|c)*"), max_tokens=3, seed=0).trace).texts)
    assert "Nothing: every token was drawn from a mask" in shown


def test_a_run_in_which_all_died_says_so_and_shows_each_death_once():
    steps = [
        Step(
            (Move(b"a", False, 0.0, "recursive", 2), Move(None, False, -math.inf, "recursive", 3, (b"b", b""))),
            1.0,
            None,
            1,
        ),
        Step((Move(None, False, -math.inf, "recursive", 1, (b"c",)), Move(None, False, -math.inf)), 0.0, None, 1),
    ]
    found = read(Trace("dead", steps, ["a", ""], [-math.inf, -math.inf]))
    assert found.boxes == 3
    assert "every particle died" in "".join(found.texts)
    nothing = guided.smc(toy(), [], guided.predicate(prefix=lambda text: False), n_particles=16, seed=0)
    assert "every particle died" in "".join(read(nothing.trace).texts)


def test_a_trace_without_steps_is_a_page():
    assert "No step was made." in "".join(read(Trace("empty")).texts)


@pytest.mark.parametrize("text", ["<b>&\"'", "a" * 5000, "日本\n\ttext", "\x00\x1b"])
def test_texts_of_any_kind_are_shown_as_text(text):
    raw = text.encode()
    step = Step((Move(raw, True, 0.0, "recursive", 1, (raw, b"\xff")),), 1.0, None, 1)
    found = read(Trace(text, [step], [text], [0.0], 0.0))
    assert "b" not in found.open
    if text.isprintable():
        assert text in "".join(found.texts)
