"""What becomes of the states of an LALR table, with dicts and Python's ints: the slow twin of _fast/saturation.pyx."""

from __future__ import annotations

from collections import deque

from guided.context_free.lalr import END
from guided.context_free.lexers import IGNORED
from guided.context_free.liveness import Lookaheads
from guided.context_free.readings import END_OF_TEXT, bits
from guided.context_free.source import Table
from guided.errors import LimitExceeded

FINISHED = ("", -1)  # outcome: the whole text was read
Outcome = tuple[str, int]  # (nonterminal, states still to pop before its goto)


class Outcomes:
    """popped[p][l] : what can become of state p on top of a stack when lookahead l is fed, until p is popped.

    {(nonterminal, k): lookaheads}: after some more text, k states below p are popped too, then the nonterminal's goto
    is
    taken under one of those lookaheads.  FINISHED: the whole text was read.
    reduced[p] : the same for lookaheads under which p is popped at once by a reduction: they stay themselves, so that
                 one
    set serves them all.
    """

    def __init__(self, lookaheads: Lookaheads, table: Table, max_items: int) -> None:
        self.lookaheads, self.table, self.max_items = lookaheads, table, max_items
        self.readable: dict[tuple[int, int], int] = {}
        n = len(table.actions)
        self.popped: list[dict[int, dict[Outcome, int]]] = [{} for _ in range(n)]
        self.reduced: list[dict[Outcome, int]] = [{} for _ in range(n)]
        self.fed = [0] * n  # lookaheads that have a cell in popped
        self.relevant = [0] * n  # lookaheads under which anything becomes of a state
        self._unions: dict[tuple[int, int], Union] = {}
        self._unions_of: list[list[Union]] = [[] for _ in range(n)]
        self._grown: list[tuple[int, int]] = []  # cells to compute anew
        self._saturate()

    def read_from(self, state: int, control: int) -> int:
        """Lookaheads that can be read next by the lexer of a state, the end of the text among them."""
        key = (self.lookaheads.lexers.of_state[state], control)
        found = self.readable.get(key)
        if found is None:
            ends = self.lookaheads.ends_of(self.lookaheads.starts.get(key, ()))
            found = self.readable[key] = ends | self.lookaheads.also_read(control)
        return found

    def _saturate(self) -> None:
        """Least fixed point: cells are done again when a cell that they asked has grown."""
        names, numbers = self.lookaheads.names, self.lookaheads.lexers.number
        by_name: dict[str, list[int]] = {END: [END_OF_TEXT]}
        terminal_name = {number: name for name, number in numbers.items()}
        for lookahead in range(1, len(names)):
            terminal = names[lookahead][0]
            if terminal != IGNORED:
                by_name.setdefault(terminal_name[terminal], []).append(lookahead)
        todo: list[tuple[int, int]] = []
        masks = {name: sum(1 << lookahead for lookahead in found) for name, found in by_name.items()}
        for state, action in enumerate(self.table.actions):
            for name, (shifts, argument) in action.items():
                origin, size = self.table.rules[argument] if not shifts else ("", 0)
                if size:
                    merge_one(self.reduced[state], (origin, size - 1), masks.get(name, 0))
                else:
                    todo.extend((state, lookahead) for lookahead in by_name.get(name, ()))
            lexer = self.lookaheads.lexers.of_state[state]
            todo.extend(
                (state, lookahead)
                for lookahead in range(1, len(names))
                if self.lookaheads.is_dropped(state, names[lookahead][0])
                and (lexer, names[lookahead][1]) in self.lookaheads.starts
            )
        if len(todo) > self.max_items:
            raise LimitExceeded(
                "max_states", self.max_items, len(todo), "the analysis of the grammar, in pairs of state and lexeme,"
            )
        for state, lookahead in todo:
            self.fed[state] |= 1 << lookahead
        for state, outcomes in enumerate(self.reduced):
            self.relevant[state] = self.fed[state]
            for mask in outcomes.values():
                self.relevant[state] |= mask
        waiting = set(todo)
        queue = deque(reversed(todo))
        while queue:
            cell = queue.popleft()
            waiting.discard(cell)
            self._update(*cell, terminal_name)
            for reader in self._grown:
                if reader not in waiting:
                    waiting.add(reader)
                    queue.append(reader)
            self._grown.clear()

    def _update(self, state: int, lookahead: int, terminal_name: dict[int, str]) -> bool:
        """Compute one cell anew; True if it has grown."""
        terminal, control = self.lookaheads.names[lookahead]
        reader = (state, lookahead)
        new: dict[Outcome, int] = {}
        if self.lookaheads.is_dropped(state, terminal):
            merge(new, self.union(state, self.read_from(state, control), reader))
        else:
            shifts, argument = self.table.actions[state][END if lookahead == END_OF_TEXT else terminal_name[terminal]]
            if shifts:
                control = self.lookaheads.after_shift(terminal, control)
                for target in (argument, self.table.also.get((state, terminal_name.get(terminal, END)))):
                    if target is not None:
                        merge(new, self.over(state, target, self.read_from(target, control), reader))
            else:
                target = self.table.gotos[state].get(self.table.rules[argument][0])
                if target is not None and lookahead == END_OF_TEXT and target == self.table.end:
                    new = {FINISHED: 1}
                elif target is not None:
                    new = self.over(state, target, 1 << lookahead, reader)
        cell = self.popped[state].setdefault(lookahead, {})
        if not merge(cell, new):
            return False
        for union in self._unions_of[state]:
            if union.feed >> lookahead & 1 and merge(union.outcomes, new):
                self._grown.extend(union.readers)
        return True

    def union(self, state: int, feed: int, reader: tuple[int, int] | None) -> dict[Outcome, int]:
        """What becomes of a state under one of several lookaheads; `reader` is a cell to compute anew if that grows."""
        feed &= self.relevant[state]
        union = self._unions.get((state, feed))
        if union is None:
            union = self._unions[state, feed] = Union(feed)
            self._unions_of[state].append(union)
            for outcome, mask in self.reduced[state].items():
                if mask & feed:
                    union.outcomes[outcome] = mask & feed
            for lookahead in bits(feed & self.fed[state]):
                merge(union.outcomes, self.popped[state].get(lookahead, {}))
        if reader is not None:
            union.readers.add(reader)
        return union.outcomes

    def over(self, state: int, pushed: int, lookaheads: int, reader: tuple[int, int] | None) -> dict[Outcome, int]:
        """What becomes of `state` after `pushed` was put on it and one of `lookaheads` is fed, until `state`
        is popped.
        """
        found: dict[Outcome, int] = {}
        done: dict[int, int] = {}
        todo = [(pushed, lookaheads)]
        gotos = self.table.gotos[state]
        while todo:
            top, feed = todo.pop()
            known = done.get(top, 0)
            if not feed & ~known:
                continue
            done[top] = known | feed
            for outcome, after in self.union(top, feed, reader).items():
                origin, more = outcome
                if more:
                    found[origin, more - 1] = found.get((origin, more - 1), 0) | after
                elif origin in gotos:
                    target = gotos[origin]
                    if after & 1 and target == self.table.end:
                        found[FINISHED] = 1
                        after &= ~1
                    if after:
                        todo.append((target, after))
                elif outcome == FINISHED:
                    found[FINISHED] = 1
        return found


class Union:
    """What becomes of a state under one of the lookaheads `feed`, and the cells that asked for it."""

    __slots__ = ("feed", "outcomes", "readers")

    def __init__(self, feed: int) -> None:
        self.feed = feed
        self.outcomes: dict[Outcome, int] = {}
        self.readers: set[tuple[int, int]] = set()


def merge(into: dict[Outcome, int], new: dict[Outcome, int]) -> bool:
    """Unite two outcome sets; True if `into` has grown."""
    grown = False
    for outcome, lookaheads in new.items():
        grown = merge_one(into, outcome, lookaheads) or grown
    return grown


def merge_one(into: dict[Outcome, int], outcome: Outcome, lookaheads: int) -> bool:
    """Add one outcome; True if `into` has grown."""
    before = into.get(outcome, 0)
    if lookaheads & ~before:
        into[outcome] = before | lookaheads
        return True
    return False
