"""superpose(): k drafts for one forward pass per step, by feeding the model the weighted sum of their last tokens.

Not here: which drafts stay (_fast/superpose.pyx), settings and results (drafts.py), n-grams (ngrams.py), exact samples
(spectr.py), the model's side (models/superposed.py).
Source: Shen, Prabhu, et al., "Superposed decoding: multiple generations from a single autoregressive inference pass",
arXiv:2405.18400.  Constraints, healing and rescoring are not in the paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from guided._fast import Drafts
from guided.engines.drafts import (
    PENALTY,
    Draft,
    Drafting,
    Position,
    Settings,
    check_k,
    default_temperature,
    first_stop,
    open_end,
    shown,
    stop_strings,
    without_twins,
)
from guided.engines.forced import Forcer
from guided.engines.generate import _prompts as prompts_of
from guided.engines.ngrams import NGrams
from guided.engines.spectr import spectr
from guided.errors import ConstraintError, ModelError
from guided.index import index_for

ALPHA = 0.54  # the n-grams' share, the paper's value for three drafts of ten tokens
APART_NATS = 2.0  # chosen on other texts than docs/superposed.md measures; 1 to 4 are much the same


def superpose(
    lm: Any,
    prompt: Any,
    k: int | Sequence[int] = 3,
    max_tokens: int = 10,
    ngrams: NGrams | None = None,
    *,
    alpha: float | None = None,
    temperature: float | None = None,
    m: int | None = None,
    constraint: Any = None,
    stop: str | Sequence[str] = (),
    complete: bool = False,
    heal: bool = False,
    apart: bool = True,
    rescore: bool = False,
    verify: str | None = None,
    seed: int | None = None,
    return_scores: bool = True,
    stream: bool = False,
    batch_size: int = 32,
) -> Any:
    """k drafts of a continuation, best first, for one forward pass per token.

    lm          : what `guided.load` returns, of a model without an encoder.
    prompt      : text; or chat messages; or a list of either, decoded together.
    k           : drafts; one number, or one for each prompt.
    max_tokens  : tokens of a draft.
    ngrams      : an NGrams of the model's tokenizer, to have a say in what fits a draft; what that brings is in
                  docs/superposed.md.
    alpha       : the n-grams' share, 0 to 1; default 0.54, 0 without n-grams.
    temperature : of the model's distribution within a step; default 0.06 up to k = 3, 0.12 from k = 10.
    m           : tokens looked at in a step, at least k; default 3 k.
    constraint  : every draft is a member of its language, or the beginning of one if max_tokens end it first.
    stop        : strings at which a draft ends.
    complete    : every draft is a member: only ways that can be finished within max_tokens are gone.
    heal        : the prompt's last tokens may be the beginning of other, longer ones: drafts write them again.
    apart       : a draft gives way to a second continuation of another only where that is e^2 times as likely, so that
                  drafts differ early, but not for the sake of what nobody would write; False is the paper's rule, the
                  best k of all ways.
    rescore     : set `logp`, the log-probability under the model as it is, by one more pass, and order drafts by it.
    verify      : "spectr": one exact sample of the model (temperature 1 by default) instead of k drafts; the drafts
                  are proposals, accepted or rejected by K-SEQ (arXiv:2310.15141).  `seed` decides it.
    return_scores : Draft objects; False gives their texts.
    stream      : return an iterator of Drafting events, one per prompt and step.
    batch_size  : prompts that are decoded together.

    Returns a list of at most k Drafts, best first; a list of such lists for a list of prompts.  Fewer than k where the
    language, or what is likely, has fewer texts.
    Raises ModelError for a model that cannot read weighted sums, VocabularyError for n-grams of another tokenizer,
    ConstraintError if no member fits into max_tokens and `complete` is asked, DeadEnd if no token may come first.
    """
    if constraint is not None and not hasattr(constraint, "recognizer"):
        raise TypeError(f"constraint must be a Constraint or None, not {constraint!r}")
    if not hasattr(lm, "superposed"):
        raise ModelError(f"{type(lm).__name__} cannot read weighted sums of tokens: give what guided.load returns")
    if not isinstance(prompt, Sequence) or isinstance(prompt, bytes):
        raise TypeError(f"prompt must be text, chat messages, or a list of either, not {prompt!r}")
    prompts, is_one = prompts_of(prompt)
    ks: list[Any] = list(k) if isinstance(k, list | tuple) else [k] * len(prompts)
    if len(ks) != len(prompts):
        raise ValueError(f"{len(ks)} numbers of drafts for {len(prompts)} prompts")
    shapes = [check_k(count, m, lm.vocab.size) for count in ks]
    if temperature is not None and not (isinstance(temperature, int | float) and 0 < temperature < math.inf):
        raise ValueError(f"temperature must be a positive number, got {temperature!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if ngrams is not None:
        if not isinstance(ngrams, NGrams):
            raise TypeError(f"ngrams must be an NGrams, not {ngrams!r}: see NGrams.open, NGrams.train")
        ngrams.check_vocabulary(lm.vocab)
    elif alpha:
        raise ValueError("alpha is the share of n-grams, and no n-grams are given: NGrams.open(..), NGrams.train(..)")
    stops = stop_strings(stop)
    share = (ALPHA if alpha is None else alpha) if ngrams is not None else 0.0
    run = Run(lm, constraint, ngrams, Settings(max_tokens, share, stops, complete, heal, apart, rescore))
    if verify is not None:
        if verify != "spectr":
            raise ValueError(f"verify must be 'spectr' or None, not {verify!r}")
        if stream or heal or complete or ngrams is not None:
            raise ValueError("verify='spectr' gives exact samples: no ngrams, no heal, no complete, no stream")
        chance = np.random.default_rng(seed)
        lists = [
            [spectr(lm, lm.encode(text), count, max_tokens, temperature or 1.0, constraint, stops, chance)]
            for text, count in zip(prompts, ks, strict=True)
        ]
    else:
        events = run.events(prompts, shapes, temperature, batch_size, stream)
        if stream:
            return events
        found = {event.index: event.drafts for event in events}
        lists = [found[index] for index in range(len(prompts))]
    results = lists if return_scores else [[draft.text for draft in drafts] for drafts in lists]
    return results[0] if is_one else results


class Run:
    """One call of superpose(): what its prompts share."""

    def __init__(self, lm: Any, constraint: Any, ngrams: NGrams | None, settings: Settings) -> None:
        self.lm, self.constraint, self.settings = lm, constraint, settings
        self.index = None if constraint is None else index_for(constraint, lm.vocab)
        self.table = None if ngrams is None else ngrams.table
        self.forcer = None if constraint is None else Forcer(lm.encode_text, lm.vocab)
        self.looks = constraint is not None or bool(settings.stops)  # whether there is anything to do between steps
        if self.index is not None and settings.complete:
            needed = self.index.tokens_to_finish(self.index.start)
            if needed > settings.max_tokens:
                raise ConstraintError(
                    f"even a short text of {constraint!r} needs {needed:,} tokens: pass max_tokens={needed} or more"
                )

    def events(
        self,
        prompts: Sequence[Any],
        shapes: Sequence[tuple[int, int]],
        temperature: float | None,
        size: int,
        stream: bool,
    ) -> Iterator[Drafting]:
        """The last event of each prompt; with `stream`, those of all steps."""
        rows = [
            Row(
                self,
                number,
                self.lm.encode(prompt),
                k,
                m,
                default_temperature(k) if temperature is None else temperature,
            )
            for number, (prompt, (k, m)) in enumerate(zip(prompts, shapes, strict=True))
        ]
        for first in range(0, len(rows), size):
            yield from self._batch(rows[first : first + size], stream)

    def _batch(self, rows: list[Row], stream: bool) -> Iterator[Drafting]:
        session = self.lm.superposed([row.prompt_ids for row in rows])
        for row, logits in zip(rows, session.rows, strict=True):
            row.read(logits[None])
        while True:
            for number, row in enumerate(rows):
                if row.is_over:
                    yield Drafting(row.number, row.finished(session, number), done=True)
                elif stream:
                    yield Drafting(row.number, row.drafts_so_far())
            going = [number for number, row in enumerate(rows) if not row.is_over]
            if not going:
                return
            if len(going) < len(rows):
                session.select(going)
                rows = [rows[number] for number in going]
            n_forced = [row.n_forced for row in rows]
            if not session.is_flexible:
                n_forced = [min(n_forced)] * len(rows)
            if any(n_forced):
                columns = [row.columns(n) for row, n in zip(rows, n_forced, strict=True)]
                for row, logits in zip(rows, session.feed(columns), strict=True):
                    row.read(logits)
            else:
                session.advance([row.drafts for row in rows], 1 if stream or self.looks else self.settings.max_tokens)
                if self.looks:
                    for row in rows:
                        row.look()


class Row:
    """The drafts of one prompt, and what they are forced to write.

    runs : per draft, tokens that must come next whatever the model says.      ends : the text is over with them.
    """

    def __init__(self, run: Run, number: int, ids: Sequence[int], k: int, m: int, temperature: float) -> None:
        lm, settings = run.lm, run.settings
        self.run, self.number, self.vocab = run, number, lm.vocab
        n_cut = open_end(lm.vocab, ids) if settings.heal else 0
        self.open_end = lm.vocab.bytes_of(ids[len(ids) - n_cut :])
        self.prompt_ids = list(ids[: len(ids) - n_cut]) or lm.encode("")
        self.max_tokens = settings.max_tokens + n_cut
        room = lm.max_length
        if room is not None:
            if len(self.prompt_ids) >= room:
                raise ModelError(f"the prompt has {len(ids):,} tokens, the model's context is {room:,} tokens long")
            self.max_tokens = min(self.max_tokens, room - len(self.prompt_ids))
        margin = APART_NATS / temperature if settings.apart else 0.0
        self.drafts = Drafts(
            *(lm.vocab, self.prompt_ids, k, m, self.max_tokens, temperature, settings.alpha, PENALTY),
            *(run.index, run.table, self.open_end, n_cut, settings.complete, margin),
        )
        self.runs: list[list[int]] = [[]]
        self.ends: list[bool] = [False]
        if run.index is not None:
            self._find_forced([0])

    @property
    def is_over(self) -> bool:
        """Whether no draft goes on."""
        return self.drafts.is_over

    @property
    def n_forced(self) -> int:
        """Forced tokens that all drafts have, and can be read in the same pass as the last chosen ones."""
        if self.run.index is None:
            return 0
        lengths = (len(run) - end for run, end in zip(self.runs, self.ends, strict=True))
        return max(0, min(*lengths, self.max_tokens - self.drafts.n_tokens - 1))

    def columns(self, n_forced: int) -> list[tuple[Any, Any]]:
        """What the model reads next: the superposition of the last tokens, and of n_forced tokens that follow."""
        ids, weights = np.zeros(self.drafts.k, np.int64), np.zeros(self.drafts.k, np.float32)
        n_mixed = self.drafts.mixture(ids, weights)
        columns = [(ids[:n_mixed], weights[:n_mixed])]
        if n_forced:
            shares = self.drafts.shares()
            for place in range(n_forced):
                mixed: dict[int, float] = {}
                for run, share in zip(self.runs, shares, strict=True):
                    mixed[run[place]] = mixed.get(run[place], 0.0) + share
                columns.append((np.array(list(mixed), np.int64), np.array(list(mixed.values()), np.float32)))
        return columns

    def read(self, logits: Any) -> None:
        """One step for each row of logits, float32[n, V]; all but the last are forced."""
        for row in logits:
            if self.is_over:
                return
            self.drafts.step(row)
            self.look()

    def look(self) -> None:
        """After a step: drafts that end at a stop string, and what must come next."""
        if self.run.settings.stops:
            self._stop()
        if self.run.index is not None:
            self._find_forced(self.drafts.origins())

    def _find_forced(self, origins: Sequence[int]) -> None:
        """What every draft must write next: the rest of what it had to write before, or what is forced from here."""
        before, ends_before = self.runs, self.ends
        self.runs, self.ends = [], []
        for number, origin in enumerate(origins):
            run, ends = before[origin][1:], ends_before[origin]
            if not run:
                ends = False
                if self.drafts.forced_byte(number) >= 0:
                    run, ends = self._forced(number)
            self.runs.append(run)
            self.ends.append(ends)
            if run:
                self.drafts.pin(number, run[0])

    def _forced(self, number: int) -> tuple[list[int], bool]:
        tokens, _, state, _ = self.drafts.peek(number)
        index, forcer = self.run.index, self.run.forcer
        assert index is not None
        assert forcer is not None
        left = self.max_tokens - self.drafts.n_tokens if self.run.settings.complete else 2**29
        run = forcer.tokens(Position(index, state), [*self.prompt_ids, *tokens] if self.open_end else tokens, left)
        for token in run:
            state = index.after(state, token)
        return run, bool(run) and index.is_final(state)

    def _stop(self) -> None:
        """Drafts with a stop string go to the finished ones."""
        for number in reversed(range(self.drafts.n_alive)):
            text = self.vocab.bytes_of(self.drafts.peek(number)[0])
            at = first_stop(text[len(self.open_end) :], self.run.settings.stops)
            if at >= 0:
                self.drafts.retire(number, "stop_string", text[: len(self.open_end) + at])

    # --- results -----------------------------------------------------------------------------------------------------

    def drafts_so_far(self) -> list[Draft]:
        """At most k drafts, best first, each text once."""
        constraint, found = self.run.constraint, []
        for tokens, score, state, reason in self.drafts.ranking():
            written = self.vocab.bytes_of(tokens)
            if len(written) < len(self.open_end):
                continue  # the model's context ended within the open end
            text = written[len(self.open_end) :]
            if reason == "stop_string":
                text = text[: first_stop(text, self.run.settings.stops)]
            draft = Draft(shown(text, reason == "length"), tokens, score, None, reason)
            if constraint is not None:
                draft.parse = constraint.parse
                if reason == "stop_string":
                    draft.is_complete = constraint.accepts(text)
                elif reason == "length":
                    draft.is_complete = self.run.index is not None and self.run.index.is_accepting(state or 0)
            found.append(draft)
        return without_twins(found)[: self.drafts.k]

    def finished(self, session: Any, row: int) -> list[Draft]:
        """The drafts at the end, with their log-probabilities if asked."""
        drafts = self.drafts_so_far()
        if self.run.settings.rescore and drafts:
            logprobs = session.score(row, [draft.tokens[:-1] for draft in drafts])
            for number, draft in enumerate(drafts):
                steps = range(len(draft.tokens))
                draft.logp = float(sum(float(logprobs[number, step, draft.tokens[step]]) for step in steps))
            drafts.sort(key=lambda draft: -(draft.logp or 0.0) / max(1, len(draft.tokens)))
        return drafts
