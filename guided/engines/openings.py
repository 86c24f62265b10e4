"""Opener: how texts begin after their prompts in generate(): which tokens are certain, and which way the rest goes on.

Not here: the ways and their weights (heal.py), one text in the making (writing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from guided.engines.heal import Healed, can_heal, heal, heal_after, rule_for
from guided.errors import TokenRejected

NEVER = 2**30  # Matcher.tokens_to_finish() where no number of tokens suffices


@dataclass(frozen=True)
class Chosen:
    """The way that was drawn.

    tokens : all ids so far.      beyond : bytes of the text that they spell.
    logp, logq, log_z : natural logs of its probability under the model, of that with which it was drawn, and of the
    mass that the constraint left.
    """

    tokens: list[int]
    beyond: bytes
    logp: float
    logq: float
    log_z: float


@dataclass
class Opening:
    """One prompt.

    ids   : its tokens as the tokenizer writes them.      trunk : those that are certain.
    ways  : of going on from the trunk; [] where the trunk is all.
    """

    ids: list[int]
    trunk: list[int]
    ways: list[Healed]
    sampler: Any
    prefix: bytes
    allowed: list[bool] = field(default_factory=list)

    def narrow(self, matcher: Any, budget: int) -> None:
        """Leave out the ways that the constraint does not allow, or after which its text would not fit the budget.

        Where it allows none, the prompt's own tokens are taken: then no token reaches over its end in any member.
        """
        self.allowed = [True] * len(self.ways)
        if matcher is None or not self.ways:
            return
        known: dict[bytes, int] = {}
        for number, way in enumerate(self.ways):
            if way.beyond not in known:
                known[way.beyond] = self._needed(matcher, way)
            self.allowed[number] = known[way.beyond] + bool(way.beyond) <= budget
        if not any(self.allowed):
            self.trunk, self.ways = self.ids, []

    def _needed(self, matcher: Any, way: Healed) -> int:
        """Tokens that finish the text after a way; NEVER if there are none."""
        ahead = matcher.fork()
        try:
            ahead.begin_after(way.tokens, self.prefix + way.beyond)
        except TokenRejected:
            return NEVER
        return int(ahead.tokens_to_finish())

    def choose(self, chance: np.random.Generator) -> Chosen | None:
        """One way, by its weight; temperature and truncation act on ways as on tokens.  None where nothing is open."""
        if not self.ways:
            return None
        import torch

        logits = torch.tensor([[way.logw for way in self.ways]], dtype=torch.float32)
        bits = np.zeros((len(self.ways) + 31) // 32 * 32, np.uint8)
        bits[: len(self.ways)] = self.allowed
        mask = np.packbits(bits, bitorder="little").view(np.uint32)[None]
        draw = self.sampler.draw(logits, mask, [self.ids], [chance.random()])
        way = self.ways[draw.token[0]]
        return Chosen(way.tokens, way.beyond, way.logw, draw.logq[0], draw.log_z[0])


class Opener:
    """What all texts of one call of generate() begin with.

    heal    : None where possible, False never, True always.      prefix : bytes of the text that are written already.
    sampler : draws ways; without penalties, which are about tokens.
    """

    def __init__(self, lm: Any, heal: bool | None, prefix: str, sampler: Any) -> None:
        if heal:
            rule_for(lm)  # its error says why not
        self.lm, self.prefix, self.sampler = lm, prefix.encode(), sampler
        self.heals = can_heal(lm) if heal is None else heal
        self.prefix_text = prefix

    def open(self, prompt: Any) -> Opening:
        """The opening of one prompt."""
        if isinstance(prompt, str):
            prompt += self.prefix_text
            ids = self.lm.encode(prompt)
            if not self.heals:
                return self._closed(ids)
            found = heal(self.lm, prompt)
        else:
            head = list(prompt) if is_ids(prompt) else self.lm.encode(prompt)
            ids = [*head, *self.lm.encode_text(self.prefix_text)] if self.prefix else head
            if not self.heals or not self.prefix:
                return self._closed(ids)
            found = heal_after(self.lm, head, self.prefix)
        if len(found.elements) == 1 and not found.elements[0].beyond:
            return self._closed(found.elements[0].tokens)
        first = found.elements[0].tokens[: found.n_trunk]
        return Opening(ids, first, found.elements, self.sampler, self.prefix)

    def _closed(self, ids: Sequence[int]) -> Opening:
        return Opening(list(ids), list(ids), [], self.sampler, self.prefix)


def is_ids(prompt: Any) -> bool:
    """Whether a prompt is token ids."""
    return not isinstance(prompt, (str, bytes)) and bool(len(prompt)) and all(isinstance(item, int) for item in prompt)
