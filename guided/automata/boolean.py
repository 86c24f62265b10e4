"""Intersection, complement, lookahead and label filters: what needs whole automata, built in full and minimised.

Every automaton here is bounded by Limits.max_dfa_states.  Not here: plain trees (compile.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from guided import _fast
from guided.automata.anchors import strip, then_anything
from guided.automata.syntax import ANY_TEXT, Ahead, Both, Node, Not
from guided.limits import Limits

if TYPE_CHECKING:
    from guided.automata.compile import Builder

Labels = tuple[int, ...]
DEAD = -1


def build(node: Both | Not, limits: Limits) -> _fast.Table:
    """The minimal table of an intersection or a complement, label 0.  Complements are taken within valid UTF-8.

    Nested intersections and complements are done innermost first, on a list instead of the call stack.
    """
    done: dict[int, _fast.Table] = {}
    stack: list[Node] = [node]
    while stack:
        here = stack[-1]
        parts = here.parts if isinstance(here, Both) else (here.node,) if isinstance(here, Not) else ()
        missing = [part for part in parts if isinstance(part, (Both, Not)) and id(part) not in done]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        tables = [done[id(part)] if id(part) in done else table(part, limits) for part in parts]
        if isinstance(here, Both):
            made = tables[0]
            for other in tables[1:]:
                made = _fast.product(made, other, True, True, _both, limits.max_dfa_states).minimised()
        else:
            made = _fast.product(table(ANY_TEXT, limits), tables[0], True, False, _without, limits.max_dfa_states)
            made = made.minimised()
        done[id(here)] = made
    return done[id(node)]


def _both(left: Labels, right: Labels) -> Labels:
    return left if right else ()


def _without(left: Labels, right: Labels) -> Labels:
    return () if right else left


def table(node: Node, limits: Limits, *, at_start: bool = True) -> _fast.Table:
    """The minimal table of a tree, label 0.  at_start: whether its `^` may hold at its first place."""
    from guided.automata.compile import Builder

    nfa = _fast.Nfa(limits.max_nfa_states)
    builder = Builder(nfa, limits)
    entry = builder.build(strip(node) if at_start else node, nfa.accept(0))
    dfa = builder.finish([entry], at_start=at_start)
    return _fast.tabulate(dfa, limits.max_dfa_states).minimised()


def embed(nfa: _fast.Nfa, table: _fast.Table, follow: Callable[[Labels], list[int]]) -> int:
    """A copy of `table` in `nfa`, its accepting states followed by follow(labels).  Returns the first state."""
    follows = {labels: follow(labels) for labels in set(table.labels) if labels}
    return nfa.table(table, follows)


def ahead(builder: Builder, node: Ahead, follow: int) -> int:
    """The first state of what `follow` reads and the lookahead allows: an intersection with the rest of the pattern."""
    nfa, limits = builder.nfa, builder.limits
    builder.settle()
    about = builder.facts(node)
    variants = [(True, _fast.START), (False, _fast.NOT_START)] if builder.guarded or about.start else [(False, None)]
    entries = []
    for at_start, guard in variants:
        starts = nfa.closure(follow, at_start) if builder.guarded else [follow]
        after = _fast.Dfa(nfa, starts, limits.max_states, builder.guarded)
        rest = _fast.tabulate(after, limits.max_dfa_states).minimised()
        wanted = table(then_anything(node.node), limits, at_start=at_start)
        decide = _without if node.negative else _both
        both = _fast.product(rest, wanted, True, not node.negative, decide, limits.max_dfa_states).minimised()
        builder.spend(rest.n_states + both.n_states)
        entry = embed(nfa, both, lambda labels: [nfa.accept(label) for label in labels])
        if guard is not None and entry != DEAD:
            entry = builder.guard(entry, guard)
        entries.append(entry)
    return nfa.split(entries)


def restrict(dfa: _fast.Dfa, accept: Callable[[Labels], bool], limits: Limits) -> _fast.Dfa:
    """The part of `dfa` from which a label set that `accept` takes can be reached."""
    made = _fast.tabulate(dfa, limits.max_dfa_states)
    made = made.relabelled(lambda labels: labels if labels and accept(labels) else ()).minimised()
    nfa = _fast.Nfa(max(limits.max_nfa_states, 2 * limits.max_dfa_states))
    entry = embed(nfa, made, lambda labels: [nfa.accept(label) for label in labels])
    return _fast.Dfa(nfa, [entry], limits.max_states)
