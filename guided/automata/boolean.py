"""Intersection, complement and label filters: what needs whole automata, built in full and minimised.

Every automaton here is bounded by Limits.max_dfa_states.  Not here: plain trees (compile.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from guided import _fast
from guided.automata.syntax import ANY_TEXT, Both, Node, Not
from guided.limits import Limits

Labels = tuple[int, ...]
DEAD: Final = -1


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
                made = _fast.product(made, other, True, True, both, limits.max_dfa_states).minimised()
        else:
            made = _fast.product(table(ANY_TEXT, limits), tables[0], True, False, without, limits.max_dfa_states)
            made = made.minimised()
        done[id(here)] = made
    return done[id(node)]


def both(left: Labels, right: Labels) -> Labels:
    return left if right else ()


def without(left: Labels, right: Labels) -> Labels:
    return () if right else left


def table(node: Node, limits: Limits) -> _fast.Table:
    """The minimal table of a tree, label 0."""
    from guided.automata.around import whole
    from guided.automata.compile import Builder

    nfa = _fast.Nfa(limits.max_nfa_states)
    builder = Builder(nfa, limits)
    dfa = builder.finish([whole(builder, node, nfa.accept(0))])
    return _fast.tabulate(dfa, limits.max_dfa_states).minimised()


def embed(nfa: _fast.Nfa, table: _fast.Table, follow: Callable[[Labels], list[int]]) -> int:
    """A copy of `table` in `nfa`, its accepting states followed by follow(labels).  Returns the first state."""
    follows = {labels: follow(labels) for labels in set(table.labels) if labels}
    return nfa.table(table, follows)


def restrict(dfa: _fast.Dfa, accept: Callable[[Labels], bool], limits: Limits) -> _fast.Dfa:
    """The part of `dfa` from which a label set that `accept` takes can be reached."""
    made = _fast.tabulate(dfa, limits.max_dfa_states)
    made = made.relabelled(lambda labels: labels if labels and accept(labels) else ()).minimised()
    nfa = _fast.Nfa(max(limits.max_nfa_states, 2 * limits.max_dfa_states))
    entry = embed(nfa, made, lambda labels: [nfa.accept(label) for label in labels])
    return _fast.Dfa(nfa, [entry], limits.max_states)
