"""Healing: exact by enumeration, drawn by weight in generate(), under constraints and after a prefix."""

from __future__ import annotations

import math

import numpy as np
import pytest

import guided
from guided.engines.heal import heal, healed
from tests.engines.byte_sources import source


@pytest.mark.parametrize("kind", ["bpe", "longest"])
def test_one_drawn_element_and_then_tokens_are_the_source_by_enumeration(kind):
    """The law of the next three bytes: elements by weight, then token by token, added up over all paths."""
    texts, lm = source(kind, 1)
    for prompt in (b"A", b"AA", b"CAA", b"BAC", b"AABC"):
        elements = healed(lm, prompt.decode())
        assert math.fsum(math.exp(one.logw) for one in elements) == pytest.approx(1, abs=1e-12)
        law: dict[bytes, float] = {}
        stack = [(tuple(one.tokens), one.beyond, math.exp(one.logw)) for one in elements]
        while stack:
            tokens, text, p = stack.pop()
            if len(text) >= 3:
                law[text[:3]] = law.get(text[:3], 0.0) + p
                continue
            row = np.exp(lm.logprobs([tokens])[0])
            for token in np.flatnonzero(row > 0).tolist():
                piece = lm.vocab.tokens[token]
                if piece:
                    stack.append(((*tokens, token), text + piece, p * row[token]))
                else:
                    law[text + b"$"] = law.get(text + b"$", 0.0) + p * row[token]
        total = sum(p for text, p in texts.items() if text.startswith(prompt))
        want: dict[bytes, float] = {}
        for text, p in texts.items():
            if text.startswith(prompt):
                rest = text[len(prompt) :]
                key = rest[:3] if len(rest) >= 3 else rest + b"$"
                want[key] = want.get(key, 0.0) + p / total
        assert law.keys() == {key for key, p in want.items() if p > 0}
        for key, p in law.items():
            assert p == pytest.approx(want[key], abs=1e-12)


def test_a_prompt_that_nothing_reaches_over_costs_no_call():
    lm = guided.tiny()
    found = heal(lm, "x = 'naïve 日本")
    assert found.n_contexts == 0
    assert [one.tokens for one in found.elements] == [lm.encode("x = 'naïve 日本")]
    assert [one.tokens for one in healed(lm, "")] == [lm.encode("")]


def test_generate_draws_the_prompts_end_by_its_weight():
    """600 texts after "de", which is nearly never a token of its own: 4.5 standard errors for each way."""
    lm, prompt, n = guided.tiny(), "import os\n\n\nde", 600
    ways = healed(lm, prompt)
    found = guided.generate(lm, prompt, n=n, max_tokens=1, seed=3, batch_size=n)
    counts: dict[tuple[int, ...], int] = {}
    for out in found:
        counts[tuple(out.tokens[:1]) if out.n_healed else ()] = (
            counts.get(tuple(out.tokens[:1]) if out.n_healed else (), 0) + 1
        )
        assert out.n_healed in (0, 2)
        if out.n_healed:
            assert ("de" + out.text).encode() == lm.vocab.bytes_of(out.tokens)
    for way in ways:
        p = math.exp(way.logw)
        count = counts.get((way.tokens[-1],) if way.beyond else (), 0)
        assert abs(count - n * p) <= 4.5 * math.sqrt(n * p * (1 - p)) + 1
    raw = guided.generate(lm, prompt, n=50, max_tokens=1, seed=3, heal=False)
    assert sum(out.text.startswith("f") for out in raw) < 25 < sum(out.text.startswith("f") for out in found[:50])


def test_a_prefix_in_the_middle_of_a_key_is_healed_under_the_constraint():
    lm = guided.tiny()
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "maximum": 99}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    for out in guided.generate(lm, "A person as JSON:\n", guided.json_schema(schema), prefix='{"na', n=4, seed=0):
        assert out.text.startswith('{"name"')
        assert set(out.value) == {"name", "age"}
        assert out.n_healed > 0
    with pytest.raises(guided.TokenRejected, match="begins with"):
        guided.generate(lm, "A person:", guided.json_schema(schema), prefix='{"zz')


def test_a_constraint_goes_on_in_the_middle_of_a_word():
    lm = guided.tiny()
    for out in guided.generate(lm, "    retu", guided.regex(r"rn (None|self)"), n=5, seed=1):
        assert out.text in ("rn None", "rn self")
        assert out.is_complete
    greedy = guided.generate(lm, "def f():\n    retu", guided.regex(r"rn [a-z]+"), temperature=0, max_tokens=4)
    assert greedy.text.startswith("rn ")


def test_token_ids_and_messages_are_taken_as_they_are():
    lm = guided.tiny()
    ids = lm.encode("import os\n\n\nde")
    outs = guided.generate(lm, ids, n=20, max_tokens=1, seed=0)
    assert {out.n_healed for out in outs} == {0}
    assert [out.text for out in outs] == [
        out.text for out in guided.generate(lm, "import os\n\n\nde", n=20, max_tokens=1, seed=0, heal=False)
    ]


def test_names_of_special_tokens_in_a_prompt_are_those_tokens():
    lm = guided.tiny()
    assert all(
        one.beyond == b"" or lm.vocab.bytes_of(one.tokens).endswith(one.beyond)
        for one in healed(lm, "a<|endoftext|>de")
    )
    assert healed(lm, "a<|endoftext|>de")[0].tokens[:2] == [*lm.encode("a"), min(lm.vocab.eos_ids)]
    with pytest.raises(TypeError, match="only text"):
        heal(lm, [1, 2])
