"""The baselines of benchmarks/byte_cuts: alignment is biased, and its form with weighted particles is not."""

from __future__ import annotations

import numpy as np

import guided
from benchmarks.byte_cuts import Cut
from guided.engines.byte_model import rule_of
from guided.engines.covers import ask


def next_byte(cover):
    ask([cover])
    weights, _ = cover.distribution()
    return weights / weights.sum()


PROMPTS = (
    b"import os\n\n\nde",
    b'{"name": "Ann", "a',
    b"ed.\n\n        This method unblo",
    b"        The reservoi",
    b"# asynchro",
    b"def unescap",
)


def test_particles_come_near_the_exact_law_and_alignment_does_not(monkeypatch):
    """The total variation of 1,500 particles over k elements is some sqrt(k / 1,500) times the spread of weights."""
    monkeypatch.setattr("benchmarks.byte_cuts.PARTICLES", 1500)
    lm, farthest = guided.tiny(), {"SMC": 0.0, "alignment": 0.0}
    for prompt in PROMPTS:
        covers = Cut(lm, rule_of(lm), prompt).covers(np.random.default_rng(0))
        found = {name: next_byte(covers[name]) for name in ("SMC", "alignment", "exact")}
        for name, most in farthest.items():
            farthest[name] = max(most, 0.5 * float(np.abs(found[name] - found["exact"]).sum()))
    assert farthest["SMC"] < 0.1
    assert farthest["alignment"] > farthest["SMC"]
