"""Which lexemes can still lead to the end of a text, for every stack of the parser: no dead ends.

Three fixed points: which lookaheads can be read from a place inside a lexeme (`ends`, readings.py); what becomes of a
state of the table under a lookahead until it is popped (`popped`); which of those outcomes a stack can take (`Follow`,
stacks.py).  Derivation: docs/theory/grammars.md. Source: Bouajjani, Esparza, Maler, "Reachability Analysis of Pushdown
Automata" (1997).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from guided.context_free.lexers import IGNORED, Lexers
from guided.context_free.readings import END_OF_TEXT, Readings, bits
from guided.context_free.source import END, Table
from guided.errors import LimitExceeded

FINISHED = ("", -1)  # outcome: the whole text was read
Outcome = tuple[str, int]  # (nonterminal, states still to pop before its goto)


class Lookaheads(Readings):
    """The lookaheads of Lark's LALR parser: all that any text can reach."""

    lexers: Lexers

    def __init__(self, lexers: Lexers, table: Table, max_states: int) -> None:
        super().__init__(lexers, max_states)
        self.table = table
        self._explore()

    def also_read(self, control: int) -> int:
        """Lookaheads without text that may follow in a control; the end of the text, where nothing is owed."""
        return 1 << END_OF_TEXT if self.may_end(control) else 0

    def after_shift(self, terminal: int, control: int) -> int:
        """The control that the next lexeme begins in, after a terminal was shifted that left `control`."""
        return control

    def is_dropped(self, state: int, terminal: int) -> bool:
        """Whether the parser never sees a terminal in a state of the table."""
        return terminal == IGNORED

    def next_lexers(self, lexer: int, terminal: int, shift_targets: dict[int, set[int]]) -> Iterable[int]:
        """The lexers that may read after a lexeme."""
        return [lexer] if terminal == IGNORED else shift_targets.get(terminal, ())

    def _explore(self) -> None:
        """Find all states, lookaheads and controls that a text can reach, and fill `ends`."""
        shift_targets: dict[int, set[int]] = {}
        for action in self.table.actions:
            for name, (shifts, argument) in action.items():
                if shifts and name != END:
                    shift_targets.setdefault(self.lexers.number[name], set()).add(self.lexers.of_state[argument])
        todo = [(self.lexers.of_state[self.table.start], self.first_control)]
        known = set(todo)
        while todo:
            for pair in todo:
                for state in self.begin(*pair):
                    self._reach(state)
            todo = []
            for (lexer, _), states in list(self.starts.items()):
                for lookahead in bits(self.ends_of(states)):
                    terminal, left = self.names[lookahead]
                    for after in self.next_lexers(lexer, terminal, shift_targets):
                        for control in (left, *self.freed[lookahead]):
                            if (after, control) not in known:
                                known.add((after, control))
                                todo.append((after, control))


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
        self.readers: dict[tuple[int, int], set[tuple[int, int]]] = {}
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
        waiting = set(todo)
        queue = deque(reversed(todo))
        while queue:
            cell = queue.popleft()
            waiting.discard(cell)
            if self._update(*cell, terminal_name):
                for reader in self.readers.get(cell, ()):
                    if reader not in waiting:
                        waiting.add(reader)
                        queue.append(reader)

    def _update(self, state: int, lookahead: int, terminal_name: dict[int, str]) -> bool:
        """Compute one cell anew; True if it has grown."""
        terminal, control = self.lookaheads.names[lookahead]
        cell = self.popped[state].setdefault(lookahead, {})
        if self.lookaheads.is_dropped(state, terminal):
            new: dict[Outcome, int] = {}
            readable = self.read_from(state, control)
            for read in bits(readable & self.fed[state]):
                self._ask((state, read), (state, lookahead))
                merge(new, self.popped[state].get(read, {}))
            for outcome, after in self.reduced[state].items():
                merge_one(new, outcome, after & readable)
            return merge(cell, new)
        shifts, argument = self.table.actions[state][END if lookahead == END_OF_TEXT else terminal_name[terminal]]
        if shifts:
            control = self.lookaheads.after_shift(terminal, control)
            grown = False
            for target in (argument, self.table.also.get((state, terminal_name.get(terminal, END)))):
                if target is not None:
                    found = self.over(state, target, self.read_from(target, control), (state, lookahead))
                    grown = merge(cell, found) or grown
            return grown
        origin, _ = self.table.rules[argument]
        target = self.table.gotos[state].get(origin)
        if target is None:
            return False
        return merge(cell, self._reduced(state, target, lookahead, (state, lookahead)))

    def _reduced(self, state: int, target: int, lookahead: int, reader: Any) -> dict[Outcome, int]:
        if lookahead == END_OF_TEXT and target == self.table.end:
            return {FINISHED: 1}
        return self.over(state, target, 1 << lookahead, reader)

    def over(self, state: int, pushed: int, lookaheads: int, reader: Any) -> dict[Outcome, int]:
        """What becomes of `state` after `pushed` was put on it and one of `lookaheads` is fed, until `state`
        is popped.
        """
        found: dict[Outcome, int] = {}
        done: dict[int, int] = {}
        todo = [(pushed, lookaheads)]
        gotos = self.table.gotos[state]
        while todo:
            top, feed = todo.pop()
            feed &= ~done.get(top, 0)
            if not feed:
                continue
            done[top] = done.get(top, 0) | feed
            outcomes = [(outcome, mask & feed) for outcome, mask in self.reduced[top].items()]
            for lookahead in bits(feed & self.fed[top]):
                self._ask((top, lookahead), reader)
                outcomes.extend(self.popped[top].get(lookahead, {}).items())
            for outcome, after in outcomes:
                origin, more = outcome
                if outcome == FINISHED:
                    found[FINISHED] = 1
                elif more:
                    merge_one(found, (origin, more - 1), after)
                elif origin in gotos:
                    target = gotos[origin]
                    if after & 1 and target == self.table.end:
                        found[FINISHED] = 1
                        after &= ~1
                    if after:
                        todo.append((target, after))
        return found

    def _ask(self, cell: tuple[int, int], reader: Any) -> None:
        if reader is not None:
            self.readers.setdefault(cell, set()).add(reader)


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
