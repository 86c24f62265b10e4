"""Which string and number formulas have a text at all, and a short one: by a look, by guesses, or by an automaton."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from guided import _fast
from guided.automata.facts import surely_holds_text
from guided.errors import LimitExceeded
from guided.schema.formula import FALSE, TRUE
from guided.schema.glance import LARGE
from guided.schema.lexers import NUMBER, STRING, part, shared_dfa
from guided.schema.scalars import Scalars

MAX_GUESSES: Final = 64  # values of one enum that are tried before an automaton is made


class Members:
    """Texts of the string and number formulas of one schema."""

    def __init__(self, scalars: Scalars) -> None:
        self.scalars, self.formulas = scalars, scalars.formulas
        self._shortest: dict[tuple[int, str], str | None] = {}
        self._exists: dict[tuple[int, str], bool] = {}

    def shortest(self, formula: int, kind: str) -> str | None:
        """The shortest JSON text of a string or number formula; None if there is none."""
        if formula == TRUE:
            return '""' if kind == "string" else "0"
        if formula == FALSE:
            return None
        key = (formula, kind)
        if key not in self._shortest:
            self._shortest[key] = self._find_shortest(formula, kind)
        return self._shortest[key]

    def exists(self, formula: int, kind: str) -> bool:
        """Whether some string or number fits, found without a text where that is plain to see."""
        key = (formula, kind)
        found = self._exists.get(key)
        if found is None:
            is_plain = self._is_plainly_met(formula, kind) if formula not in (TRUE, FALSE) else formula == TRUE
            found = self._exists[key] = is_plain or self.shortest(formula, kind) is not None
        return found

    def _is_plainly_met(self, formula: int, kind: str) -> bool:
        """Whether a conjunction surely holds for some text: one list, one pattern, or bounds that leave room."""
        units = self.formulas.units(formula)
        if len(units) != len(self.formulas.conjuncts(formula)):
            return False
        least, most = -LARGE, LARGE
        n_lists = n_patterns = n_bounds = 0
        texts: frozenset[str] | None = None  # those of every list
        without: set[str] = set()
        for unit in units:
            atom = self.formulas.payload(unit)
            if atom[0] == "strings":
                if unit > 0:
                    texts = atom[1] if texts is None else texts & atom[1]
                else:
                    without |= atom[1]
            elif atom[0] == "numbers" and unit > 0:
                n_lists += 1
            elif atom[0] == "text" and unit > 0 and surely_holds_text(self.scalars.locations.trees[atom[1]]):
                n_patterns += 1
            elif atom[0] == "length":
                n_bounds += 1
                if unit > 0:
                    least = max(least, Decimal(atom[1]))
                else:
                    most = min(most, Decimal(atom[1] - 1))
            elif atom[0] == "low" and unit > 0:
                least = max(least, atom[1])
            elif atom[0] == "high" and unit > 0:
                most = min(most, atom[1])
            elif atom[0] != "integer" or unit < 0:
                return False
        if kind == "string":
            if n_patterns:
                return n_patterns == 1 and not (n_bounds or without or texts is not None)
            if texts is not None:
                return any(least <= len(text) <= most for text in texts - without)
            return least <= most - (8 if without else 0)  # of so many lengths there are more texts than in any list
        return n_lists == 0 and most - least >= 2  # an integer lies strictly between

    def _find_shortest(self, formula: int, kind: str) -> str | None:
        found = self._guessed_text(formula) if kind == "string" else self._guessed_number(formula)
        if found is not None:
            return found
        label = (STRING if kind == "string" else NUMBER) + 1
        try:
            dfa, start = part(label, self.scalars.tree(formula, kind, exact=False), self.scalars.limits)
        except LimitExceeded:
            alternatives, atoms = self.scalars.side_by_side((formula,), kind)
            inner = shared_dfa(alternatives, self.scalars.limits)
            dfa = _fast.Restricted(inner, lambda labels: self.scalars.answers_of(labels, (formula,), atoms, kind)[0])
            start = dfa.start
        return None if start == _fast.DEAD else str(dfa.completion(start) or b"", "utf-8")

    def _guessed_text(self, formula: int) -> str | None:
        """A string near what the formula speaks of, without any automaton; None if none of those fits."""
        atoms = [self.formulas.payload(atom) for atom in self.formulas.atoms(formula)]
        named = {text for atom in atoms if atom[0] == "strings" for text in sorted(atom[1])[:MAX_GUESSES]}
        sizes = {0, *(atom[1] for atom in atoms if atom[0] == "length" and atom[1] <= MAX_GUESSES)}
        plain = ["a" * size for size in sorted(sizes)]
        plain += [f"{'a' * (size - 1)}b" for size in sorted(sizes) if size]
        guesses = [*plain, "b", *sorted(named, key=len)]
        return next((self.scalars.spelling.text(text) for text in guesses if self.scalars.holds(formula, text)), None)

    def _guessed_number(self, formula: int) -> str | None:
        atoms = [self.formulas.payload(atom) for atom in self.formulas.atoms(formula)]
        named: dict[str, None] = {}
        near: set[int] = {0, 1, -1, 2}
        for atom in atoms:
            if atom[0] == "numbers":
                named.update(dict.fromkeys(atom[1][:MAX_GUESSES]))
            elif atom[0] in ("low", "high") and abs(atom[1]) < 10**15:
                near.update(int(atom[1]) + step for step in (-1, 0, 1))
        near.update(int(Decimal(text)) + 1 for text in named if abs(Decimal(text)) < 10**15)
        guesses = [*map(str, sorted(near, key=lambda value: (len(str(value)), value))), *named]
        return next(
            (self.scalars.numbers.spelled(text) for text in guesses if self.scalars.fitting_numbers(formula, (text,))),
            None,
        )
