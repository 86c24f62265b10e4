"""choice_logprobs() and log_z(): how probable an outcome is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from guided.engines.contexts import tree_of
from guided.engines.resampling import log_sum
from guided.engines.samplers import as_row
from guided.engines.smc import smc


def log_z(lm: Any, prompt: Any, constraint: Any, *, n_particles: int = 64, **options: Any) -> float:
    """Natural log of an unbiased estimate of the probability that the model's text fits; -inf if none was found.

    options : of smc.  For a few given texts, choice_logprobs is exact.
    """
    return smc(lm, prompt, constraint, n_particles=n_particles, **options).log_z


def choice_logprobs(
    lm: Any,
    prompt: Any,
    choices: Sequence[str],
    *,
    end: bool = False,
    encodings: str = "all",
    tolerance: float = 1e-6,
) -> dict[str, float]:
    """Natural log of the probability of each choice after the prompt; they need not sum to 1.

    end       : False: the model's text begins with the choice, in whatever tokens;  True: it is the choice, and ends.
    encodings : "all": over all ways to spell the choice in tokens (and, if not end, to go beyond it with the last one);
                "canonical": the tokens of lm.encode_text alone.
    tolerance : ways that could change a choice's probability by less than this share are left out.
    Raises ValueError if there is no choice, or an empty one that need not end.
    """
    if not choices or (not end and not all(choices)):
        raise ValueError("choices must not be empty, nor any of them: every text begins with nothing")
    if encodings not in ("all", "canonical"):
        raise ValueError(f'encodings must be "all" or "canonical", not {encodings!r}')
    prompt_ids = lm.encode(prompt)
    distinct = list(dict.fromkeys(choices))
    walk = Walk(lm, [choice.encode() for choice in distinct], end)
    canonical = {choice.encode(): walk.follow(tree_of(lm, prompt_ids), lm.encode_text(choice)) for choice in distinct}
    if encodings == "canonical":
        return {choice: canonical[choice.encode()] for choice in choices}
    found = walk.spread(tree_of(lm, prompt_ids), canonical, math.log(tolerance) if tolerance > 0 else -math.inf)
    return {choice: found[choice.encode()] for choice in choices}


class Walk:
    """Ways to spell some texts in the tokens of a model."""

    def __init__(self, lm: Any, texts: list[bytes], end: bool) -> None:
        self.vocab, self.texts, self.end = lm.vocab, texts, end

    def logp(self, row: Any) -> Any:
        """float64[V], normalised."""
        values = np.asarray(as_row(row), np.float64)
        return values - log_sum(values)

    def ended(self, logp: Any) -> float:
        """Natural log of the probability that the text ends here."""
        return log_sum(logp[sorted(self.vocab.eos_ids)])

    def follow(self, tree: Any, tokens: Sequence[int]) -> float:
        """One way, token by token."""
        node, total = 0, 0.0
        for number, token in enumerate(tokens):
            total += float(self.logp(tree.row(node))[token])
            if self.end or number + 1 < len(tokens):
                (node,) = tree.extend([node], [token])
        return total + self.ended(self.logp(tree.row(node))) if self.end else total

    def spread(self, tree: Any, least: dict[bytes, float], log_tolerance: float) -> dict[bytes, float]:
        """All ways, a token at a time, side by side; those far below `least` are left out."""
        found: dict[bytes, list[float]] = {text: [] for text in self.texts}
        frontier: dict[int, tuple[bytes, float]] = {0: (b"", 0.0)}
        while frontier:
            following: dict[tuple[int, int], tuple[bytes, float]] = {}
            for node, (written, total) in frontier.items():
                logp = self.logp(tree.row(node))
                for text in self.texts:
                    if not text.startswith(written):
                        continue
                    if text == written:
                        if self.end:  # else it was counted when it was reached
                            found[text].append(total + self.ended(logp))
                        continue
                    for token, spelled in self.next_tokens(text[len(written) :]):
                        reached, now = written + spelled, total + float(logp[token])
                        if not self.end and len(reached) >= len(text):
                            found[text].append(now)
                        elif now > least[text] + log_tolerance:
                            following[node, token] = (reached, now)
            nodes = tree.extend([n for n, _ in following], [t for _, t in following]) if following else []
            frontier = dict(zip(nodes, following.values(), strict=True))
            tree.keep(frontier)
        return {text: log_sum(ways) for text, ways in found.items()}

    def next_tokens(self, rest: bytes) -> list[tuple[int, bytes]]:
        """Tokens that spell a beginning of `rest`; if the text need not end, those that go beyond it too."""
        trie, node = self.vocab.trie, 0
        found: list[tuple[int, bytes]] = []
        for length in range(1, len(rest) + 1):
            node = trie.child(node, rest[length - 1])
            if node < 0:
                return found
            found.extend((token, rest[:length]) for token in trie.node(node)[3])
        if not self.end:
            known = {token for token, _ in found}
            found.extend((token, rest) for token in trie.ids_below(node) if token not in known)
        return found
