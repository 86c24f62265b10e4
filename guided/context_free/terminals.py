"""Terminals as one byte program with Python's preferences: which alternative is tried first, greedy or lazy.

A program is a flat array of instructions (see _fast/cut.pyx); unlike the automata of floor 2 it keeps the order in
which `re` tries things, because Lark takes the first match, not the longest. Patterns are read by the parser of `re`
itself, as Lark's are. Not here: the automaton (cut.pyx), which terminals compete (lexers.py). Source: Pike's virtual
machine, in Cox, "Regular Expression Matching: the Virtual Machine Approach" (2009).
"""

from __future__ import annotations

import re
from array import array
from typing import Any

from guided.automata import unicode_tables
from guided.automata.syntax import invert, normalise
from guided.automata.utf8 import Ranges, utf8_graph
from guided.errors import GrammarError, LimitExceeded

try:
    from re import _constants as sre  # type: ignore[attr-defined]
    from re import _parser as sre_parser  # type: ignore[attr-defined]
except ImportError:  # Python 3.10
    import sre_constants as sre
    import sre_parse as sre_parser

CHARS, SPLIT, MATCH, BEHIND, STOP, AHEAD = range(6)
DEAD = -1
AT_START = 0  # assertion number of "nothing stands before this place"
NEWLINE = ((0x0A, 0x0A),)


class Program:
    """Instructions under construction, made from the end of each pattern to its start.

    nodes     : CHARS [(low byte, high byte, target), ...]; SPLIT targets, the preferred first; MATCH terminal;
                BEHIND, AHEAD (assertion, must hold, target); STOP: nothing follows.
    behinds   : look-behind assertion -> entry of its pattern (DEAD for AT_START).
    aheads    : look-ahead assertion -> entry of its pattern.
    """

    def __init__(self, max_states: int) -> None:
        self.max_states = max_states
        self.excluded: Ranges = ()  # characters that no terminal matches
        self.nodes: list[tuple[int, Any]] = []
        self.behinds: list[int] = [DEAD]
        self.behind_numbers: dict[Any, int] = {}
        self.aheads: list[int] = []
        self.ahead_numbers: dict[Any, int] = {}

    def add(self, kind: int, argument: Any) -> int:
        if len(self.nodes) >= self.max_states:
            raise LimitExceeded("max_nfa_states", self.max_states, len(self.nodes) + 1, "the terminals of the grammar")
        self.nodes.append((kind, argument))
        return len(self.nodes) - 1

    def terminal(self, pattern: str, number: int, name: str) -> int:
        """The entry of a terminal's pattern.  Raises GrammarError for what no automaton of lexemes can do."""
        try:
            tree = sre_parser.parse(f"(?P<{name}>{pattern})", 0)  # as Lark's lexers join them
            if tree.state.flags & re.LOCALE:
                raise GrammarError(
                    f"terminal {name}: the flag L depends on the machine's locale and cannot be compiled"
                )
            return _Builder(self, name).sequence(tree, tree.state.flags, self.add(MATCH, number))
        except re.error as error:
            raise GrammarError(f"terminal {name}: /{pattern}/ is not a regular expression: {error}") from None
        except RecursionError:
            raise GrammarError(f"terminal {name}: its pattern is nested too deeply") from None

    def behind(self, key: Any, build: Any) -> int:
        """The number of a look-behind assertion; equal ones are one."""
        number = self.behind_numbers.get(key)
        if number is None:
            number = self.behind_numbers[key] = len(self.behinds)
            self.behinds.append(DEAD)
            self.behinds[number] = build(self.add(MATCH, number))
        return number

    def ahead(self, key: Any, build: Any) -> int:
        """The number of a look-ahead assertion; equal ones are one."""
        number = self.ahead_numbers.get(key)
        if number is None:
            number = self.ahead_numbers[key] = len(self.aheads)
            self.aheads.append(DEAD)
            self.aheads[number] = build(self.add(MATCH, number))
        return number

    def code(self) -> tuple[array[int], array[int]]:
        """(instructions, where each one starts): kind, count, then `count` operands (CHARS: three each)."""
        code, starts = array("i"), array("i")
        for kind, argument in self.nodes:
            starts.append(len(code))
            if kind == CHARS:
                code.extend((kind, len(argument)))
                for edge in argument:
                    code.extend(edge)
            elif kind == SPLIT:
                code.extend((kind, len(argument), *argument))
            elif kind == MATCH:
                code.extend((kind, 1, argument))
            elif kind in (BEHIND, AHEAD):
                code.extend((kind, 3, *argument))
            else:
                code.extend((kind, 0))
        return code, starts


