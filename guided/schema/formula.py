"""Boolean formulas over atoms of one instance location: hash-consed, in negation normal form, with substitution.

A formula is a small integer; equal formulas that are built the same way are the same integer.  Children have smaller
numbers than their parents, so that every pass is a loop over sorted numbers and nothing recurses.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from guided.errors import LimitExceeded

FALSE, TRUE = 0, 1
LITERAL, ALL, ANY = 2, 3, 4

Atom = tuple[Any, ...]  # its kind first, see locations.py
Literal = tuple[Atom, bool]  # an atom, and whether it must be true
Cube = frozenset[Literal]  # literals that together make a formula true


class Formulas:
    """The store of all formulas of one schema."""

    def __init__(self) -> None:
        self._kinds: list[int] = [FALSE, TRUE]
        self._arguments: list[tuple[int, ...]] = [(), ()]
        self._literals: dict[int, Literal] = {}
        self._atoms: list[frozenset[Atom]] = [frozenset(), frozenset()]
        self._numbers: dict[tuple[int, Hashable], int] = {}

    def __len__(self) -> int:
        return len(self._kinds)

    def literal(self, atom: Atom, positive: bool = True) -> int:
        """The formula `atom`, or `not atom`."""
        number = self._intern(LITERAL, (atom, positive), (), frozenset((atom,)))
        self._literals[number] = (atom, positive)
        return number

    def all_of(self, parts: Iterable[int]) -> int:
        """Conjunction: flattened, without repetitions; FALSE if two literals contradict each other."""
        return self._combine(ALL, parts, TRUE, FALSE)

    def any_of(self, parts: Iterable[int]) -> int:
        """Disjunction: flattened, without repetitions; TRUE if two literals are opposites."""
        return self._combine(ANY, parts, FALSE, TRUE)

    def _combine(self, kind: int, parts: Iterable[int], neutral: int, absorbing: int) -> int:
        flat: set[int] = set()
        for part in parts:
            if part == absorbing:
                return absorbing
            if part != neutral:
                flat.update(self._arguments[part] if self._kinds[part] == kind else (part,))
        if not flat:
            return neutral
        if len(flat) == 1:
            return flat.pop()
        for part in flat:
            found = self._literals.get(part)
            if found and self._numbers.get((LITERAL, (found[0], not found[1]))) in flat:
                return absorbing
        arguments = tuple(sorted(flat))
        return self._intern(kind, arguments, arguments, frozenset().union(*(self._atoms[part] for part in arguments)))

    def _intern(self, kind: int, key: Hashable, arguments: tuple[int, ...], atoms: frozenset[Atom]) -> int:
        number = self._numbers.get((kind, key))
        if number is None:
            number = self._numbers[kind, key] = len(self._kinds)
            self._kinds.append(kind)
            self._arguments.append(arguments)
            self._atoms.append(atoms)
        return number

    def atoms(self, formula: int) -> frozenset[Atom]:
        """The atoms that occur in `formula`."""
        return self._atoms[formula]

    def substitute(self, formula: int, values: Mapping[Atom, int]) -> int:
        """`formula` with every atom of `values` replaced by a formula, all at once (a derivative, or a cofactor)."""
        keys = values.keys()
        if self._atoms[formula].isdisjoint(keys):
            return formula
        reached, pending = {formula}, [formula]
        while pending:
            for part in self._arguments[pending.pop()]:
                if part not in reached and not self._atoms[part].isdisjoint(keys):
                    reached.add(part)
                    pending.append(part)
        after: dict[int, int] = {}
        for number in sorted(reached):
            kind = self._kinds[number]
            if kind == LITERAL:
                atom, positive = self._literals[number]
                after[number] = values[atom] if positive else self.negate(values[atom])
            else:
                parts = (after.get(part, part) for part in self._arguments[number])
                after[number] = self.all_of(parts) if kind == ALL else self.any_of(parts)
        return after[formula]

    def negate(self, formula: int) -> int:
        """The opposite of a constant or of a literal; larger formulas are negated where they are built."""
        if formula in (FALSE, TRUE):
            return TRUE - formula
        atom, positive = self._literals[formula]
        return self.literal(atom, not positive)

    def cubes(self, formula: int, max_steps: int) -> Iterator[Cube]:
        """Sets of literals that make `formula` true; together they cover all ways of making it true.

        Branches on one disjunction at a time, first alternative first.
        Raises LimitExceeded after `max_steps` steps: proving that no way is left can take exponential time.
        """
        steps = 0
        stack: list[tuple[tuple[int, ...], Cube]] = [((formula,), frozenset())]
        while stack:
            pending, chosen = stack.pop()
            literals = set(chosen)
            choices: list[int] = []
            queue = list(pending)
            alive = True
            while queue and alive:
                steps += 1
                part = queue.pop()
                kind = self._kinds[part]
                if kind == LITERAL:
                    atom, positive = self._literals[part]
                    alive = (atom, not positive) not in literals
                    literals.add((atom, positive))
                elif kind == ALL:
                    queue.extend(self._arguments[part])
                elif kind == ANY:
                    choices.append(part)
                else:
                    alive = kind == TRUE
            if steps > max_steps:
                raise LimitExceeded("max_formula_steps", max_steps, steps, "a combination of anyOf, oneOf and allOf")
            if not alive:
                continue
            cube = frozenset(literals)
            if not choices:
                yield cube
                continue
            choice = min(choices)
            others = tuple(part for part in choices if part != choice)
            stack.extend(((part, *others), cube) for part in reversed(self._arguments[choice]))
