"""Writer: one text while generate() writes it.  Its matcher, its tokens, what the model has not seen."""

from __future__ import annotations

import codecs
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from guided.engines.drafting import Drafter
from guided.engines.results import Event, Output, partial_value

if TYPE_CHECKING:
    from guided.engines.generate import Run
    from guided.engines.openings import Chosen


MARGIN = 64  # spare tokens from which on masks are not narrowed to what can be finished in time


class Writer:
    """One text in the making.

    result     : what will be handed out.      prompt_ids : tokens before the text.
    trunk      : those of them that the model reads first, for all copies together.
    matcher    : where the text is in the constraint's language; None if it is free.
    chance     : where its random numbers come from.      budget : tokens that it may have, EOS not counted.
    pending    : its last tokens, which the model has not read yet.
    """

    def __init__(
        self, run: Run, result: Output, prompt_ids: list[int], matcher: Any, chance: np.random.Generator, budget: int
    ) -> None:
        self.run, self.result, self.matcher = run, result, matcher
        self.trunk = self.prompt_ids = prompt_ids
        self.chance, self.budget = chance, budget
        self.pending: list[int] = []
        self.drafter = Drafter(run.lm.vocab, run.lookahead) if run.lookahead else None
        self.drafted: list[int] = []  # draft tokens that the model has read and that are not in the text yet
        self.unscored = 0  # how many of the last pending tokens have no log-probability yet: the forced ones
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.text, self.shown = "", 0
        self.n_sampled, self.removed = 0, 0.0
        self.is_stopped = False  # no more tokens will be chosen; forced ones may still await their log-probabilities
        self.is_over = False  # the last event was given

    @property
    def is_asking(self) -> bool:
        """Whether the next thing this text needs is a token from the model."""
        return not self.is_stopped and not self.pending

    @property
    def history(self) -> list[int]:
        """Prompt and text so far, as the model's decoder reads them."""
        return self.prompt_ids + self.result.tokens

    @property
    def left(self) -> int:
        """Tokens that may still be written."""
        return self.budget - len(self.result.tokens)

    def open(self, prefix: bytes, chosen: Chosen | None) -> None:
        """Before the start: what is written already, and how the prompt's open end goes on.

        prefix : the beginning of the text; the matcher has read it.      chosen : None where nothing was open.
        """
        self.text = self.decoder.decode(prefix)
        if chosen is None:
            return
        tail = chosen.tokens[len(self.trunk) :]
        self.pending = list(tail)
        if chosen.beyond:
            self.result.tokens.append(tail.pop())
            self.result.n_healed = len(self.run.lm.vocab.tokens[self.result.tokens[0]]) - len(chosen.beyond)
            if self.matcher is not None:
                self.matcher.begin_after(chosen.tokens, prefix + chosen.beyond)
        self.prompt_ids = [*self.trunk, *tail]
        self.result.logp += chosen.logp
        self.result.logw += chosen.logp - chosen.logq
        self.n_sampled += 1
        if self.matcher is not None:
            self.removed += 1.0 - min(1.0, math.exp(chosen.log_z))
        self.text += self.decoder.decode(chosen.beyond)

    def start(self) -> None:
        """Before the first token: what is forced from the beginning."""
        self._go_on()

    def mask(self, out: np.ndarray[Any, np.dtype[np.uint32]], exactly: bool = False) -> None:
        """Write the mask of the next token into `out`; where the text is free, every token of text and EOS.

        exactly : leave out every token after which the text could not be finished in time.  That asks for the future of
                  all tokens, once per state; with MARGIN tokens to spare the plain mask is written, and `fits` judges
                  the one token that was drawn.
        """
        if self.matcher is None:
            if self.run.free_words is not None:
                out[:] = self.run.free_words
            return
        if exactly or self.left < self.matcher.tokens_to_finish() + MARGIN:
            self.matcher.mask_within(self.left, out)
        else:
            self.matcher.mask(out)

    def fits(self, token: int) -> bool:
        """Whether the text can still be finished in time after `token`."""
        if self.matcher is None or token in self.run.lm.vocab.eos_ids:
            return True
        index = self.matcher.index
        return bool(index.tokens_to_finish(index.after(self.matcher.state, token)) < self.left)

    def take(self, token: int, logp: float, logq: float, log_z: float) -> None:
        """The token that the model chose."""
        self.result.tokens.append(token)
        self.result.logp += logp
        self.result.logw += logp - logq
        self.n_sampled += 1
        if self.matcher is not None:
            self.removed += 1.0 - min(1.0, math.exp(log_z))
        if token in self.run.lm.vocab.eos_ids:
            self.is_stopped, self.result.finish_reason = True, "eos"
            return
        self.pending.append(token)
        self._write(token)
        if self.drafter is not None:
            self.drafter.note(token)
        self._go_on()

    def _write(self, token: int) -> None:
        if self.matcher is not None:
            self.matcher.advance(token)
        self.text += self.decoder.decode(self.run.lm.vocab.tokens[token])

    def _go_on(self) -> None:
        """After every chosen token: append what is forced, and see whether the text is at its end."""
        self._stop_if_done()
        if self.is_stopped or self.run.forcer is None:
            return
        forced = self.run.forcer.tokens(self.matcher, self.result.tokens, self.left)
        if forced and self.drafter is not None:
            self.drafter.note_forced()
        for token in forced:
            self.result.tokens.append(token)
            self.result.n_forced += 1
            self.pending.append(token)
            self.unscored += 1
            self._write(token)
            self._stop_if_done()
            if self.is_stopped:
                return

    def _stop_if_done(self) -> None:
        cuts = [at for stop in self.run.stops if (at := self.text.find(stop)) >= 0]
        if cuts:
            self.text, self.result.finish_reason = self.text[: min(cuts)], "stop_string"
        elif self.matcher is not None and self.matcher.is_finished:
            self.result.finish_reason = "stop"
        elif self.left <= 0:
            self.result.finish_reason = "length"
        self.is_stopped = self.result.finish_reason != ""

    # --- the model reads -------------------------------------------------------------------------------------------

    def n_unscored(self, width: int) -> int:
        """How many of the first `width` pending tokens, counted from the end of those, want their log-probability."""
        return max(0, min(width, len(self.pending)) - (len(self.pending) - self.unscored))

    def fed(self, width: int, logprobs: list[float]) -> None:
        """The model has read the first `width` pending tokens; logprobs : of the unscored ones among them."""
        del self.pending[:width]
        self.unscored -= len(logprobs)
        self.result.logp += sum(logprobs)
        self.result.logw += sum(logprobs)

    def draft(self) -> list[int]:
        """Tokens to let the model read on trial, after the pending ones."""
        if self.drafter is not None and not self.is_stopped and self.pending:
            self.drafted = self.drafter.draft(self.matcher, self.run.forcer, self.result.tokens, self.left)
        return self.drafted

    def follow_draft(self, session: Any, row: int) -> bool:
        """After a draw: take what the model has read already; whether it has said what comes next.

        session, row : where the drafted tokens were read.
        """
        n_same = 0
        for pending, drafted in zip(self.pending, self.drafted, strict=False):
            if pending != drafted:
                break
            n_same += 1
        if n_same:
            self.fed(n_same, session.accept(row, self.drafted[:n_same], self.n_unscored(n_same)))
            del self.drafted[:n_same]
        if not self.is_asking:
            self.drafted = []
        return self.is_asking

    # --- what is shown ---------------------------------------------------------------------------------------------

    def event(self, stream: bool) -> Event | None:
        """What is new since the last event: None if nothing is, or if nobody streams and the text is not over."""
        if self.is_over:
            return None
        if self.is_stopped and not self.unscored:
            self.pending.clear()
            return self._last_event()
        if not stream:
            return None
        end = len(self.text) - self._held_back()
        if end <= self.shown:
            return None
        delta, self.shown = self.text[self.shown : end], end
        return Event(self.result.index, delta, self.text[:end], self._value(self.text[:end]))

    def _last_event(self) -> Event:
        self.is_over = True
        result, constraint = self.result, self.run.constraint
        if result.finish_reason != "stop_string":
            self.text += self.decoder.decode(b"", final=True)
        result.text = self.text
        result.is_complete = constraint is None or (
            constraint.accepts(result.text) if result.finish_reason == "stop_string" else self.matcher.is_accepting
        )
        result.approximate = constraint is not None and constraint.approximate
        result.mass_removed = self.removed / self.n_sampled if self.n_sampled else 0.0
        result.seconds = time.perf_counter() - self.run.started
        delta = self.text[self.shown :]
        return Event(result.index, delta, self.text, self._value(self.text), result)

    def _held_back(self) -> int:
        """Characters at the end that may turn out to begin a stop string."""
        return max(
            (k for stop in self.run.stops for k in range(1, len(stop)) if self.text.endswith(stop[:k])), default=0
        )

    def _value(self, text: str) -> Any:
        return partial_value(text) if getattr(self.run.constraint, "value_kind", "text") == "json" else None
