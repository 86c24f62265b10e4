"""ConstraintLogitsProcessor: a constraint inside an unmodified `model.generate`, in every mode it has.

    processor = guided.ConstraintLogitsProcessor(constraint, tokenizer)
    model.generate(**inputs, logits_processor=[processor])

Not here: which call of `generate` asks (callers.py), what each row has written (sessions.py).
"""

from __future__ import annotations

import math
import sys
import threading
import warnings
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import LogitsProcessor

from guided.constraints.coerce import as_constraint
from guided.errors import ConstraintError, DeadEnd, ModelError
from guided.index import index_for
from guided.integrations.callers import calling_list, find_caller
from guided.integrations.masks import apply_mask, unpack
from guided.integrations.sessions import FINISHED, FREE, Node, Session
from guided.models.vocabularies import vocabulary_of

# The score of an allowed token that another processor has ruled out together with all other allowed ones: low enough
# that a beam in such a corner loses to any other, finite in float16, and equal for all of them.
LAST_RESORT = -1e4


class Step(NamedTuple):
    """One step of one row, from `report()`.

    position     : tokens written before it.
    mass_removed : probability, before any warper, of the tokens that the constraint does not allow.
    wanted       : the token that was most likely without the constraint.
    chosen       : the token that was taken; None if it is not known yet.
    """

    row: int
    position: int
    mass_removed: float
    wanted: int
    chosen: int | None


