"""The built-in model: a small Llama that comes with the package, for offline examples and tests.

Not here: how it was trained (examples/train_tiny.py), what it can and cannot do (docs/tiny.md).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from guided.errors import ModelError

if TYPE_CHECKING:
    from guided.models.huggingface import HuggingFaceModel

FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def tiny_path() -> Path:
    """The folder of the built-in model, as `from_pretrained` reads it.

    Raises ModelError if a file is missing.
    """
    folder = Path(__file__).parent / "tiny_model"
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"the built-in model lacks {', '.join(missing)} in {folder}; install the package again, or make the files: "
            f"python examples/train_tiny.py --folder RUN, then copy RUN/export/* there"
        )
    return folder


@cache
def tiny() -> HuggingFaceModel:
    """The built-in model, in float32 on the CPU; one object per process.

    The files are float16.  float32 because CPUs compute in it faster, and with the same result on all of them.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from guided.models.huggingface import load

    folder = tiny_path()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    return load(model, AutoTokenizer.from_pretrained(folder))
