"""The twin of the automata: which ends can a syntax tree reach in a text?  By the definition of each node.

Nothing is compiled: a node maps (text, where it starts) to the set of places where it may end.  Slow everywhere,
exponential nowhere.  Anchors and lookahead read the text around their place, as their definition says.
"""

from __future__ import annotations

from guided.automata.syntax import (
    Ahead,
    Both,
    Boundary,
    Chars,
    Concat,
    End,
    Literal,
    Never,
    Node,
    Not,
    Ranges,
    Repeat,
    Start,
    Union,
    Words,
)


def matches(node: Node, text: str) -> bool:
    """Whether all of `text` is in the language of `node`."""
    return len(text) in ends(node, text, 0)


def ends(node: Node, text: str, start: int) -> set[int]:
    """Where `node` may end in `text` if it begins at `start`."""
    match node:
        case Never():
            return set()
        case Literal(wanted):
            return {start + len(wanted)} if text.startswith(wanted, start) else set()
        case Words(texts):
            return {start + len(wanted) for wanted in texts if text.startswith(wanted, start)}
        case Chars(ranges):
            return {start + 1} if is_among(text, start, ranges) else set()
        case Concat(parts):
            here = {start}
            for part in parts:
                here = {end for place in here for end in ends(part, text, place)}
            return here
        case Union(parts):
            return {end for part in parts for end in ends(part, text, start)}
        case Repeat(body, least, most):
            return repeated(body, least, most, text, start)
        case Both(parts):
            whole = range(start, len(text) + 1)
            return {end for end in whole if all(matches(part, text[start:end]) for part in parts)}
        case Not(body):
            return {end for end in range(start, len(text) + 1) if not matches(body, text[start:end])}
        case Ahead(body, negative):
            return {start} if bool(ends(body, text, start)) != negative else set()
        case Start(line):
            return {start} if start == 0 or is_among(text, start - 1, line) else set()
        case End(newline, line):
            at_end = start == len(text) or (newline and text[start:] == "\n")
            return {start} if at_end or is_among(text, start, line) else set()
        case Boundary(word, negative, in_empty):
            is_edge = is_among(text, start - 1, word) != is_among(text, start, word)
            holds = is_edge != negative and (text or in_empty or not negative)
            return {start} if holds else set()
    raise TypeError(node)


def is_among(text: str, place: int, ranges: Ranges) -> bool:
    """Whether there is a character at `place`, and out of `ranges`."""
    return 0 <= place < len(text) and any(low <= ord(text[place]) <= high for low, high in ranges)


def repeated(body: Node, least: int, most: int | None, text: str, start: int) -> set[int]:
    """Ends after least..most rounds; rounds beyond the text's length can only be empty ones, which change nothing."""
    here, found = {start}, set()
    rounds = min(most, least + len(text) + 1) if most is not None else least + len(text) + 1
    if least > len(text) + 1:  # more rounds than characters: all but len(text) + 1 of them are empty
        rounds, least = rounds - (least - len(text) - 1), len(text) + 1
    for done in range(rounds + 1):
        if done >= least:
            found |= here
        here = {end for place in here for end in ends(body, text, place)}
    return found
