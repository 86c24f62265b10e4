"""Masks by reading every token byte by byte from the start: O(vocabulary x length), obviously right."""

from __future__ import annotations

from guided._fast import DEAD


def brute_mask(recognizer, text: bytes, vocab) -> set[int]:
    """The ids that may follow `text`."""
    state = recognizer.run(recognizer.start, text)
    allowed = set(vocab.eos_ids) if recognizer.is_accepting(state) else set()
    for token in range(vocab.size):
        spelled = vocab.tokens[token] if token < len(vocab.tokens) else b""
        if spelled and recognizer.run(recognizer.start, text + spelled) != DEAD:
            allowed.add(token)
    return allowed


def ids_of(mask, size: int) -> set[int]:
    """The ids whose bits are set; fails if a bit beyond `size` is."""
    ids = {32 * word + bit for word, bits in enumerate(mask.tolist()) for bit in range(32) if bits >> bit & 1}
    assert all(token < size for token in ids)
    return ids


def fewest_tokens_to_finish(recognizer, text: bytes, vocab, most: int) -> int:
    """Tokens of the shortest way to a member, breadth first over token paths by state; most + 1 if it takes more."""
    state = recognizer.run(recognizer.start, text)
    spelled = sorted({bytes(t) for t in vocab.tokens if t})
    seen, layer = {state}, [state]
    for n_tokens in range(most + 1):
        if any(recognizer.is_accepting(s) for s in layer):
            return n_tokens
        following = {recognizer.run(s, t) for s in layer for t in spelled} - seen - {DEAD}
        seen |= following
        layer = list(following)
    return most + 1