class _Builder:
    """One pattern: every piece is made with the instruction that follows it."""

    def __init__(self, program: Program, name: str, inside: str = "") -> None:
        self.program, self.name, self.inside = program, name, inside

    def refuse(self, what: str) -> GrammarError:
        return GrammarError(f"terminal {self.name}: {what} cannot be followed while writing")

    def sequence(self, items: Any, flags: int, follow: int) -> int:
        for operation, argument in reversed(list(items)):
            if follow == DEAD:
                return DEAD
            follow = self.item(operation, argument, flags, follow)
        return follow

    def item(self, operation: Any, argument: Any, flags: int, follow: int) -> int:
        if operation in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
            return self.chars(self.ranges(operation, argument, flags), follow)
        if operation is sre.BRANCH:
            entries = [self.sequence(branch, flags, follow) for branch in argument[1]]
            return self.split(entries)
        if operation is sre.SUBPATTERN:
            _, added, removed, body = argument
            return self.sequence(body, (flags | added) & ~removed, follow)
        if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self.repeat(argument, flags, follow, operation is sre.MIN_REPEAT)
        if operation in (sre.ASSERT, sre.ASSERT_NOT):
            return self.assertion(argument, flags, follow, operation is sre.ASSERT)
        if operation is sre.AT:
            return self.place(argument, flags, follow)
        if operation is getattr(sre, "FAILURE", None):
            return DEAD
        raise self.refuse(f"{str(operation).lower().replace('_', ' ')} in its pattern")

    def chars(self, ranges: Ranges, follow: int) -> int:
        """One character out of `ranges`, in UTF-8."""
        if self.program.excluded:
            ranges = invert((*invert(ranges), *self.program.excluded))
        if not ranges:
            return DEAD
        graph = utf8_graph(ranges)
        numbers: list[int] = []
        at = 0
        while at < len(graph):  # a node's targets come before it
            edges = []
            for k in range(at + 1, at + 1 + 3 * graph[at], 3):
                target = graph[k + 2]
                edges.append((graph[k], graph[k + 1], follow if target < 0 else numbers[target]))
            numbers.append(self.program.add(CHARS, edges))
            at += 1 + 3 * graph[at]
        return numbers[-1]

    def split(self, entries: list[int]) -> int:
        alive = [entry for entry in entries if entry != DEAD]
        return DEAD if not alive else alive[0] if len(alive) == 1 else self.program.add(SPLIT, alive)

    def repeat(self, argument: Any, flags: int, follow: int, lazy: bool) -> int:
        least, most, body = argument
        if most is sre.MAXREPEAT:
            knot = self.program.add(SPLIT, [])
            entry = self.sequence(body, flags, knot)
            targets = [target for target in ((follow, entry) if lazy else (entry, follow)) if target != DEAD]
            self.program.nodes[knot] = (SPLIT, targets)
            follow = knot
        else:
            after = follow
            for _ in range(int(most) - int(least)):
                entry = self.sequence(body, flags, follow)
                if entry == DEAD:
                    break
                follow = self.split([after, entry] if lazy else [entry, after])
        for _ in range(int(least)):
            follow = self.sequence(body, flags, follow)
            if follow == DEAD:
                break
        return follow

    def assertion(self, argument: Any, flags: int, follow: int, positive: bool) -> int:
        direction, body = argument
        if len(body) == 0:
            return follow if positive else DEAD
        if direction > 0:
            return self.ahead((str(body), flags), body, flags, follow, positive)
        if self.inside == "look-behind":
            raise self.refuse("a look-behind inside a look-behind")
        inner = _Builder(self.program, self.name, "look-behind")
        number = self.program.behind((str(body), flags), lambda end: inner.sequence(body, flags, end))
        if self.program.behinds[number] == DEAD:
            return DEAD if positive else follow
        return self.program.add(BEHIND, (number, int(positive), follow))

    def ahead(self, key: Any, body: Any, flags: int, follow: int, positive: bool) -> int:
        """body : parsed items, or a function of the instruction that follows."""
        if self.inside == "look-behind":
            raise self.refuse("a look-ahead inside a look-behind")
        inner = _Builder(self.program, self.name, "look-ahead")
        build = body if callable(body) else lambda end: inner.sequence(body, flags, end)
        number = self.program.ahead(key, build)
        if self.program.aheads[number] == DEAD:
            return DEAD if positive else follow
        return self.program.add(AHEAD, (number, int(positive), follow))

    def place(self, place: Any, flags: int, follow: int) -> int:
        if place in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
            at_start = self.program.add(BEHIND, (AT_START, 1, follow))
            if place is sre.AT_BEGINNING and flags & re.MULTILINE:
                number = self.program.behind("newline", lambda end: self.chars(NEWLINE, end))
                return self.split([at_start, self.program.add(BEHIND, (number, 1, follow))])
            return at_start
        if place in (sre.AT_END, sre.AT_END_STRING):
            return self.end(place is sre.AT_END, bool(flags & re.MULTILINE), follow)
        if place in (sre.AT_BOUNDARY, sre.AT_NON_BOUNDARY):
            ranges = unicode_tables.ASCII_WORD if flags & re.ASCII else unicode_tables.word()
            key = ("word", bool(flags & re.ASCII))
            number = self.program.behind(key, lambda end: self.chars(ranges, end))
            ways = []
            for before in (1, 0):
                after = before if place is sre.AT_NON_BOUNDARY else 1 - before
                entry = self.ahead(key, lambda end: self.chars(ranges, end), flags, follow, bool(after))
                ways.append(self.program.add(BEHIND, (number, before, entry)))
            return self.split(ways)
        raise self.refuse(f"{str(place).lower()} in its pattern")

    def end(self, before_newline: bool, multiline: bool, follow: int) -> int:
        """\\Z, or $: a text that may not come."""

        def rest(end: int) -> int:
            if not before_newline:
                return self.chars(invert(()), end)
            if multiline:
                return self.chars(invert(NEWLINE), end)
            after = self.chars(NEWLINE, self.chars(invert(()), end))
            return self.split([self.chars(invert(NEWLINE), end), after])

        return self.ahead(("end", before_newline, multiline), rest, 0, follow, positive=False)

    # ---- sets of characters ----

    def ranges(self, operation: Any, argument: Any, flags: int) -> Ranges:
        ascii_only = bool(flags & re.ASCII)
        if operation is sre.ANY:
            return invert(()) if flags & re.DOTALL else invert(NEWLINE)
        if operation is sre.IN:
            negated = bool(argument) and argument[0][0] is sre.NEGATE
            pairs: list[tuple[int, int]] = []
            for kind, value in argument[negated:]:
                if kind is sre.LITERAL:
                    pairs.append((value, value))
                elif kind is sre.RANGE:
                    pairs.append(value)
                elif kind is sre.CATEGORY:
                    pairs.extend(category(value, ascii_only))
                else:
                    raise self.refuse(f"{kind} in a character class")
        else:
            negated = operation is sre.NOT_LITERAL
            pairs = [(argument, argument)]
        ranges = normalise(pairs)
        if flags & re.IGNORECASE:
            ranges = unicode_tables.fold(ranges, ascii_only=ascii_only)
        return invert(ranges) if negated else ranges


def category(code: Any, ascii_only: bool) -> Ranges:
    """The characters of \\d, \\s, \\w or their complements, as Python's `re` has them."""
    if code in (sre.CATEGORY_DIGIT, sre.CATEGORY_NOT_DIGIT):
        found = unicode_tables.ASCII_DIGIT if ascii_only else unicode_tables.digits()
    elif code in (sre.CATEGORY_SPACE, sre.CATEGORY_NOT_SPACE):
        found = unicode_tables.ASCII_SPACE if ascii_only else unicode_tables.SPACE
    else:
        found = unicode_tables.ASCII_WORD if ascii_only else unicode_tables.word()
    negated = code in (sre.CATEGORY_NOT_DIGIT, sre.CATEGORY_NOT_SPACE, sre.CATEGORY_NOT_WORD)
    return invert(found) if negated else found
