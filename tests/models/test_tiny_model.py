"""The built-in model as it is shipped: it loads unaided, is small, and predicts Python it has never seen."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import tiny_corpus  # noqa: E402
import tiny_evaluation  # noqa: E402
import tiny_llama  # noqa: E402

from guided.errors import ModelError  # noqa: E402
from guided.models import tiny  # noqa: E402

MOST_BYTES = 24_000_000
LOOSE_BITS = 1.4  # per byte of the module below; docs/tiny.md has the figures, this only catches a broken file


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return transformers.AutoTokenizer.from_pretrained(tiny.tiny_path())


@pytest.fixture(scope="module")
def model() -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(tiny.tiny_path(), dtype=torch.float32).eval()


def test_the_model_is_small() -> None:
    assert sum((tiny.tiny_path() / name).stat().st_size for name in tiny.FILES) <= MOST_BYTES + 2_000_000
    assert (tiny.tiny_path() / "model.safetensors").stat().st_size <= MOST_BYTES


def test_a_missing_file_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tiny, "__file__", str(tmp_path / "tiny.py"))
    with pytest.raises(ModelError, match=r"model\.safetensors.*train_tiny\.py"):
        tiny.tiny_path()


def test_special_tokens(tokenizer: Any, model: Any) -> None:
    ids = tokenizer.convert_tokens_to_ids(list(tiny_corpus.SPECIAL_TOKENS))
    assert ids == [0, 1, 2, 3]
    assert tokenizer.bos_token_id == tokenizer.eos_token_id == tokenizer.pad_token_id == 0
    assert model.generation_config.eos_token_id == 0
    assert set(tokenizer.all_special_ids) == {0, 1, 2, 3}
    assert len(tokenizer) == model.config.vocab_size


def test_every_byte_is_a_token(tokenizer: Any) -> None:
    assert set(tokenizers.pre_tokenizers.ByteLevel.alphabet()) <= set(tokenizer.get_vocab())


@pytest.mark.parametrize("seed", range(20))
def test_any_text_comes_back_from_its_tokens(tokenizer: Any, seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(chr(rng.choice([rng.randint(0, 127), rng.randint(0, 0xD7FF), 32, 10, 0x1F600])) for _ in range(200))
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_tokens_are_not_normalised_or_prefixed(tokenizer: Any) -> None:
    assert tokenizer.decode(tokenizer("ﬁ e\u0301  x\r\n")["input_ids"]) == "ﬁ e\u0301  x\r\n"
    assert tokenizer("a")["input_ids"] == tokenizer("a", add_special_tokens=False)["input_ids"]


def test_bits_per_byte_of_a_module_it_has_not_read(model: Any, tokenizer: Any) -> None:
    source = next(source for source in tiny_corpus.evaluation_sources() if source.name == "shelve")
    assert tiny_evaluation.bits_per_byte(model, tokenizer, [source.text]) < LOOSE_BITS


def test_windows_add_up_to_the_whole_text(model: Any, tokenizer: Any) -> None:
    """Within one window the sum is the model's own loss."""
    ids = tokenizer("def add(a, b):\n    return a + b\n")["input_ids"]
    whole = torch.tensor([[0, *ids]])
    with torch.no_grad():
        loss = model(input_ids=whole, labels=whole).loss.item() * len(ids)
    assert tiny_evaluation.nats(model, ids, 0) == pytest.approx(loss, rel=1e-4)


def test_the_training_model_is_the_shipped_architecture() -> None:
    config = tiny_llama.llama_config(300, 64, 2, 32, 1024)
    torch.manual_seed(0)
    ours = tiny_llama.TinyLlama(config)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config)).eval()
    theirs.load_state_dict({**ours.state_dict(), "lm_head.weight": ours.model.embed_tokens.weight})
    ids = torch.randint(0, 300, (2, 601))
    with torch.no_grad():
        want = theirs(input_ids=ids[:, :-1]).logits.flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(want, ids[:, 1:].flatten())
        assert ours(ids[:, :-1], ids[:, 1:], 3).item() == pytest.approx(loss.item(), rel=1e-4)