class ConstraintLogitsProcessor(LogitsProcessor):
    """Lets `model.generate` write only members of a constraint's language.

    constraint    : a Constraint, a type or schema that becomes one, or an Index; or a list of these (None: free), one
                    per prompt, for a different constraint per row.
    tokenizer     : the Hugging Face tokenizer, a Vocabulary, or what `guided.load` returns.
    eos_token_id  : the id or ids that end a text; default those of the tokenizer.  Give
                    `model.generation_config.eos_token_id` where the model stops at others as well.
    prompt_length : columns of `input_ids` that are prompt.  Inside `generate` it is found and need not be given; give
                    it to call the processor by hand in a loop that goes back or skips ahead.
    within_max_tokens : allow only tokens after which the text can still be finished within the call's max_new_tokens
                    (max_length), so that no text is cut off.  Costs a look at every token's future the first time that
                    a state is met.
    report        : keep what `report()` gives.  Costs two passes over the scores per step.

    One object serves any number of calls, one after the other or on several threads (under the GIL).  Greedy search,
    sampling, beams, beam sampling, prompt lookup, assisted decoding, left padding and encoder-decoder models work; in
    assisted decoding with a draft model of another tokenizer the drafts are free and only the check is constrained.
    Continuous batching (`generate_batch`) cannot: it shows a processor the last token alone.

    Order: transformers runs it after the processors of the generation config (repetition penalty, min_new_tokens, ...)
    and before temperature, top-k, top-p and their like, which so share the mass among allowed tokens only.  Where an
    earlier processor has ruled out all that the constraint allows, the constraint wins, with a warning: the allowed
    tokens become equally likely, and `min_new_tokens` ends early rather than write what is not in the language.

    Raises, when called: ConstraintError if even a short text does not fit into max_new_tokens; ModelError for scores
    that are no distribution (NaN, inf, all -inf), naming row and step, and for scores narrower than the vocabulary;
    DeadEnd if no token may follow; ValueError if rows and constraints do not match.
    """

    supports_continuous_batching = False

    def __init__(
        self,
        constraint: Any,
        tokenizer: Any,
        *,
        eos_token_id: int | Sequence[int] | None = None,
        prompt_length: int | None = None,
        within_max_tokens: bool = False,
        report: bool = False,
    ) -> None:
        constraints = list(constraint) if isinstance(constraint, (list, tuple)) else [constraint]
        if not constraints:
            raise ValueError("no constraint given: the list is empty")
        self.vocab = vocabulary_of(tokenizer, eos_token_id=eos_token_id)
        made: dict[int, Any] = {}
        self._indexes = [made.setdefault(id(one), _index(one, self.vocab)) for one in constraints]
        self.prompt_length, self.within_max_tokens, self._reports = prompt_length, within_max_tokens, report
        self._n_words = (self.vocab.size + 31) // 32
        self._sessions: dict[int, tuple[Any, Session]] = {}  # id of a LogitsProcessorList -> (weak reference, session)
        self._by_hand = threading.local()
        self._last: Session | None = None
        self._masks = threading.local()
        self._n_columns = 0
        self._at_end = np.zeros(self._n_words, np.uint32)
        for token in self.vocab.eos_ids:
            self._at_end[token // 32] |= np.uint32(1 << token % 32)

    def for_prompt(self, prompt_length: int) -> ConstraintLogitsProcessor:
        """The same constraint for ids whose first `prompt_length` columns are prompt; shares all masks."""
        indexes: list[Any] = self._indexes
        return type(self)(
            indexes,
            self.vocab,
            prompt_length=prompt_length,
            within_max_tokens=self.within_max_tokens,
            report=self._reports,
        )

    def __call__(self, input_ids: torch.LongTensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores with -inf for what the constraint does not allow.

        input_ids : int64[B, T], prompts included.      scores : [B, V'], V' >= the vocabulary; not changed, because
        prompt lookup shows the same tensor again.
        """
        if input_ids.dim() != 2:
            raise ModelError(
                f"the processor was shown ids of shape {tuple(input_ids.shape)}: a constraint needs every row's whole "
                "history. Continuous batching (generate_batch) hands over the last token alone; use generate() with a "
                "batch of prompts"
            )
        session = self._session(input_ids)
        if session is None:
            return scores
        if scores.shape[-1] != self._n_columns:
            self._check_width(scores.shape[-1])
        nodes = session.nodes_of(input_ids)
        masks, rows = self._mask_rows(len(nodes))
        left = self._left(session, nodes, input_ids.shape[1])
        free = []
        for number, node in enumerate(nodes):
            if node.state >= 0:
                if left is None:
                    node.index.mask_into(node.state, rows[number])
                else:
                    node.index.mask_within(node.state, left, rows[number])
            elif node.state == FREE or not self.vocab.eos_ids:
                free.append(number)
            else:
                # After the end, and after what the constraint could not have written (a rejected draft, a beam with
                # score -inf): only EOS, which no reader of the text sees.
                rows[number][:] = self._at_end
        masked = apply_mask(scores.clone(memory_format=torch.contiguous_format), masks)
        if free:
            masked[free] = scores[free]
        for number, top in enumerate(masked.amax(-1).tolist()):
            if math.isfinite(top) or nodes[number].state == FREE:
                continue
            if nodes[number].state >= 0:
                self._repair(session, number, scores[number], masked[number], rows[number])
            else:  # min_new_tokens forbids EOS even to rows that have ended; samplers need one finite score
                masked[number, sorted(self.vocab.eos_ids)] = LAST_RESORT
        if self._reports:
            self._record(nodes, scores, masked)
            self._last = session
        return masked

    # --- sessions --------------------------------------------------------------------------------------------------

    def _session(self, input_ids: torch.Tensor) -> Session | None:
        """The session of this call; None if the ids are of another vocabulary."""
        frame = sys._getframe(2)  # 0 is this method, 1 is __call__
        calling = calling_list(frame)
        if calling is not None:
            known = self._sessions.get(id(calling))
            if known is not None and known[0]() is calling:
                return known[1]
        caller = find_caller(frame)
        if caller.is_foreign:
            return None
        if caller.anchor is None or not caller.in_generate:
            return self._session_by_hand(input_ids)
        known = self._sessions.get(id(caller.anchor))
        if known is not None and known[0]() is caller.anchor:
            session = known[1]
        else:
            given = (self.prompt_length, caller.prompt_length, input_ids.shape[1])
            length = next(length for length in given if length is not None)
            n_prompts = caller.n_prompts or 1 if self._reports else 1
            session = Session(self._indexes, length, n_prompts, max_length=caller.max_length)
            self._remember(caller.anchor, session)
        if calling is not None and calling is not caller.anchor:
            self._remember(calling, session)
        return session

    def _remember(self, anchor: Any, session: Session) -> None:
        """Keep the session for as long as the list lives, which is as long as its call of `generate` runs."""
        sessions, key = self._sessions, id(anchor)

        def forget(reference: Any) -> None:
            if sessions.get(key, (None,))[0] is reference:
                del sessions[key]

        sessions[key] = (weakref.ref(anchor, forget), session)

    def _session_by_hand(self, input_ids: torch.Tensor) -> Session:
        """No call of `generate` is under way: the session is the last one of this thread if the ids may continue it."""
        session: Session | None = getattr(self._by_hand, "session", None)
        if session is None or not session.may_continue(input_ids):
            length = input_ids.shape[1] if self.prompt_length is None else self.prompt_length
            session = Session(self._indexes, length, len(input_ids) if self._reports else 1, keeps_ids=True)
        self._by_hand.session = session
        return session

    def _left(self, session: Session, nodes: list[Node], length: int) -> int | None:
        """Tokens that the call leaves for the rows, if texts are to be finished in time; else None."""
        if not self.within_max_tokens or session.max_length is None:
            return None
        left = session.max_length - length
        if length == session.prompt_length:
            needed = max((node.index.tokens_to_finish(node.state) for node in nodes if node.state >= 0), default=0)
            if needed > left:
                raise ConstraintError(
                    f"even a short text needs {needed:,} tokens, and generate leaves {left:,}: "
                    f"pass max_new_tokens={needed}"
                )
        return left

    # --- scores ----------------------------------------------------------------------------------------------------

    def _mask_rows(self, n_rows: int) -> tuple[np.ndarray, list[np.ndarray]]:
        """uint32[n_rows, n_words] to be filled, and its rows; one buffer per thread, made anew when B changes."""
        masks = getattr(self._masks, "rows", None)
        if masks is None or len(masks[1]) != n_rows:
            whole = np.zeros((n_rows, self._n_words), np.uint32)
            masks = self._masks.rows = (whole, list(whole))
        found: tuple[np.ndarray, list[np.ndarray]] = masks
        return found

    def _check_width(self, n_columns: int) -> None:
        """Raises ModelError if a token with text has no column."""
        if n_columns < self.vocab.size:
            texts = [token for token in range(n_columns, self.vocab.size) if self.vocab.tokens[token]]
            if texts:
                raise ModelError(
                    f"the scores have {n_columns:,} columns, but token {texts[-1]} {self.vocab.tokens[texts[-1]]!r} is "
                    "in the vocabulary: this tokenizer does not belong to this model"
                )
        self._n_columns = n_columns

    def _repair(self, session: Session, row: int, scores: torch.Tensor, masked: torch.Tensor, mask: np.ndarray) -> None:
        """A row whose allowed scores hold no finite maximum: say why, or let the constraint win.  Writes `masked`."""
        assert session.ids is not None
        written = session.ids[row, session.prompt_length :].tolist()
        text = self.vocab.bytes_of(token for token in written if token < self.vocab.size)
        where = f"row {row}, step {len(written)} (after {text[-40:]!r})"
        allowed = unpack(mask[None], len(scores), scores.device)[0]
        if not allowed.any():
            raise DeadEnd(
                f"{where}: no token may follow. The language cannot go on, or these tokens cannot spell it",
                text,
            )
        finite = torch.isfinite(scores)
        if torch.isnan(scores).any() or torch.isposinf(scores).any() or not finite.any():
            kind = "NaN" if torch.isnan(scores).any() else "inf" if torch.isposinf(scores).any() else "all -inf"
            raise ModelError(f"{where}: the scores are {kind}, not a distribution. Check the model's weights and dtype")
        left = finite.nonzero().flatten().tolist()
        if all(token in self.vocab.special_ids and token not in self.vocab.eos_ids for token in left):
            masked.copy_(scores)  # forced_bos_token_id and its like: no text, so nothing to forbid
            return
        masked.masked_fill_(allowed, LAST_RESORT)
        if not session.warned:
            session.warned = True
            warnings.warn(
                f"{where}: another logits processor (min_new_tokens, bad_words_ids, no_repeat_ngram_size, ...) has "
                "ruled out every token that the constraint allows. The constraint wins; these tokens are now equally "
                "likely",
                stacklevel=4,
            )

    # --- report ----------------------------------------------------------------------------------------------------

    def _record(self, nodes: list[Node], scores: torch.Tensor, masked: torch.Tensor) -> None:
        kept = torch.exp(torch.logsumexp(masked.float(), -1) - torch.logsumexp(scores.float(), -1)).tolist()
        wanted = scores.argmax(-1).tolist()
        for node, mass, token in zip(nodes, kept, wanted, strict=True):
            if node.state != FINISHED and node.record is None:
                node.record = (max(0.0, 1.0 - mass), token)

    def report(self, sequences: torch.Tensor | Sequence[Sequence[int]] | None = None) -> list[Step]:
        """What the constraint did, step by step, in the last call of `generate`; row by row.

        sequences : what `generate` returned, prompts included: its rows are reported, and so is the last token, which
                    no processor ever sees.  Default: the rows of the last step.
        Raises ValueError without `report=True`.
        """
        if not self._reports:
            raise ValueError("nothing was kept: make the processor with report=True")
        session = self._last
        if session is None:
            return []
        if sequences is None:
            sequences = session.ids
        assert sequences is not None
        rows = sequences.tolist() if isinstance(sequences, torch.Tensor) else [list(row) for row in sequences]
        steps = []
        for row, ids in enumerate(rows):
            node: Node | None = session.root(row, len(rows))
            for position, chosen in enumerate([*ids[session.prompt_length :], None]):
                if node is None or node.record is None:
                    break
                steps.append(Step(row, position, *node.record, chosen))
                node = (node.children or {}).get(chosen) if chosen is not None else None
        return steps


def _index(constraint: Any, vocab: Any) -> Any:
    """The index of a constraint over a vocabulary; None stays None, an Index is taken as it is."""
    if hasattr(constraint, "mask_into"):
        return constraint
    known = as_constraint(constraint)
    return None if known is None else index_for(known, vocab)
