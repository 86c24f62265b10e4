"""What the rules of a grammar can derive, between controls: the liveness of Earley's items.

A *dot* is a place in a rule, numbered; `symbol[d]` is what stands behind it. `made[A, c]` are the controls in which a
text of nonterminal A can end that begins under control c (see readings.py); a set of controls is an int of bits. It is
a least fixed point over the pairs that a text can reach, so grammars whose lexemes leave nothing behind need one bit.
Source: Bar-Hillel, Perles, Shamir, "On Formal Properties of Simple Phrase Structure Grammars" (1961), tabulated.
"""

from __future__ import annotations

from typing import Any

from guided import _fast
from guided.context_free.readings import Readings, bits
from guided.context_free.source import Source, error_at, is_string
from guided.context_free.terminals import Program
from guided.errors import GrammarError, LimitExceeded

END_OF_RULE = -1


class Terminals:
    """Every terminal as a lexer of its own, as Lark's dynamic lexers try them: no order, no keywords.

    number  : name -> lexer; an ignored terminal has two, as it may stand in rules as well.
    ignored : lexers of the ignored terminals.
    """

    def __init__(self, source: Source, max_program: int, max_states: int, *, complete: bool) -> None:
        program = Program(max_program)
        self.number: dict[str, int] = {}
        self.is_ignored: list[bool] = []
        self.entries: list[int] = []
        expected = {symbol.name for rule in source.rules for symbol in rule.expansion if symbol.is_term}
        for ignores in (False, True):
            for terminal in source.terminals:
                if terminal.name not in (source.ignored if ignores else expected):
                    continue
                if is_string(terminal) and len(terminal.pattern.value) > max_states:
                    raise LimitExceeded(
                        "max_dfa_states", max_states, len(terminal.pattern.value), f"terminal {terminal.name}"
                    )
                number = len(self.entries)
                if not ignores:
                    self.number[terminal.name] = number
                try:
                    self.entries.append(program.terminal(terminal.pattern.to_regexp(), number, terminal.name))
                except GrammarError as error:
                    raise error_at(str(error), source, terminal.name) from None
                if complete and (program.aheads or len(program.behinds) > 1 or _asks_for_start(program)):
                    raise error_at(
                        f"terminal {terminal.name} looks around: with lexer='dynamic_complete' Lark asks that of texts "
                        "that it has cut off; take lexer='dynamic'",
                        source,
                        terminal.name,
                    )
                self.is_ignored.append(ignores)
        self.ignored = [number for number, ignores in enumerate(self.is_ignored) if ignores]
        code, starts = program.code()
        self.automaton = _fast.CutAutomaton(code, starts, program.behinds, [], 8 * max_states, program.aheads)

    def begin(self, lexer: int, obligations: tuple[int, ...], behind: int) -> tuple[int, ...]:
        """The automaton's states at the start of a terminal."""
        entry = self.entries[lexer]
        states: tuple[int, ...] = self.automaton.begin([entry] if entry >= 0 else [], [], obligations, behind)
        return states


def _asks_for_start(program: Program) -> bool:
    from guided.context_free.terminals import BEHIND

    return any(kind == BEHIND for kind, _ in program.nodes)


class Lexemes(Readings):
    """The lookaheads of single terminals.  munch : False lets a lexeme end before its longest end."""

    lexers: Terminals

    def __init__(self, terminals: Terminals, max_states: int, *, munch: bool) -> None:
        super().__init__(terminals, max_states)
        self.munch = munch
        self._after: dict[tuple[int, int], int] = {}
        self._skipped: dict[int, int] = {}

    def after(self, terminal: int, control: int) -> int:
        """The controls after one lexeme."""
        key = (terminal, control)
        found = self._after.get(key)
        if found is None:
            found = 0
            for lookahead in bits(self.ends_of(self.begin_all(terminal, control))):
                found |= 1 << self.names[lookahead][1]
            self._after[key] = found
        return found

    def skipped(self, control: int) -> int:
        """The controls after ignored lexemes, none of them included."""
        found = self._skipped.get(control)
        if found is None:
            found, todo = 1 << control, [control]
            while todo:
                here = todo.pop()
                for ignored in self.lexers.ignored:
                    new = self.after(ignored, here) & ~found
                    found |= new
                    todo.extend(bits(new))
            self._skipped[control] = found
        return found

    def read(self, terminal: int, control: int) -> int:
        """The controls after ignored lexemes and then one of a terminal."""
        found = 0
        for before in bits(self.skipped(control)):
            found |= self.after(terminal, before)
        return found


