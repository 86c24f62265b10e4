"""Which goals have a value at all, and a shortest one: the least fixed point over the goals that a goal can need.

A goal is solved by a rule: a text with values of other goals in it.  Rules are collected for all goals in reach, and
solved cheapest first (Knuth's generalisation of Dijkstra's algorithm); a goal that stays unsolved has no value, however
the schema refers to itself.  Source: D. E. Knuth, "A generalization of Dijkstra's algorithm", 1977.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from guided import _fast
from guided.errors import LimitExceeded
from guided.schema.document import Document
from guided.schema.formula import FALSE, TRUE
from guided.schema.keywords import TYPES
from guided.schema.lexers import NUMBER, STRING, shared_dfa
from guided.schema.locations import Goal, Locations
from guided.schema.shapes import ArrayShape, ObjectShape, array_shape, object_shape
from guided.schema.strings import spell_text

MAX_COMPLETION = 1_000_000  # bytes of a shortest value; longer ones are refused by name
SHORT_ENOUGH = 5  # bytes of a value for which no other rule is looked for: null, 0, "", [], {}

Part = str | Goal


@dataclass(frozen=True, slots=True)
class Rule:
    """Texts and goals in the order in which they are written."""

    parts: tuple[Part, ...]
    cost: int  # bytes of the texts


class Analysis:
    """Shortest values of goals, remembered."""

    def __init__(self, document: Document, locations: Locations, space: str) -> None:
        """space : the least white space that is allowed between lexemes; usually none."""
        self.document, self.locations, self.space = document, locations, space
        self.comma, self.colon = f"{space},{space}", f"{space}:{space}"
        self._costs: dict[Goal, int | None] = {}  # None: no value
        self._rules: dict[Goal, Rule] = {}
        self._texts: dict[Goal, str] = {}

    def is_inhabited(self, goal: Goal | None) -> bool:
        """Whether some value meets `goal`."""
        return goal is not None and self.cost(goal) is not None

    def cost(self, goal: Goal) -> int | None:
        """Bytes of the shortest value of `goal`; None if there is none."""
        if goal not in self._costs:
            self._solve(goal)
        return self._costs[goal]

    def text(self, goal: Goal) -> str:
        """A shortest value of `goal`, which must have one."""
        cost = self.cost(goal)
        if cost is None:
            raise ValueError("the goal has no value")
        if cost > MAX_COMPLETION:
            raise LimitExceeded("max_states", MAX_COMPLETION, cost, "the shortest value, in bytes,")
        stack = [goal]
        while stack:
            here = stack[-1]
            missing = [
                part for part in self._rules[here].parts if isinstance(part, frozenset) and part not in self._texts
            ]
            if missing and here not in self._texts:
                stack.extend(dict.fromkeys(missing))
                continue
            stack.pop()
            if here not in self._texts:
                parts = self._rules[here].parts
                self._texts[here] = "".join(part if isinstance(part, str) else self._texts[part] for part in parts)
        return self._texts[goal]

    def _solve(self, goal: Goal) -> None:
        """Costs of `goal` and of every goal that its rules lead to."""
        rules: dict[Goal, list[Rule]] = {}
        waiting = [goal]
        while waiting:
            here = waiting.pop()
            if here in rules or here in self._costs:
                continue
            rules[here] = self.rules(here)
            waiting.extend(part for rule in rules[here] for part in rule.parts if isinstance(part, frozenset))
        users: dict[Goal, list[tuple[Goal, Rule]]] = {}
        missing: dict[tuple[Goal, Rule], int] = {}
        queue: list[tuple[int, int, Goal, Rule]] = []
        n_queued = 0

        def push(owner: Goal, rule: Rule) -> None:
            nonlocal n_queued
            total = rule.cost + sum(self._costs[part] or 0 for part in rule.parts if isinstance(part, frozenset))
            n_queued += 1
            heapq.heappush(queue, (total, n_queued, owner, rule))

        for owner, options in rules.items():
            for rule in options:
                needs = {part for part in rule.parts if isinstance(part, frozenset)}
                if any(self._costs.get(need, 0) is None for need in needs):
                    continue
                open_needs = [need for need in needs if need not in self._costs]
                missing[owner, rule] = len(open_needs)
                for need in open_needs:
                    users.setdefault(need, []).append((owner, rule))
                if not open_needs:
                    push(owner, rule)
        while queue:
            total, _, owner, rule = heapq.heappop(queue)
            if owner in self._costs:
                continue
            self._costs[owner], self._rules[owner] = total, rule
            for user in users.get(owner, ()):
                missing[user] -= 1
                if missing[user] == 0:
                    push(*user)
        for owner in rules:
            self._costs.setdefault(owner, None)

    def rules(self, goal: Goal) -> list[Rule]:
        """The ways of writing a value of `goal`, one for each type and cube; only the first if it is very short."""
        found: list[Rule] = []
        for kind in TYPES:
            formula = self.locations.goal_formula(goal, kind)
            if formula == FALSE:
                continue
            for rule in self._of_type(goal, kind, formula):
                found.append(rule)
                if rule.cost <= SHORT_ENOUGH and all(isinstance(part, str) for part in rule.parts):
                    return [rule]
        return list(dict.fromkeys(found))

    def _of_type(self, goal: Goal, kind: str, formula: int) -> Iterable[Rule]:
        if kind in ("null", "true", "false"):
            yield Rule((kind,), len(kind))
        elif kind in ("string", "number"):
            text = self.shortest_scalar(formula, kind)
            if text is not None:
                yield Rule((text,), len(text.encode()))
        elif kind == "array":
            for cube in self.locations.formulas.cubes(formula, self.locations.max_steps):
                rule = self.array_rule(array_shape(cube), 0, "[" + self.space)
                if rule is not None:
                    yield rule if len(rule.parts) > 2 else _rule([f"[{self.space}]"])
        else:
            names = self.locations.names(goal)
            numbers = {name: number for number, name in enumerate(names)}
            for cube in self.locations.formulas.cubes(formula, self.locations.max_steps):
                rule = self.object_rule(object_shape(cube, numbers), names, "{" + self.space)
                if rule is not None:
                    yield rule if len(rule.parts) > 2 else _rule([f"{{{self.space}}}"])

    def shortest_scalar(self, formula: int, kind: str) -> str | None:
        """The shortest JSON text of a string or number formula; None if there is none."""
        if formula == TRUE:
            return '""' if kind == "string" else "0"
        label = (STRING if kind == "string" else NUMBER) + 1
        dfa = shared_dfa(((label, self.locations.lexeme(formula, kind)),), self.document.options.limits)
        return None if dfa.start == _fast.DEAD else str(bytes(dfa.completion(dfa.start) or b""), "utf-8")

    def array_rule(self, shape: ArrayShape, index: int, opening: str) -> Rule | None:
        """The fewest items from `index` on, after `opening`; None if some item can have no value."""
        if shape.most is not None and shape.least > shape.most:
            return None
        parts: list[Part] = [opening]
        for number in range(shape.least):
            goal = shape.value(self.document, index + number)
            if goal is None:
                return None
            parts += [self.comma, goal] if number else [goal]
        return _rule([*parts, self.space + "]"])

    def object_rule(self, shape: ObjectShape, names: tuple[str, ...], opening: str) -> Rule | None:
        """The needed properties only, after `opening`; None if one can have no value."""
        parts: list[Part] = [opening]
        for number in shape.needed:
            goal = shape.value(self.document, names[number])
            if goal is None:
                return None
            parts += [("" if len(parts) == 1 else self.comma) + f'"{spell_text(names[number])}"{self.colon}', goal]
        return _rule([*parts, self.space + "}"])


def _rule(parts: list[Part]) -> Rule:
    return Rule(tuple(parts), sum(len(part.encode()) for part in parts if isinstance(part, str)))
