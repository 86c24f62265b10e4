"""infill(): exact at the cursor, layouts, special tokens, constraints over the whole text, bad input."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import guided
from guided.constraints.between import between
from guided.engines.fim_tokens import SPELLINGS, FimTokens, fim_tokens
from guided.engines.heal import split_open_end, ways_after
from guided.engines.infill import Frame
from guided.engines.segmentations import Canonical as Rule
from guided.errors import ConstraintError, ModelError
from guided.models.toy import TableModel
from guided.vocab.canonical import Canonical
from tests.small_models import gpt2

PREFIX = "import os\n\n\ndef read_lines(path):\n    with open(path) as file:\n        return file.readl"
SUFFIX = "()\n\n\ndef main():\n    print(read_lines('x'))\n"


@pytest.fixture(scope="module")
def lm() -> Any:
    return guided.tiny()


@pytest.fixture(scope="module")
def canonical(lm: Any) -> Canonical:
    return Canonical.of(lm.vocab, lm.tokenizer)


def brute_force(
    lm: Any, context: list[int], rest: bytes, canonical: Canonical, state: int
) -> dict[tuple[int, ...], float]:
    """Every canonical sequence that first reaches the end of `rest`, one model call per token, by recursion."""
    found: dict[tuple[int, ...], float] = {}
    row = np.asarray(lm.logprobs([context])[0], float)
    for token in np.flatnonzero(canonical.allowed(state)).tolist():
        text = lm.vocab.tokens[token]
        if text.startswith(rest):
            found[token,] = row[token]
        elif rest.startswith(text):
            ahead = brute_force(lm, [*context, token], rest[len(text) :], canonical, canonical.after(state, token))
            found.update({(token, *tokens): row[token] + logp for tokens, logp in ahead.items()})
    return found


@pytest.mark.parametrize("rest", [b" retu", b"\n    ", b"12", b"d'", b" \xe6\x9d"])
def test_the_cover_of_an_open_end_is_the_one_by_brute_force(lm: Any, canonical: Canonical, rest: bytes) -> None:
    context = [1, *canonical.encode(b"x = y"), 2, 3]
    rule = Rule(lm.vocab, canonical)
    found = {tuple(one.tokens): one.logw for one in ways_after(lm, rule, context, rest, rule.start)}
    want = brute_force(lm, context, rest, canonical, canonical.start)
    assert found.keys() == want.keys() and found
    assert max(abs(found[tokens] - want[tokens]) for tokens in want) < 1e-3  # float32 in other batches


def test_weights_are_those_of_a_model_that_is_known(canonical: Canonical, lm: Any) -> None:
    chance = np.random.default_rng(0)
    rows: dict[int | None, Any] = {token: chance.normal(size=lm.vocab.size) for token in range(lm.vocab.size)}
    toy = TableModel(lm.vocab, rows)
    rule = Rule(lm.vocab, canonical)
    elements = ways_after(toy, rule, [3], b" def", rule.start)
    for one in elements[:5]:
        logp = 0.0
        for before, token in zip([3, *one.tokens], one.tokens, strict=False):
            logp += rows[before][token] - math.log(np.exp(rows[before]).sum())
        assert abs(logp - one.logw) < 1e-12
        assert lm.vocab.bytes_of(one.tokens) == b" def" + one.beyond


@pytest.mark.parametrize("text", [PREFIX, "x = 12", "a\n\n    ", "it's", "f(x):\n        # 東", " ", ""])
def test_tokens_before_the_open_end_are_those_of_every_longer_text(lm: Any, canonical: Canonical, text: str) -> None:
    kept, rest = split_open_end(lm, Rule(lm.vocab, canonical), text.encode())
    assert canonical.vocab.bytes_of(kept) + rest == text.encode()
    assert len(rest) < 24
    for more in ("a", " b", "\n", "\n\n x", "1", "34", "!", "'", "'s", "京", "  ", "\r\n"):
        assert canonical.encode((text + more).encode())[: len(kept)] == kept


@pytest.mark.parametrize("layout", ["psm", "spm"])
def test_middles_are_text_after_the_cursor(lm: Any, layout: str) -> None:
    out = guided.infill(lm, PREFIX, SUFFIX, layout=layout, temperature=0, max_tokens=12)
    assert out.text and not out.text.startswith("file")
    whole = lm.vocab.bytes_of(out.tokens)
    assert whole.endswith(out.text.encode()) and b"readl".endswith(whole[: len(whole) - len(out.text.encode())][-5:])
    assert out.logp < 0
    outs = guided.infill(lm, PREFIX, SUFFIX, layout=layout, n=3, seed=1, max_tokens=6)
    again = guided.infill(lm, PREFIX, SUFFIX, layout=layout, n=3, seed=1, max_tokens=6)
    assert [one.text for one in outs] == [one.text for one in again] and [one.index for one in outs] == [0, 1, 2]


def test_cut_inside_a_token_the_word_goes_on(lm: Any) -> None:
    healed = guided.infill(lm, "def f(self):\n    retu", "\n", layout="spm", temperature=0, max_tokens=4)
    assert healed.text.startswith("rn")


def test_layouts_put_the_parts_where_the_model_expects_them(lm: Any) -> None:
    psm, spm = (Frame(lm, layout, None).prompt(b"ab(", b")c", False, 8, False)[0] for layout in ("psm", "spm"))
    prefix, suffix = lm.encode_text("ab("), lm.encode_text(")c")
    assert psm == [1, *prefix, 2, *suffix, 3] and spm == [1, 2, *suffix, 3, *prefix]


def test_the_whole_text_is_a_member_of_the_language(lm: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 9}, "age": {"type": "integer", "maximum": 99}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    person = guided.json_schema(schema, whitespace="compact")
    n_complete = 0
    for prefix, suffix in (('{"na', ',"age":3}'), ('{"name":"Al', "2}"), ("", "}"), ('{"name":"A","age":1', "")):
        for seed in range(2):
            out = guided.infill(lm, prefix, suffix, person, seed=seed, max_tokens=40)
            assert out.is_complete == person.accepts(prefix + out.text + suffix)
            n_complete += out.is_complete
    assert n_complete >= 7
    with pytest.raises(ConstraintError, match="cannot begin"):
        guided.infill(lm, '{"x', "}", person)
    with pytest.raises(ConstraintError, match="no text at all fits"):
        guided.infill(lm, '{"na', "]", person)


def test_between_is_the_quotient_of_the_language() -> None:
    middle = between(guided.regex(r"(ab)*c{2,3}d"), b"aba", b"cd")
    for text in ("bc", "bababcc", "bcc", "bc", "bccc", "b", "", "abc", "bcd"):
        assert middle.accepts(text) == guided.regex(r"(ab)*c{2,3}d").accepts("aba" + text + "cd")


class Names:
    """A tokenizer that only knows names."""

    def __init__(self, *names: str) -> None:
        self.names = {name: number for number, name in enumerate(names)}

    def get_vocab(self) -> dict[str, int]:
        return self.names


def test_fim_tokens_of_the_known_families_are_found_by_name() -> None:
    for names, ends in SPELLINGS.values():
        lm = SimpleNamespace(tokenizer=Names("a", *names, *ends[:1]), vocab=SimpleNamespace(size=9))
        assert fim_tokens(lm) == FimTokens(1, 2, 3, (4,))


def test_models_without_fim_tokens_name_the_argument() -> None:
    lm = SimpleNamespace(tokenizer=Names("a", "b", "[P]"), vocab=SimpleNamespace(size=3))
    with pytest.raises(ModelError, match="fim_tokens="):
        fim_tokens(lm)
    assert fim_tokens(lm, ("a", "b", "[P]")) == FimTokens(0, 1, 2)
    with pytest.raises(ModelError, match="names 'x'"):
        fim_tokens(lm, ("a", "b", "x"))
    with pytest.raises(ModelError, match="three tokens"):
        fim_tokens(lm, (1, 2))


def test_names_of_special_tokens_in_the_text_are_text(lm: Any) -> None:
    frame = Frame(lm, "spm", None)
    ids, rest = frame.prompt(b"x = '<|fim_middle|>", b"<|endoftext|>'", True, 8, False)
    assert [token for token in ids if token in lm.vocab.special_ids] == [1, 2, 3]
    assert lm.vocab.bytes_of(ids) + rest == b"<|endoftext|>'x = '<|fim_middle|>"
    assert guided.infill(lm, "x = '<|fim_middle|>", "<|endoftext|>'", max_tokens=3, seed=0).tokens


def test_bad_input_is_named(lm: Any) -> None:
    for bad in ("\ud800", "a\udfffb"):
        with pytest.raises(ValueError, match="lone surrogate"):
            guided.infill(lm, bad, "")
    with pytest.raises(TypeError, match="suffix must be a str"):
        guided.infill(lm, "", b"x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="layout"):
        guided.infill(lm, "", "", layout="mps")
    with pytest.raises(ModelError, match="trim=True"):
        guided.infill(lm, "x = 1\n" * 600, "")
    assert guided.infill(lm, "x = 1\n" * 600, "y = 2\n" * 300, trim=True, max_tokens=3, temperature=0).tokens
    assert guided.infill(lm, "", "", max_tokens=3, seed=0).finish_reason
    assert guided.infill(lm, "a\x00", "\x00", max_tokens=3, seed=0).finish_reason


def test_free_texts_draw_no_token_that_stands_for_no_text() -> None:
    lm = guided.load(*_leaning_to_padding())
    outs = guided.generate(lm, "the", n=6, max_tokens=8, seed=0)
    assert all(lm.vocab.tokens[token] or token in lm.vocab.eos_ids for out in outs for token in out.tokens)
    asked = guided.generate(lm, "the", n=6, max_tokens=8, seed=0, special_tokens=True)
    assert any(token == 0 for out in asked for token in out.tokens)


def _leaning_to_padding() -> tuple[Any, Any]:
    """A random model whose logits of the padding token are raised far above all others."""
    import torch

    from tests.small_models import tokenizer

    model = copy.deepcopy(gpt2())
    head = model.get_output_embeddings()
    bias = torch.zeros(head.weight.shape[0])
    bias[0] = 30.0
    head.bias = torch.nn.Parameter(bias)
    return model, tokenizer()
