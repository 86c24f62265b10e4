"""ByteModel: what a model of tokens says about the next byte, exactly, whatever its tokenizer did to the text.

Not here: the cover of a text and its weights (covers.py), which segmentations count (segmentations.py), the face as a
Model (byte_level.py).  Theory: docs/byte_model.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from guided.engines.byte_level import ByteLevel, as_bytes
from guided.engines.covers import EOS, Context, Counts, Cover, Forest, ask
from guided.engines.segmentations import DEAD, Canonical, Every
from guided.errors import ModelError

WALKED = 64  # bytes of a known text that are asked about together: rows of logits, and of masses, held at once


@dataclass(frozen=True)
class Settings:
    """tolerance, beam, ahead : as in ByteModel."""

    tolerance: float
    beam: int | None
    ahead: float


class ByteModel(ByteLevel):
    """The distribution over bytes that a model of tokens has.

    lm        : what `guided.load` returns, or a TableModel.
    encodings : "canonical": the text as the tokenizer writes it.  "all": every way to write it in tokens.
    tolerance : contexts with at most this share of the weight are not asked about; 0 asks about all.  What that can
                change is reported: `state.bound` for each byte, `logprob_bound` for a text.
    beam      : "all": contexts that begin at one byte, the heaviest; None for no limit.
    ahead     : contexts that will be needed with at least this probability are asked about beforehand, in a pass that
                is needed anyway; 1 for none.  It changes the cost, not the result.
    canonical : what the tokenizer writes, default from lm.tokenizer; see guided.vocab.canonical.

    A text starts from what `lm.encode("")` gives: BOS, or EOS where there is none.  Texts are not renormalised to the
    canonical ones: each step gives the mass that the model puts on other segmentations to the canonical ones in
    proportion.
    n_calls, n_contexts : passes of the model so far, and contexts it was asked about.
    Raises ModelError for a tokenizer that changes texts, unless encodings="all".
    """

    def __init__(
        self,
        lm: Any,
        encodings: str = "canonical",
        *,
        tolerance: float = 1e-6,
        beam: int | None = None,
        ahead: float = 0.02,
        canonical: Any = None,
    ) -> None:
        super().__init__()
        if encodings not in ("canonical", "all"):
            raise ValueError(f'encodings must be "canonical" or "all", not {encodings!r}')
        if not 0 <= tolerance < 1 or not 0 < ahead <= 1 or (beam is not None and beam < 1):
            raise ValueError(
                f"tolerance lies in [0, 1), ahead in (0, 1], beam from 1: got {tolerance}, {ahead}, {beam}"
            )
        if getattr(lm, "is_encoder_decoder", False):
            raise ModelError("bytes of an encoder-decoder model are not supported: its texts do not continue a prompt")
        self.lm, self.encodings = lm, encodings
        self.settings = Settings(tolerance, beam, ahead)
        self.rule: Any = rule_of(lm, canonical) if encodings == "canonical" else Every(lm.vocab)
        self.counts = Counts()

    def __repr__(self) -> str:
        return f"ByteModel({self.lm!r}, {self.encodings!r})"

    @property
    def n_calls(self) -> int:
        """Passes of the model so far."""
        return self.counts.n_calls

    @property
    def n_contexts(self) -> int:
        """Contexts the model was asked about so far: rows of logits."""
        return self.counts.n_contexts

    def begin(self, prefix: bytes | str = b"") -> ByteState:
        """The state after a text.

        Raises ModelError for a text that is no beginning of UTF-8 (with "canonical") or too long for the model.
        """
        text = as_bytes(prefix)
        self.rule.check(text)
        return ByteState(self, cover_of(self.lm, self.rule, text, self.settings, self.counts))

    def prepare(self, states: Sequence[ByteState]) -> None:
        """One pass for all of them where they grow from one prompt."""
        ask([state.cover for state in states if not state.is_lost])

    def sampler(self, **options: Any) -> Any:
        """That of the model underneath; temperature and truncation act on bytes."""
        make = getattr(self.lm, "sampler", None)
        if make is None:
            raise ModelError(f"generate() needs a model from guided.load; a {type(self.lm).__name__} has no sampler")
        return make(**options)

    def logprob_bound(self, text: bytes | str, prefix: bytes | str = b"") -> tuple[float, float]:
        """(logprob(text, prefix), sum over its bytes of the bound on each byte's distribution, in total variation)."""
        total, bound = 0.0, 0.0
        for state, byte in self.walk(as_bytes(text), as_bytes(prefix)):
            total += float(state.next_logprobs()[byte])
            bound += state.bound
        return total, bound

    def walk(self, text: bytes, prefix: bytes, end: bool = False) -> Iterator[tuple[ByteState, int]]:
        """As in ByteLevel.  Canonical: the model is asked about WALKED bytes at a time, in a pass or two.

        At each byte one context begins, or few, and what follows is known: nothing has to be guessed beforehand.
        """
        if self.encodings == "all":
            yield from super().walk(text, prefix, end)
            return
        state = self.at(prefix).fork()
        state.cover.settings = replace(self.settings, ahead=1.0)
        symbols = [*text, EOS] if end else list(text)
        for first in range(0, len(symbols), WALKED):
            piece = symbols[first : first + WALKED]
            states = []
            for byte in piece:
                states.append(state.fork())
                if byte != EOS:
                    state.advance(byte)
            self.prepare(states)
            yield from zip(states, piece, strict=True)


class ByteState:
    """A position in a text.

    text : the bytes before it.     leak : share of the weight that the model puts on tokens that the tokenizer
    would not write here, and on special ones; it is given to the others in proportion.
    """

    def __init__(self, model: ByteModel, cover: Cover) -> None:
        self.model, self.cover = model, cover
        self.is_lost = False  # the text cannot be continued by any tokens
        self._recover()

    @property
    def text(self) -> bytes:
        """The bytes read."""
        return self.cover.text[len(self.model.rule.lead) :]

    @property
    def bound(self) -> float:
        """How far next_logprobs() may be from the truth, in total variation; 0 where it is exact."""
        ask([self.cover])
        return self.cover.bound

    @property
    def log_mass(self) -> float:
        """Natural log of the weight of the cover, given the tokens that all its elements begin with."""
        ask([self.cover])
        self.cover.weigh()
        return self.cover.log_mass

    @property
    def leak(self) -> float:
        """See the class."""
        ask([self.cover])
        weights, unknown = self.cover.distribution()
        return max(0.0, 1.0 - float(weights.sum()) - unknown)

    def next_logprobs(self) -> npt.NDArray[np.float64]:
        """Natural log-probabilities of the next byte and of the end; float64[257], all -inf if the text is lost."""
        if self.is_lost:
            return np.full(EOS + 1, -np.inf)
        ask([self.cover])
        weights, _ = self.cover.distribution()
        total = float(weights.sum())
        with np.errstate(divide="ignore"):
            found: npt.NDArray[np.float64] = np.log(weights) - (math.log(total) if total > 0 else 0.0)
        return found

    def advance(self, byte: int) -> None:
        """Read one byte.  Raises ValueError for what is none."""
        if not 0 <= byte <= 255:
            raise ValueError(f"{byte} is not a byte; a text that has ended (256) goes nowhere")
        self.cover.read(byte)
        self._recover()

    def _recover(self) -> None:
        """Read the text again under a lower tolerance if all that spells it was dropped; lost is what nothing does."""
        tolerance = self.model.settings.tolerance
        while not (self.cover.elements or self.cover.ends or self.is_lost):
            if self.cover.log_dropped == -math.inf:
                self.is_lost = True
                return
            tolerance = tolerance * 1e-3 if tolerance > 1e-15 else 0.0
            settings = replace(self.model.settings, tolerance=tolerance, beam=None)
            self.cover = cover_of(self.model.lm, self.model.rule, self.text, settings, self.model.counts)
            self.cover.settings = self.model.settings

    def fork(self) -> ByteState:
        """An independent copy; what the model has read is shared."""
        other = ByteState(self.model, self.cover.fork())
        other.is_lost = self.is_lost
        return other


def rule_of(lm: Any, canonical: Any = None) -> Canonical:
    """How a model's tokenizer writes texts.  Raises ModelError where that is not known."""
    if canonical is None:
        tokenizer = getattr(lm, "tokenizer", None)
        if tokenizer is None:
            raise ModelError(f'a {type(lm).__name__} has no tokenizer: pass canonical=, or encodings="all"')
        from guided.vocab.canonical import Canonical as Written

        canonical = Written.of(lm.vocab, tokenizer)
    return Canonical(lm.vocab, canonical)


def cover_of(
    lm: Any, rule: Any, prefix: bytes, settings: Any, counts: Counts, start: Sequence[int] | None = None
) -> Cover:
    """The cover of a text, nothing asked yet.

    start : tokens before the text; default what lm.encode("") gives.
    The text is read from the last place where all segmentations meet, so a long prompt costs one pass over its tokens.
    """
    text = rule.lead + prefix
    start = list(lm.encode("")) if start is None else list(start)
    before, state, cut = settled(rule, text)
    trunk, room = [*start, *before], getattr(lm, "max_length", None)
    if room is not None and len(trunk) >= room:
        raise ModelError(f"the text has {len(trunk):,} tokens and more, the model's context is {room:,} tokens long")
    cover = cover_from(Forest(lm, trunk, rule, counts), text[:cut], state, settings)
    for byte in text[cut:]:
        if rule.name == "all":
            ask([cover])
            cover.distribution()
        cover.read(byte)
    return cover


def settled(rule: Any, text: bytes) -> tuple[list[int], Any, int]:
    """(tokens that all ways to write a text begin with, the rule's state after them, bytes that they spell).

    text : with the rule's lead.
    """
    cut = rule.cut_before(text, len(text))
    before = rule.encode(text[:cut]) if cut else []
    state = rule.state_of(before) if before else rule.start
    if state == DEAD:
        raise ModelError(f"the tokenizer writes {text[:cut]!r} in tokens that it would not write")
    return before, state, cut


def cover_from(forest: Forest, text: bytes, state: Any, settings: Any) -> Cover:
    """The cover of what a forest's trunk spells: the trunk alone."""
    cover = Cover(forest, text, settings)
    cover.ends = [Context(None, None, len(text), state)]
    return cover
