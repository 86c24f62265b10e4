"""What a set of sub-schemas asks of one instance location, as a formula over the atoms of one instance type.

Keywords that consume no input ($ref, allOf, anyOf, oneOf, enum) are inlined; a schema that reaches itself that way
before any input is read has no meaning, and is refused.  Atoms are tuples, their kind first:

    string   ("text", name of a language)  ("length", least, most)  ("strings", frozenset)
    number   ("integer",)  ("low", Decimal, is_open)  ("high", Decimal, is_open)  ("numbers", texts)
    array    ("items", node)  ("count", n)        count: at least n items (still) come
    object   ("props", node)  ("has", name)
"""

from __future__ import annotations

from decimal import Decimal
from functools import reduce

from guided.automata.syntax import Node, Words, union
from guided.errors import UnsupportedSchema
from guided.schema.document import Document
from guided.schema.formula import FALSE, TRUE, Cube, Formulas
from guided.schema.keywords import TYPES
from guided.schema.nodes import SchemaNode
from guided.schema.numbers import number_lexeme
from guided.schema.strings import string_lexeme

Goal = frozenset[int]  # nodes that must all hold for one value; empty: any value


class Locations:
    """Formulas of nodes and goals, made when first asked for."""

    def __init__(self, document: Document) -> None:
        self.document, self.formulas = document, Formulas()
        self.max_steps = document.options.limits.max_formula_steps
        self._formulas: dict[tuple[int, str], int] = {}
        self._goals: dict[tuple[Goal, str], int] = {}
        self._names: dict[Goal, tuple[str, ...]] = {}
        self._trees: dict[str, Node] = {}
        self._lexemes: dict[tuple[int, str], Node] = {}

    def goal_formula(self, goal: Goal, kind: str) -> int:
        """The conjunction of the formulas of all nodes of `goal`, for instances of type `kind`."""
        found = self._goals.get((goal, kind))
        if found is None:
            found = self.formulas.all_of([self.formula(node, kind) for node in sorted(goal)])
            self._goals[goal, kind] = found
        return found

    def formula(self, node: int, kind: str) -> int:
        """What `node` asks of an instance of type `kind` (of keywords.TYPES).

        Raises UnsupportedSchema if the node refers to itself in place.
        """
        memo = self._formulas
        stack, building = [node], set[int]()
        while stack:
            here = stack[-1]
            if (here, kind) in memo:
                stack.pop()
                continue
            missing = [below for below in self._in_place(here, kind) if (below, kind) not in memo]
            if not missing:
                memo[here, kind] = self._build(here, kind)
                building.discard(here)
                continue
            building.add(here)
            for below in missing:
                if below in building:
                    raise UnsupportedSchema(
                        "this schema refers to itself without reading any input in between",
                        self.document.nodes[below].pointer,
                        "put the reference under 'properties' or 'items'",
                    )
            stack.extend(missing)
        return memo[node, kind]

    def check_loops(self) -> None:
        """Raise UnsupportedSchema now if some node of the document refers to itself in place."""
        finished: set[int] = set()
        for root in range(len(self.document.nodes)):
            stack, on_path = [(root, False)], set[int]()
            while stack:
                here, is_left = stack.pop()
                if is_left:
                    on_path.discard(here)
                    finished.add(here)
                elif here in on_path:  # a loop, unless the types along it exclude each other
                    for kind in TYPES:
                        self.formula(here, kind)
                elif here not in finished:
                    node = self.document.nodes[here]
                    on_path.add(here)
                    stack.append((here, True))
                    below = [*node.all_of, *(part for group in node.any_of for part in group), *(node.values or ())]
                    stack.extend((part, False) for part in below if part not in finished)

    def _in_place(self, number: int, kind: str) -> list[int]:
        """The nodes whose formulas make up the formula of a node."""
        node = self.document.nodes[number]
        if node.verdict is not None or (node.types is not None and kind not in node.types):
            return []
        nested = node.values if node.values is not None and kind in ("array", "object") else ()
        return [*node.all_of, *(part for group in node.any_of for part in group), *nested]

    def _build(self, number: int, kind: str) -> int:
        node, formulas, memo = self.document.nodes[number], self.formulas, self._formulas
        if node.verdict is not None:
            return TRUE if node.verdict else FALSE
        if node.types is not None and kind not in node.types:
            return FALSE
        parts = self._own(number, node, kind)
        parts += [memo[part, kind] for part in node.all_of]
        parts += [formulas.any_of(memo[part, kind] for part in group) for group in node.any_of]
        if node.values is not None and kind in ("array", "object"):
            parts.append(formulas.any_of(memo[part, kind] for part in node.values))
        return formulas.all_of(parts)

    def _own(self, number: int, node: SchemaNode, kind: str) -> list[int]:
        """The formulas of the keywords that read input."""
        literal = self.formulas.literal
        parts: list[int] = []
        if kind in ("null", "true", "false"):
            return [FALSE] if node.constants is not None and kind not in node.constants else []
        if kind == "string":
            if node.strings is not None:
                parts.append(literal(("strings", frozenset(node.strings))) if node.strings else FALSE)
            if node.min_length > 0 or node.max_length is not None:
                parts.append(literal(("length", node.min_length, node.max_length)))
            self._trees.update(node.texts)
            parts += [literal(("text", name)) for name, _ in node.texts]
        elif kind == "number":
            if node.numbers is not None:
                parts.append(literal(("numbers", node.numbers)) if node.numbers else FALSE)
            if node.is_integer:
                parts.append(literal(("integer",)))
            if node.low is not None:
                parts.append(literal(("low", node.low, node.low_open)))
            if node.high is not None:
                parts.append(literal(("high", node.high, node.high_open)))
        elif kind == "array":
            if node.prefix or node.items is not None:
                parts.append(literal(("items", number)))
            if node.min_items > 0:
                parts.append(literal(("count", node.min_items)))
            if node.max_items is not None:
                parts.append(literal(("count", node.max_items + 1), False))
        else:
            if node.properties or node.additional is not None:
                parts.append(literal(("props", number)))
            parts += [literal(("has", name)) for name in node.required]
        return parts

    def names(self, goal: Goal) -> tuple[str, ...]:
        """The property names that the nodes of `goal` know: in order of first declaration, then the required others."""
        found = self._names.get(goal)
        if found is None:
            declared: dict[str, None] = {}
            required: dict[str, None] = {}
            reached: set[int] = set()
            stack = sorted(goal, reverse=True)
            while stack:
                number = stack.pop()
                if number in reached:
                    continue
                reached.add(number)
                node = self.document.nodes[number]
                declared.update(dict.fromkeys(node.properties or ()))
                required.update(dict.fromkeys(node.required))
                stack.extend(reversed(self._in_place(number, "object")))
            found = self._names[goal] = tuple({**declared, **required})
        return found

    def lexeme(self, formula: int, kind: str) -> Node:
        """The JSON texts of the strings or numbers for which `formula` holds."""
        found = self._lexemes.get((formula, kind))
        if found is None:
            of_cube = self._string_cube if kind == "string" else self._number_cube
            found = union(*(of_cube(cube) for cube in self.formulas.cubes(formula, self.max_steps)))
            self._lexemes[formula, kind] = found
        return found

    def _string_cube(self, cube: Cube) -> Node:
        trees, least, most = [], 0, None
        sets: list[frozenset[str]] = []
        for atom, _ in sorted(cube, key=repr):
            if atom[0] == "text":
                trees.append(self._trees[atom[1]])
            elif atom[0] == "length":
                least = max(least, atom[1])
                most = atom[2] if most is None else most if atom[2] is None else min(most, atom[2])
            else:
                sets.append(atom[1])
        return string_lexeme(trees, least, most, reduce(frozenset.__and__, sets) if sets else None)

    def _number_cube(self, cube: Cube) -> Node:
        is_integer, texts = False, list[tuple[str, ...]]()
        low: tuple[Decimal, bool] | None = None
        high: tuple[Decimal, bool] | None = None
        for atom, _ in cube:
            if atom[0] == "integer":
                is_integer = True
            elif atom[0] == "numbers":
                texts.append(atom[1])
            elif atom[0] == "low":
                low = atom[1:] if low is None else max(low, atom[1:])
            elif high is None or (atom[1], not atom[2]) < (high[0], not high[1]):
                high = atom[1:]
        if not texts:
            return number_lexeme(low, high, is_integer=is_integer)
        values = [{Decimal(text) for text in group} for group in texts]
        fitting = [
            text
            for text in texts[0]
            if all(Decimal(text) in group for group in values)
            and (not is_integer or Decimal(text) == Decimal(text).to_integral_value())
            and (low is None or (Decimal(text), False) >= low)
            and (high is None or Decimal(text) < high[0] or (Decimal(text) == high[0] and not high[1]))
        ]
        return Words(tuple(fitting)) if fitting else union()
