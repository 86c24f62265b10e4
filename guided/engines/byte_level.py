"""ByteLevel: models of bytes that are made of other models; what they share, and their face as a Model.

A subclass says how a text begins and what its states are; everything else of the library (generate, smc, constraints)
then works on bytes, because a ByteLevel is a Model over 257 tokens: the bytes, and EOS.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from guided.errors import ModelError
from guided.vocab import Vocabulary

EOS = 256
KEPT_STATES = 16  # positions remembered between calls of next_logprobs

Row = npt.NDArray[np.float64]


class State(Protocol):
    """A position in a text of bytes.

    text : the bytes before it.      bound : how far next_logprobs may be from the truth, in total variation.
    """

    text: bytes

    @property
    def bound(self) -> float: ...
    def next_logprobs(self) -> Row: ...
    def advance(self, byte: int) -> None: ...
    def fork(self) -> Any: ...


class ByteLevel:
    """What ByteModel and Ensemble share.

    vocab : 256 bytes and EOS (id 256).
    """

    is_encoder_decoder = False
    takes_ragged_rows, takes_drafts = True, False
    max_length: int | None = None  # in bytes; what is too long for a model underneath is its own error

    def __init__(self) -> None:
        self.vocab = Vocabulary([*(bytes([byte]) for byte in range(256)), b""], {EOS})
        self._recent: list[Any] = []

    # --- for subclasses ----------------------------------------------------------------------------------------------

    def begin(self, prefix: bytes = b"") -> Any:
        """The state after a text."""
        raise NotImplementedError

    def prepare(self, states: Sequence[Any]) -> None:
        """Ask the models underneath what all these states need, together where they can."""
        raise NotImplementedError

    def sampler(self, **options: Any) -> Any:
        """Draws bytes as the model underneath would draw tokens: temperature and truncation act on bytes."""
        raise NotImplementedError

    # --- bytes -------------------------------------------------------------------------------------------------------

    def next_logprobs(self, prefix: bytes | str = b"") -> Row:
        """Natural log-probabilities of the next byte and, at [256], of the end of the text; float64[257].

        prefix : the whole text so far.  Positions are remembered, so that asking byte after byte costs no more than
                 advancing a state.
        Raises ModelError for a text that the model cannot have read.
        """
        return self.at(as_bytes(prefix)).next_logprobs()

    def logprob(self, text: bytes | str, prefix: bytes | str = b"", *, end: bool = False) -> float:
        """Natural log of the probability that the text goes on with `text` after `prefix`; and, if `end`, then ends."""
        total = 0.0
        for state, byte in self.walk(as_bytes(text), as_bytes(prefix), end):
            total += float(state.next_logprobs()[byte])
            if total == -math.inf:
                break
        return total

    def walk(self, text: bytes, prefix: bytes, end: bool = False) -> Iterator[tuple[Any, int]]:
        """(state before it, byte) for every byte of a known text, and, if `end`, for its end (256)."""
        state = self.at(prefix).fork()
        for byte in text:
            yield state, byte
            state.advance(byte)
        if end:
            yield state, EOS

    def at(self, text: bytes) -> Any:
        """The state after a text, from one that is remembered where that helps."""
        best = max(
            (state for state in self._recent if text.startswith(state.text)),
            key=lambda one: len(one.text),
            default=None,
        )
        if best is None or len(text) - len(best.text) > 64:
            state = self.begin(text)
        elif best.text == text:
            return best
        else:
            state = best.fork()
            for byte in text[len(best.text) :]:
                state.next_logprobs()
                state.advance(byte)
        self._recent = [state, *self._recent[: KEPT_STATES - 1]]
        return state

    # --- a Model -----------------------------------------------------------------------------------------------------

    def encode(self, prompt: Any) -> list[int]:
        """The bytes of a prompt: text, bytes, or the ids themselves."""
        if isinstance(prompt, (str, bytes)):
            return list(as_bytes(prompt))
        items = list(prompt)
        if not all(isinstance(item, int) and 0 <= item <= EOS for item in items):
            raise ModelError("a prompt for a byte model is text, bytes, or a list of bytes")
        return items

    def encode_text(self, text: str) -> list[int]:
        """The bytes of a text."""
        return list(text.encode())

    def logprobs(self, contexts: Sequence[Sequence[int]]) -> Row:
        """Natural log-probabilities of the next byte, float64[n, 257], for n contexts of bytes."""
        states = [self.at(bytes(context)) for context in contexts]
        self.prepare(states)
        return np.array([state.next_logprobs() for state in states]).reshape(len(states), EOS + 1)

    def tree(self, prompt_ids: Sequence[int]) -> ByteTree:
        """Texts that grow as a tree from one prompt, as smc needs them."""
        return ByteTree(self, prompt_ids)

    def session(self, prompts: Sequence[Sequence[int]], copies: int = 1) -> ByteSession:
        """Read the prompts, ready to write `copies` texts after each, as generate needs them."""
        return ByteSession(self, prompts, copies)


class ByteTree:
    """Contexts by number, each a state; see engines/contexts.py."""

    extends_any = True

    def __init__(self, lm: ByteLevel, prompt_ids: Sequence[int]) -> None:
        self.lm, self.n_rows = lm, 1
        self.states: dict[int, Any] = {0: lm.begin(bytes(prompt_ids))}

    def extend(self, nodes: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """New contexts, each an old one and a byte."""
        made = []
        for node, byte in zip(nodes, tokens, strict=True):
            state = self.states[node].fork()
            state.advance(byte)
            self.states[self.n_rows] = state
            made.append(self.n_rows)
            self.n_rows += 1
        self.lm.prepare([self.states[node] for node in made])
        return made

    def row(self, node: int) -> Row:
        """Log-probabilities after a context, float64[257]."""
        found: Row = self.states[node].next_logprobs()
        return found

    def keep(self, nodes: Collection[int]) -> None:
        """Forget all others."""
        for node in self.states.keys() - set(nodes):
            del self.states[node]


class ByteSession:
    """A batch of texts of bytes in the making; see models/kv.py.

    logits : torch float64[R, 257] after the last byte of every row.
    """

    def __init__(self, lm: ByteLevel, prompts: Sequence[Sequence[int]], copies: int = 1) -> None:
        self.lm = lm
        self.states = [lm.begin(bytes(prompt)) for prompt in prompts]
        lm.prepare(self.states)
        self.states = [state if copy == 0 else state.fork() for state in self.states for copy in range(copies)]
        self._look()

    def __len__(self) -> int:
        return len(self.states)

    def _look(self) -> None:
        import torch

        self.lm.prepare(self.states)
        self.logits = torch.from_numpy(np.array([state.next_logprobs() for state in self.states]))

    def settle(self) -> None:
        """There are no drafts to forget."""

    def append(
        self, tokens: Sequence[Sequence[int]], n_scored: Sequence[int] | None = None, drafts: object = None
    ) -> list[list[float]]:
        """Add bytes to every row; returns the log-probabilities of each row's last n_scored bytes."""
        scored: list[list[float]] = []
        for state, row, count in zip(self.states, tokens, n_scored or [0] * len(tokens), strict=True):
            found = []
            for position, byte in enumerate(row):
                if len(row) - position <= count:
                    found.append(float(state.next_logprobs()[byte]))
                state.advance(byte)
            scored.append(found)
        self._look()
        return scored

    def select(self, rows: Sequence[int]) -> None:
        """Keep these rows, in this order; a row may be taken several times."""
        seen: set[int] = set()
        chosen = []
        for row in rows:
            chosen.append(self.states[row].fork() if row in seen else self.states[row])
            seen.add(row)
        self.states, self.logits = chosen, self.logits[list(rows)]


def as_bytes(text: bytes | bytearray | str) -> bytes:
    """The bytes of a text.  Raises TypeError for anything else."""
    if isinstance(text, str):
        return text.encode()
    if isinstance(text, (bytes, bytearray)):
        return bytes(text)
    raise TypeError(f"a text is str or bytes, not {type(text).__name__}")
