"""canonical() as a constraint: laws of the mask, composition, generate, the processor, dead ends and the way out."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import numpy as np
import pytest

import guided
from guided.errors import ConstraintError, DeadEnd
from guided.vocab.canonical import Canonical

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


@pytest.fixture(scope="module")
def lm() -> Any:
    return guided.tiny()


@pytest.fixture(scope="module")
def rule(lm: Any) -> Canonical:
    return Canonical.of(lm.vocab, lm.tokenizer)


def bits(mask: np.ndarray, size: int) -> np.ndarray:
    return np.unpackbits(mask.view(np.uint8), bitorder="little")[:size].astype(bool)


def test_mask_is_the_language_and_the_rule_and_agrees_with_allows(lm: Any, rule: Canonical) -> None:
    rng, language = random.Random(0), guided.regex(r"[a-z ]{0,30}(the|then) [0-9]{1,5}")
    both, plain = guided.Matcher(language & guided.canonical(lm), lm.vocab), guided.Matcher(language, lm.vocab)
    state = rule.start
    for _ in range(8):
        mask = bits(both.mask(), lm.vocab.size)
        words = bits(rule.words(state), lm.vocab.size)
        assert np.array_equal(mask, bits(plain.mask(), lm.vocab.size) & words)
        for token in rng.sample(range(lm.vocab.size), 40):
            assert both.allows(token) == mask[token]
        tokens = [token for token in np.flatnonzero(mask).tolist() if token not in lm.vocab.eos_ids]
        if not tokens:
            break
        token = rng.choice(tokens)
        both.advance(token)
        plain.advance(token)
        state = rule.after(state, token)
    text = both.text
    both.rollback(both.n_tokens)
    assert both.text == b"" and text.startswith(b"") and bits(both.mask(), lm.vocab.size).any()


def test_every_sequence_that_ends_is_what_the_tokenizer_writes(lm: Any, rule: Canonical) -> None:
    constraint = guided.regex(r"[a-c]{1,6}( [0-9]+)?") & guided.canonical(lm)
    rng, n_ended = random.Random(1), 0
    for _ in range(60):
        matcher = guided.Matcher(constraint, lm.vocab)
        tokens: list[int] = []
        while True:
            choices = np.flatnonzero(bits(matcher.mask(), lm.vocab.size)).tolist()
            if not choices or len(tokens) > 12:
                break
            token = 0 if 0 in choices and rng.random() < 0.5 else rng.choice(choices)
            if token in lm.vocab.eos_ids:
                n_ended += 1
                assert tokens == rule.encode(lm.vocab.bytes_of(tokens))
                break
            matcher.advance(token)
            tokens.append(token)
    assert n_ended > 20


def test_generate_alone_and_with_a_schema_writes_canonical_tokens(lm: Any, rule: Canonical) -> None:
    out = guided.generate(lm, "def main():\n", guided.canonical(lm), max_tokens=20, seed=0)
    assert rule.state_after(out.tokens) >= 0 and len(out.tokens) > 3
    state = rule.state_after(lm.encode("def main():\n"))
    for token in out.tokens:
        if token not in lm.vocab.eos_ids:
            state = rule.after(state, token)
            assert state >= 0
    both = guided.json_schema(SCHEMA, whitespace="compact") & guided.canonical(lm)
    outs = []
    for seed in range(8):  # canonical alone may run into a dead end, and says so
        with contextlib.suppress(guided.DeadEnd):
            outs.append(guided.generate(lm, "JSON:", both, seed=seed))
    out = outs[0]
    assert isinstance(out.value["ok"], bool) and out.is_complete


def test_it_composes_from_both_sides_and_with_predicates(lm: Any) -> None:
    language, rule = guided.regex("[ab]+"), guided.canonical(lm)
    for both in (language & rule, rule & language, (language & rule) & guided.regex("a.*"), rule & rule & language):
        assert both.accepts("ab") and guided.Matcher(both, lm.vocab).mask().any()
    tested = guided.predicate(complete=lambda text: len(text) < 4, name="short") & (language & rule)
    posterior = guided.smc(lm, "x = ", tested, n_particles=4, max_tokens=4, seed=0, end="eos")
    assert posterior.log_z < 0
    with pytest.raises(ConstraintError, match="by &, not by"):
        language | rule
    with pytest.raises(ValueError, match="when_stuck"):
        guided.canonical(lm, when_stuck="never")


def test_where_language_and_rule_leave_nothing_there_is_a_dead_end_or_the_language_decides(lm: Any) -> None:
    trie = lm.vocab.trie
    (n,), (ame,), (name,) = trie.ids_of(b"n"), trie.ids_of(b"ame"), trie.ids_of(b"name")
    language = guided.choice(["name"])
    strict = guided.Matcher(language & guided.canonical(lm), lm.vocab)
    assert strict.allows(name)
    strict.advance(n)
    assert not strict.allows(ame)
    assert not can_finish(strict, lm.vocab.size)
    yielding = guided.Matcher(language & guided.canonical(lm, when_stuck="yield"), lm.vocab)
    yielding.advance(n)
    assert not yielding.allows(ame)  # there are other ways to go on, which get stuck later
    assert can_finish(yielding, lm.vocab.size)


def can_finish(matcher: Any, size: int) -> bool:
    """Whether some tokens lead to the end from here."""
    if matcher.is_finished:
        return True
    for token in np.flatnonzero(bits(matcher.mask(), size)).tolist():
        ahead = matcher.fork()
        ahead.advance(token)
        if can_finish(ahead, size):
            return True
    return False


def test_a_prompt_that_ends_in_half_a_word_does_not_stop_generation(lm: Any) -> None:
    out = guided.generate(
        lm,
        "JSON: ",
        guided.json_schema(SCHEMA, whitespace="compact") & guided.canonical(lm, when_stuck="yield"),
        seed=0,
    )
    assert out.is_complete


def test_the_processor_takes_it(lm: Any, rule: Canonical) -> None:
    processor = guided.ConstraintLogitsProcessor(guided.regex(r"[a-z]{3,8} = [0-9]{1,3};") & guided.canonical(lm), lm)
    inputs = lm.tokenizer("x = 1;\n", return_tensors="pt")
    for seed in range(3):
        import torch

        torch.manual_seed(seed)
        try:
            ids = lm.model.generate(**inputs, logits_processor=[processor], max_new_tokens=16, do_sample=True)[0]
        except DeadEnd:
            continue
        new = [token for token in ids[inputs["input_ids"].shape[1] :].tolist() if token not in lm.vocab.eos_ids]
        assert rule.encode(lm.vocab.bytes_of(new)) == new
