"""Syntax trees -> byte automaton, built backwards: every piece is made with the state that follows it.

Nothing here recurses: trees may be as deep as their texts are long.  Not here: text, Unicode tables; anchors, word
boundaries and lookahead (around.py).
Source: docs/theory/automata.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from guided import _fast
from guided.automata import around, boolean
from guided.automata.facts import FactsOf
from guided.automata.syntax import (
    EMPTY,
    Both,
    Chars,
    Concat,
    Literal,
    Made,
    Never,
    Node,
    Not,
    Repeat,
    Union,
    Words,
    Written,
)
from guided.automata.utf8 import utf8_graph
from guided.errors import LimitExceeded
from guided.limits import DEFAULT_LIMITS, Limits

DEAD: Final = -1
_MOST_ROUNDS: Final = 2**57  # counters are parts of 64-bit numbers
Labels = tuple[int, ...]


def compile_dfa(
    node: Node | Mapping[int, Node],
    *,
    accept: Callable[[Labels], bool] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> _fast.Dfa:
    """The automaton of `node`, or of labelled alternatives (label -> tree), over the bytes of UTF-8.

    accept : which label sets may end a text.  Others do not count as accepting, and states from which no accepted set
             can be reached are DEAD; this builds the whole automaton.  Without it, states are made as they are reached.
    Returns a Dfa; its `start` is DEAD if the language is empty.
    Raises LimitExceeded (max_nfa_states; max_dfa_states for what must be built in full; max_states while it is read),
    ConstraintError for lookahead inside an unbounded repeat.
    """
    alternatives = {0: node} if not isinstance(node, Mapping) else dict(node)
    nfa = _fast.Nfa(limits.max_nfa_states)
    builder = Builder(nfa, limits)
    entries = [around.whole(builder, alternatives[label], nfa.accept(label)) for label in sorted(alternatives)]
    dfa = builder.finish(entries)
    if accept is not None:
        dfa = boolean.restrict(dfa, accept, limits)
    return dfa


class Builder:
    """Builds trees into one Nfa; `build` may be called again and again, `finish` ends it."""

    def __init__(self, nfa: _fast.Nfa, limits: Limits) -> None:
        self.nfa, self.limits = nfa, limits
        self.facts = FactsOf()
        self.pruned = False  # there may be states that lead nowhere
        self.spent = 0  # states of all automata made for lookahead
        self.values: list[int] = []
        self.tasks: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def build(self, root: Node, follow: int) -> int:
        """The first state of `root` with `follow` after it; DEAD if there is no such text."""
        self.values.append(follow)
        outside = len(self.tasks)  # texts inside texts (Written) are built while the tasks of the outer one wait
        self.tasks.append((self._enter, (root,)))
        while len(self.tasks) > outside:
            step, arguments = self.tasks.pop()
            step(*arguments)
        return self.values.pop()

    def _enter(self, node: Node) -> None:
        """Replace the state on top of `values`, which follows `node`, by the first state of `node`."""
        values, nfa = self.values, self.nfa
        follow = values[-1]
        if follow == DEAD or isinstance(node, Never):
            values[-1] = DEAD
        elif isinstance(node, Literal):
            values[-1] = nfa.literal(node.text.encode("utf-8"), follow)
        elif isinstance(node, Chars):
            values[-1] = nfa.graph(utf8_graph(node.ranges), follow) if node.ranges else DEAD
        elif isinstance(node, Concat):
            self.tasks.extend((self._enter, (part,)) for part in node.parts)
        elif isinstance(node, Words):
            words = sorted({text.encode("utf-8") for text in node.texts})
            values[-1] = _fast.add_words(nfa, words, [follow] * len(words))
        elif isinstance(node, Union):
            self._union(node.parts)
        elif isinstance(node, Repeat):
            self._repeat(node)
        elif isinstance(node, Made):
            values[-1] = node.build(nfa, follow)
        elif isinstance(node, Written):
            values[-1] = around.written(self, node, follow)
        elif isinstance(node, (Both, Not)):
            table = boolean.build(node, self.limits)
            values[-1] = boolean.embed(nfa, table, lambda labels: [follow])
        else:
            raise TypeError(f"not a syntax tree: {node!r}")

    # ---- union ----

    def _union(self, parts: tuple[Node, ...]) -> None:
        texts = [part.text for part in parts if isinstance(part, Literal)]
        others: list[Node] = [part for part in parts if not isinstance(part, Literal)]
        if len(texts) > 1:  # literals share their prefixes
            others.append(Words(tuple(texts)))
        else:
            others = list(parts)
        follow = self.values.pop()
        self.tasks.append((self._join, (len(others),)))
        for part in others:
            self.tasks.append((self._enter, (part,)))
            self.tasks.append((self.values.append, (follow,)))

    def _join(self, count: int) -> None:
        entries = self.values[-count:]
        del self.values[-count:]
        self.values.append(self.nfa.split(entries))

    # ---- repeats ----

    def _repeat(self, node: Repeat) -> None:
        body, least, most = fold(node)
        follow = self.values[-1]
        about = self.facts(body)
        if about.is_empty or (most == 0):
            if least > 0 and about.is_empty:
                self.values[-1] = DEAD
            return
        if about.nullable:
            least = 0
        if least == 1 and most == 1:
            self.tasks.append((self._enter, (body,)))
        elif least == 0 and most == 1:
            self.values.append(follow)
            self.tasks.append((self._join, (2,)))
            self.tasks.append((self._enter, (body,)))
        elif most is None and least <= 1:
            knot = self.nfa.knot()
            self.values[-1] = knot
            self.tasks.append((self._close_star, (knot, follow, least)))
            self.tasks.append((self._enter, (body,)))
        else:
            if max(least, most or 0) >= _MOST_ROUNDS:
                raise LimitExceeded("max_nfa_states", self.limits.max_nfa_states, _MOST_ROUNDS, "a repeat")
            self.values[-1] = self.nfa.open_loop(least, -1 if most is None else most, follow)
            self.tasks.append((self._close_loop, (follow, least)))
            self.tasks.append((self._enter, (body,)))

    def _close_star(self, knot: int, follow: int, least: int) -> None:
        entry = self.values.pop()
        self.nfa.set_targets(knot, [state for state in (entry, follow) if state != DEAD])
        self.values.append(knot if least == 0 else entry)

    def _close_loop(self, follow: int, least: int) -> None:
        entry = self.values.pop()
        self.nfa.close_loop(entry)
        if entry == DEAD:
            self.values.append(follow if least == 0 else DEAD)
        else:
            self.values.append(self.nfa.split([entry, follow]) if least == 0 else entry)

    # ---- the end ----

    def spend(self, n_states: int) -> None:
        """Count states that lookahead looked at; a pattern may hold many of them, each small."""
        self.spent += n_states
        if self.spent > 4 * self.limits.max_dfa_states:
            raise LimitExceeded("max_dfa_states", self.limits.max_dfa_states, self.spent // 4, "all lookahead together")

    def finish(self, entries: list[int]) -> _fast.Dfa:
        """The automaton of all texts that one of `entries` reads."""
        if self.pruned:
            alive = _fast.trim(self.nfa)
            entries = [state for state in entries if state != DEAD and alive[state]]
        return _fast.Dfa(self.nfa, entries, self.limits.max_states)


def fold(node: Repeat) -> tuple[Node, int, int | None]:
    """(body, least, most) with nested repeats made one where that is exact: (a{1,9}){1,9} is a{1,81}."""
    body, least, most = node.node, node.least, node.most
    while isinstance(body, Repeat):
        low, high = body.least, body.most
        if least == most and least is not None:
            exact = True
        else:
            # k and k + 1 rounds give [k low, k high] and [(k + 1) low, ..]: no gap if (k + 1) low <= k high + 1
            first = max(least, 1)
            exact = (least > 0 or low <= 1) and (
                high is None or (first + 1) * low <= first * high + 1 or (most is not None and most <= first)
            )
        if not exact:
            break
        if most == 0 or high == 0:
            return EMPTY, 0, 0
        least, most = least * low, None if most is None or high is None else most * high
        body = body.node
    return body, least, most
