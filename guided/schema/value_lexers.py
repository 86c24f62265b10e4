"""The lexer of a value: what may be written where a value stands, put together from parts shared by all schemas.

The parts are the words null, true and false, the strings, the numbers, and the brackets that open an array or an
object; their first bytes differ, so that no automaton is made for a combination of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import lru_cache
from itertools import count
from typing import Any, Final

from guided import _fast
from guided.automata.syntax import Node, union
from guided.errors import LimitExceeded
from guided.schema import lexers
from guided.schema.document import ANYTHING
from guided.schema.formula import FALSE, TRUE
from guided.schema.frames import Answers, Frames, Link
from guided.schema.keytests import fresh_names
from guided.schema.lexers import NUMBER, STRING, Alternatives, Part
from guided.schema.locations import Goal
from guided.schema.scalars import Scalars

_BASES: Final = {"string": STRING, "number": NUMBER}
_BRACKETS: Final = {
    "array": (lexers.OPEN_ARRAY, lexers.EMPTY_ARRAY),
    "object": (lexers.OPEN_OBJECT, lexers.EMPTY_OBJECT),
}
Opening = tuple[bool, bool]  # of an array or object: whether it may be empty, whether it may have members
Openings = Mapping[str, "Opening | None"]  # by kind
NO_OPENINGS: Final[Openings] = {}

MAX_QUESTIONS: Final = 4  # open ones about one string or number, all of whose answers are tried
MAX_BY_TYPES: Final = 1024
_NUMBERS: Final = count()
_BY_TYPES: Final[
    dict[Hashable, _fast.Recognizer]
] = {}  # lexers of values of which only the type is asked, for the process


@lru_cache(maxsize=64)
def _number_of(written: Hashable) -> int:
    """A number for settings of how values are written; never that of others."""
    return next(_NUMBERS)


class ValueLexers:
    """Lexers of the values of one schema, and what the labels of their lexemes mean."""

    def __init__(self, frames: Frames, scalars: Scalars, structure: lexers.Structure) -> None:
        self.frames, self.scalars, self.structure = frames, scalars, structure
        self.locations, self.limits = scalars.locations, scalars.limits
        numbers = scalars.numbers
        written = (structure, scalars.spelling.is_any, numbers.setting, numbers.integers_are_bare, self.limits)
        self._written = _number_of(written)  # as it is part of a key that is looked up for every goal
        self._plain: dict[tuple[int, str], Part | None] = {}  # (formula, kind) -> strings or numbers that only must fit
        self._filters: list[_fast.Restricted] = []
        self._given: dict[tuple[int, str], Answers] = {}  # (link, kind) -> the only answers that its lexer leaves
        self._atoms: dict[Any, tuple[int, ...]] = {}  # (questions, kind) -> atoms by label, if read side by side

    @property
    def is_approximate(self) -> bool:
        """Whether some state of a lexer was assumed to be alive, as finding out took more steps than allowed."""
        return any(lexer.approximate for lexer in self._filters)

    def lexer(self, link: Link, openings: Openings = NO_OPENINGS) -> _fast.Recognizer:
        """All values that `link` may get; arrays and objects only as far as their opening bracket.

        openings : what may come behind those brackets, where it is known already.
        """
        found: _fast.Recognizer | None = link.lexer
        if found is None:
            if link.above is not None and len(link.questions) == 1:
                alone = self.frames.link(None, None, (), link.questions)  # all that is asked is the goal
                found = self.lexer(alone)
            else:
                array, obj = openings.get("array"), openings.get("object")
                key = (
                    self._types(link.questions[0], array, obj)
                    if len(link.questions) == 1 and link.above is None
                    else None
                )
                found = None if key is None else _BY_TYPES.get(key)
                if found is None:
                    found = lexers.disjoint(tuple(self._parts(link, openings)))
                    if key is not None:
                        if len(_BY_TYPES) >= MAX_BY_TYPES:
                            _BY_TYPES.clear()
                        _BY_TYPES[key] = found
            link.lexer = found
        return found

    def of_types(self, goal: Goal, array: Opening | None, obj: Opening | None) -> _fast.Recognizer | None:
        """The lexer of a goal that asks a value for its type alone, if it is known already."""
        key = self._types(goal, array, obj)
        return None if key is None else _BY_TYPES.get(key)

    def _types(self, goal: Goal, array: Opening | None, obj: Opening | None) -> Hashable | None:
        """All that the lexer depends on, where a value is asked for its type alone; None elsewhere."""
        if array is None or obj is None or len(goal) > 1 or (goal and goal[0] < 0):
            return None
        node = self.frames.document.nodes[goal[0] if goal else ANYTHING]
        if not node.asks_scalars_for_types_only():
            return None
        return (node.types, node.is_integer, node.is_lexical, array, obj, self._written)

    def _parts(self, link: Link, openings: Openings) -> Iterator[Part]:
        words = [
            label
            for label, kind in lexers.CONSTANTS.items()
            if self.frames.suffices(link, self.constant_answers(link, kind))
        ]
        if words:
            yield lexers.constants(tuple(words))
        for kind in _BASES:
            part = self._scalar(link, kind)
            if part is not None:
                yield part
        for kind, (opening, empty) in _BRACKETS.items():
            may_be_empty, may_have_members = openings.get(kind) or self._opening(link, kind)
            labels = [label for label, may_come in ((empty, may_be_empty), (opening, may_have_members)) if may_come]
            if labels:
                yield self.structure.brackets(tuple(labels))

    def _opening(self, link: Link, kind: str) -> Opening:
        if kind == "object" and len(link.questions) == 1:
            known = self._opening_among_others(link.questions[0])
            if known is not None:
                return known
        if self.locations.goal_formula(link.questions[0], kind) == FALSE:
            return False, False
        frame = self.frames.opened(link, kind)
        if frame is None:
            return False, False
        may_be_empty = self.frames.suffices(link, self.frames.residuals.closed(frame.residual))
        return may_be_empty, self.frames.item(frame) is not None if kind == "array" else self.frames.has_keys(frame)

    def _opening_among_others(self, goal: Goal) -> Opening | None:
        """How an object may begin that must only differ from some that were written; None of other goals."""
        values_of = self.frames.document.values_of
        others = [-number for number in goal if -number in values_of]
        wanted = tuple(number for number in goal if -number not in values_of)
        if not others or not self.frames.analysis.glance.is_endless_object(wanted):
            return None
        may_be_empty, _ = self._opening(self.frames.link(None, None, (), (wanted,)), "object")
        return may_be_empty and not any(("object", frozenset()) in values_of[number] for number in others), True

    # ---- strings and numbers ----

    def _scalar(self, link: Link, kind: str) -> Part | None:
        """The strings (numbers) that may be written.  Label base: any at all; base + 1 + n: question n holds."""
        formulas = self._formulas(link, kind)
        if formulas[0] == FALSE:
            return None
        try:
            if all(formula in (TRUE, FALSE) for formula in formulas[1:]):  # only the goal is open
                answers = (True, *(formula == TRUE for formula in formulas[1:]))
                return self._fitting(formulas[0], kind) if self.frames.suffices(link, answers) else None
            return self._answering(link, formulas, kind)
        except LimitExceeded as error:
            if error.limit != "max_dfa_states":
                raise
            return self._filtered(link, formulas, kind)

    def _fitting(self, formula: int, kind: str) -> Part | None:
        """The strings (numbers) for which a formula holds, as they may be written."""
        key = (formula, kind)
        if key not in self._plain:
            texts = self.scalars.listed(formula) if kind == "string" else None
            if texts is not None:
                self._plain[key] = lexers.listed(_BASES[kind] + 1, texts)
                return self._plain[key]
            if formula == TRUE and kind == "string":
                node: Node = self.scalars.spelling.free
            else:
                node = self.scalars.tree(formula, kind, exact=False)
            universe = self.scalars.universe(kind, (formula,)) if kind == "string" else None
            self._plain[key] = None if node == union() else lexers.part(_BASES[kind] + 1, node, self.limits, universe)
        return self._plain[key]

    def _answering(self, link: Link, formulas: tuple[int, ...], kind: str) -> Part | None:
        """One alternative per open question; only those answers may end a value with which the document can go on."""
        texts = self.scalars.listed_texts(formulas) if kind == "string" else None
        if texts is not None:
            return self._listed(link, formulas, texts)
        base = _BASES[kind]
        found = [(base, self.scalars.universe(kind, formulas))]
        for number, formula in enumerate(formulas):
            if formula not in (TRUE, FALSE):
                node = self.scalars.tree(formula, kind, exact=True)
                if node != union():
                    found.append((base + 1 + number, node))
        # with few questions all answers are tried, whether some text has them or not: that builds no automaton
        is_few = len(found) <= MAX_QUESTIONS + 1
        possible = set(_subsets(found) if is_few else lexers.label_sets(tuple(found), self.limits))
        if kind == "number" and any(map(self.scalars.has_multiples, formulas)):  # asked of numbers without exponents
            possible |= {labels[1:] for labels in possible if labels[0] == base and len(labels) > 1}
        return self._accepting(link, found, frozenset(possible), kind)

    def _listed(self, link: Link, formulas: tuple[int, ...], texts: frozenset[str]) -> Part | None:
        """The same where all questions are about lists of texts: each text in them, and any other one, is tried."""
        scalars, spelling = self.scalars, self.scalars.spelling
        numbers = [number for number, formula in enumerate(formulas) if formula not in (TRUE, FALSE)]

        def labels_of(text: str) -> tuple[int, ...]:
            return (STRING, *(STRING + 1 + number for number in numbers if scalars.holds(formulas[number], text)))

        by_text = {text: labels_of(text) for text in sorted(texts)}
        others = labels_of(next(fresh_names(texts)))
        if self.frames.suffices(link, self.scalar_answers(link, others)):
            found = [(STRING, spelling.every)]
            found += [(STRING + 1 + number, scalars.tree(formulas[number], "string", exact=True)) for number in numbers]
            return self._accepting(link, found, frozenset((*by_text.values(), others)), "string")
        accepted = {
            labels for labels in set(by_text.values()) if self.frames.suffices(link, self.scalar_answers(link, labels))
        }
        fitting = [text for text, labels in by_text.items() if labels in accepted]
        if not fitting:
            return None
        labels = sorted({label for text in fitting for label in by_text[text]})
        words = ((label, spelling.words([text for text in fitting if label in by_text[text]])) for label in labels)
        made = lexers.shared_dfa(tuple(words), self.limits)
        return made, made.start

    def _accepting(
        self, link: Link, found: list[tuple[int, Node]], possible: frozenset[tuple[int, ...]], kind: str
    ) -> Part | None:
        """The alternatives, of which only those label sets may end a value with which the document can go on."""
        accepted = frozenset(
            labels
            for labels in possible
            if labels[0] == found[0][0] and self.frames.suffices(link, self.scalar_answers(link, labels))
        )
        if len(accepted) == 1 != len(possible):  # all answers are given: what must hold is no question
            answers = self.scalar_answers(link, *accepted)
            signed = zip(self._formulas(link, kind), answers, strict=True)
            part = self._fitting(self.scalars.formulas.all_of([one if yes else -one for one, yes in signed]), kind)
            self._given[link.number, kind] = answers
            return part
        universe = found[0][1] if kind == "string" else None
        if accepted == possible:
            return lexers.within(lexers.shared_dfa(tuple(found), self.limits), universe)
        made = lexers.filtered(tuple(found), accepted, self.limits)
        self._filters.append(made)
        return lexers.within(made, universe)

    def _filtered(self, link: Link, formulas: tuple[int, ...], kind: str) -> Part:
        """The same where an automaton is too large to be built: what may end a value is asked as it is written."""
        alternatives: Alternatives
        alternatives, self._atoms[link.questions, kind] = self.scalars.side_by_side(formulas, kind)

        def accept(labels: tuple[int, ...]) -> bool:
            return self.frames.suffices(link, self.scalar_answers(link, labels))

        made = _fast.Restricted(lexers.shared_dfa(alternatives, self.limits), accept, self.limits.max_states)
        self._filters.append(made)
        return made, made.start

    # ---- what labels mean ----

    def is_asked_later(self, link: Link) -> bool:
        """Whether the lexer also reads strings or numbers that do not fit, so that scalar_answers() must be asked."""
        return any((link.questions, kind) in self._atoms for kind in _BASES)

    def _formulas(self, link: Link, kind: str) -> tuple[int, ...]:
        return tuple(self.locations.goal_formula(goal, kind) for goal in link.questions)

    def constant_answers(self, link: Link, kind: str) -> Answers:
        """The answers of null, true or false."""
        return tuple(self.locations.goal_formula(goal, kind) == TRUE for goal in link.questions)

    def scalar_answers(self, link: Link, labels: tuple[int, ...]) -> Answers:
        """The answers of a string or number with these labels."""
        kind = "string" if labels[-1] < NUMBER else "number"
        if (link.number, kind) in self._given:
            return self._given[link.number, kind]
        base = _BASES[kind]
        atoms = self._atoms.get((link.questions, kind))
        if atoms is not None:
            return self.scalars.answers_of(labels, self._formulas(link, kind), atoms, kind)
        if len(labels) == 1 and labels[0] == base + 1:  # only the goal was open
            return (True, *(formula == TRUE for formula in self._formulas(link, kind)[1:]))
        if base not in labels:
            return (False,) * len(link.questions)
        formulas = enumerate(self._formulas(link, kind))
        return tuple(formula == TRUE or (base + 1 + number in labels) for number, formula in formulas)


def _subsets(alternatives: list[tuple[int, Node]]) -> list[tuple[int, ...]]:
    """The first label with every set of the others."""
    (base, _), *others = alternatives
    found: list[tuple[int, ...]] = [(base,)]
    for label, _ in others:
        found += [(*labels, label) for labels in found]
    return found
