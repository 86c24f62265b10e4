"""Python's indentation: what Lark's Indenter does to the stream of terminals, as part of the parser's state.

A newline outside brackets is fed to the parser and then compared with the columns that are open: INDENT, DEDENTs or
neither follow; inside brackets it is dropped. A *place* is (stack, open columns, column that the running newline has
come to). Brackets and INDENT .. DEDENT must be balanced in every rule, so that the stack says whether brackets are
open, and any open column can be reached again; then liveness needs two flags only: whether a state of the table lies
inside brackets (the table is doubled), and whether a newline has just been fed (the control). Derivation:
docs/theory/grammars.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from guided.context_free.lexers import IGNORED, Lexers
from guided.context_free.liveness import Lookaheads
from guided.context_free.readings import END_OF_TEXT
from guided.context_free.source import IN_BRACKETS, Indents, Source, Table, error_at
from guided.context_free.stacks import IN_DOUBT, Hypothesis, Stacks
from guided.errors import LimitExceeded

NO_NEWLINE = -2  # column of a newline lexeme in which no line has ended yet
NOT_RUNNING = -1
MAX_COLUMN = 1_000
MAX_LEVELS = 200
FIRST_FORK = -16  # as in _fast/cut.pyx
RESET = 1 << 20  # effect of a text on the column: RESET if a line ended in it, and blanks since

PLAIN, AFTER_NEWLINE, AFTER_DEDENT, AT_END = range(4)


def check(source: Source, indents: Indents) -> None:
    """Refuse rules in which brackets or indents are not balanced.  Raises GrammarError."""
    pairs = [(indents.opens, indents.closes), (frozenset({indents.indent}), frozenset({indents.dedent}))]
    for rule in source.rules:
        for opens, closes in pairs:
            depth = 0
            for symbol in rule.expansion:
                depth += (symbol.name in opens) - (symbol.name in closes)
                if depth < 0:
                    break
            if depth:
                raise error_at(
                    f"rule {rule.origin.name} opens a bracket or an indent that it does not close, or the reverse: "
                    "indentation can be followed only where every rule is balanced",
                    source,
                    rule.origin.name,
                )


def doubled(table: Table, indents: Indents) -> Table:
    """The table with every state twice: outside brackets (p) and inside them (p + n).

    A nonterminal is reduced where it began, so its name says which. After a closing bracket both may follow.
    """
    n, n_rules = len(table.actions), len(table.rules)
    actions: list[dict[str, tuple[bool, int]]] = []
    gotos: list[dict[str, int]] = []
    also = {}
    for inside in (0, 1):
        for state in range(n):
            row: dict[str, tuple[bool, int]] = {}
            for name, (shifts, argument) in table.actions[state].items():
                if name == indents.newline and inside:
                    continue
                if not shifts:
                    row[name] = (False, argument + inside * n_rules)
                    continue
                row[name] = (True, argument + (n if inside or name in indents.opens else 0))
                if inside and name in indents.closes:
                    also[state + n, name] = argument
            actions.append(row)
            gotos.append({_name(name, inside): target + inside * n for name, target in table.gotos[state].items()})
    rules = [(_name(origin, inside), size) for inside in (0, 1) for origin, size in table.rules]
    return Table(table.start, table.end, actions, gotos, rules, table.rests * 2, also)


def _name(nonterminal: str, inside: int) -> str:
    return nonterminal + IN_BRACKETS if inside else nonterminal


class IndentedLookaheads(Lookaheads):
    """Lookaheads with INDENT and DEDENT, which have no text and stand after a newline, or at the end of the text."""

    def __init__(self, lexers: Lexers, table: Table, max_states: int) -> None:
        indents = lexers.source.indents
        assert indents is not None
        self.indents = indents
        lexers.of_state = lexers.of_state * 2
        self.newline, self.indent, self.dedent = (
            lexers.number[name] for name in (indents.newline, indents.indent, indents.dedent)
        )
        self.n_outside = len(table.actions) // 2
        self.modes: dict[int, int] = {}
        self._modes_of: dict[tuple[int, int], int] = {}
        super().__init__(lexers, table, max_states)
        self.at_end = self.with_mode(self.first_control, AT_END)
        self.end_dedent = self.lookahead(self.dedent, self.at_end)
        for terminal, control in list(self.names):
            if terminal == self.newline:
                self.lookahead(self.indent, control)
                self.lookahead(self.dedent, self.with_mode(control, AFTER_DEDENT))
                self.with_mode(control, AFTER_NEWLINE)
        self.newlines = sum(1 << number for number, (name, _) in enumerate(self.names) if name == self.newline)

    def with_mode(self, control: int, mode: int) -> int:
        """A control as it is at the end, or after a newline or a DEDENT."""
        key = (control, mode)
        found = self._modes_of.get(key)
        if found is None:
            found = self._modes_of[key] = len(self.controls)
            self.controls.append(self.controls[control])
            self.modes[found] = mode
            for (lexer, of_control), states in list(self.starts.items()):
                if of_control == control and mode != AT_END:
                    self.starts[lexer, found] = states
        return found

    def plain(self, control: int) -> int:
        """The control without its mode."""
        return self.control(self.controls[control])

    def also_read(self, control: int) -> int:
        mode = self.modes.get(control, PLAIN)
        found = 0
        if self.may_end(control):
            found = 1 << END_OF_TEXT | 1 << self.end_dedent
        if mode in (AFTER_NEWLINE, AFTER_DEDENT):
            plain = self.plain(control)
            found |= 1 << self.numbers[self.dedent, self._modes_of[plain, AFTER_DEDENT]]
            if mode == AFTER_NEWLINE:
                found |= 1 << self.numbers[self.indent, plain]
        return found

    def after_shift(self, terminal: int, control: int) -> int:
        return self._modes_of[control, AFTER_NEWLINE] if terminal == self.newline else control

    def is_dropped(self, state: int, terminal: int) -> bool:
        return terminal == IGNORED or (terminal == self.newline and state >= self.n_outside)

    def is_dropped_somewhere(self, terminal: int) -> bool:
        return terminal in (IGNORED, self.newline)

    def next_lexers(self, lexer: int, terminal: int, shift_targets: dict[int, set[int]]) -> Iterable[int]:
        if terminal != self.newline:
            return super().next_lexers(lexer, terminal, shift_targets)
        found = {lexer}
        for name in (self.newline, self.indent, self.dedent):
            found |= shift_targets.get(name, set())
        return found


class Places:
    """Places as interned numbers, with the questions of Stacks.

    live[n] : the lookaheads that lead to the end of a text.      parts[n] : (stack, columns, running column).
    """

    def __init__(self, stacks: Stacks, lookaheads: IndentedLookaheads) -> None:
        self.stacks, self.lookaheads, self.tab = stacks, lookaheads, lookaheads.indents.tab
        self.parts: list[tuple[int, tuple[int, ...], int]] = []
        self.live: list[int] = []
        self._numbers: dict[tuple[int, tuple[int, ...], int], int] = {}
        self._ends: dict[tuple[int, int], int] = {}
        self.bottom = self.place(stacks.bottom, (0,), NOT_RUNNING)

    def place(self, stack: int, columns: tuple[int, ...], column: int) -> int:
        key = (stack, columns, column)
        found = self._numbers.get(key)
        if found is None:
            if len(self.parts) >= self.stacks.max_states:
                raise LimitExceeded(
                    "max_states", self.stacks.max_states, len(self.parts) + 1, "the parser, at this point of the text,"
                )
            found = self._numbers[key] = len(self.parts)
            self.parts.append(key)
            live = self.stacks.live[stack] & ~1
            self.live.append(live | (self.may_end_with(stack, len(columns)) == 1))
        return found

    def is_worn(self) -> bool:
        """Whether half of the places or stacks that may ever be made are made."""
        return self.stacks.is_worn() or len(self.parts) > self.stacks.max_states // 2

    def may_end_with(self, stack: int, n_columns: int) -> int:
        """Whether the parser accepts after a DEDENT for every open column: 1, 0 or IN_DOUBT."""
        key = (stack, n_columns)
        found = self._ends.get(key)
        if found is None:
            lookaheads, here = self.lookaheads, stack
            for _ in range(n_columns - 1):
                if here >= 0 and not self.stacks.live[here] >> lookaheads.end_dedent & 1:
                    here = -1
                if here >= 0:
                    here = self.stacks.shift(here, lookaheads.dedent)
            found = self.stacks.live[here] >> END_OF_TEXT & 1 if here >= 0 else IN_DOUBT if here == IN_DOUBT else 0
            self._ends[key] = found
        return found

    # ---- the column of a newline that is running ----

    def read(self, place: int, after: int, byte: int) -> int:
        """The place after a byte of the running lexeme, which led to state `after` of the automaton."""
        stack, columns, column = self.parts[place]
        if self.stacks.level(stack) > 0 or not self.lookaheads.ends[after] & self.lookaheads.newlines:
            return place if column == NOT_RUNNING else self.place(stack, columns, NOT_RUNNING)
        if column == NOT_RUNNING:
            column = NO_NEWLINE
        if byte == 0x0A:
            column = 0
        elif column >= 0 and byte in (0x20, 0x09):
            column = min(column + (1 if byte == 0x20 else self.tab), MAX_COLUMN)
        return place if column == self.parts[place][2] else self.place(stack, columns, column)

    def moved(self, place: int, effect: int) -> int:
        """The place after a text of the running lexeme that is a newline: RESET if a line ended in it, blanks since."""
        stack, columns, column = self.parts[place]
        if self.stacks.level(stack) > 0:
            return place
        if effect >= RESET:
            column = effect - RESET
        elif column >= 0:
            column += effect
        else:
            column = NO_NEWLINE
        return self.place(stack, columns, min(column, MAX_COLUMN))

    # ---- steps ----

    def enter(self, place: int, lookahead: int) -> tuple[Hypothesis, ...]:
        """(place, automaton state) after a lexeme, more than one where a look-ahead must be guessed; (IN_DOUBT, -1)."""
        if not self.live[place] >> lookahead & 1:
            return ()
        stacks = self.stacks
        stack, columns, column = self.parts[place]
        terminal, control = self.lookaheads.names[lookahead]
        if terminal == IGNORED or (terminal == self.lookaheads.newline and stacks.level(stack) > 0):
            return self.begin(self.place(stack, columns, NOT_RUNNING), control)
        if terminal == self.lookaheads.newline:
            return self.next_line(stack, columns, column, lookahead, control)
        after = stacks.shift(stack, terminal)
        if after >= 0 and not stacks.is_whole(stack):
            after = stacks.cut(after)
        return ((after, -1),) if after < 0 else self.begin(self.place(after, columns, NOT_RUNNING), control)

    def next_lexemes(self, place: int, lexeme: int) -> Iterator[tuple[bytes, tuple[Hypothesis, ...]]]:
        """For every lexeme that can be read from here: a shortest text of it, and what may run after it."""
        stack, columns, _ = self.parts[place]
        for lookahead, text in self.lookaheads.shortest_lexemes(lexeme).items():
            if not self.lookaheads.newlines >> lookahead & 1 or self.stacks.level(stack) > 0:
                yield text, self.enter(place, lookahead)
                continue
            for column in (*columns, columns[-1] + 1):  # the blanks say how the parser goes on
                for line in (b"", b"\n"):
                    whole = line + b" " * column
                    for here, state in self.run(place, lexeme, whole):
                        if self.lookaheads.here[state] == lookahead:
                            yield whole, self.enter(here, lookahead)

    def run(self, place: int, lexeme: int, text: bytes) -> list[Hypothesis]:
        """The running lexeme after a text, which it must read whole; several where a look-ahead is guessed."""
        automaton = self.lookaheads.automaton
        running = [(place, lexeme)]
        for byte in text:
            after = []
            for here, state in running:
                step = automaton.step(state, byte)
                for other in (step,) if step >= 0 else automaton.forks[FIRST_FORK - step] if step <= FIRST_FORK else ():
                    after.append((self.read(here, other, byte), other))
            running = after
        return running

    def next_line(
        self, stack: int, columns: tuple[int, ...], column: int, lookahead: int, control: int
    ) -> tuple[Hypothesis, ...]:
        """The same after a newline outside brackets that has come to a column."""
        stacks, readings = self.stacks, self.lookaheads
        if column < 0 or column >= MAX_COLUMN:
            return ()
        steps = [(readings.newline, lookahead)]
        if column > columns[-1]:
            if len(columns) >= MAX_LEVELS:
                return ()
            columns = (*columns, column)
            steps.append((readings.indent, readings.numbers[readings.indent, control]))
        while column < columns[-1]:
            columns = columns[:-1]
            dedent = readings.numbers[readings.dedent, readings.with_mode(control, AFTER_DEDENT)]
            steps.append((readings.dedent, dedent))
        if column != columns[-1]:
            return ()
        for terminal, number in steps:
            if not stacks.live[stack] >> number & 1:
                return ()
            stack = stacks.shift(stack, terminal)
            if stack < 0:
                return ((stack, -1),) if stack == IN_DOUBT else ()
        if not stacks.is_whole(stack):
            stack = stacks.cut(stack)
        return self.begin(self.place(stack, columns, NOT_RUNNING), control)

    def begin(self, place: int, control: int) -> tuple[Hypothesis, ...]:
        """What may run at a place; (place, -1) where only the end of the text can follow."""
        stack, columns, _ = self.parts[place]
        readings = self.lookaheads
        states = readings.begin(readings.lexers.of_state[self.stacks.state(stack)], control)
        found = [(place, state) for state in states if readings.ends[state] & self.live[place]]
        ends = self.may_end_with(stack, len(columns)) if readings.may_end(control) else 0
        if ends and all(readings.automaton.is_promised(state) for _, state in found):
            found.append((place, -1) if ends > 0 else (IN_DOUBT, -1))
        return tuple(found)

    def begin_free(self, place: int, ended: int) -> tuple[Hypothesis, ...]:
        """What may run, where the lexeme before ended in state `ended` and cannot go on."""
        return self.begin(place, self.lookaheads.control(self.lookaheads.automaton.control(ended)))

    def may_end(self, place: int, automaton_state: int) -> int:
        """Whether the text may end here: 1, 0 or IN_DOUBT."""
        automaton = self.lookaheads.automaton
        if automaton_state >= 0 and automaton.is_promised(automaton_state):
            return 0
        if automaton_state < 0 or automaton.is_fresh(automaton_state):
            stack, columns, _ = self.parts[place]
            return self.may_end_with(stack, len(columns))
        lookahead = self.lookaheads.here[automaton_state]
        for after, _ in self.enter(place, lookahead) if lookahead >= 0 else ():
            if after < 0:
                return IN_DOUBT
            stack, columns, _ = self.parts[after]
            return self.may_end_with(stack, len(columns))
        return 0

    def cut(self, place: int) -> int:
        stack, columns, column = self.parts[place]
        return self.place(self.stacks.cut(stack), columns, column)
