"""Which lexemes can still lead to the end of a text, for every stack of the parser: no dead ends.

Three fixed points: which lookaheads can be read from a place inside a lexeme (`ends`, readings.py); what becomes of a
state of the table under a lookahead until it is popped (`Outcomes`, made by _fast/saturation.pyx); which of those
outcomes a stack can take (stacks.py).  Derivation: docs/theory/grammars.md. Source: Bouajjani, Esparza, Maler,
"Reachability Analysis of Pushdown Automata" (1997).
"""

from __future__ import annotations

from collections.abc import Iterable

from guided import _fast
from guided.context_free.lalr import END
from guided.context_free.lexers import IGNORED, Lexers
from guided.context_free.readings import END_OF_TEXT, Readings, bits
from guided.context_free.source import Table
from guided.errors import LimitExceeded

FINISHED = 0  # outcome: the whole text was read
DROPPED, PUSHES, ENDS = range(3)  # as in _fast/saturation.pyx


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

    def is_dropped_somewhere(self, terminal: int) -> bool:
        """Whether a state of the table drops a terminal: its lexer reads on then."""
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
        done: dict[tuple[int, int], int] = {}  # (lexer, if it matters, lookahead) -> controls that were looked at
        while todo:
            for pair in todo:
                for state in self.begin(*pair):
                    self._reach(state)
            todo = []
            ends: dict[int, int] = {}  # lexer -> lookaheads that it can read
            for (lexer, _), states in self.starts.items():
                ends[lexer] = ends.get(lexer, 0) | self.ends_of(states)
            for lexer, found in ends.items():
                for lookahead in bits(found):
                    terminal, left = self.names[lookahead]
                    key = (lexer if self.is_dropped_somewhere(terminal) else -1, lookahead)
                    if done.get(key) == len(self.freed[lookahead]):
                        continue
                    done[key] = len(self.freed[lookahead])
                    for after in self.next_lexers(lexer, terminal, shift_targets):
                        for control in (left, *self.freed[lookahead]):
                            if (after, control) not in known:
                                known.add((after, control))
                                todo.append((after, control))


