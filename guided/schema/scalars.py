"""Formulas of strings and numbers -> trees of JSON lexemes.

Two trees belong to a formula.  The *written* one is what a value that must fit may look like; it may leave spellings
out (integers without a point, enum values as the schema spells them).  The *exact* one tells, among all texts that may
be written where the answer is open, for which the formula holds: its opposite is as exact, so `not` and oneOf rest on
it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Final

from guided.automata.syntax import Both, Node, Not, Words, union
from guided.errors import LimitExceeded
from guided.schema.formula import FALSE, TRUE, Atom, Cube
from guided.schema.lexers import NUMBER, STRING, Alternatives, shared_dfa
from guided.schema.locations import Locations
from guided.schema.multiples import MAX_STATES, decimal_text, first_multiples, is_small
from guided.schema.numbers import Numbers
from guided.schema.strings import Spelling

MAX_PRODUCT: Final = 10_000  # states of an automaton built in full; larger ones are read side by side
MAX_MULTIPLES: Final = 1_000  # of a divisor with many digits that may be written


class Scalars:
    """Trees of the string and number formulas of one schema."""

    def __init__(self, locations: Locations, spelling: Spelling, numbers: Numbers) -> None:
        self.locations, self.formulas = locations, locations.formulas
        self.spelling, self.numbers = spelling, numbers
        given = locations.document.options.limits
        self.limits = replace(given, max_dfa_states=min(given.max_dfa_states, MAX_PRODUCT))
        self._trees: dict[tuple[int, str, bool], Node] = {}

    def spender(self, at_most: int | None = None) -> Callable[[int], None]:
        """Counts steps; raises LimitExceeded (max_formula_steps) after those, or fewer if that is enough."""
        n_steps, most = 0, min(self.limits.max_formula_steps, at_most or self.limits.max_formula_steps)

        def spend(n: int) -> None:
            nonlocal n_steps
            n_steps += n
            if n_steps > most:
                raise LimitExceeded("max_formula_steps", most, n_steps, "a combination of alternatives for one value")

        return spend

    def tree(self, formula: int, kind: str, *, exact: bool) -> Node:
        """The JSON texts of the strings (numbers) for which `formula` holds: those written, or exactly all of them."""
        found = self._trees.get((formula, kind, exact))
        if found is None:
            if formula == FALSE:
                found = union()
            elif kind == "string":
                cubes = self.formulas.cubes(formula, self.spender())
                found = union(*(self._string_cube(cube, exact=exact) for cube in cubes))
            else:
                cubes = self.formulas.cubes(formula, self.spender())
                plain = exact and self.has_multiples(formula)
                found = union(
                    *(
                        self._number_cube(cube, exact=exact, plain=plain or any(map(self.has_multiples, cube)))
                        for cube in cubes
                    )
                )
            self._trees[formula, kind, exact] = found
        return found

    def universe(self, kind: str, formulas: tuple[int, ...]) -> Node:
        """All texts that may be written where the answers of `formulas` are open."""
        if kind == "string":
            return self.spelling.every if any(self._is_spelled(formula) for formula in formulas) else self.spelling.free
        return self.numbers.between(None, None, exponents=not any(map(self.has_multiples, formulas)))

    def _is_spelled(self, formula: int) -> bool:
        return any(self.formulas.payload(atom)[0] != "length" for atom in self.formulas.atoms(formula))

    def listed(self, formula: int) -> frozenset[str] | None:
        """The texts of a string formula that is a list of them and no more, and that are spelled in one way."""
        if self.spelling.is_any or formula in (TRUE, FALSE) or formula < 0 or not self.formulas.is_literal(formula):
            return None
        atom = self.formulas.payload(formula)
        return atom[1] if atom[0] == "strings" else None

    def listed_texts(self, formulas: tuple[int, ...]) -> frozenset[str] | None:
        """The texts that string formulas list in enum and const; None if they ask for anything else."""
        atoms = {self.formulas.payload(atom) for formula in formulas for atom in self.formulas.atoms(formula)}
        if any(atom[0] != "strings" for atom in atoms):
            return None
        return frozenset().union(*(atom[1] for atom in atoms))

    def has_multiples(self, formula: int) -> bool:
        """Whether `multipleOf` occurs: such numbers are written without exponents."""
        return any(self.formulas.payload(atom)[0] == "multiple" for atom in self.formulas.atoms(formula))

    # ---- strings ----

    def _string_cube(self, cube: Cube, *, exact: bool) -> Node:
        trees: list[Node] = []
        outside: list[Node] = []
        least, most = 0, None
        sets: list[frozenset[str]] = []
        without: set[str] = set()
        for literal in cube:
            atom = self.formulas.payload(literal)
            if atom[0] == "text":
                (trees if literal > 0 else outside).append(self.locations.trees[atom[1]])
            elif atom[0] == "length" and literal > 0:
                least = max(least, atom[1])
            elif atom[0] == "length":
                most = atom[1] - 1 if most is None else min(most, atom[1] - 1)
            elif literal > 0:
                sets.append(atom[1])
            else:
                without |= atom[1]
        texts = reduce(frozenset.__and__, sets) - without if sets else None
        if texts is not None and outside:
            texts = frozenset(text for text in texts if not any(self._fits(tree, text) for tree in outside))
        found = self.spelling.lexeme(trees, least, most, texts)
        if texts is not None or not (outside or without):
            return found
        parts = [found, self.spelling.every]
        parts += [Not(self.spelling.quoted(tree)) for tree in outside]
        if without:
            parts.append(Not(self.spelling.words(sorted(without))))
        return Both(tuple(dict.fromkeys(parts)))

    def _fits(self, tree: Node, text: str) -> bool:
        return shared_dfa(((STRING, self.spelling.quoted(tree)),), self.limits).accepts(self.spelling.text(text))

    def holds(self, formula: int, text: str) -> bool:
        """Whether a string formula holds for `text`."""
        values: dict[int, int] = {}
        for number in self.formulas.atoms(formula):
            atom = self.formulas.payload(number)
            if atom[0] == "length":
                is_true = len(text) >= atom[1]
            elif atom[0] == "strings":
                is_true = text in atom[1]
            else:
                is_true = self._fits(self.locations.trees[atom[1]], text)
            values[number] = TRUE if is_true else FALSE
        return self.formulas.substitute(formula, values) == TRUE

    # ---- numbers ----

    def _number_cube(self, cube: Cube, *, exact: bool, plain: bool) -> Node:
        """plain : without exponents."""
        numbers = self.numbers
        is_integer = is_lexical = False
        groups: list[tuple[str, ...]] = []
        positive: list[Node] = []
        negative: list[Node] = []
        large: list[Decimal] = []
        low: tuple[Decimal, bool] | None = None
        high: tuple[Decimal, bool] | None = None
        for literal in cube:
            atom = self.formulas.payload(literal)
            kind = atom[0]
            if kind == "integer" and literal > 0:
                is_integer, is_lexical = True, is_lexical or atom[1]
            elif kind == "integer":
                negative.append(numbers.whole(None, None, lexical=atom[1], exponents=not plain))
            elif kind == "numbers" and literal > 0:
                groups.append(atom[1])
            elif kind == "numbers":
                negative.append(numbers.equal([Decimal(text) for text in atom[1]], exponents=not plain))
            elif kind == "multiple" and literal > 0 and not is_small(atom[1]):
                large.append(atom[1])
            elif kind == "multiple":
                (positive if literal > 0 else negative).append(numbers.multiple(atom[1]))
            elif (kind == "low") == (literal > 0):
                bound = (atom[1], atom[2] if literal > 0 else not atom[2])
                low = bound if low is None else max(low, bound)
            else:
                bound = (atom[1], atom[2] if literal > 0 else not atom[2])
                high = bound if high is None or (bound[0], not bound[1]) < (high[0], not high[1]) else high
        if large and not groups:  # no automaton keeps such remainders: some multiples, written out
            if exact:
                raise LimitExceeded("max_dfa_states", MAX_STATES, int(large[0]), f"multipleOf {large[0]} below 'not'")
            steps = [*large, *([Decimal(1)] if is_integer else [])]
            found = first_multiples(steps, low and low[0], high and high[0], MAX_MULTIPLES)
            groups = [tuple(text for value in found if (text := decimal_text(value)) is not None)]
            listed = self._listed(groups, low, high, is_integer, False, [], [], exact=False, as_given=True)
            return Both((listed, *positive, *(Not(node) for node in negative))) if positive or negative else listed
        if groups:
            return self._listed(groups, low, high, is_integer, is_lexical, positive, negative, exact=exact)
        if is_integer:
            lexical = is_lexical or (not exact and numbers.integers_are_bare)
            base = numbers.whole(low, high, lexical=lexical, exponents=not plain)
        else:
            base = numbers.between(low, high, exponents=not plain)
        parts = [base, *positive, *(Not(node) for node in negative)]
        return parts[0] if len(parts) == 1 or base == union() else Both(tuple(parts))

    def _listed(
        self,
        groups: list[tuple[str, ...]],
        low: tuple[Decimal, bool] | None,
        high: tuple[Decimal, bool] | None,
        is_integer: bool,
        is_lexical: bool,
        positive: list[Node],
        negative: list[Node],
        *,
        exact: bool,
        as_given: bool = False,
    ) -> Node:
        """The numbers of enum or const that are within everything else."""
        values = [{Decimal(text) for text in group} for group in groups]
        fitting = [
            text
            for text in groups[0]
            if all(Decimal(text) in group for group in values)
            and (not is_integer or Decimal(text) == Decimal(text).to_integral_value())
            and (low is None or (Decimal(text), False) >= low)
            and (high is None or Decimal(text) < high[0] or (Decimal(text) == high[0] and not high[1]))
        ]
        if not fitting:
            return union()
        if not as_given and (exact or positive or negative or is_lexical or not self.numbers.integers_are_bare):
            base = self.numbers.equal([Decimal(text) for text in fitting], exponents=not (positive or negative))
            parts = [base, *positive, *(Not(node) for node in negative)]
            if is_lexical:
                parts.append(self.numbers.whole(None, None, lexical=True, exponents=True))
            return parts[0] if len(parts) == 1 else Both(tuple(parts))
        return Words(tuple(self.numbers.spelled(text) for text in fitting))

    def fitting_numbers(self, formula: int, texts: tuple[str, ...]) -> list[str]:
        """Those of the numbers, spelled, for which a number formula holds; each value once."""
        found: dict[Decimal, str] = {}
        for text in texts:
            value = Decimal(text)
            values = {
                atom: TRUE if self._number_holds(self.formulas.payload(atom), value) else FALSE
                for atom in self.formulas.atoms(formula)
            }
            if self.formulas.substitute(formula, values) == TRUE:
                found.setdefault(value, self.numbers.spelled(text))
        return list(found.values())

    @staticmethod
    def _number_holds(atom: Atom, value: Decimal) -> bool:
        kind = atom[0]
        if kind == "integer":
            return value == value.to_integral_value()
        if kind == "numbers":
            return any(Decimal(text) == value for text in atom[1])
        if kind == "multiple":
            return (Fraction(value) / Fraction(atom[1])).denominator == 1
        if kind == "low":
            return bool(value > atom[1] or (value == atom[1] and not atom[2]))
        return bool(value < atom[1] or (value == atom[1] and not atom[2]))

    # ---- strings whose conditions are too many for one automaton ----

    def side_by_side(self, formulas: tuple[int, ...], kind: str) -> tuple[Alternatives, tuple[int, ...]]:
        """Alternatives that tell which atoms hold, and the atoms; STRING is any string, STRING + 1 + n is atom n.

        The same from NUMBER up for numbers.
        """
        atoms = tuple(sorted({atom for formula in formulas for atom in self.formulas.atoms(formula)}))
        if kind == "number":
            return self._numbers_side_by_side(formulas, atoms), atoms
        found: list[tuple[int, Node]] = [(STRING, self.spelling.every)]
        for number, atom in enumerate(atoms):
            payload = self.formulas.payload(atom)
            if payload[0] == "text":
                node = self.spelling.quoted(self.locations.trees[payload[1]])
            elif payload[0] == "length":
                node = self.spelling.lexeme((), payload[1])
            else:
                node = self.spelling.words(sorted(payload[1]))
            found.append((STRING + 1 + number, node))
        return tuple(found), atoms

    def _numbers_side_by_side(self, formulas: tuple[int, ...], atoms: tuple[int, ...]) -> Alternatives:
        exponents = not any(map(self.has_multiples, formulas))
        numbers = self.numbers
        found: list[tuple[int, Node]] = [(NUMBER, self.universe("number", formulas))]
        for number, atom in enumerate(atoms):
            payload = self.formulas.payload(atom)
            if payload[0] == "integer":
                node = numbers.whole(None, None, lexical=payload[1], exponents=exponents)
            elif payload[0] == "numbers":
                node = numbers.equal([Decimal(text) for text in payload[1]], exponents=exponents)
            elif payload[0] == "multiple":
                node = numbers.multiple(payload[1])
            elif payload[0] == "low":
                node = numbers.between((payload[1], payload[2]), None, exponents=exponents)
            else:
                node = numbers.between(None, (payload[1], payload[2]), exponents=exponents)
            found.append((NUMBER + 1 + number, node))
        return tuple(found)

    def answers_of(
        self, labels: tuple[int, ...], formulas: tuple[int, ...], atoms: tuple[int, ...], kind: str
    ) -> tuple[bool, ...]:
        """Which formulas hold for a string or number with these labels of side_by_side."""
        base = STRING if kind == "string" else NUMBER
        if base not in labels:
            return (False,) * len(formulas)
        values = {atom: TRUE if base + 1 + number in labels else FALSE for number, atom in enumerate(atoms)}
        return tuple(self.formulas.substitute(formula, values) == TRUE for formula in formulas)
