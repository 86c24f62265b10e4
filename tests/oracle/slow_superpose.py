"""Superposed decoding as its paper writes it, with lists and sorts; and n-gram counts in dicts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

PAPER_WEIGHTS = (0.01, 0.04, 0.15, 0.18, 0.12)


def slow_superpose(
    logits_of,
    texts,
    eos,
    k,
    m,
    n_steps,
    temperature,
    alpha=0.0,
    guess=None,
    penalty=200.0,
    viable=None,
    final=None,
    margin=0.0,
):
    """(tokens, score, reason) of at most k finished texts and k others, best score per token first.

    logits_of(columns) : a row of logits after superposed columns, each a dict from token to weight.
    texts : bytes by token.      guess(tokens, token) : g of the n-grams.
    margin : by how much more a second way on of one draft must score than the first of another, a third by twice that.
    viable(text, n_tokens) : whether a text may be written; final(text) : whether it is over.  None: always, never.
    """
    alive, pool, columns = [((), 0.0)], [], []

    def text_of(tokens):
        return b"".join(texts[token] for token in tokens)

    def may_follow(tokens, token):
        if viable is None:
            return True
        return viable(text_of(tokens), len(tokens), token)

    for _ in range(n_steps):
        row = logits_of(columns)
        known = [token for token in range(len(texts)) if (texts[token] or token == eos) and row[token] > -math.inf]
        ranked = sorted(known, key=lambda token: (-row[token], token))
        top = ranked[:m]
        norm = math.log(sum(math.exp(float(row[token]) / temperature) for token in top))
        choices = [[token for token in top if may_follow(tokens, token)] for tokens, _ in alive]
        if viable is not None and sum(map(len, choices)) < k:
            choices = [[token for token in ranked if may_follow(tokens, token)][:m] for tokens, _ in alive]
        pairs = []
        for (tokens, score), tried in zip(alive, choices, strict=True):
            logps = [float(row[token]) / temperature - norm for token in tried]
            if guess is None:
                pairs += [(score + logp, tokens, token) for logp, token in zip(logps, tried, strict=True)]
                continue
            guesses = [guess(tokens, token) for token in tried]
            for logp, g, token in zip(logps, guesses, tried, strict=True):
                if any(guesses):
                    added = (1 - alpha) * logp + alpha * math.log(g) if g else -math.inf
                else:
                    added = (1 - alpha) * logp - penalty
                pairs.append((score + added, tokens, token))
        pairs = [pair for pair in sorted(pairs, key=lambda pair: -pair[0]) if pair[0] > -math.inf]
        ways = Counter()
        ranks = []
        for score, tokens, token in pairs:
            ranks.append(score if token == eos or len(alive) == 1 else score - margin * ways[tokens])
            ways[tokens] += token != eos
        pairs = [pairs[number] for number in sorted(range(len(pairs)), key=lambda number: -ranks[number])]
        following, seen = [], set()
        for rank, (score, tokens, token) in enumerate(pairs):
            if len(following) == k and rank >= 2 * k:
                break
            longer, text = (*tokens, token), text_of((*tokens, token))
            if token == eos or (final is not None and final(text)):
                pool.append((longer, score, "eos" if token == eos else "stop"))
            elif len(following) < k and text not in seen:
                seen.add(text)
                following.append((longer, score))
        pool = best_of(pool, k, text_of)
        alive = following
        if not alive or (len(pool) == k and max(score for _, score in alive) / n_steps <= mean(pool[-1])):
            alive = []
            break
        weights = [math.exp(score - alive[0][1]) for _, score in alive]
        column = defaultdict(float)
        for (tokens, _), weight in zip(alive, weights, strict=True):
            column[tokens[-1]] += weight / sum(weights)
        columns.append(dict(column))
    return sorted([*pool, *((tokens, score, "length") for tokens, score in alive)], key=lambda entry: -mean(entry))


def mean(entry):
    return entry[1] / len(entry[0])


def best_of(pool, k, text_of):
    """The best k, each text once."""
    found = {}
    for entry in sorted(pool, key=lambda entry: -mean(entry)):
        found.setdefault(text_of(entry[0]), entry)
    return list(found.values())[:k]


class SlowNGrams:
    """Counts in dicts."""

    def __init__(self, documents, order, min_count=1):
        self.order = order
        counted = Counter(
            (tuple(document[place - n : place]), document[place])
            for document in documents
            for n in range(order)
            for place in range(n, len(document))
        )
        self.after = defaultdict(dict)
        for (history, token), count in counted.items():
            if count >= min_count:
                self.after[history][token] = count

    def paper(self, history, token):
        total = 0.0
        for n in range(1, min(self.order - 1, len(history)) + 1):
            seen = self.after.get(tuple(history[len(history) - n :]), {})
            if seen:
                total += PAPER_WEIGHTS[n - 1] * seen.get(token, 0) / sum(seen.values())
        return total

    def backoff(self, history, token, n_ids):
        prob = 1 / n_ids
        for n in range(min(self.order - 1, len(history)) + 1):
            seen = self.after.get(tuple(history[len(history) - n :]), {})
            if seen:
                prob = (seen.get(token, 0) + len(seen) * prob) / (sum(seen.values()) + len(seen))
        return prob