class Outcomes:
    """What can become of a state of the table, once it is on top of a stack and a lookahead is fed, until it is popped.

    An outcome is a number: after some more text, less[outcome] says what is left after one more state is popped, and if
    that is -1 the goto of a nonterminal is taken; FINISHED: the whole text was read.  What can become of a state is
    {outcome: lookaheads under which it happens}.
    reduced[p] : the same for lookaheads under which p is popped at once by a reduction: they stay themselves, so that
                 one set serves them all.
    """

    def __init__(self, lookaheads: Lookaheads, table: Table, max_items: int) -> None:
        self.lookaheads, self.table, self.max_items = lookaheads, table, max_items
        self.readable: dict[tuple[int, int], int] = {}
        self.nonterminals: dict[str, int] = {}
        for origin, _ in table.rules:
            self.nonterminals.setdefault(origin, len(self.nonterminals))
        self.numbers: dict[tuple[str, int], int] = {}
        self.names: list[tuple[str, int]] = [("", -1)]  # outcome -> (nonterminal, states to pop before its goto)
        self.less = [-1]
        for origin, size in table.rules:
            for more in range(size):
                if (origin, more) not in self.numbers:
                    self.numbers[origin, more] = len(self.names)
                    self.names.append((origin, more))
                    self.less.append(self.numbers[origin, more - 1] if more else -1)
        self.reduced: list[dict[int, int]] = [{} for _ in table.actions]
        self._popped: dict[int, tuple[tuple[int, dict[int, int]], ...]] = {}
        cells = self._cells()
        known = self.nonterminals
        gotos = [[(known[name], to) for name, to in row.items() if name in known] for row in table.gotos]
        self._saturation = _fast.Saturation(
            len(lookaheads.names),
            table.end,
            self.less,
            [0, *(self.nonterminals[origin] for origin, _ in self.names[1:])],
            gotos,
            [list(found.items()) for found in self.reduced],
        )
        for (state, kind, pushed, feed), fed in cells.items():
            self._saturation.add(state, kind, fed, feed, pushed)
        self._saturation.saturate()

    def read_from(self, state: int, control: int) -> int:
        """Lookaheads that can be read next by the lexer of a state, the end of the text among them."""
        key = (self.lookaheads.lexers.of_state[state], control)
        found = self.readable.get(key)
        if found is None:
            ends = self.lookaheads.ends_of(self.lookaheads.starts.get(key, ()))
            found = self.readable[key] = ends | self.lookaheads.also_read(control)
        return found

    def _cells(self) -> dict[tuple[int, int, int, int], int]:
        """(state, kind, state pushed on it, lookaheads fed then) -> lookaheads that lead to this; fills `reduced`."""
        readings, table = self.lookaheads, self.table
        numbers = readings.lexers.number
        by_name: dict[str, list[int]] = {END: [END_OF_TEXT]}
        dropped: list[tuple[int, int]] = []  # (terminal, lookahead) that some state may drop
        name_of = {number: name for name, number in numbers.items()}
        for lookahead, (terminal, _) in enumerate(readings.names[1:], 1):
            if terminal != IGNORED:
                by_name.setdefault(name_of[terminal], []).append(lookahead)
            dropped.append((terminal, lookahead))
        masks = {name: sum(1 << lookahead for lookahead in found) for name, found in by_name.items()}
        cells: dict[tuple[int, int, int, int], int] = {}
        n_items = 0

        def add(state: int, kind: int, pushed: int, feed: int, lookahead: int) -> None:
            key = (state, kind, pushed, feed)
            cells[key] = cells.get(key, 0) | 1 << lookahead

        for state, action in enumerate(table.actions):
            lexer = readings.lexers.of_state[state]
            for terminal, lookahead in dropped:
                if readings.is_dropped(state, terminal) and (lexer, readings.names[lookahead][1]) in readings.starts:
                    n_items += 1
                    add(state, DROPPED, -1, self.read_from(state, readings.names[lookahead][1]), lookahead)
            for name, (shifts, argument) in action.items():
                if shifts:
                    targets = [argument, table.also.get((state, name), argument)]
                    for lookahead in by_name.get(name, ()):
                        terminal, control = readings.names[lookahead]
                        control = readings.after_shift(terminal, control)
                        n_items += 1
                        for target in dict.fromkeys(targets):
                            add(state, PUSHES, target, self.read_from(target, control), lookahead)
                    continue
                origin, size = table.rules[argument]
                if size:
                    if masks.get(name):
                        outcome = self.numbers[origin, size - 1]
                        self.reduced[state][outcome] = self.reduced[state].get(outcome, 0) | masks[name]
                    continue
                target = table.gotos[state].get(origin, -1)
                for lookahead in by_name.get(name, ()) if target >= 0 else ():
                    n_items += 1
                    if lookahead == END_OF_TEXT and target == table.end:
                        add(state, ENDS, -1, 0, lookahead)
                    else:
                        add(state, PUSHES, target, 1 << lookahead, lookahead)
            if n_items > self.max_items:
                raise LimitExceeded(
                    "max_states", self.max_items, n_items, "the analysis of the grammar, in pairs of state and lexeme,"
                )
        return cells

    def popped(self, state: int) -> tuple[tuple[int, dict[int, int]], ...]:
        """((lookaheads, what becomes of the state under each of them), ...), but for reductions that pop it at once."""
        found = self._popped.get(state)
        if found is None:
            found = self._popped[state] = tuple(self._saturation.popped(state))
        return found

    def over(self, state: int, pushed: int, lookaheads: int) -> dict[int, int]:
        """What becomes of `state` after `pushed` was put on it and one of `lookaheads` is fed, until `state`
        is popped.
        """
        found: dict[int, int] = self._saturation.over(state, pushed, lookaheads)
        return found