class Rules:
    """Rules as dots.

    symbol[d] : terminal's number t >= 0, or -2 - A for nonterminal A, or END_OF_RULE.
    origin[d] : the nonterminal of the rule.
    starts[A] : first dots of A's rules.
    """

    def __init__(self, source: Source, terminals: Terminals) -> None:
        names = {rule.origin.name for rule in source.rules}
        numbers = {name: number for number, name in enumerate(sorted(names))}
        self.names = sorted(names)
        self.start = numbers[source.start]
        self.symbol: list[int] = []
        self.origin: list[int] = []
        self.starts: list[list[int]] = [[] for _ in names]
        known = set()
        for rule in source.rules:
            origin = numbers[rule.origin.name]
            parts = tuple(
                terminals.number[part.name] if part.is_term else -2 - numbers[part.name] for part in rule.expansion
            )
            if (origin, parts) in known:
                continue
            known.add((origin, parts))
            self.starts[origin].append(len(self.symbol))
            self.symbol.extend((*parts, END_OF_RULE))
            self.origin.extend([origin] * (len(parts) + 1))
        self.nullable = self._nullable()
        self.skips = self._skips()
        self.initial = [
            sorted({place for dot in dots for place in self.skips[dot] if self.symbol[place] != END_OF_RULE})
            for dots in self.starts
        ]

    def _nullable(self) -> list[bool]:
        """By nonterminal: whether it derives the empty text."""
        found = [False] * len(self.starts)
        readers: dict[int, list[int]] = {}
        todo = [dot for dots in self.starts for dot in dots]
        while todo:
            dot = todo.pop()
            while self.symbol[dot] <= -2 and found[-2 - self.symbol[dot]]:
                dot += 1
            if self.symbol[dot] == END_OF_RULE:
                if not found[self.origin[dot]]:
                    found[self.origin[dot]] = True
                    todo.extend(readers.pop(self.origin[dot], ()))
            elif self.symbol[dot] <= -2:
                readers.setdefault(-2 - self.symbol[dot], []).append(dot)
        return found

    def _skips(self) -> list[tuple[int, ...]]:
        """By dot: itself, and the dots behind it after nonterminals that may be empty."""
        found: list[tuple[int, ...]] = [()] * len(self.symbol)
        for dot in range(len(self.symbol) - 1, -1, -1):
            symbol = self.symbol[dot]
            found[dot] = (dot, *found[dot + 1]) if symbol <= -2 and self.nullable[-2 - symbol] else (dot,)
        return found


class Derivations:
    """The fixed point, from one nonterminal under one control.

    made[A, c] : controls after a text of A that begins under c.
    seen[d]    : controls under which dot d can be reached.
    """

    def __init__(self, rules: Rules, lexemes: Lexemes, max_items: int) -> None:
        self.rules, self.lexemes, self.max_items = rules, lexemes, max_items
        self.made: dict[tuple[int, int], int] = {}
        self.seen = [0] * len(rules.symbol)
        self._reached: dict[tuple[int, int], int] = {}
        self._readers: dict[tuple[int, int], set[tuple[int, int]]] = {}
        self._todo: list[tuple[int, int, int]] = []
        self._rest: dict[tuple[int, int], int] = {}
        self._before: dict[tuple[int, int], int] = {}
        self._run(rules.start, lexemes.first_control)
        self.finishing = self._finishing()

    def _run(self, nonterminal: int, control: int) -> None:
        symbols = self.rules.symbol
        self._begin(nonterminal, control)
        while self._todo:
            dot, began, new = self._todo.pop()
            symbol = symbols[dot]
            if symbol == END_OF_RULE:
                key = (self.rules.origin[dot], began)
                new &= ~self.made[key]
                if new:
                    self.made[key] |= new
                    for reader, their_start in list(self._readers.get(key, ())):
                        self._reach(reader + 1, their_start, new)
            elif symbol >= 0:
                for here in bits(new):
                    self._reach(dot + 1, began, self.lexemes.read(symbol, here))
            else:
                for here in bits(new):
                    key = (-2 - symbol, here)
                    self._readers.setdefault(key, set()).add((dot, began))
                    self._begin(*key)
                    self._reach(dot + 1, began, self.made[key])

    def _begin(self, nonterminal: int, control: int) -> None:
        if (nonterminal, control) not in self.made:
            self.made[nonterminal, control] = 0
            for dot in self.rules.starts[nonterminal]:
                self._reach(dot, control, 1 << control)

    def _reach(self, dot: int, began: int, controls: int) -> None:
        before = self._reached.get((dot, began), 0)
        new = controls & ~before
        if new:
            for control in bits(new):
                new |= self.lexemes.skipped(control) & ~before
            if not before and len(self._reached) >= self.max_items:
                raise LimitExceeded(
                    "max_states", self.max_items, len(self._reached) + 1, "the analysis of the grammar, in items,"
                )
            self._reached[dot, began] = before | new
            self.seen[dot] |= new
            self._todo.append((dot, began, new))

    def _finishing(self) -> int:
        """Controls under which the text may end, after ignored lexemes."""
        found = control = 0
        while control < len(self.lexemes.controls):  # more are found on the way
            if any(self.lexemes.may_end(after) for after in bits(self.lexemes.skipped(control))):
                found |= 1 << control
            control += 1
        return found

    def rest(self, dot: int, control: int) -> int:
        """The controls after the rest of a rule."""
        key = (dot, control)
        found = self._rest.get(key)
        if found is None:
            found = 1 << control
            while self.rules.symbol[dot] != END_OF_RULE and found:
                symbol = self.rules.symbol[dot]
                here, found = found, 0
                for each in bits(here):
                    found |= self.lexemes.read(symbol, each) if symbol >= 0 else self.made.get((-2 - symbol, each), 0)
                dot += 1
            self._rest[key] = found
        return found

    def before(self, dot: int, controls: int) -> int:
        """The controls under which the rest of a rule can end in one of `controls`."""
        key = (dot, controls)
        found = self._before.get(key)
        if found is None:
            found = 0
            for control in bits(self.seen[dot]):
                if self.rest(dot, control) & controls:
                    found |= 1 << control
            self._before[key] = found
        return found


def describe(derivations: Derivations) -> dict[str, Any]:
    """Sizes, for explain()."""
    return {"dots": len(derivations.rules.symbol), "controls": len(derivations.lexemes.controls)}
