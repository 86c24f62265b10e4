"""Lark's contextual lexers: which terminals compete in each state of the table, and which strings are keywords.

Not here: the order inside a terminal (terminals.py), the automaton (_fast/cut.pyx).
"""

from __future__ import annotations

from guided import _fast
from guided.context_free.readings import IGNORED
from guided.context_free.source import Source, Table, error_at, is_string, retypes
from guided.context_free.terminals import Program
from guided.errors import GrammarError, LimitExceeded

RESERVED = ((0x100000, 0x10FFFF),)  # private use, plane 16: the placeholders of embedded languages (embedding.py)

__all__ = ["IGNORED", "RESERVED", "Lexers"]


class Lexers:
    """All lexers of a grammar over one automaton.

    number      : terminal name -> number, in Lark's order of preference.
    is_ignored  : by number.
    of_state    : state of the table -> lexer.
    """

    def __init__(self, source: Source, table: Table, max_program: int, max_states: int) -> None:
        self.source = source
        program = Program(max_program)
        self.number = {terminal.name: k for k, terminal in enumerate(source.terminals)}
        self.is_ignored = [terminal.name in source.ignored for terminal in source.terminals]
        always = source.ignored
        if source.indents is not None:  # these have no text
            always |= {source.indents.newline}
            for name in (source.indents.indent, source.indents.dedent):
                self.number[name] = len(self.is_ignored)
                self.is_ignored.append(False)
        self.entries: list[int] = []
        for k, terminal in enumerate(source.terminals):
            if is_string(terminal) and len(terminal.pattern.value) > max_states:  # a state for each character
                raise LimitExceeded(
                    "max_dfa_states", max_states, len(terminal.pattern.value), f"terminal {terminal.name}"
                )
            program.excluded = RESERVED if source.embedded and terminal.name not in source.embedded else ()
            try:
                self.entries.append(program.terminal(terminal.pattern.to_regexp(), k, terminal.name))
            except GrammarError as error:
                raise error_at(str(error), source, terminal.name) from None
        self._retypes = retypes(source)
        pairs = [(self.number[a], self.number[b]) for a, strings in self._retypes.items() for b, _ in strings]
        code, starts = program.code()
        self.automaton = _fast.CutAutomaton(code, starts, program.behinds, pairs, 8 * max_states, program.aheads)
        self.terminals: list[list[int]] = []  # per lexer: entries of the terminals that compete, in order
        self.keywords: list[list[int]] = []  # per lexer: entries of the strings that other terminals read
        self.of_state: list[int] = []
        numbers: dict[frozenset[str], int] = {}
        known = {terminal.name for terminal in source.terminals}
        for action in table.actions:
            accepted = frozenset(name for name in action if name in known) | always
            if accepted not in numbers:
                numbers[accepted] = len(self.terminals)
                scanned, keywords = self.scanner(accepted)
                self.terminals.append([self.entries[self.number[name]] for name in scanned])
                self.keywords.append([self.entries[self.number[name]] for name in keywords])
            self.of_state.append(numbers[accepted])

    def scanner(self, accepted: frozenset[str]) -> tuple[list[str], list[str]]:
        """(terminals that are tried, in order; strings that change the type of a lexeme, in order)."""
        order = sorted(accepted, key=self.number.__getitem__)
        pairs = [pair for name in order for pair in self._retypes.get(name, ()) if pair[0] in accepted]
        gone = {string for string, leaves in pairs if leaves}
        keywords = sorted({string for string, _ in pairs}, key=self.number.__getitem__)
        return [name for name in order if name not in gone], keywords

    def begin(self, lexer: int, obligations: tuple[int, ...], behind: int) -> tuple[int, ...]:
        """The automaton's states at the start of a lexeme; none if the lexer has nothing to read."""
        entries = [entry for entry in self.terminals[lexer] if entry >= 0]
        states: tuple[int, ...] = self.automaton.begin(entries, self.keywords[lexer], obligations, behind)
        return states
