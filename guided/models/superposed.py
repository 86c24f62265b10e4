"""SuperposedSession: a transformers model that reads weighted sums of tokens, one row of its cache per prompt.

A column is a few tokens with weights that sum to 1; what the model reads there is the weighted sum of their embeddings.
Scoring real texts after the same prompts, and beginning anew after the prompt, share the prompt's keys and values.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import DynamicCache

from guided._fast import Blender
from guided.errors import ModelError
from guided.models.kv import KVSession

if TYPE_CHECKING:
    from guided._fast import Drafts
    from guided.models.huggingface import HuggingFaceModel

Column = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]  # ids and weights, equally long


class SuperposedSession(KVSession):
    """Rows of superposed tokens after prompts.

    rows       : float32[V] per prompt, NumPy: the logits after its last column.
    n_prompt   : slots of the cache that hold the prompts.
    n_passes   : forward passes so far, the prompts' and those of `score` included.
    Raises ModelError for a model with an encoder, one that takes no `inputs_embeds`, a prompt longer than its context.
    """

    @torch.no_grad()
    def __init__(self, lm: HuggingFaceModel, prompts: Sequence[Sequence[int]]) -> None:
        if lm.is_encoder_decoder:
            raise ModelError("superposed decoding is for models without an encoder; this one has one")
        parameters = inspect.signature(lm.model.forward).parameters
        if "inputs_embeds" not in parameters:
            raise ModelError(
                f"{type(lm.model).__name__} takes no inputs_embeds, so it cannot read a weighted sum of tokens. "
                "guided.generate writes with any model"
            )
        super().__init__(lm, prompts)
        self.embed = lm.model.get_input_embeddings()
        self.on_cpu = self.device.type == "cpu"
        self.table: npt.NDArray[np.float32] | None = None  # the embeddings, where the core can read them in place
        weight: Any = getattr(self.embed, "weight", None)
        if type(self.embed) is torch.nn.Embedding and weight.dtype == torch.float32 and self.on_cpu:
            self.table = weight.detach().contiguous().numpy()
        self.vectors = torch.empty(0)  # [R, 1, d]: what the model reads next, written by `blender`
        self.blender: Blender | None = None
        self.prompts = [list(prompt) for prompt in prompts]
        self.first, self.first_real, self.n_prompt = self.logits, self.real, self.real.shape[1]
        self.n_passes = 1
        self.is_dense, self.n_unmarked = bool(self.real.all()), 0  # columns that `real` does not have yet
        # Columns of zeros in the middle of a row must be invisible, and the end of the cache must come off.
        self.is_flexible = lm.takes_ragged_rows and isinstance(self.cache, DynamicCache)

    @property
    def rows(self) -> list[npt.NDArray[np.float32]]:
        """The logits after the last column of every row."""
        return list(self.logits.cpu().numpy())

    @torch.no_grad()
    def advance(self, rows: Sequence[Drafts], n_steps: int) -> None:
        """Grow all drafts by n_steps tokens, one pass for each; fewer when a row's drafts are over.

        rows : the drafts of every row; a pass reads their superposition, and the logits after it choose their tokens.
        """
        found = self.logits[:, None]
        for _ in range(n_steps):
            found = self._read(self._blended(rows), None, 1).logits
            _, n_columns, width = found.shape
            if n_columns != 1 or not (self.on_cpu and found.dtype is torch.float32 and found.is_contiguous()):
                found = found[:, -1:].float().cpu().contiguous()
            place, is_over = found.data_ptr(), False
            for drafts in rows:
                drafts.step_at(place, width)
                place += 4 * width
                is_over = is_over or drafts.is_over
            if is_over:
                break
        self.logits = found[:, -1].to(self.device)

    @torch.no_grad()
    def feed(self, columns: Sequence[Sequence[Column]]) -> list[npt.NDArray[np.float32]]:
        """Append columns to every row in one pass; float32[n, V] per row: the logits after each of its n columns.

        Rows may have different numbers of columns where `is_flexible`.
        """
        counts = [len(row) for row in columns]
        width = max(counts)
        if not self.is_flexible and min(counts) != width:
            raise ModelError("rows of this model must grow by the same length")
        n_mixed = max(len(ids) for row in columns for ids, _ in row)
        ids = np.zeros((len(columns), width, n_mixed), np.int64)
        weights = np.zeros((len(columns), width, n_mixed), np.float32)
        for row, given in enumerate(columns):
            for place, (tokens, shares) in enumerate(given, width - len(given)):
                ids[row, place, : len(tokens)], weights[row, place, : len(shares)] = tokens, shares
        ragged = None if min(counts) == width else counts
        logits = self._read(self.mixed(ids, weights), ragged, width).logits.float()
        self.logits = logits[:, -1]
        found = logits.cpu().numpy()
        return [found[row, width - count :] for row, count in enumerate(counts)]

    def _blended(self, rows: Sequence[Drafts]) -> torch.Tensor:
        """[R, 1, d]: the superposition of each row's drafts; the next call may overwrite it."""
        if self.table is not None:
            if self.blender is None or len(self.vectors) != len(rows):
                self.vectors = torch.empty(len(rows), 1, self.table.shape[1])
                self.blender = Blender(self.table, self.vectors.numpy()[:, 0])
            for number, drafts in enumerate(rows):
                drafts.blend(self.blender, number)
            return self.vectors
        k = max(drafts.k for drafts in rows)
        ids, weights = np.zeros((len(rows), 1, k), np.int64), np.zeros((len(rows), 1, k), np.float32)
        for number, drafts in enumerate(rows):
            drafts.mixture(ids[number, 0], weights[number, 0])
        return self.mixed(ids, weights)

    def mixed(self, ids: npt.NDArray[np.int64], weights: npt.NDArray[np.float32]) -> torch.Tensor:
        """[R, C, d]: weighted sums of embeddings, added in float32, in the model's precision."""
        embedded = self.embed(torch.from_numpy(ids).to(self.device))
        shares = torch.from_numpy(weights).to(self.device)
        return (shares[..., None, :] @ embedded.float())[..., 0, :].to(embedded.dtype)

    def _read(self, embedded: torch.Tensor, counts: Sequence[int] | None, width: int) -> Any:
        """One pass over new columns; the real ones of a row are the last counts[row]; None: all are."""
        given: dict[str, Any] = {"use_cache": True, self.lm.cache_name: self.cache, "return_dict": True}
        if self.lm.takes_logits_to_keep:
            given["logits_to_keep"] = width
        if self.is_dense and counts is None:  # no padding anywhere: the model counts positions itself
            self.n_unmarked += width
        else:
            given |= self._places(counts, width)
        self.n_passes += 1
        outputs = self.lm.model(inputs_embeds=embedded, **given)
        self.cache = getattr(outputs, self.lm.cache_name)
        return outputs

    def _places(self, counts: Sequence[int] | None, width: int) -> dict[str, Any]:
        """What tells the model which slots hold columns, new ones included, and where in their text these are."""
        self.mark()
        places = torch.arange(width, device=self.device)[None]
        n_new = [width] * len(self.real) if counts is None else list(counts)
        new = places >= width - torch.tensor(n_new, device=self.device)[:, None]
        before, self.real = self.real, torch.cat([self.real, new], 1)
        self.is_dense = False
        positions = before.sum(1, keepdim=True) + new.cumsum(1) - 1
        return {"attention_mask": self.real.long(), "position_ids": positions.clamp(min=0)}

    def mark(self) -> None:
        """Bring `real` up to date: the columns that were appended without padding are real."""
        if self.n_unmarked:
            new = torch.ones(len(self.real), self.n_unmarked, dtype=torch.bool, device=self.device)
            self.real, self.n_unmarked = torch.cat([self.real, new], 1), 0

    @torch.no_grad()
    def select(self, rows: Sequence[int]) -> None:
        """Keep these rows, in this order."""
        self.mark()
        super().select(rows)
        chosen = torch.tensor(list(rows), device=self.device)
        self.first, self.first_real = self.first[chosen], self.first_real[chosen]
        self.prompts = [self.prompts[row] for row in rows]

    # --- real texts after the prompts --------------------------------------------------------------------------------

    @torch.no_grad()
    def score(self, row: int, texts: Sequence[Sequence[int]]) -> torch.Tensor:
        """The true model on several texts after one prompt, in one pass: float32[n, L + 1, V] log-probabilities.

        Entry [i, j] is after the first j tokens of text i; L is the longest text's length.  The prompt's keys and
        values are taken from the cache; where it cannot be cut, the prompt is read again.
        """
        length = max(len(text) for text in texts)
        if self.is_flexible:
            session = self._at_prompt(row, len(texts))
        else:
            session = KVSession(self.lm, [self.prompts[row]], len(texts))
            self.n_passes += 1
        first = self.first[row].expand(len(texts), -1)[:, None]
        if length == 0:
            return torch.log_softmax(first, -1)
        # Padded on the right: in a causal model what follows a token changes nothing before it.
        ids = torch.tensor([list(text) + [self.pad_id] * (length - len(text)) for text in texts], device=self.device)
        after = session._forward(ids, torch.ones_like(ids, dtype=torch.bool), length)
        self.n_passes += 1
        return torch.log_softmax(torch.cat([first, after], 1), -1)

    def _at_prompt(self, row: int, copies: int) -> KVSession:
        """A session of `copies` rows, each at the end of this row's prompt."""
        session = KVSession.__new__(KVSession)
        session.lm, session.device, session.pad_id, session.extra = self.lm, self.device, self.pad_id, {}
        real = self.first_real[row]
        cache = DynamicCache()
        for number, layer in enumerate(self.cache.layers):
            # The padding of a shorter prompt is left behind.
            keys, values = layer.keys[row, :, : self.n_prompt][:, real], layer.values[row, :, : self.n_prompt][:, real]
            cache.update(keys.expand(copies, -1, -1, -1), values.expand(copies, -1, -1, -1), number)
        session.cache = cache
        session.real = torch.ones(copies, int(real.sum()), dtype=torch.bool, device=self.device)
        session.logits = self.first[row].expand(copies, -1)
        return session

    @torch.no_grad()
    def restart(self, texts: Sequence[Sequence[int]]) -> None:
        """Back to the end of the prompts, which become longer by these tokens (equally many per row)."""
        prompts = [prompt + list(text) for prompt, text in zip(self.prompts, texts, strict=True)]
        n_new = len(texts[0])
        if not self.is_flexible or any(len(text) != n_new for text in texts):
            passes = self.n_passes + 1
            self.__init__(self.lm, prompts)  # type: ignore[misc]
            self.n_passes = passes
            return
        self.mark()
        surplus = self.real.shape[1] - self.n_prompt
        if surplus:
            self.cache.crop(-surplus)
        self.real, self.logits, self.prompts = self.first_real, self.first, prompts
        if n_new:
            one = np.ones(1, np.float32)
            self.feed([[(np.array([token]), one) for token in text] for text in texts])
            self.mark()
        self.first, self.first_real, self.n_prompt = self.logits, self.real, self.real.shape[1]
