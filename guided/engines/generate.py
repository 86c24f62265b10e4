"""generate(): prompts in, members of a constraint's language out, drawn from a model token by token.

Not here: which tokens are forced (forced.py), one row's text (writing.py), what comes out (results.py), how a token is
drawn and what the model says (guided/models).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from guided.engines.forced import Forcer
from guided.engines.results import Event, Output
from guided.engines.writing import Writer
from guided.errors import ConstraintError, DeadEnd, ModelError
from guided.matcher import Matcher

NEVER = 2**30  # Matcher.tokens_to_finish() where no number of tokens suffices
LONG_BATCH = 16  # texts from which on a progress bar is shown


def generate(
    lm: Any,
    prompt: Any,
    constraint: Any = None,
    *,
    max_tokens: int = 256,
    temperature: float = 1.0,
    top_p: float | None = None,
    top_k: int | None = None,
    min_p: float | None = None,
    typical_p: float | None = None,
    repetition_penalty: float | None = None,
    seed: int | None = None,
    n: int | None = None,
    stop: str | Sequence[str] = (),
    forced: bool = True,
    lookahead: int = 8,
    stream: bool = False,
    progress: bool | None = None,
    batch_size: int = 32,
) -> Any:
    """Write texts that fit a constraint.

    lm          : what `guided.load` returns.
    prompt      : text; or chat messages (a list of {"role", "content"}); or a list of either, decoded together.
    constraint  : a Constraint; None leaves the model free.
    max_tokens  : tokens of a text, EOS not counted.  A text is always complete by then: only tokens after which it can
                  still be finished in time are allowed.  The model's context length bounds it as well.
    temperature : 0 is greedy.  This and top_p, top_k, min_p, typical_p, repetition_penalty mean what they mean in
                  transformers, whose own code applies them; truncation acts on the allowed tokens only.
    seed        : the same seed gives the same texts, whatever else is in the batch (up to the model's own rounding).
    n           : texts per prompt.
    stop        : strings at which a text is cut, whether or not it is complete.
    forced      : append what the constraint leaves no choice about without asking the model (one pass for all of it).
    lookahead   : with `forced`, also let the model read up to so many tokens on trial in the pass that is due, guessed
                  from how the text went on before (drafting.py): it saves passes, and changes nothing else.  0: off.
    stream      : return an iterator of Events instead.
    progress    : a progress bar on stderr; default: from 16 texts on, if stderr is a terminal.
    batch_size  : texts that are decoded together.

    Returns a Output for one prompt, a list of n * len(prompts), prompt-major, if `n` or a list of prompts is given.
    Raises ConstraintError, before anything is written, if even a short member does not fit into max_tokens; DeadEnd if
    the tokens cannot spell any; ModelError for logits that are no distribution, or a prompt that fills the context.
    """
    if constraint is not None and not hasattr(constraint, "recognizer"):
        raise TypeError(f"constraint must be a Constraint or None, not {constraint!r}")
    if max_tokens < 1 or (n is not None and n < 1) or batch_size < 1:
        raise ValueError(f"max_tokens, n and batch_size must be at least 1, got {max_tokens}, {n}, {batch_size}")
    if lookahead < 0:
        raise ValueError(f"lookahead is a number of tokens, 0 for none, got {lookahead}")
    prompts, is_one = _prompts(prompt)
    given = {"top_p": top_p, "top_k": top_k, "min_p": min_p, "typical_p": typical_p}
    run = Run(
        lm,
        constraint,
        max_tokens,
        lm.sampler(temperature=temperature, repetition_penalty=repetition_penalty, **given),
        np.random.SeedSequence(seed).entropy,
        (stop,) if isinstance(stop, str) else tuple(stop),
        forced,
        lookahead,
    )
    events = run.events(prompts, 1 if n is None else n, batch_size, stream)
    if progress or (progress is None and len(prompts) * (n or 1) >= LONG_BATCH and sys.stderr.isatty()):
        events = _with_progress(events, len(prompts) * (n or 1))
    if stream:
        return events
    results: dict[int, Output] = {event.index: event.done for event in events if event.done is not None}
    return results[0] if is_one and n is None else [results[index] for index in range(len(results))]


def _prompts(prompt: Any) -> tuple[list[Any], bool]:
    """The prompts, and whether it was a single one."""
    if isinstance(prompt, str):
        return [prompt], True
    items = list(prompt)
    if items and all(isinstance(item, Mapping) for item in items):
        return [items], True
    if not items:
        raise ValueError("no prompt given: the list is empty")
    return items, False


def _with_progress(events: Iterator[Event], total: int) -> Iterator[Event]:
    from tqdm import tqdm

    with tqdm(total=total, unit="text") as bar:
        for event in events:
            bar.update(event.done is not None)
            yield event


class Run:
    """One call of generate(): what all its texts share.

    max_tokens : tokens of a text.      sampler : draws tokens.      entropy : of the seed.      stops : stop strings.
    lookahead : draft tokens per pass; 0 where nothing is forced, or where the model's cache cannot forget a token.
    """

    def __init__(
        self,
        lm: Any,
        constraint: Any,
        max_tokens: int,
        sampler: Any,
        entropy: Any,
        stops: Sequence[str],
        forced: bool,
        lookahead: int,
    ) -> None:
        self.lm, self.constraint, self.max_tokens, self.sampler = lm, constraint, max_tokens, sampler
        self.entropy, self.stops = entropy, [stop for stop in stops if stop]
        self.started = time.perf_counter()
        self.matcher = None if constraint is None else Matcher(constraint, lm.vocab)
        self.forcer = Forcer(lm.encode_text, lm.vocab) if forced and constraint is not None else None
        self.lookahead = lookahead if self.forcer is not None and lm.takes_ragged_rows else 0

    def events(self, prompts: Sequence[Any], n: int, batch_size: int, stream: bool) -> Iterator[Event]:
        """Events of all texts, batch after batch; only the last event of each text unless `stream`."""
        encoded = [self.lm.encode(prompt) for prompt in prompts]
        budgets = [self._budget(ids) for ids in encoded]
        seen: dict[tuple[int, ...], int] = {}
        writers = []
        for number, (prompt, ids, budget) in enumerate(zip(prompts, encoded, budgets, strict=True)):
            for copy in range(n):
                # Equal prompts are told apart by how often they came before: no text depends on the other prompts.
                nth = seen[tuple(ids)] = seen.get(tuple(ids), -1) + 1
                chance = np.random.default_rng([self.entropy, nth, len(ids), *ids])
                matcher = None if self.matcher is None else self.matcher.fork()
                result = Output(prompt, index=number * n + copy, parse=getattr(self.constraint, "parse", None))
                writers.append(Writer(self, result, ids, matcher, chance, budget))
        yield from self._in_batches(writers, n, batch_size, stream)

    def _in_batches(self, writers: list[Writer], n: int, batch_size: int, stream: bool) -> Iterator[Event]:
        """Batches of whole prompts where n copies fit, so that a prompt is read once for all its copies."""
        copies = n if n <= batch_size else 1
        size = batch_size // copies * copies
        for first in range(0, len(writers), size):
            batch = writers[first : first + size]
            session = self.lm.session([writer.prompt_ids for writer in batch[::copies]], copies)
            yield from self._batch(batch, session, stream)

    def _batch(self, rows: list[Writer], session: Any, stream: bool) -> Iterator[Event]:
        """Write all rows to their ends; row r is row r of the session."""
        for row in rows:
            row.start()
        while True:
            asking = [number for number, row in enumerate(rows) if row.is_asking]
            while asking:
                self._draw(rows, asking, session)
                asking = [number for number in asking if rows[number].follow_draft(session, number)]
            session.settle()
            for row in rows:
                event = row.event(stream)
                if event is not None:
                    yield event
            alive = [number for number, row in enumerate(rows) if not row.is_over]
            if not alive:
                return
            if 2 * len(alive) <= len(rows):  # copying the cache costs about a pass; it pays when half the rows are over
                session.select(alive)
                rows = [rows[number] for number in alive]
            self._feed(rows, session)

    def _draw(self, rows: list[Writer], asking: list[int], session: Any) -> None:
        """One token for each row that asks.

        A token after which a text could not be finished in time is drawn again, from the others: together these are the
        draws from the narrow mask.
        """
        tight: list[int] = []
        for number, token, logp, logq, log_z in self._draws(rows, asking, session, exactly=False):
            if rows[number].fits(token):
                rows[number].take(token, logp, logq, log_z)
            else:
                tight.append(number)
        for number, *drawn in self._draws(rows, tight, session, exactly=True) if tight else []:
            rows[number].take(*drawn)

    def _draws(self, rows: list[Writer], asking: list[int], session: Any, exactly: bool) -> Iterator[Any]:
        """(row, token, logp, logq, log_z) of these rows."""
        writers = [rows[number] for number in asking]
        logits = session.logits if len(asking) == len(rows) else session.logits[asking]
        masks = np.full((len(writers), (self.lm.vocab.size + 31) // 32), 0xFFFFFFFF, np.uint32)
        for writer, mask in zip(writers, masks, strict=True):
            writer.mask(mask, exactly)
        try:
            draw = self.sampler.draw(
                logits, masks, [writer.history for writer in writers], [writer.chance.random() for writer in writers]
            )
        except (ModelError, DeadEnd) as error:
            at = ", ".join(f"{writer.result.index} at step {len(writer.result.tokens)}" for writer in writers)
            error.args = (f"{error} (rows here are texts {at})",)
            raise
        return zip(asking, draw.token, draw.logp, draw.logq, draw.log_z, strict=True)

    def _feed(self, rows: list[Writer], session: Any) -> None:
        """Show the model the tokens it has not seen; all of them, or equally many per row where it must be so."""
        width = max(len(row.pending) for row in rows)
        if not self.lm.takes_ragged_rows:
            width = min(len(row.pending) for row in rows if row.pending)
        drafts = [row.draft() for row in rows] if self.lookahead else None
        found = session.append([row.pending[:width] for row in rows], [row.n_unscored(width) for row in rows], drafts)
        for row, logprobs in zip(rows, found, strict=True):
            row.fed(width, logprobs)

    def _budget(self, prompt_ids: Sequence[int]) -> int:
        """Tokens that a text after this prompt may have."""
        budget, room = self.max_tokens, self.lm.max_length
        if room is not None and not self.lm.is_encoder_decoder:
            if len(prompt_ids) >= room:
                raise ModelError(
                    f"the prompt has {len(prompt_ids):,} tokens, the model's context is {room:,} tokens long"
                )
            budget = min(budget, room - len(prompt_ids))
        if self.matcher is not None:
            needed = self.matcher.tokens_to_finish()
            if needed >= NEVER:
                raise DeadEnd(f"the tokens of this model cannot spell any text of {self.constraint!r}")
            if needed > budget:
                limit = (
                    f"max_tokens={self.max_tokens}" if budget == self.max_tokens else f"a context of {room:,} tokens"
                )
                raise ConstraintError(
                    f"even a short text of {self.constraint!r} needs {needed:,} tokens, and {limit} leaves {budget:,}. "
                    f"Pass max_tokens={needed} or more"
                )
        return budget
