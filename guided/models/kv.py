"""KVSession: texts that grow together on one transformers model, with its key-value cache.

Rows may grow by different lengths in one pass.  A row that grows less is padded on the left of the new columns, and the
hole stays in the cache for good, masked; positions are counted in real tokens, so no row sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from guided.errors import ModelError

if TYPE_CHECKING:
    from guided.models.huggingface import HuggingFaceModel


class KVSession:
    """A batch of texts in the making.

    logits : float32[R, V] after the last token of every row, on the model's device.
    Row p * copies + c is copy c of prompt p.  For an encoder-decoder model the prompts are the encoder's, and
    every text starts from the decoder's start token.
    """

    @torch.no_grad()
    def __init__(self, lm: HuggingFaceModel, prompts: Sequence[Sequence[int]], copies: int = 1) -> None:
        self.lm, self.device = lm, lm.device
        length = max(len(prompt) for prompt in prompts)
        self.pad_id = next((t for t in (lm.tokenizer.pad_token_id, *sorted(lm.vocab.eos_ids)) if t is not None), 0)
        ids, real = self._padded(prompts, length)
        self.extra: dict[str, Any] = {}
        if lm.is_encoder_decoder:
            start = lm.model.generation_config.decoder_start_token_id
            if start is None:
                start = lm.model.config.decoder_start_token_id
            if start is None:
                raise ModelError("this encoder-decoder model names no decoder_start_token_id")
            encoded = lm.model.get_encoder()(input_ids=ids, attention_mask=real.long(), return_dict=True)
            self.extra = {"encoder_outputs": encoded, "attention_mask": real.long()}
            ids = torch.full((len(prompts), 1), start, device=self.device)
            real = torch.ones_like(ids, dtype=torch.bool)
        self.cache: Any = None  # made by the model in its first pass
        self.real = real[:, :0]  # bool[R, slots]: slots of the cache that hold a token
        self.ahead: list[torch.Tensor] = []  # of each row: logits before its first draft token to after its last
        self.n_accepted: list[int] = []  # of each row: draft tokens that were accepted
        self.logits = self._forward(ids, real, 1)[:, -1]
        if copies > 1:
            cache: Any = self.cache
            cache.batch_repeat_interleave(copies)
            self.logits = self.logits.repeat_interleave(copies, 0)
            self.real = self.real.repeat_interleave(copies, 0)
            if self.extra:
                self.extra["attention_mask"] = self.extra["attention_mask"].repeat_interleave(copies, 0)
                self.extra["encoder_outputs"].last_hidden_state = self.extra[
                    "encoder_outputs"
                ].last_hidden_state.repeat_interleave(copies, 0)

    def __len__(self) -> int:
        return len(self.real)

    def _padded(self, rows: Sequence[Sequence[int]], length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """int64[R, length], padded on the left, and which of it is real."""
        ids = torch.tensor([[self.pad_id] * (length - len(row)) + list(row) for row in rows])
        real = torch.tensor([[False] * (length - len(row)) + [True] * len(row) for row in rows])
        return ids.to(self.device), real.to(self.device)

    def _forward(self, ids: torch.Tensor, real: torch.Tensor, n_kept: int) -> torch.Tensor:
        """One pass over new columns; float32[R, n_kept, V]."""
        given: dict[str, Any] = {"use_cache": True, self.lm.cache_name: self.cache, "return_dict": True, **self.extra}
        before, self.real = self.real, torch.cat([self.real, real], 1)
        if self.lm.is_encoder_decoder:
            given["decoder_input_ids"] = ids
        else:
            given["input_ids"] = ids
            if not bool(self.real.all()):
                positions = before.sum(1, keepdim=True) + real.cumsum(1) - 1
                given["attention_mask"] = self.real.long()
                given["position_ids"] = positions.clamp(min=0)
        if self.lm.takes_logits_to_keep:
            given["logits_to_keep"] = n_kept
        outputs = self.lm.model(**given)
        self.cache = getattr(outputs, self.lm.cache_name)
        if self.cache is None:
            raise ModelError(f"{type(self.lm.model).__name__} keeps no cache of keys and values")
        return outputs.logits[:, -n_kept:].float()

    @torch.no_grad()
    def append(
        self,
        tokens: Sequence[Sequence[int]],
        n_scored: Sequence[int] | None = None,
        drafts: Sequence[Sequence[int]] | None = None,
    ) -> list[list[float]]:
        """Add tokens to every row, in one pass of the model; sets `logits`.

        tokens   : one list per row, of any lengths (an empty list leaves a row as it is).
        n_scored : how many of each row's last new tokens to give the log-probability of; default none.
        drafts   : tokens after these, read in the same pass on trial: `logits` is from before them; go on with
                   `accept`, then `settle`.  A row with a draft must have tokens.
        Returns  those, natural log, one list per row.
        Raises ModelError for different lengths where the model cannot have them (see takes_ragged_rows).
        """
        n_drafted = [len(draft) for draft in drafts or ()] or [0] * len(tokens)
        if drafts is not None:
            tokens = [[*row, *draft] for row, draft in zip(tokens, drafts, strict=True)]
        lengths = [len(row) for row in tokens]
        width = max(lengths)
        if width == 0:
            return [[] for _ in tokens]
        if not self.lm.takes_ragged_rows and any(0 < length < width for length in lengths):
            raise ModelError("rows of this model must grow by the same length")
        ids, real = self._padded(tokens, width)
        found = self._forward(ids, real, width)
        scored: list[list[float]] = [[] for _ in tokens]
        for row, count in enumerate(n_scored or []):
            if count:
                # The logits of the new columns, each seen from the token before; the first from what was there already.
                n_sure = lengths[row] - n_drafted[row]
                first = width - lengths[row]
                seen_from = torch.cat([self.logits[row, None], found[row, first : first + n_sure - 1]])[-count:]
                scored[row] = _logprobs(seen_from, tokens[row][n_sure - count : n_sure])
        self.ahead = [found[row, width - 1 - count :] for row, count in enumerate(n_drafted)]
        self.n_accepted = [0] * len(tokens)
        grown = torch.tensor([length > 0 for length in lengths], device=self.device)
        self.logits = torch.where(grown[:, None], torch.stack([ahead[0] for ahead in self.ahead]), self.logits)
        return scored

    @torch.no_grad()
    def accept(self, row: int, tokens: Sequence[int], n_scored: int) -> list[float]:
        """The next draft tokens of a row are `tokens`, and stay; moves its `logits` to after them.

        Returns the log-probabilities of the last `n_scored` of them, natural log.
        """
        before = self.n_accepted[row]
        after = self.n_accepted[row] = before + len(tokens)
        self.logits[row] = self.ahead[row][after]
        if not n_scored:
            return []
        return _logprobs(self.ahead[row][after - n_scored : after], tokens[len(tokens) - n_scored :])

    def settle(self) -> None:
        """Forget the draft tokens that were not accepted."""
        refused = [len(ahead) - 1 - count for ahead, count in zip(self.ahead, self.n_accepted, strict=True)]
        self.ahead, self.n_accepted = [], []
        if not any(refused):
            return
        for row, count in enumerate(refused):
            if count:
                self.real[row, -count:] = False
        unused = int((self.real.flip(1).cumsum(1) == 0).sum(1).min())  # columns at the end that no row uses
        if unused:
            self.real = self.real[:, :-unused]
            self.cache.crop(-unused)

    @torch.no_grad()
    def select(self, rows: Sequence[int]) -> None:
        """Keep these rows, in this order; a row may be taken several times."""
        chosen = torch.tensor(list(rows), device=self.device)
        self.cache.batch_select_indices(chosen)
        self.logits, self.real = self.logits[chosen], self.real[chosen]
        if self.extra:
            self.extra["attention_mask"] = self.extra["attention_mask"][chosen]
            encoded = self.extra["encoder_outputs"]
            encoded.last_hidden_state = encoded.last_hidden_state[chosen]


def _logprobs(logits: torch.Tensor, tokens: Sequence[int]) -> list[float]:
    """Natural log-probability of each token under its row of logits, float32[n, V]."""
    chosen = torch.tensor(list(tokens), device=logits.device)[:, None]
    found: list[float] = torch.log_softmax(logits, -1).gather(1, chosen)[:, 0].tolist()
    return found
