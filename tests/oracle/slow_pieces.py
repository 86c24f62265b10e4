"""The twin of compositions: is a text a member of a tree of parts?  By the definition, trying every cut.

Leaves are told by their `pattern`, a Python regular expression, or by `fits`, a predicate on texts.
"""

from __future__ import annotations

from guided.constraints.pieces import Alt, Many, Part, Seq


def ends(tree, text, start) -> set[int]:
    """Where a tree that begins at text[start] may end."""
    match tree:
        case Part(constraint):
            return {end for end in range(start, len(text) + 1) if constraint.fits(text[start:end])}
        case Alt(parts):
            return {end for part in parts for end in ends(part, text, start)}
        case Seq(parts):
            here = {start}
            for part in parts:
                here = {end for at in here for end in ends(part, text, at)}
            return here
        case Many(part, least, most, between):
            found, here, number = set(), {start}, 0
            while here and (most is None or number <= most) and number <= least + len(text) + 1:
                if number >= least:
                    found |= here
                if number and between is not None:
                    here = {end for at in here for end in ends(between, text, at)}
                here = {end for at in here for end in ends(part, text, at)}
                number += 1
            return found
    raise TypeError(tree)


def is_member(tree, text) -> bool:
    return len(text) in ends(tree, text, 0)
