"""Which goals have a value at all: a search over values and over what is left of arrays and objects.

Goals (what a value must fit) and residuals (an open array or object) are solved by *rules*: a text, the goal of a
member, and the residual after it.  The search is depth first, laziest rules first, on a list instead of the call
stack.  It computes a least fixed point: what is being solved already counts as unsolved, and a "no" that rests on that
is forgotten, unless it is the outermost one.  A "yes" keeps its rule, and rules put together are a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from guided.errors import LimitExceeded
from guided.schema.document import ANYTHING, NOTHING
from guided.schema.domains import Domains, with_value
from guided.schema.formula import FALSE, TRUE
from guided.schema.glance import Glance
from guided.schema.keytests import KeyTests
from guided.schema.keywords import TYPES
from guided.schema.locations import Goal
from guided.schema.members import Members
from guided.schema.residuals import Member, Residual, Residuals
from guided.schema.scalars import Scalars
from guided.schema.shapes import Shapes

INFINITE: Final = 1 << 60


@dataclass(frozen=True, slots=True)
class Needed:
    """The members that a plain object still needs: those of its shape from the n-th on."""

    goal: Goal
    n_written: int


# (text, or the formula and kind of a scalar; the member's goal, so many times; what is left after it)
Rule = tuple[str | tuple[int, str], Goal | None, Residual | Needed | None, int]
Unknown = Goal | Residual | Needed


class Analysis:
    """Answers about goals and residuals, remembered."""

    def __init__(self, residuals: Residuals, scalars: Scalars, tests: KeyTests, space: str) -> None:
        """space : the least white space that is allowed between lexemes; usually none."""
        self.residuals, self.scalars, self.tests, self.space = residuals, scalars, tests, space
        self.document, self.locations, self.formulas = residuals.document, residuals.locations, residuals.formulas
        self.glance = Glance(self.document)
        self.shapes = Shapes(self.document, self.locations)
        self.comma, self.colon = f"{space},{space}", f"{space}:{space}"
        self.approximate = False  # some answer was "yes" because the steps allowed ran out
        self._spend = scalars.spender()
        self.members = Members(scalars)
        self.domains = Domains(residuals, self.members, tests, space, self._answered)
        self.rules: dict[Unknown, Rule] = {}  # how what can be solved is solved
        self._without: set[Unknown] = set()
        self._endless: dict[tuple[tuple[int, ...], int], bool] = {}

    # ---- the search ----

    def is_inhabited(self, goal: Goal) -> bool:
        """Whether some value meets `goal`."""
        return not goal or goal in self.rules or self.glance.is_inhabited(goal) or self._solve(goal)

    def is_live(self, residual: Residual) -> bool:
        """Whether an array or object with one question can be finished so that the answer is yes."""
        if residual in self.rules or self.residuals.closed(residual)[0]:
            return True
        if residual.seen and self.has_endless_items(residual):
            residual = self.residuals.with_seen(residual, frozenset())
        return self._solve(self.residuals.essence(residual))

    def has_endless_items(self, residual: Residual) -> bool:
        """Whether a unique array never runs out of items: those to come are alike, and endless at a look.

        How many may still come is not looked at.
        """
        found = self._endless.get((residual.outs, residual.place))
        if found is None:
            found = residual.kind == "array" and len(residual.outs) == 1 and not residual.tracks
            formulas, goal = self.formulas, set[int]()
            for unit in formulas.conjuncts(residual.outs[0]) if found else ():
                what = formulas.payload(unit) if formulas.is_literal(unit) else ("",)
                if what[0] == "items" and unit > 0:
                    node = self.document.nodes[what[1]]
                    item = node.item(residual.place)
                    goal.add(ANYTHING if item is None else item)
                    found = found and residual.place >= len(node.prefix)
                elif what[0] != "count" and (what[0] != "unique" or unit < 0):
                    found = False
            found = found and NOTHING not in goal and self.glance.is_endless(tuple(sorted(goal - {ANYTHING})))
            self._endless[residual.outs, residual.place] = found
        return found

    def _solve(self, unknown: Unknown) -> bool:
        if unknown in self._without:
            return False
        try:
            return self._search(unknown)
        except LimitExceeded as error:
            if error.limit != "max_formula_steps":
                raise
            self.approximate = True
            return True

    def _search(self, root: Unknown) -> bool:
        rules, without = self.rules, self._without
        spend = self._spend = self.scalars.spender()
        unknowns, options, deepest = [root], [self._options(root)], [INFINITE]
        tried: list[Rule | None] = [None]
        places: dict[Unknown, int] = {root: 0}
        while unknowns:
            rule = tried[-1]
            if rule is None:
                spend(1)
                rule = tried[-1] = next(options[-1], None)
                if rule is None:  # all rules failed
                    here = unknowns.pop()
                    options.pop()
                    tried.pop()
                    taint = deepest.pop()
                    del places[here]
                    if taint >= len(unknowns):
                        without.add(here)
                    elif unknowns:
                        deepest[-1] = min(deepest[-1], taint)
                    if unknowns:
                        tried[-1] = None
                    continue
            for need in (rule[1], rule[2]):
                if need is None or need == () or need in rules:
                    continue
                if need in without:
                    tried[-1] = None
                elif need in places:
                    deepest[-1] = min(deepest[-1], places[need])
                    tried[-1] = None
                else:
                    places[need] = len(unknowns)
                    unknowns.append(need)
                    options.append(self._options(need))
                    tried.append(None)
                    deepest.append(INFINITE)
                break
            else:
                here = unknowns.pop()
                rules[here] = rule
                del places[here]
                options.pop()
                tried.pop()
                deepest.pop()
        return root in rules

    # ---- rules ----

    def _options(self, unknown: Unknown) -> Iterator[Rule]:
        if isinstance(unknown, tuple):
            return self._values(unknown)
        return self._needed(unknown) if isinstance(unknown, Needed) else self._moves(unknown)

    def _values(self, goal: Goal) -> Iterator[Rule]:
        """Ways of writing a value: constants and scalars, then arrays, then objects."""
        for kind in TYPES:
            formula = self.locations.goal_formula(goal, kind)
            if formula == FALSE:
                continue
            if kind in ("null", "true", "false"):
                yield kind, None, None, 1
            elif kind in ("string", "number"):
                if self.members.exists(formula, kind):
                    yield (formula, kind), None, None, 1
            elif self._is_simple(goal, kind):
                yield "{", None, Needed(goal, 0), 1
            else:
                residual = self.residuals.opened((goal,), kind)
                yield "[" if kind == "array" else "{", None, residual, 1

    def _is_simple(self, goal: Goal, kind: str) -> bool:
        """Whether the needed members are all that an object of this goal must have, and there is room for them."""
        shape = self.shapes.shape(goal, True) if kind == "object" else True
        if isinstance(shape, bool):
            return False
        return shape.at_least <= len(shape.needed) and (shape.at_most < 0 or shape.at_most >= len(shape.needed))

    def _needed(self, needed: Needed) -> Iterator[Rule]:
        """The next needed member of a plain object, or its end."""
        shape = self.shapes.shape(needed.goal, True)
        assert not isinstance(shape, bool)
        if needed.n_written == len(shape.needed):
            yield "}", None, None, 1
            return
        place = shape.needed[needed.n_written]
        goal = self.shapes.child(shape, True, place)
        if goal is not None:
            yield self._key_text(shape.names[place]), goal, Needed(needed.goal, needed.n_written + 1), 1

    def _moves(self, residual: Residual) -> Iterator[Rule]:
        """Ways of going on with an open array or object: close it, or write a member that may help."""
        if residual.outs[0] == FALSE:
            return
        if self.residuals.closed(residual)[0]:
            yield "]" if residual.kind == "array" else "}", None, None, 1
            return
        if residual.kind == "array":
            yield from self._items(residual)
        else:
            yield from self._members(residual)

    def _items(self, residual: Residual) -> Iterator[Rule]:
        member = self.residuals.member(residual, None)
        if member is None:
            return
        kinds = {self.formulas.payload(atom)[0] for atom in residual.atoms}
        if "unique" in kinds:
            is_alike = not member.pending and kinds <= {"items", "count", "unique"}
            is_alike = is_alike and member.after.place == residual.place
            for settled in self._helpful(residual, self._answered(member, "")):
                yield from self._distinct(settled, residual.seen, is_alike=is_alike)
            return
        if not member.pending and kinds <= {"items", "count"} and member.after.place == residual.place:
            units = self.formulas.units(residual.outs[0])
            if len(units) == len(self.formulas.conjuncts(residual.outs[0])):  # n items that are all alike
                least = max((self.formulas.payload(unit)[1] for unit in units if self._is_count(unit)), default=1)
                yield "", member.goal, self._after_items(residual, least), least
                return
        yield from self._helpful(residual, self._answered(member, ""))

    def _is_count(self, unit: int) -> bool:
        return unit > 0 and self.formulas.payload(unit)[0] == "count"

    def _after_items(self, residual: Residual, n: int) -> Residual:
        """The residual after n items that change nothing but the counts."""
        values = {}
        for atom in residual.atoms:
            payload = self.formulas.payload(atom)
            if payload[0] == "count":
                left = payload[1] - n
                values[atom] = TRUE if left <= 0 else self.formulas.literal(("count", left))
        out = self.formulas.substitute(residual.outs[0], values)
        return self.residuals.with_outs(residual, (out,))

    def _distinct(self, rule: Rule, seen: frozenset[Any], *, is_alike: bool) -> Iterator[Rule]:
        """An item of a unique array: a rule for each value that is left, and one for others if there may be more.

        is_alike : all items to come must fit the same goal; then it does not matter which of its values is taken now.
        """
        text, goal, after, _ = rule
        assert goal is not None and isinstance(after, Residual) and isinstance(text, str)
        earlier = -self.document.constant_set(seen) if seen else 0
        values, is_complete = self.domains.values(tuple(node for node in goal if node != earlier))
        values = tuple((found, value) for found, value in values if value not in seen)
        if not (values or is_complete):
            values, is_complete = self.domains.values(goal)
        for found, value in values[:1] if is_alike else values:
            yield text + found, None, self.with_value(after, value), 1
        if not (is_complete or (is_alike and values)):
            yield text, goal, after, 1

    def with_value(self, residual: Residual, value: Any) -> Residual:
        """A unique array after an item with this value; any other as it is."""
        return with_value(self.residuals, residual, value)

    def _members(self, residual: Residual) -> Iterator[Rule]:
        """Members that may help: needed names first; where any may help, every name and a new one of each class."""
        formulas, names = self.formulas, residual.names
        places = self.residuals.place_of(names)
        in_order = self.residuals.in_order
        tried: set[str] = set()
        is_open = False
        for cube in formulas.cubes(residual.outs[0], self._spend, self._needs_a_name):
            needed = [
                formulas.payload(literal)[1]
                for literal in cube
                if literal > 0 and formulas.payload(literal)[0] == "has"
            ]
            if not needed:
                is_open = True
                continue
            name = min(needed, key=lambda name: places.get(name, len(names))) if in_order else needed[0]
            if name not in tried:
                tried.add(name)
                yield from self._named(residual, places[name], name)
            if in_order and places[name] > residual.place and self._looks_around(residual):
                for other in names[residual.place : places[name]]:
                    if other not in tried:
                        tried.add(other)
                        yield from self._named(residual, places[other], other)
        if is_open:
            for place in range(residual.place, len(names)):
                if names[place] not in tried and names[place] not in residual.seen:
                    tried.add(names[place])
                    yield from self._named(residual, place, names[place])
            for matched, name in self.tests.fresh(residual):
                member = self.residuals.member(residual, (None, name, matched))
                if member is not None:
                    yield from self._helpful(residual, self._answered(member, self._key_text(name)))

    def _needs_a_name(self, literals: Any) -> bool:
        return any(literal > 0 and self.formulas.payload(literal)[0] == "has" for literal in literals)

    def _looks_around(self, residual: Residual) -> bool:
        """Whether a member that is not plainly needed may help: in order, it may have to come before the needed."""
        found = residual.facts.get("looks around")
        if found is None:
            found = False
            for part in self.formulas.conjuncts(residual.outs[0]):
                kind = self.formulas.payload(part)[0] if self.formulas.is_literal(part) else ""
                plain = kind == "has" or (kind in ("props", "names") and part > 0) or (kind == "count" and part < 0)
                found = found or not plain
            residual.facts["looks around"] = found
        return bool(found)

    def _named(self, residual: Residual, place: int, name: str) -> Iterator[Rule]:
        member = self.residuals.member(residual, (place, name, self.tests.class_of(residual, name)))
        if member is not None:
            yield from self._helpful(residual, self._answered(member, self._key_text(name)))

    @staticmethod
    def _helpful(residual: Residual, rules: Iterator[Rule]) -> Iterator[Rule]:
        """Members that change what is asked; any other only uses a name up."""
        for rule in rules:
            after = rule[2]
            if (
                not isinstance(after, Residual)
                or after.outs != residual.outs
                or after.tracks != residual.tracks
                or (residual.kind == "array" and after.place != residual.place)
            ):
                yield rule

    def _key_text(self, name: str) -> str:
        return self.scalars.spelling.text(name) + self.colon

    def _answered(self, member: Member, text: str) -> Iterator[Rule]:
        """The member with every set of answers to what is pending, few that hold first."""
        if not member.pending:
            yield text, member.goal, member.after, 1
            return
        known = {abs(node): node > 0 for node in member.goal}
        asked = sorted({n for q in member.pending for n in self.residuals.asked_nodes(q)} - known.keys())
        loose = self.loose(member)  # asked only where "yes" can but help: a "no" need not be enforced
        stack: list[tuple[bool, ...]] = [()]
        while stack:
            chosen = stack.pop()
            self._spend(1)
            signed = [
                node if yes else -node for node, yes in zip(asked, chosen, strict=False) if yes or node not in loose
            ]
            goal = tuple(sorted({*member.goal, *signed}))
            if signed and self.is_plainly_empty(goal):
                continue
            if len(chosen) < len(asked):
                stack += [(*chosen, True), (*chosen, False)]
                continue
            answers = {**known, **dict(zip(asked, chosen, strict=True))}
            after = self.residuals.settle(member.after, member.pending, answers)
            if after.outs[0] != FALSE:
                yield text, goal, after, 1

    def loose(self, member: Member) -> set[int]:
        """The pending nodes whose atoms occur in the formula without negation only."""
        _, negative = self.formulas.polarity(member.after.outs[0])
        loose: set[int] = set()
        tight: set[int] = set()
        for question in member.pending:
            if question[0] in ("all", "some") and question[1] not in negative:
                loose.update(self.residuals.asked_nodes(question))
            else:
                tight.update(self.residuals.asked_nodes(question))
        return loose - tight if not member.after.tracks else set()

    def is_plainly_empty(self, goal: Goal) -> bool:
        """Whether a goal has no value, as far as one look at each kind tells."""
        for kind in TYPES:
            formula = self.locations.goal_formula(goal, kind)
            if formula == FALSE:
                continue
            if kind in ("string", "number") and not self.members.exists(formula, kind):
                continue
            return False
        return True

    def rule(self, unknown: Unknown) -> Rule:
        """The way in which something is solved; it must have one."""
        if unknown not in self.rules and (unknown in self._without or not self._search(unknown)):
            raise ValueError("there is no value")
        return self.rules[unknown]
