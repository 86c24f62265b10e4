"""`pattern`: ECMA-262 text -> a tree of whole strings.

A pattern may match anywhere in the string, so the tree is `any text, pattern, any text`.  Where that is simple, `^` and
`$` are worked out: such trees are spelled and measured as they are.  What is left is worked out by the automaton.
"""

from __future__ import annotations

from functools import lru_cache

from guided.automata import parse
from guided.automata.syntax import ANY_TEXT, EMPTY, Ahead, Concat, End, Node, Repeat, Start, Union, concat, union
from guided.errors import GuidedError, LimitExceeded, UnsupportedSchema
from guided.limits import Limits
from guided.schema.trees import children, depth, has_anchor, is_nullable

MAX_DEPTH = 100  # nested groups and repeats of a pattern inside a schema
_MAX_ALTERNATIVES = 256  # ways in which `^` and `$` may be met in one pattern


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
    except GuidedError as error:
        raise UnsupportedSchema(
            f"the pattern {pattern!r} cannot be enforced: {str(error).splitlines()[0]}.",
            pointer,
            'write it without that construct, or pass on_unsupported="ignore"',
        ) from None


def resolve_anchors(tree: Node) -> Node:
    """`tree` without `^` and `$` outside of lookahead: where they hold, what stands on their other side is empty.

    The tree itself if they stand in repeats, in too many combinations, or on the far side of what looks around.
    """
    if not has_anchor(tree):
        return tree
    finished: list[Node] = []
    waiting: list[list[Node]] = [[tree]]
    n_made = 1
    while waiting:
        parts = waiting.pop()
        for index, part in enumerate(parts):
            if _is_end(part) or not _has_end(part):
                continue
            if isinstance(part, Concat):
                choices: list[list[Node]] = [list(part.parts)]
            elif isinstance(part, Union):
                choices = [[choice] for choice in part.parts]
            elif isinstance(part, Repeat) and part.most == 1:
                choices = [[part.node]] + ([[EMPTY]] if part.least == 0 else [])
            else:
                return tree
            n_made += len(choices) - 1
            if n_made > _MAX_ALTERNATIVES:
                return tree
            waiting.extend([*parts[:index], *choice, *parts[index + 1 :]] for choice in choices)
            break
        else:
            met = _meet(parts)
            if met is None:
                return tree
            finished.append(met)
    return union(*finished)


def _is_end(node: Node) -> bool:
    return isinstance(node, (Start, End)) and not node.line


def _has_end(node: Node) -> bool:
    """Whether `^` or `$` occurs outside of lookahead."""
    stack = [node]
    while stack:
        here = stack.pop()
        if _is_end(here):
            return True
        if not isinstance(here, Ahead):
            stack.extend(children(here))
    return False


def _meet(parts: list[Node]) -> Node | None:
    """One sequence with `^` and `$` among its parts; None if what looks around stands on their far side."""
    ends = [index for index, part in enumerate(parts) if _is_end(part)]
    first = max((index for index in ends if isinstance(parts[index], Start)), default=-1)
    last = min((index for index in ends if isinstance(parts[index], End)), default=len(parts))
    kept: list[Node] = []
    for index, part in enumerate(parts):
        if _is_end(part):
            continue
        if first < index < last:
            kept.append(part)
        elif isinstance(part, Ahead) or has_anchor(part):
            return None
        elif not is_nullable(part):
            return union()
    return concat(*kept)
