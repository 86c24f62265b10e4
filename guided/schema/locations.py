"""What a set of sub-schemas asks of one instance location, as a formula over the atoms of one instance type.

Keywords that consume no input ($ref, allOf, anyOf, oneOf, not, if, enum, dependent*) are connectives; a schema that
reaches itself that way before any input is read has no meaning, and is refused.  Atoms are tuples, their kind first:

    string   ("text", name of a language)  ("length", n)  ("strings", frozenset)         length: at least n characters
    number   ("integer", is lexical)  ("low", Decimal, is_open)  ("high", Decimal, is_open)  ("multiple", Decimal)
             ("numbers", texts)
    array    ("items", node)  ("count", n)  ("contains", node, n)  ("unique",)  ("unevaluated", node)
    object   ("props", node)  ("count", n)  ("has", name)  ("names", node)  ("unevaluated", node)

count, contains: at least n (more) come.  The opposite of count(n + 1) is "at most n".
"""

from __future__ import annotations

from guided.automata.syntax import Node
from guided.errors import UnsupportedSchema
from guided.schema.document import ANYTHING, NOTHING, Document
from guided.schema.formula import FALSE, TRUE, Formulas
from guided.schema.keywords import TYPES
from guided.schema.nodes import SchemaNode

Goal = tuple[int, ...]  # nodes that must hold for one value, and opposites (-node) of those that must not; (): anything


