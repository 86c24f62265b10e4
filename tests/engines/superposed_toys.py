"""Models for superposed decoding without a network: logits after a column are the weighted sum of its tokens' rows."""

from __future__ import annotations

import numpy as np
import torch

from guided.models.toy import TableModel
from guided.vocab import Vocabulary


class ToySession:
    """What SuperposedSession does, for LinearModel."""

    is_flexible = True

    def __init__(self, lm, prompts):
        self.lm, self.n_passes = lm, 1
        self.prompts = [list(prompt) for prompt in prompts]
        self.columns = [[] for _ in prompts]

    @property
    def rows(self):
        return [self.lm.after(prompt, columns) for prompt, columns in zip(self.prompts, self.columns, strict=True)]

    def feed(self, columns):
        found = []
        for row, new in enumerate(columns):
            rows = []
            for ids, weights in new:
                self.columns[row].append(dict(zip(ids.tolist(), weights.tolist(), strict=True)))
                rows.append(self.lm.after(self.prompts[row], self.columns[row]))
            found.append(np.stack(rows))
        return found

    def advance(self, rows, n_steps):
        for _ in range(n_steps):
            columns = []
            for drafts in rows:
                ids, weights = np.zeros(drafts.k, np.int64), np.zeros(drafts.k, np.float32)
                n = drafts.mixture(ids, weights)
                columns.append([(ids[:n], weights[:n])])
            for drafts, logits in zip(rows, self.feed(columns), strict=True):
                drafts.step(logits[0])
            if any(drafts.is_over for drafts in rows):
                return

    def select(self, rows):
        self.prompts = [self.prompts[row] for row in rows]
        self.columns = [self.columns[row] for row in rows]

    def score(self, row, texts):
        length = max(map(len, texts))
        logits = [[self.lm.after(self.prompts[row] + list(text)[:n], []) for n in range(length + 1)] for text in texts]
        return torch.log_softmax(torch.tensor(np.array(logits)), -1)

    def restart(self, texts):
        self.prompts = [prompt + list(text) for prompt, text in zip(self.prompts, texts, strict=True)]
        self.columns = [[] for _ in self.prompts]


class LinearModel(TableModel):
    """table : float32[V, V] of logits after each token; or, with `by_place`, [n, V] of logits at each place of a text.

    by_place : what was written makes no difference, so that superposition is exact.
    """

    max_length = None

    def __init__(self, vocab: Vocabulary, table, by_place: bool = False) -> None:
        super().__init__(vocab, lambda context: self.after(list(context), []))
        self.table, self.by_place = np.asarray(table, np.float32), by_place

    def after(self, prompt, columns):
        if self.by_place:
            return self.table[(len(prompt) + len(columns)) % len(self.table)]
        last = columns[-1] if columns else {prompt[-1]: 1.0}
        return sum(np.float32(weight) * self.table[token] for token, weight in last.items())

    def superposed(self, prompts):
        return ToySession(self, prompts)


def linear_model(rng, tokens, eos, by_place=False, scale=1.5):
    """A random model over these tokens; the last one is EOS."""
    table = rng.normal(size=(len(tokens), len(tokens))) * scale
    return LinearModel(Vocabulary(tokens, {eos}), table, by_place)
