"""The tokenizer of a folder, or of the built-in model, without loading any model; nothing is fetched."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.txt", "vocab.json")


def load_tokenizer(folder: str | None) -> Any:
    """A Hugging Face tokenizer.  Raises FileNotFoundError if the folder has no tokenizer."""
    path = Path(str(files("guided.models"))) / "tiny_model" if folder is None else Path(folder)
    if not any((path / name).exists() for name in FILES):
        raise FileNotFoundError(f"no tokenizer in {path}: a folder with one of {', '.join(FILES)} is wanted")
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(path, local_files_only=True)
