"""The model or the tokenizer of a folder, or the built-in one; nothing is fetched, and no bar is drawn for loading."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from guided.errors import GuidedError, ModelError, VocabularyError

FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.txt", "vocab.json")


def load_tokenizer(folder: str | None) -> Any:
    """A Hugging Face tokenizer.  Raises FileNotFoundError if the folder has none, VocabularyError if it is damaged."""
    path = Path(str(files("guided.models"))) / "tiny_model" if folder is None else Path(folder)
    if not any((path / name).exists() for name in FILES):
        raise FileNotFoundError(f"no tokenizer in {path}: a folder with one of {', '.join(FILES)} is wanted")
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(path, local_files_only=True)
    except Exception as error:  # a damaged file raises whatever its reader raises, plain Exception included
        raise VocabularyError(f"the tokenizer in {path} cannot be read: {error}") from None


def load_model(folder: str | None) -> Any:
    """A model ready for `guided.generate`.  Raises FileNotFoundError if the folder has none, ModelError if damaged."""
    import torch
    import transformers

    import guided

    # The bar of a model that loads in a blink would stand above everything that follows.
    transformers.utils.logging.disable_progress_bar()
    if folder is None:
        # Its matrices are too small to share: on two busy cores, two threads that wait for each other were 20 times
        # slower than one (1 token/s against 23).
        torch.set_num_threads(1)
        return guided.tiny()
    if not (Path(folder) / "config.json").exists():
        raise FileNotFoundError(f"no model in {folder}: a folder with config.json is wanted")
    try:
        return guided.load(folder, local_files_only=True)
    except GuidedError:
        raise
    except Exception as error:  # as above
        raise ModelError(f"the model in {folder} cannot be read: {error}") from None
