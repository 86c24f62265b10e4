"""The open end of a text: every way in which the tokenizer may go on with it, with its exact weight.

A text that stops inside a token is written otherwise than the same text with more behind it.  Cut back to where no text
to come can change the tokens, and the rest is *covered*: sequences of canonical tokens whose last one reaches the end
of the text or beyond.  The events are disjoint and exhaustive, so their probabilities add up to that of the text.
Source: arXiv:2410.09303 (the lemma).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from guided.engines.contexts import tree_of
from guided.vocab.canonical import DEAD, Canonical
from guided.vocab.splits import Splits

PROBED = 400  # characters at the end of a text that are looked at for a cut that holds
TOKENS_BACK = 8  # where nothing is cut (SentencePiece): tokens taken back; merges reach that far in no text we met


class Element(NamedTuple):
    """One way to go on: the tokens of the open end, the bytes by which they reach beyond it, log of its weight."""

    tokens: tuple[int, ...]
    beyond: bytes
    logw: float


def split_open_end(canonical: Canonical, text: bytes, *, at_least: int = 0) -> tuple[list[int], bytes]:
    """(tokens that no text to come can change, the bytes after them)."""
    ids = canonical.encode(text)
    if canonical.places is None or not ids:
        return ids, b""
    if not isinstance(canonical.places, Splits):
        kept = ids[: max(at_least, len(ids) - TOKENS_BACK)]
        return kept, canonical.vocab.bytes_of(ids[len(kept) :])
    start = max(0, len(text) - PROBED)
    while start and 0x80 <= text[start] < 0xC0:
        start -= 1
    tail = text[start:].decode("utf-8", "replace")
    common: set[int] | None = None
    for probe in dict.fromkeys(
        [*canonical.places.probes, *canonical.places.space_probes, *canonical.places.quote_probes]
    ):
        pieces = canonical.encoder.backend.pre_tokenizer.pre_tokenize_str(tail + probe)
        cuts = {span[1] for _, span in pieces if span[1] <= len(tail)}
        common = cuts if common is None else common & cuts
    settled = [start + len(tail[:cut].encode()) for cut in sorted(common or ())]
    ends = np.cumsum([0, *(len(canonical.vocab.tokens[token]) for token in ids)]).tolist()
    firm = [cut for cut in settled if cut in ends and cut > start] or [0]
    n_kept = ends.index(firm[-1])
    return ids[:n_kept], text[firm[-1] :]


def open_end(lm: Any, context: Sequence[int], rest: bytes, canonical: Canonical) -> list[Element]:
    """The cover of `rest` after `context`, heaviest first; weights: joint probabilities of the tokens, not normalised.

    context : tokens, at least one, after which the canonical tokens of `rest` begin.
    One pass of the model per token of depth; [] where no canonical sequence of tokens can spell the rest.
    """
    if not rest:
        return [Element((), b"", 0.0)]
    tree, trie = tree_of(lm, list(context)), lm.vocab.trie
    tokens_of = lm.vocab.tokens
    found: list[Element] = []
    pending = [((), 0, canonical.state_after(context), 0, 0.0)]  # tokens, bytes read, state, node of the tree, logp
    while pending:
        longer: list[Any] = []
        for tokens, at, state, node, logp in pending:
            row = log_softmax(tree.row(node))
            allowed = canonical.allowed(state)
            left = rest[at:]
            end = trie.node_of(left)
            if end >= 0:
                for token in trie.ids_below(end):
                    if allowed[token] and row[token] > -math.inf:
                        found.append(Element((*tokens, token), tokens_of[token][len(left) :], logp + float(row[token])))
            for length in range(1, len(left)):
                inner = trie.node_of(left[:length])
                if inner < 0:
                    break
                for token in trie.ids_of(left[:length]):
                    after = canonical.after(state, token) if allowed[token] else DEAD
                    if after != DEAD and row[token] > -math.inf:
                        longer.append(((*tokens, token), at + length, after, node, logp + float(row[token])))
        if longer:
            nodes = tree.extend([one[3] for one in longer], [one[0][-1] for one in longer])
            longer = [(*one[:3], node, one[4]) for one, node in zip(longer, nodes, strict=True)]
        pending = longer
    return sorted(found, key=lambda one: (-one.logw, one.tokens))


def log_softmax(row: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Natural log-probabilities of a row of logits, float64, NumPy or torch."""
    logits = np.asarray(row.float().cpu() if hasattr(row, "cpu") else row, np.float64)
    top = logits.max()
    result: np.ndarray[Any, np.dtype[np.float64]] = logits - (top + math.log(np.exp(logits - top).sum()))
    return result
