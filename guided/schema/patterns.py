"""`pattern`: ECMA-262 text -> a tree of whole strings.

A pattern may match anywhere in the string, so the tree is `any text, pattern, any text` with the anchors worked out:
inside a JSON string the ends of the text are its quotes, so that no anchor may be left for the automaton.
"""

from __future__ import annotations

from functools import lru_cache

from guided.automata import parse
from guided.automata.syntax import ANY_TEXT, EMPTY, Ahead, Concat, End, Node, Repeat, Start, Union, concat, union
from guided.errors import GuidedError, LimitExceeded, UnsupportedSchema
from guided.limits import Limits
from guided.schema.trees import depth, has_anchor, is_nullable, walk

MAX_DEPTH = 100  # nested groups and repeats of a pattern inside a schema
_MAX_ALTERNATIVES = 256  # ways in which `^` and `$` may be met in one pattern


class _Refused(Exception):
    """A construct that is not supported."""


@lru_cache(maxsize=512)
def _search(pattern: str, limits: Limits) -> Node:
    tree = parse.parse(pattern, dialect="ecma", limits=limits)
    if (given := depth(tree)) > MAX_DEPTH:  # trees are compared by content, which recurses
        raise LimitExceeded("max_pattern_depth", MAX_DEPTH, given, "a pattern of the schema")
    return resolve_anchors(concat(ANY_TEXT, tree, ANY_TEXT))


def search_tree(pattern: str, pointer: str, limits: Limits) -> Node:
    """The strings in which `pattern` is found.

    Raises UnsupportedSchema at `pointer` for what is not ECMA-262, or cannot be decided while writing.
    """
    try:
        return _search(pattern, limits)
    except LimitExceeded:
        raise
    except (_Refused, GuidedError) as error:
        raise UnsupportedSchema(
            f"the pattern {pattern!r} cannot be enforced: {str(error).splitlines()[0]}.",
            pointer,
            'write it without that construct, or pass on_unsupported="ignore"',
        ) from None


def resolve_anchors(tree: Node) -> Node:
    """`tree` without `^` and `$` outside of lookahead: where they hold, what stands on their other side is empty.

    Raises _Refused for anchors inside unbounded repeats, and for `^` inside lookahead that is not at the start.
    """
    if not has_anchor(tree):
        return tree
    finished: list[Node] = []
    waiting: list[list[Node]] = [[tree]]
    n_made = 1
    while waiting:
        parts = waiting.pop()
        for index, part in enumerate(parts):
            if isinstance(part, (Start, End)) or not has_anchor(part):
                continue
            if isinstance(part, Ahead):
                continue
            if isinstance(part, Concat):
                choices: list[list[Node]] = [list(part.parts)]
            elif isinstance(part, Union):
                choices = [[choice] for choice in part.parts]
            elif isinstance(part, Repeat) and part.most == 1:
                choices = [[part.node]] + ([[EMPTY]] if part.least == 0 else [])
            else:
                raise _Refused("'^' or '$' inside a repeat is not supported")
            n_made += len(choices) - 1
            if n_made > _MAX_ALTERNATIVES:
                raise _Refused(f"'^' and '$' in more than {_MAX_ALTERNATIVES} combinations")
            waiting.extend([*parts[:index], *choice, *parts[index + 1 :]] for choice in choices)
            break
        else:
            finished.append(_meet(parts))
    return union(*finished)


def _meet(parts: list[Node]) -> Node:
    """One sequence with anchors among its parts."""
    first = max((index for index, part in enumerate(parts) if isinstance(part, Start)), default=-1)
    last = min((index for index, part in enumerate(parts) if isinstance(part, End)), default=len(parts))
    kept: list[Node] = []
    for index, part in enumerate(parts):
        if isinstance(part, (Start, End)):
            continue
        if first < index < last:
            if isinstance(part, Ahead):
                is_first = first >= 0 and all(isinstance(before, Ahead) for before in kept)
                part = _look_ahead(part, is_first=is_first)
            kept.append(part)
        elif isinstance(part, Ahead):
            raise _Refused("lookahead on the far side of '^' or '$' is not supported")
        elif not is_nullable(part):
            return union()
    return concat(*kept)


def _look_ahead(node: Ahead, *, is_first: bool) -> Ahead:
    """A lookahead without `^`, which holds at its own start if the lookahead stands first in the text."""
    stripped = strip_start(node) if is_first else node
    if any(isinstance(below, Start) for below in walk(stripped)):
        raise _Refused("'^' inside lookahead is supported only at the start of both")
    return stripped


def strip_start(node: Ahead) -> Ahead:
    """`node`, with a `^` that every alternative begins with taken out."""
    choices = node.node.parts if isinstance(node.node, Union) else (node.node,)
    found: list[Node] = []
    for choice in choices:
        parts = choice.parts if isinstance(choice, Concat) else (choice,)
        found.append(concat(*parts[1:]) if isinstance(parts[0], Start) else choice)
    return Ahead(union(*found), node.negative)
