"""Reads the byte pair encoding of a `tokenizers` tokenizer: its merges as ids, and the symbols each token is made of.

Not here: which pairs follow from them (_fast/pairs.pyx), how a text is cut into words first (splits.py).
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from guided._fast import Pairs

BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>", re.ASCII)


class Merges:
    """A BPE model, read.

    pairs          : which tokens may stand side by side inside one word.
    ignore_merges  : a word that is a token is written as that token, whatever the merges say (Llama 3).
    byte_of        : byte fallback: token id -> the byte it stands for; {} where there is none.
    single         : characters that are tokens by themselves; what is not here is written by byte tokens.
    """

    def __init__(self, model: dict[str, Any], size: int, silent: frozenset[int]) -> None:
        """model : the JSON of the tokenizer's model.      silent : ids that never stand for text."""
        ids: dict[str, int] = model["vocab"]
        self.ignore_merges = bool(model.get("ignore_merges"))
        self.byte_of: dict[int, int] = {}
        if model.get("byte_fallback"):
            for text, token in ids.items():
                found = BYTE_TOKEN.fullmatch(text)
                if found:
                    self.byte_of[token] = int(found[1], 16)
        merges = [tuple(merge.split(" ")) if isinstance(merge, str) else merge for merge in model["merges"]]
        table = np.array([(ids[a], ids[b], ids[a + b]) for a, b in merges], np.int32).reshape(-1, 3)
        symbols: list[int] = []
        offsets = np.zeros(size + 1, np.int32)
        lengths = np.zeros(size, np.int32)
        spelled: list[list[int]] = [[] for _ in range(size)]
        for text, token in ids.items():
            if token >= size or token in silent:
                continue
            if token in self.byte_of:
                spelled[token] = [token]
                continue
            found_ids = [ids.get(character, -1) for character in text]
            if -1 not in found_ids:
                spelled[token] = found_ids
        for token, pieces in enumerate(spelled):
            lengths[token] = len(pieces)
            symbols += pieces
        offsets[1:] = np.cumsum(lengths)
        lefts, rights, results = (np.ascontiguousarray(table[:, column]) for column in range(3))
        self.pairs = Pairs(size, lefts, rights, results, np.array(symbols, np.int32), offsets)
        self.single = frozenset(text for text in ids if len(text) == 1)


def read_model(backend: Any) -> dict[str, Any]:
    """The JSON of a tokenizer's model; {} for one written in Python.  About 1 s for 128,000 tokens."""
    try:
        state: dict[str, Any] = json.loads(backend.model.__getstate__())
    except Exception:  # the library raises a bare Exception
        return {}
    return state
