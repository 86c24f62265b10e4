"""Byte probabilities by listing: a source whose texts are all known, the model of its tokens, all segmentations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from guided.models.toy import TableModel
from guided.vocab import Vocabulary


def markov_texts(letters: bytes, length: int, order: int, seed: int) -> dict[bytes, float]:
    """Every text of a random Markov chain that stops with some probability at each letter, and surely at `length`."""
    rng = np.random.default_rng(seed)
    rows = {
        bytes(past): rng.dirichlet(np.ones(len(letters) + 1))
        for size in range(order + 1)
        for past in itertools.product(letters, repeat=size)
    }
    found: dict[bytes, float] = {}
    layer = {b"": 1.0}
    for step in range(length + 1):
        following = {}
        for text, p in layer.items():
            row = rows[text[-order:] if order else b""]
            found[text] = p * (row[-1] if step < length else 1.0)
            for letter, q in zip(letters, row, strict=False):
                following[text + bytes([letter])] = p * q
        layer = following
    return found


def next_byte(texts: dict[bytes, float], prefix: bytes) -> np.ndarray:
    """float64[257]: the probabilities of the next byte, and of the end, by adding up texts."""
    out = np.zeros(257)
    for text, p in texts.items():
        if text.startswith(prefix):
            out[text[len(prefix)] if len(text) > len(prefix) else 256] += p
    return out / out.sum()


def longest_first(tokens: Sequence[bytes]) -> Callable[[bytes], tuple[int, ...]]:
    """The encoding that always takes the longest token."""

    def encode(text: bytes) -> tuple[int, ...]:
        ids = []
        while text:
            token = max(
                (t for t, piece in enumerate(tokens) if piece and text.startswith(piece)), key=lambda t: len(tokens[t])
            )
            ids.append(token)
            text = text[len(tokens[token]) :]
        return tuple(ids)

    return encode


def merging(tokens: Sequence[bytes], merges: Sequence[tuple[bytes, bytes]]) -> Callable[[bytes], tuple[int, ...]]:
    """Byte-pair encoding: the first merge of the list that applies, leftmost first, until none does."""

    def encode(text: bytes) -> tuple[int, ...]:
        pieces = [text[at : at + 1] for at in range(len(text))]
        while True:
            pairs = set(itertools.pairwise(pieces))
            best = next((pair for pair in merges if pair in pairs), None)
            if best is None:
                return tuple(tokens.index(piece) for piece in pieces)
            joined, at = [], 0
            while at < len(pieces):
                if tuple(pieces[at : at + 2]) == best:
                    joined.append(pieces[at] + pieces[at + 1])
                    at += 2
                else:
                    joined.append(pieces[at])
                    at += 1
            pieces = joined

    return encode


class Listed:
    """What a tokenizer writes for the texts of a list, as states: the tokens so far."""

    exact, reason, start = True, None, ()

    def __init__(
        self, texts: dict[bytes, float], tokens: Sequence[bytes], encode: Callable[[bytes], tuple[int, ...]]
    ) -> None:
        self.tokens, self.encode = tokens, lambda text: list(encode(text))
        self.whole = {encode(text): p for text, p in texts.items()}
        self.mass: dict[tuple[int, ...], float] = {}
        for ids, p in self.whole.items():
            for length in range(len(ids) + 1):
                self.mass[ids[:length]] = self.mass.get(ids[:length], 0.0) + p

    def allowed(self, state):
        return np.array([(*state, token) in self.mass for token in range(len(self.tokens))])

    def after(self, state, token):
        return (*state, token) if (*state, token) in self.mass else -1

    def ends(self, state):
        return state in self.whole

    def model(self, eos: int) -> TableModel:
        """The model of tokens that is trained to perfection on the source."""

        def row(context):
            below = [self.mass.get((*context, token), 0.0) for token in range(len(self.tokens))]
            below[eos] = self.whole.get(tuple(context), 0.0)
            with np.errstate(divide="ignore"):
                return np.log(np.array(below)) if sum(below) else np.log(np.ones(len(below)))

        made = TableModel(Vocabulary(self.tokens, {eos}), row)
        made.canonical = self
        return made


def all_segmentations(lm: TableModel, prefix: bytes) -> tuple[float, np.ndarray]:
    """(probability of the prefix, float64[257] of the next byte given it) over every token sequence that covers it."""
    out, eos = np.zeros(257), sorted(lm.vocab.eos_ids)
    stack: list[tuple[tuple[int, ...], bytes, float]] = [((), b"", 1.0)]
    while stack:
        tokens, text, p = stack.pop()
        row = np.exp(lm.logprobs([tokens])[0])
        if text == prefix:
            out[256] += p * row[eos].sum()
        for token, piece in enumerate(lm.vocab.tokens):
            longer = text + piece
            if not piece:
                continue
            if len(longer) > len(prefix):
                if longer.startswith(prefix):
                    out[longer[len(prefix)]] += p * row[token]
            elif prefix.startswith(longer):
                stack.append(((*tokens, token), longer, p * row[token]))
    return float(out.sum()), out / out.sum()


def naive(lm: TableModel, ids: Sequence[int]) -> np.ndarray:
    """float64[257]: the next byte as the tokens of the prompt alone would have it."""
    out, row = np.zeros(257), np.exp(lm.logprobs([list(ids)])[0])
    for token, piece in enumerate(lm.vocab.tokens):
        if piece:
            out[piece[0]] += row[token]
    out[256] = sum(row[token] for token in lm.vocab.eos_ids)
    return out
