"""Draft: what superpose() gives back; and what it is told: its settings, with defaults for every k."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

PENALTY = 200.0  # the paper's, for a draft none of whose tokens the n-grams know
MAX_K = 256
MAX_CUT = 4  # tokens of a prompt's end that may be written again


@dataclass
class Draft:
    """One draft.

    text          : what was written, without the prompt, EOS and stop string.
    tokens        : the ids, EOS included if it was chosen; with heal, those of the prompt's end written again.
    score         : sum of the interpolated log-probabilities (natural log) by which drafts were chosen.  They come from
                    superposed tokens, so they rank drafts and are no probabilities; `logp` is one.
    perplexity    : exp(-score / tokens), the order of drafts.
    logp          : natural log of the probability of `tokens` under the model as it is, if it was asked for.
    finish_reason : "eos"; "stop" nothing can follow; "stop_string"; "length" max_tokens were written.
    is_complete   : the text is a member of the constraint's language (True where there is none); else it is the
                    beginning of one, or cut by a stop string.
    n_calls, n_accepted : verify="spectr": passes that verified drafts, and tokens they accepted in all, the one that
                    each pass gives for nothing not counted.
    """

    text: str = ""
    tokens: list[int] = field(default_factory=list)
    score: float = 0.0
    logp: float | None = None
    finish_reason: str = ""
    is_complete: bool = True
    n_calls: int = 0
    n_accepted: int = 0
    parse: Callable[[str], Any] | None = field(default=None, repr=False, compare=False)

    @property
    def perplexity(self) -> float:
        """exp(-score / tokens)."""
        return math.exp(min(700.0, -self.score / max(1, len(self.tokens))))

    @cached_property
    def value(self) -> Any:
        """The parsed text: JSON, an instance of the type, or the text itself; None if it is not complete."""
        if not self.is_complete:
            return None
        return self.text if self.parse is None else self.parse(self.text)

    @property
    def tokens_per_call(self) -> float:
        """verify="spectr": tokens written by each verifying pass."""
        return len(self.tokens) / self.n_calls if self.n_calls else math.nan


@dataclass
class Drafting:
    """One step of a stream.  index : which prompt.  drafts : its drafts so far, best first.  done : they are final."""

    index: int
    drafts: list[Draft]
    done: bool = False


@dataclass(frozen=True)
class Settings:
    """How drafts are made; see superpose().  alpha = 0 without n-grams."""

    max_tokens: int
    alpha: float
    stops: tuple[bytes, ...]
    complete: bool
    heal: bool
    apart: bool
    rescore: bool

    def __post_init__(self) -> None:
        if not isinstance(self.max_tokens, int) or self.max_tokens < 1:
            raise ValueError(f"max_tokens must be a whole number, at least 1, got {self.max_tokens!r}")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha is the n-grams' share, 0 to 1, got {self.alpha}")


def default_temperature(k: int) -> float:
    """Sharper for few drafts: 0.06 up to k = 3, then linearly to 0.12 at k = 10, the values of the paper's authors."""
    return 0.06 + 0.06 * min(max(k - 3, 0), 7) / 7


def check_k(k: Any, m: int | None, n_ids: int) -> tuple[int, int]:
    """(k, m), m by default 3 k.  Raises ValueError where they cannot be."""
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= MAX_K:
        raise ValueError(f"k, the number of drafts, must be 1 to {MAX_K}, got {k!r}")
    m = min(3 * k, n_ids) if m is None else m
    if not isinstance(m, int) or not k <= m <= n_ids:
        raise ValueError(
            f"m, the tokens looked at in a step, must be at least k = {k} and at most {n_ids:,}, got {m!r}"
        )
    return k, m


def shown(text: bytes, is_cut_off: bool) -> str:
    """Bytes as text.  is_cut_off : a character that is not finished at the end is left out."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(text, final=not is_cut_off)


def stop_strings(given: Any) -> tuple[bytes, ...]:
    """One string or several as bytes; empty ones are left out.  Raises TypeError for anything else."""
    strings = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(text, str) for text in strings):
        raise TypeError(f"stop must be a string or a list of strings, not {given!r}")
    return tuple(text.encode() for text in strings if text)


def first_stop(text: bytes, stops: Iterable[bytes]) -> int:
    """Where the first stop string begins; -1 if there is none."""
    return min((at for stop in stops if (at := text.find(stop)) >= 0), default=-1)


def without_twins(drafts: Iterable[Draft]) -> list[Draft]:
    """The first draft of each text."""
    found: dict[str, Draft] = {}
    for draft in drafts:
        found.setdefault(draft.text, draft)
    return list(found.values())


def open_end(vocab: Any, prompt_ids: Sequence[int]) -> int:
    """How many tokens at a prompt's end may be the beginning of a longer token: those are to be written again.

    The longest run of at most MAX_CUT tokens whose text some token goes beyond; 0 if there is none.
    """
    best = 0
    for n in range(1, min(MAX_CUT, len(prompt_ids)) + 1):
        if not vocab.tokens[prompt_ids[-n]]:
            break
        text = vocab.bytes_of(prompt_ids[-n:])
        node = vocab.trie.node_of(text)
        if node >= 0 and any(len(vocab.tokens[token]) > len(text) for token in vocab.trie.ids_below(node)):
            best = n
    return best


class Position:
    """A state of an index with the methods that Forcer asks of a matcher; a draft is no more than its state."""

    def __init__(self, index: Any, state: int) -> None:
        self.index, self.state = index, state

    def fork(self) -> Position:
        """An independent position."""
        return Position(self.index, self.state)

    def advance(self, token: int) -> None:
        """Read a token that is allowed."""
        self.state = self.index.after(self.state, token)

    def allows(self, token: int) -> bool:
        """Whether the token may come next."""
        return bool(self.index.after(self.state, token) != -1)

    def mask(self) -> Any:
        """The tokens that may come next, uint32 words."""
        out = np.empty(self.index.n_words, np.uint32)
        self.index.mask_into(self.state, out)
        return out

    def tokens_to_finish(self) -> int:
        """Tokens that surely suffice to finish."""
        return int(self.index.tokens_to_finish(self.state))

    def forced(self) -> bytes:
        """The longest text that every way to finish starts with."""
        recognizer, state, text = self.index.recognizer, self.state, bytearray()
        while state >= 0 and not recognizer.is_accepting(state):
            live = recognizer.live_bytes(state)
            if len(live) != 1:
                break
            text += live
            state = recognizer.step(state, live[0])
        return bytes(text)
