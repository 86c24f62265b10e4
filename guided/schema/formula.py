"""Boolean formulas over atoms of one instance location: hash-consed, with negation, "exactly one of" and substitution.

A formula is a signed integer: -f is the opposite of f, so that negation costs nothing.  Formulas that are built the
same way are the same integer; arguments are older than what is made of them, so no pass recurses.  A directed acyclic
graph stays linear in the schema, where a decision diagram of a oneOf with n branches may not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, Final

TRUE: Final = 1
FALSE: Final = -1
_ATOM: Final = 0
_ALL: Final = 1
_ONE: Final = 2

Atom = tuple[Any, ...]  # its kind first, see locations.py
Cube = tuple[int, ...]  # literals (an atom, or its opposite) that together make a formula true
_NONE: Final[frozenset[int]] = frozenset()


class Formulas:
    """The store of all formulas of one schema."""

    def __init__(self) -> None:
        self._kinds: list[int] = [_ALL, _ALL]  # number 0 is not used, number 1 is TRUE: all of nothing
        self._arguments: list[tuple[int, ...]] = [(), ()]
        self._atoms: list[frozenset[int]] = [_NONE, _NONE]
        self._numbers: dict[tuple[int, Hashable], int] = {}
        self._payloads: dict[int, Atom] = {}
        self._units: dict[int, tuple[int, ...]] = {}
        self._polarities: dict[int, tuple[frozenset[int], frozenset[int]]] = {}

    def __len__(self) -> int:
        return len(self._kinds)

    # ---- building ----

    def literal(self, atom: Atom) -> int:
        """The formula that is true where `atom` is."""
        number = self._numbers.get((_ATOM, atom))
        if number is None:
            number = self._intern(_ATOM, atom, (), frozenset((len(self._kinds),)))
            self._payloads[number] = atom
        return number

    def all_of(self, parts: Iterable[int]) -> int:
        """Conjunction: flattened, without repetitions; FALSE if two parts are opposites."""
        flat: dict[int, None] = {}
        for part in parts:
            if part == FALSE:
                return FALSE
            if part == TRUE:
                continue
            if part > 0 and self._kinds[part] == _ALL:
                for below in self._arguments[part]:
                    flat[below] = None
            else:
                flat[part] = None
        for part in flat:
            if -part in flat:
                return FALSE
        if not flat:
            return TRUE
        if len(flat) == 1:
            return next(iter(flat))
        return self._intern_parts(_ALL, tuple(sorted(flat, key=abs)))

    def any_of(self, parts: Iterable[int]) -> int:
        """Disjunction."""
        return -self.all_of([-part for part in parts])

    def one_of(self, parts: Iterable[int]) -> int:
        """Exactly one of the parts."""
        counts: dict[int, int] = {}
        n_true = 0
        for part in parts:
            if part == TRUE:
                n_true += 1
            elif part != FALSE:
                counts[part] = counts.get(part, 0) + 1
        twice = [-part for part, count in counts.items() if count > 1]  # true once is true twice
        single = [part for part, count in counts.items() if count == 1]
        if n_true > 1:
            return FALSE
        if n_true:
            return self.all_of([*twice, *(-part for part in single)])
        if len(single) <= 1:
            return self.all_of([*twice, *single]) if single else FALSE
        return self.all_of([*twice, self._intern_parts(_ONE, tuple(sorted(single, key=abs)))])

    def _intern_parts(self, kind: int, arguments: tuple[int, ...]) -> int:
        number = self._numbers.get((kind, arguments))
        if number is not None:
            return number
        return self._intern(kind, arguments, arguments, _NONE.union(*[self._atoms[abs(part)] for part in arguments]))

    def _intern(self, kind: int, key: Hashable, arguments: tuple[int, ...], atoms: frozenset[int]) -> int:
        number = self._numbers[kind, key] = len(self._kinds)
        self._kinds.append(kind)
        self._arguments.append(arguments)
        self._atoms.append(atoms)
        return number

    # ---- looking ----

    def atoms(self, formula: int) -> frozenset[int]:
        """The atoms (as formulas) that occur in `formula`."""
        return self._atoms[abs(formula)]

    def payload(self, literal: int) -> Atom:
        """What an atom says."""
        return self._payloads[abs(literal)]

    def is_literal(self, formula: int) -> bool:
        """Whether it is an atom or the opposite of one."""
        return self._kinds[abs(formula)] == _ATOM

    def units(self, formula: int) -> tuple[int, ...]:
        """Literals that must be true whenever `formula` is, as far as that is plain to see."""
        found = self._units.get(formula)
        if found is None:
            if self.is_literal(formula):
                found = (formula,)
            elif formula > 0 and self._kinds[formula] == _ALL:
                found = tuple(part for part in self._arguments[formula] if self.is_literal(part))
            else:
                found = ()
            self._units[formula] = found
        return found

    def conjuncts(self, formula: int) -> tuple[int, ...]:
        """The parts of a conjunction; the formula itself if it is none."""
        return self._arguments[formula] if formula > 0 and self._kinds[formula] == _ALL else (formula,)

    def polarity(self, formula: int) -> tuple[frozenset[int], frozenset[int]]:
        """(atoms that occur without negation, atoms that occur under one); those of "exactly one of" are in both."""
        found = self._polarities.get(formula)
        if found is None:
            positive: set[int] = set()
            negative: set[int] = set()
            reached, pending = {formula}, [formula]
            while pending:
                part = pending.pop()
                number = abs(part)
                if self._kinds[number] == _ATOM:
                    (positive if part > 0 else negative).add(number)
                    continue
                for below in self._arguments[number]:
                    signed = [below, -below] if self._kinds[number] == _ONE else [below if part > 0 else -below]
                    for one in signed:
                        if one not in reached:
                            reached.add(one)
                            pending.append(one)
            found = self._polarities[formula] = frozenset(positive), frozenset(negative)
        return found

    # ---- derivatives ----

    def substitute(self, formula: int, values: Mapping[int, int]) -> int:
        """`formula` with every atom of `values` replaced by a formula, all at once (a derivative, or a cofactor)."""
        top = abs(formula)
        keys = values.keys()
        if keys.isdisjoint(self._atoms[top]):  # of the two, the smaller is walked through
            return formula
        reached, pending = {top}, [top]
        while pending:
            for part in self._arguments[pending.pop()]:
                number = abs(part)
                if number not in reached and not keys.isdisjoint(self._atoms[number]):
                    reached.add(number)
                    pending.append(number)
        after: dict[int, int] = {}
        for number in sorted(reached):
            kind = self._kinds[number]
            if kind == _ATOM:
                after[number] = values[number]
                continue
            parts = [
                after.get(part, part) if part > 0 else -after.get(-part, -part) for part in self._arguments[number]
            ]
            after[number] = self.all_of(parts) if kind == _ALL else self.one_of(parts)
        return after[top] if formula > 0 else -after[top]

    # ---- ways of being true ----

    def cubes(
        self, formula: int, spend: Callable[[int], None], is_enough: Callable[[Iterable[int]], bool] | None = None
    ) -> Iterator[Cube]:
        """Sets of literals that make `formula` true; together they cover all ways of making it true.

        Splits one disjunction at a time, first alternative first; what a choice decides is substituted at once.
        spend : told the work done, may raise.      is_enough : told the literals so far; True: yield them unfinished.
        """
        stack: list[tuple[list[int], tuple[int, ...]]] = [([formula], ())]
        while stack:
            queue, chosen = stack.pop()
            literals = dict.fromkeys(chosen)
            parts: list[int] = []
            is_alive = True
            while queue and is_alive:
                spend(len(queue))
                fresh: dict[int, int] = {}
                while queue:
                    part = queue.pop()
                    if part == FALSE or (self.is_literal(part) and -part in literals):
                        is_alive = False
                        break
                    if part == TRUE:
                        continue
                    if self.is_literal(part):
                        if part not in literals:
                            literals[part] = None
                            fresh[abs(part)] = TRUE if part > 0 else FALSE
                    elif part > 0 and self._kinds[part] == _ALL:
                        queue.extend(reversed(self._arguments[part]))
                    else:
                        parts.append(part)
                if is_alive and fresh and parts:
                    settled = [part for part in parts if not fresh.keys().isdisjoint(self.atoms(part))]
                    if settled:
                        parts = [part for part in parts if fresh.keys().isdisjoint(self.atoms(part))]
                        queue = [self.substitute(part, fresh) for part in reversed(settled)]
            if not is_alive:
                continue
            found = tuple(literals)
            if not parts or (is_enough is not None and is_enough(found)):
                yield found
                continue
            choices = self._alternatives(parts[0])
            others = parts[1:]
            stack.extend(([*reversed(others), *reversed(choice)], found) for choice in reversed(choices))

    def _alternatives(self, part: int) -> list[tuple[int, ...]]:
        """The ways in which a disjunction, or an "exactly one of", can be true."""
        arguments = self._arguments[abs(part)]
        if self._kinds[abs(part)] == _ALL:
            return [(-below,) for below in arguments]
        if part > 0:
            return [
                (below, *(-other for other in arguments[:place]), *(-other for other in arguments[place + 1 :]))
                for place, below in enumerate(arguments)
            ]
        return [tuple(-below for below in arguments), *combinations(arguments, 2)]
