"""What can be read from a place inside a lexeme: lookaheads and controls, of which every parser's liveness is made.

A *lookahead* is a lexeme just read and what it left behind: (terminal, control), numbered; 0 is the end of the text.
A *control* is (obligations, look-behind), see _fast/cut.pyx. Sets of lookaheads are ints, bit k for number k.
Derivation: docs/theory/grammars.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from guided import _fast
from guided.errors import LimitExceeded

END_OF_TEXT = 0
IGNORED = -3  # the terminal of a lexeme that Lark drops
Control = tuple[tuple[int, ...], int]


def bits(number: int) -> Iterator[int]:
    """The positions of the bits that are set."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


class AnyLexers(Protocol):
    """The lexers of a grammar over one automaton."""

    automaton: _fast.CutAutomaton
    is_ignored: list[bool]

    def begin(self, lexer: int, obligations: tuple[int, ...], behind: int) -> tuple[int, ...]: ...


class Readings:
    """The lookaheads of a grammar, and from where each can be read; explored as far as begin_all() was asked.

    ends[s]         : lookaheads that can be read from state s of the automaton.
    here[s]         : the lookahead of a lexeme that ends in state s, or -1.
    munch           : whether a lexeme that could be longer may not end (False: lexer="dynamic_complete").
    """

    munch = True

    def __init__(self, lexers: AnyLexers, max_states: int) -> None:
        self.lexers, self.automaton, self.max_states = lexers, lexers.automaton, max_states
        self.numbers: dict[tuple[int, int], int] = {}
        self.names: list[tuple[int, int]] = [(-2, -1)]  # lookahead -> (terminal, control); (-2, -1) is the end
        self.freed: dict[int, set[int]] = {}  # lookahead -> controls without its lexeme's obligation
        self.controls: list[Control] = []
        self.control_numbers: dict[Control, int] = {}
        self.starts: dict[tuple[int, int], tuple[int, ...]] = {}  # (lexer, control) -> states
        self.here: list[int] = []
        self.ends: list[int] = []
        self.before: list[list[int]] = []  # state -> states that lead to it
        self._explored = bytearray()
        self._shortest: dict[int, dict[int, bytes]] = {}
        self.first_control = self.control(((), 0))

    def control(self, control: Control) -> int:
        number = self.control_numbers.get(control)
        if number is None:
            number = self.control_numbers[control] = len(self.controls)
            self.controls.append(control)
        return number

    def lookahead(self, terminal: int, control: int) -> int:
        key = (terminal, control)
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.names)
            self.names.append(key)
        return number

    def begin(self, lexer: int, control: int) -> tuple[int, ...]:
        """The states at the start of a lexeme: more than one where a look-ahead must be guessed."""
        key = (lexer, control)
        states = self.starts.get(key)
        if states is None:
            obligations, behind = self.controls[control]
            states = self.starts[key] = self.lexers.begin(lexer, obligations, behind)
        return states

    def begin_all(self, lexer: int, control: int) -> tuple[int, ...]:
        """The same, with all that can be reached from there explored."""
        states = self.begin(lexer, control)
        for state in states:
            if len(self._explored) <= state or not self._explored[state]:
                self._reach(state)
        return states

    def ends_of(self, states: tuple[int, ...]) -> int:
        """Lookaheads that can be read from one of several states."""
        found = 0
        for state in states:
            found |= self.ends[state]
        return found

    def may_end(self, control: int) -> bool:
        """Whether the text may end under a control: no look-ahead is owed."""
        return all(number >= 0 for number in self.controls[control][0])

    def after_lexeme(self, state: int) -> int:
        """The control that a lexeme leaves that ends in `state`: if it could grow longer, that is now forbidden."""
        obligations, behind = self.automaton.control(state)
        if (self.munch or self.terminal_of(state) == IGNORED) and not self.automaton.is_final(state):
            obligations = tuple(sorted({*obligations, self.automaton.bare(state)}))
        return self.control((obligations, behind))

    def terminal_of(self, state: int) -> int:
        """The terminal of a lexeme that ends in `state`: IGNORED, a number, or -1 if none ends here."""
        terminal: int = self.automaton.terminals[state]
        if terminal >= 0 and self.lexers.is_ignored[terminal]:
            return IGNORED
        label: int = self.automaton.labels_of[state]
        return label

    def _reach(self, start: int) -> None:
        """Add what can be reached from `start`, then let the new lookaheads flow back along the edges."""
        automaton = self.automaton
        self._grow()
        todo = [start] if start >= 0 and not self._explored[start] else []
        seen = set(todo)
        changed = []
        while todo:
            state = todo.pop()
            if automaton.n_states > self.max_states:
                raise LimitExceeded("max_dfa_states", self.max_states, automaton.n_states, "the lexers of the grammar")
            follows = automaton.follows(state)
            self._grow()
            for after, _ in follows:
                self.before[after].append(state)
                if not self._explored[after] and after not in seen:
                    seen.add(after)
                    todo.append(after)
            self._explored[state] = 1
            terminal = self.terminal_of(state)
            if terminal != -1:
                self.here[state] = self.lookahead(terminal, self.after_lexeme(state))
                self.freed.setdefault(self.here[state], set()).add(self.control(automaton.control(state)))
                self._grow()
                changed.append(state)
                self.ends[state] |= 1 << self.here[state]
            for after, _ in follows:
                if self.ends[after] | self.ends[state] != self.ends[state]:
                    self.ends[state] |= self.ends[after]
                    changed.append(state)
        while changed:
            state = changed.pop()
            ends = self.ends[state]
            for earlier in self.before[state]:
                if ends & ~self.ends[earlier]:
                    self.ends[earlier] |= ends
                    changed.append(earlier)

    def _grow(self) -> None:
        """Rows for the states that the automaton has made since."""
        while len(self.ends) < self.automaton.n_states:
            self.ends.append(0)
            self.before.append([])
            self._explored.append(0)
            self.here.append(-1)

    def shortest_lexemes(self, state: int) -> dict[int, bytes]:
        """Lookahead -> the shortest text that reads it from a state of the automaton; breadth first."""
        found = self._shortest.get(state)
        if found is None:
            found = self._shortest[state] = {}
            wanted = self.ends[state]
            came: dict[int, tuple[int, int] | None] = {state: None}
            queue = [state]
            for place in queue:
                lookahead = self.here[place]
                if lookahead >= 0 and lookahead not in found:
                    text = bytearray()
                    step = came[place]
                    while step is not None:
                        text.append(step[1])
                        step = came[step[0]]
                    found[lookahead] = bytes(reversed(text))
                    wanted &= ~(1 << lookahead)
                    if not wanted:
                        break
                for after, byte in self.automaton.follows(place):
                    if after not in came:
                        came[after] = (place, byte)
                        queue.append(after)
        return found