class Locations:
    """Formulas of nodes and goals, made when first asked for."""

    def __init__(self, document: Document) -> None:
        self.document, self.formulas = document, Formulas()
        self._formulas: dict[tuple[int, str], int] = {}
        self._goals: dict[tuple[Goal, str], int] = {}
        self._names: dict[Goal, tuple[str, ...]] = {}
        self.trees: dict[str, Node] = {}  # name of a language -> its decoded texts

    def goal_formula(self, goal: Goal, kind: str) -> int:
        """The conjunction of the formulas of all nodes of `goal`, for instances of type `kind`."""
        found = self._goals.get((goal, kind))
        if found is None:
            if len(goal) == 1:
                node = goal[0]
                found = self.formula(node, kind) if node > 0 else -self.formula(-node, kind)
            elif any(node > 0 and self._excludes(node, kind) for node in goal):
                found = FALSE
            else:
                found = self.formulas.all_of(
                    [self.formula(node, kind) if node > 0 else -self.formula(-node, kind) for node in goal]
                )
            self._goals[goal, kind] = found
        return found

    def formula(self, node: int, kind: str) -> int:
        """What `node` asks of an instance of type `kind` (of keywords.TYPES).

        Raises UnsupportedSchema if the node refers to itself in place.
        """
        memo = self._formulas
        found = memo.get((node, kind))
        if found is not None:
            return found
        if self._excludes(node, kind):
            memo[node, kind] = FALSE
            return FALSE
        if not self._below(node, kind):
            found = memo[node, kind] = self._build(node, kind)
            return found
        stack, building = [node], set[int]()
        while stack:
            here = stack[-1]
            if (here, kind) in memo:
                stack.pop()
                continue
            if self._excludes(here, kind):
                memo[here, kind] = FALSE
                continue
            missing = [below for below in self._below(here, kind) if (below, kind) not in memo]
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

    def _excludes(self, node: int, kind: str) -> bool:
        """Whether a node says by its `type` alone that it is of another one."""
        types = self.document.nodes[node].types
        return types is not None and kind not in types

    def check_loops(self) -> None:
        """Raise UnsupportedSchema now if some node of the document refers to itself in place."""
        finished: set[int] = set()
        nodes = self.document.nodes
        for root in range(len(nodes)):
            if root in finished or next(nodes[root].in_place(), None) is None:
                continue
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
                    on_path.add(here)
                    stack.append((here, True))
                    stack.extend((part, False) for part in nodes[here].in_place() if part not in finished)

    def _below(self, number: int, kind: str) -> list[int]:
        """The nodes whose formulas make up the formula of a node."""
        node = self.document.nodes[number]
        if node.verdict is not None or self._excludes(number, kind):
            return []
        found = [part for part in node.in_place() if part > NOTHING]
        if kind not in ("array", "object") and node.values:
            found = [part for part in found if part not in node.values]
        if kind != "object" and node.dependent_schemas:
            subs = {part for _, part in node.dependent_schemas}
            found = [part for part in found if part not in subs or part in node.all_of]
        return found

    def _build(self, number: int, kind: str) -> int:
        node, formulas = self.document.nodes[number], self.formulas
        if node.verdict is not None:
            return TRUE if node.verdict else FALSE
        if node.types is not None and kind not in node.types:
            return FALSE
        parts = self._own(number, node, kind)
        if node.all_of:
            parts += [self._part(part, kind) for part in node.all_of]
        for group in node.any_of:
            parts.append(formulas.any_of([self._part(part, kind) for part in group]))
        for group in node.one_of:
            parts.append(formulas.one_of([self._part(part, kind) for part in group]))
        if node.negated is not None:
            parts.append(-self._part(node.negated, kind))
        if node.condition is not None:
            condition = self._part(node.condition, kind)
            if node.then is not None:
                parts.append(formulas.any_of((-condition, self._part(node.then, kind))))
            if node.otherwise is not None:
                parts.append(formulas.any_of((condition, self._part(node.otherwise, kind))))
        if node.values is not None and kind in ("array", "object"):
            parts.append(formulas.any_of([self._part(part, kind) for part in node.values]))
        if kind == "object":
            for name, sub in node.dependent_schemas:
                parts.append(formulas.any_of((-formulas.literal(("has", name)), self._part(sub, kind))))
        return formulas.all_of(parts)

    def _part(self, number: int, kind: str) -> int:
        return TRUE if number == ANYTHING else FALSE if number == NOTHING else self._formulas[number, kind]

    def _own(self, number: int, node: SchemaNode, kind: str) -> list[int]:
        """The formulas of the keywords that read input."""
        if kind in ("null", "true", "false"):
            return [FALSE] if node.constants is not None and kind not in node.constants else []
        if kind == "string":
            return self._string(node)
        if kind == "number":
            return self._number(node)
        return self._array(number, node) if kind == "array" else self._object(number, node)

    def _string(self, node: SchemaNode) -> list[int]:
        literal = self.formulas.literal
        parts: list[int] = []
        if node.strings is not None:
            parts.append(literal(("strings", frozenset(node.strings))) if node.strings else FALSE)
        if node.min_length > 0:
            parts.append(literal(("length", node.min_length)))
        if node.max_length is not None:
            parts.append(-literal(("length", node.max_length + 1)))
        for name, tree in node.texts:
            self.trees.setdefault(name, tree)
            parts.append(literal(("text", name)))
        return parts

    def _number(self, node: SchemaNode) -> list[int]:
        literal = self.formulas.literal
        parts: list[int] = []
        if node.numbers is not None:
            parts.append(literal(("numbers", node.numbers)) if node.numbers else FALSE)
        if node.is_integer:
            parts.append(literal(("integer", node.is_lexical)))
        if node.low is not None:
            parts.append(literal(("low", node.low, node.low_open)))
        if node.high is not None:
            parts.append(literal(("high", node.high, node.high_open)))
        parts += [literal(("multiple", value)) for value in node.multiples]
        return parts

    def _array(self, number: int, node: SchemaNode) -> list[int]:
        literal = self.formulas.literal
        parts: list[int] = []
        if node.prefix or node.items is not None:
            parts.append(literal(("items", number)))
        if node.min_items > 0:
            parts.append(literal(("count", node.min_items)))
        if node.max_items is not None:
            parts.append(-literal(("count", node.max_items + 1)))
        if node.contains is not None:
            if node.min_contains > 0:
                parts.append(literal(("contains", node.contains, node.min_contains)))
            if node.max_contains is not None:
                parts.append(-literal(("contains", node.contains, node.max_contains + 1)))
        if node.is_unique:
            parts.append(literal(("unique",)))
        if node.unevaluated_items not in (None, ANYTHING):
            parts.append(literal(("unevaluated", number)))
        return parts

    def _object(self, number: int, node: SchemaNode) -> list[int]:
        formulas, literal = self.formulas, self.formulas.literal
        parts: list[int] = []
        if node.properties or node.patterns or node.additional is not None:
            parts.append(literal(("props", number)))
        parts += [literal(("has", name)) for name in node.required]
        for name, others in node.dependent:
            wanted = formulas.all_of([literal(("has", other)) for other in others])
            parts.append(formulas.any_of((-literal(("has", name)), wanted)))
        if node.names is not None:
            parts.append(literal(("names", node.names)))
        if node.min_properties > 0:
            parts.append(literal(("count", node.min_properties)))
        if node.max_properties is not None:
            parts.append(-literal(("count", node.max_properties + 1)))
        if node.unevaluated_properties not in (None, ANYTHING):
            parts.append(literal(("unevaluated", number)))
        return parts

    def names(self, goal: Goal) -> tuple[str, ...]:
        """The property names that the nodes of `goal` know: in order of first declaration, then those asked for.

        Then those of values that must not come again (uniqueItems), which declare nothing, by their characters.
        """
        found = self._names.get(goal)
        if found is None:
            numbers = {abs(node) for node in goal}
            written = {number for number in numbers if number >= self.document.n_declared}
            declared, required = self._names_of(numbers - written)
            others, more = self._names_of(written) if written else ({}, {})
            found = self._names[goal] = tuple({**declared, **required, **dict.fromkeys(sorted({**others, **more}))})
        return found

    def _names_of(self, numbers: set[int]) -> tuple[dict[str, None], dict[str, None]]:
        """(declared names, names asked for) of some nodes and of those in place below them."""
        declared: dict[str, None] = {}
        required: dict[str, None] = {}
        reached: set[int] = set()
        stack = sorted(numbers, reverse=True)
        while stack:
            number = stack.pop()
            if number in reached or number <= NOTHING:
                continue
            reached.add(number)
            node = self.document.nodes[number]
            declared.update(dict.fromkeys(node.properties or ()))
            required.update(dict.fromkeys(node.required))
            for name, others in node.dependent:
                required.update(dict.fromkeys((name, *others)))
            required.update(dict.fromkeys(name for name, _ in node.dependent_schemas))
            if node.names is not None:
                required.update(dict.fromkeys(self._finite_names(node.names)))
            stack.extend(reversed(self._below(number, "object")))
        return declared, required

    def _finite_names(self, number: int) -> list[str]:
        """The texts of enum and const in a schema of names."""
        found: dict[str, None] = {}
        reached: set[int] = set()
        stack = [number]
        while stack:
            here = stack.pop()
            if here in reached:
                continue
            reached.add(here)
            found.update(dict.fromkeys(self.document.nodes[here].strings or ()))
            stack.extend(self._below(here, "string"))
        return list(found)
