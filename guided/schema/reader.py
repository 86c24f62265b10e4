"""One raw sub-schema -> a SchemaNode: every keyword is read, or is an annotation, or is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from guided.automata.syntax import Node
from guided.errors import LimitExceeded, UnsupportedSchema
from guided.schema import formats, patterns
from guided.schema.dialects import dialect_of
from guided.schema.document import ANYTHING, NOTHING, Document, Place, escape, show
from guided.schema.keywords import ANNOTATIONS, ASSERTIONS, ENFORCED, REFUSED, TYPE_NAMES, since
from guided.schema.nodes import SchemaNode

DRAFT4, DRAFT7, DRAFT2019 = 4, 7, 8  # ranks of dialects, see document.py


def read(document: Document, node: SchemaNode, place: Place) -> None:
    """Fill `node` from the raw sub-schema of `place`.

    Raises UnsupportedSchema with the pointer of the offending keyword.
    """
    Reader(document, node, place).read()


class Reader:
    """The keywords of one sub-schema."""

    def __init__(self, document: Document, node: SchemaNode, place: Place) -> None:
        self.document, self.node, self.place = document, node, place
        self.raw: dict[str, Any] = place.raw

    def read(self) -> None:
        raw, place, pointer = self.raw, self.place, self.place.pointer
        references = self.document.references
        if pointer and "$schema" in raw:
            place.dialect = dialect_of(raw, place.dialect, pointer, self.document.registry)
        self.dialect = place.dialect.rank
        if "$ref" in raw and self.dialect <= DRAFT7:  # siblings of $ref do not exist up to draft 7
            if place.resolver is None and references is not None and references.has_ids:
                place.resolver = references.root
            self.reference(raw["$ref"], f"{pointer}/$ref")
            ignored = sorted(key for key in raw if key != "$ref" and key not in ANNOTATIONS)
            self.document.annotations.extend((f"{pointer}/{escape(key)}", f"{key} beside $ref") for key in ignored)
            return
        if references is not None:
            place = self.place = references.entered(place)
        read: list[int] = []  # keywords, as their places in _READERS: the order in the text does not matter
        for key in raw:
            if key in ANNOTATIONS:
                continue
            if key in ENFORCED and self.dialect >= since(key):
                if key in _ORDER:
                    read.append(_ORDER[key])
            elif key in REFUSED and self.dialect <= REFUSED[key][0]:
                self.document.refuse(f"{key!r} is not supported.", f"{pointer}/{escape(key)}", REFUSED[key][1])
            else:
                self.document.annotations.append((f"{pointer}/{escape(key)}", f"unknown keyword {show(key)}"))
        for number in sorted(read):
            keyword, reader = _IN_ORDER[number]
            if place.dialect.asserts or keyword not in ASSERTIONS:
                reader(self, raw[keyword], f"{pointer}/{keyword}")
        if place.dialect.asserts and ("enum" in raw or "const" in raw):
            self.constants()

    def child(self, raw: Any, pointer: str) -> int:
        """The node of a sub-schema of this one."""
        return self.document.add(Place(raw, pointer, self.place.resolver, self.place.dialect, scope=self.place.scope))

    def wanted(self, raw: Any, pointer: str) -> int | None:
        """The node of a sub-schema; None if everything fits it."""
        number = self.child(raw, pointer)
        return None if number == ANYTHING else number

    def reference(self, target: Any, pointer: str) -> None:
        """`$ref` and its dynamic sisters: one more schema that must hold here."""
        keyword = pointer.rsplit("/", 1)[1]
        references = self.document.references
        if not isinstance(target, str):
            raise UnsupportedSchema(f"{keyword} must be a string, not {show(target)}", pointer)
        assert references is not None
        try:
            contents, resolver, scope, dialect = references.follow(self.place, keyword, target)
        except LookupError as error:
            remote = "://" in target and not target.startswith("#")
            raise UnsupportedSchema(
                f"{keyword} {show(target)} leads nowhere ({error})",
                pointer,
                "nothing is fetched: give the document in registry={uri: schema}" if remote else "",
            ) from None
        if not isinstance(contents, (dict, bool)):
            raise UnsupportedSchema(f"{keyword} {show(target)} leads to {show(contents)}, not to a schema", pointer)
        where = target[1:] if target.startswith("#/") else "" if target == "#" else target
        if resolver is not None:
            home = resolver.lookup("").contents
            dialect = dialect_of(home, dialect, where, self.document.registry)
        number = self.document.add(Place(contents, where, resolver, dialect, is_entered=True, scope=scope))
        self.node.all_of += (number,)

    def types(self, value: Any, pointer: str) -> None:
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) and name in TYPE_NAMES for name in names):
            raise UnsupportedSchema(
                f"type must be one of {', '.join(TYPE_NAMES)}, or a list of them, not {value!r}", pointer
            )
        self.node.types = frozenset(kind for name in names for kind in TYPE_NAMES[name])
        if "integer" in names and "number" not in names:
            self.node.is_integer, self.node.is_lexical = True, self.dialect == DRAFT4

    def constants(self) -> None:
        """enum and const, as the strings, numbers, constants, arrays and objects that they allow."""
        document, pointer = self.document, self.place.pointer
        if "enum" in self.raw:
            values = self.raw["enum"]
            if not isinstance(values, list):
                raise UnsupportedSchema(f"enum must be a list, not {show(values)}", f"{pointer}/enum")
            fill_constants(document, self.node, values)
        if "const" in self.raw and self.dialect > DRAFT4:  # a node of its own, so that enum beside it holds as well
            number = document.new_node(f"{pointer}/const")
            fill_constants(document, document.nodes[number], [self.raw["const"]])
            self.node.all_of += (number,)

    def pattern(self, value: Any, pointer: str) -> None:
        if not isinstance(value, str):
            raise UnsupportedSchema(f"pattern must be a string, not {show(value)}", pointer)
        tree = self.tree_of(value, pointer)
        if tree is not None:
            self.node.texts += ((f"pattern {value}", tree),)

    def tree_of(self, pattern: str, pointer: str) -> Node | None:
        """The strings in which a pattern is found; None if it is ignored."""
        try:
            return patterns.search_tree(pattern, pointer, self.document.options.limits)
        except UnsupportedSchema as error:
            if not self.document.options.ignore:
                raise
            self.document.ignored.append((pointer, str(error)))
            return None

    def format(self, value: Any, pointer: str) -> None:
        if not isinstance(value, str):
            raise UnsupportedSchema(f"format must be a string, not {show(value)}", pointer)
        asserted = self.document.options.assert_formats or self.place.dialect.formats
        if not asserted or value not in formats.NAMES:
            self.document.annotations.append((pointer, f"format {show(value)}"))
            return
        self.node.texts += ((f"format {value}", formats.tree(value)),)

    def bound(self, value: Any, pointer: str) -> None:
        """minimum, maximum and their exclusive forms (booleans in draft 4)."""
        keyword = pointer.rsplit("/", 1)[1]
        is_low, is_open = keyword in ("minimum", "exclusiveMinimum"), keyword.startswith("exclusive")
        if is_open and isinstance(value, bool):
            if self.dialect == DRAFT4:
                return
            raise UnsupportedSchema(f"{keyword} must be a number", pointer, 'a boolean is draft 4: set "$schema" to it')
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UnsupportedSchema(f"{keyword} must be a number, not {show(value)}", pointer)
        if self.dialect == DRAFT4 and not is_open:
            is_open = self.raw.get("exclusiveMinimum" if is_low else "exclusiveMaximum") is True
        narrow(self.node, Decimal(repr(value)), is_low=is_low, is_open=is_open)

    def count(self, value: Any, pointer: str) -> None:
        keyword = pointer.rsplit("/", 1)[1]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UnsupportedSchema(f"{keyword} must be a whole number of at least 0, not {show(value)}", pointer)
        limit = self.document.options.limits.max_schema_nodes
        if keyword.startswith("min") and keyword != "minLength" and value > limit:  # strings count for themselves
            raise LimitExceeded("max_schema_nodes", limit, value, f"{keyword} at {pointer}")
        setattr(self.node, _COUNTS[keyword], value)

    def properties(self, value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            raise UnsupportedSchema(f"properties must be an object, not {show(value)}", pointer)
        self.node.properties = {name: self.child(sub, f"{pointer}/{escape(name)}") for name, sub in value.items()}

    def additional_properties(self, value: Any, pointer: str) -> None:
        self.node.additional, self.node.covers_others = self.wanted(value, pointer), True

    def required(self, value: Any, pointer: str) -> None:
        if isinstance(value, bool) and self.dialect == DRAFT4:
            self.document.refuse("'required' as a boolean belongs to draft 3.", pointer, "list the names in the parent")
            return
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise UnsupportedSchema(f"required must be a list of strings, not {show(value)}", pointer)
        self.node.required = tuple(dict.fromkeys(value))

    def items(self, value: Any, pointer: str) -> None:
        if isinstance(value, list):
            if self.dialect > DRAFT2019:
                raise UnsupportedSchema(
                    "items must be a schema since 2020-12",
                    pointer,
                    'call it prefixItems, or set "$schema" to an older draft',
                )
            self.node.prefix = self.schemas(value, pointer)
            if "additionalItems" in self.raw:
                rest = self.raw["additionalItems"]
                self.node.items = self.wanted(rest, f"{self.place.pointer}/additionalItems")
                self.node.covers_rest = True
        else:
            self.node.items, self.node.covers_rest = self.wanted(value, pointer), True

    def prefix_items(self, value: Any, pointer: str) -> None:
        self.node.prefix = self.schemas(value, pointer)

    def schemas(self, value: Any, pointer: str, *, may_be_empty: bool = True) -> tuple[int, ...]:
        """The nodes of a list of schemas."""
        if not isinstance(value, list) or not (value or may_be_empty):
            keyword = pointer.rsplit("/", 1)[1]
            raise UnsupportedSchema(f"{keyword} must be a list of schemas, not {show(value)}", pointer)
        return tuple(self.child(sub, f"{pointer}/{index}") for index, sub in enumerate(value))

    def all_of(self, value: Any, pointer: str) -> None:
        self.node.all_of += self.schemas(value, pointer, may_be_empty=False)

    def any_of(self, value: Any, pointer: str) -> None:
        self.node.any_of += (self.schemas(value, pointer, may_be_empty=False),)

    def one_of(self, value: Any, pointer: str) -> None:
        self.node.one_of += (self.schemas(value, pointer, may_be_empty=False),)

    def negation(self, value: Any, pointer: str) -> None:
        self.node.negated = self.child(value, pointer)

    def condition(self, value: Any, pointer: str) -> None:
        """if, with then and else; alone it still says what is evaluated."""
        self.node.condition = self.child(value, pointer)
        for keyword, name in (("then", "then"), ("else", "otherwise")):
            if keyword in self.raw:
                setattr(self.node, name, self.child(self.raw[keyword], f"{self.place.pointer}/{keyword}"))

    def multiple_of(self, value: Any, pointer: str) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise UnsupportedSchema(f"multipleOf must be a number above 0, not {show(value)}", pointer)
        self.node.multiples += (Decimal(repr(value)),)

    def pattern_properties(self, value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            raise UnsupportedSchema(f"patternProperties must be an object, not {show(value)}", pointer)
        kept: list[tuple[str, int]] = []
        for pattern, sub in value.items():
            where = f"{pointer}/{escape(pattern)}"
            tree = self.tree_of(pattern, where)
            if tree is not None:
                self.document.patterns.setdefault(pattern, tree)
                kept.append((pattern, self.child(sub, where)))
        self.node.patterns = tuple(kept)

    def property_names(self, value: Any, pointer: str) -> None:
        self.node.names = self.wanted(value, pointer)

    def dependencies(self, value: Any, pointer: str) -> None:
        """dependentRequired, dependentSchemas, and dependencies, which was both."""
        keyword = pointer.rsplit("/", 1)[1]
        if not isinstance(value, dict):
            raise UnsupportedSchema(f"{keyword} must be an object, not {show(value)}", pointer)
        for name, wanted in value.items():
            where = f"{pointer}/{escape(name)}"
            if isinstance(wanted, str) and keyword == "dependencies":
                wanted = [wanted]
            if isinstance(wanted, list) and keyword != "dependentSchemas":
                if not all(isinstance(other, str) for other in wanted):
                    raise UnsupportedSchema(f"{keyword} must list strings, not {show(wanted)}", where)
                self.node.dependent += ((name, tuple(dict.fromkeys(wanted))),)
            elif keyword == "dependentRequired":
                raise UnsupportedSchema(f"{keyword} must list strings, not {show(wanted)}", where)
            else:
                self.node.dependent_schemas += ((name, self.child(wanted, where)),)

    def contains(self, value: Any, pointer: str) -> None:
        self.node.contains, self.node.contains_covers = self.child(value, pointer), self.dialect > DRAFT2019

    def unique(self, value: Any, pointer: str) -> None:
        if not isinstance(value, bool):
            raise UnsupportedSchema(f"uniqueItems must be true or false, not {show(value)}", pointer)
        self.node.is_unique = value

    def unevaluated_properties(self, value: Any, pointer: str) -> None:
        self.node.unevaluated_properties = self.child(value, pointer)

    def unevaluated_items(self, value: Any, pointer: str) -> None:
        self.node.unevaluated_items = self.child(value, pointer)


_COUNTS = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_items",
    "maxItems": "max_items",
    "minProperties": "min_properties",
    "maxProperties": "max_properties",
    "minContains": "min_contains",
    "maxContains": "max_contains",
}

_READERS: dict[str, Callable[[Reader, Any, str], None]] = {
    "$ref": Reader.reference,
    "$dynamicRef": Reader.reference,
    "$recursiveRef": Reader.reference,
    "type": Reader.types,
    "pattern": Reader.pattern,
    "format": Reader.format,
    "minimum": Reader.bound,
    "maximum": Reader.bound,
    "exclusiveMinimum": Reader.bound,
    "exclusiveMaximum": Reader.bound,
    **dict.fromkeys(_COUNTS, Reader.count),
    "properties": Reader.properties,
    "additionalProperties": Reader.additional_properties,
    "required": Reader.required,
    "prefixItems": Reader.prefix_items,
    "items": Reader.items,
    "allOf": Reader.all_of,
    "anyOf": Reader.any_of,
    "oneOf": Reader.one_of,
    "not": Reader.negation,
    "if": Reader.condition,
    "multipleOf": Reader.multiple_of,
    "patternProperties": Reader.pattern_properties,
    "propertyNames": Reader.property_names,
    "dependentRequired": Reader.dependencies,
    "dependentSchemas": Reader.dependencies,
    "dependencies": Reader.dependencies,
    "contains": Reader.contains,
    "uniqueItems": Reader.unique,
    "unevaluatedProperties": Reader.unevaluated_properties,
    "unevaluatedItems": Reader.unevaluated_items,
}
_IN_ORDER = list(_READERS.items())
_ORDER = {keyword: number for number, keyword in enumerate(_READERS)}


def narrow(node: SchemaNode, value: Decimal, *, is_low: bool, is_open: bool) -> None:
    """Add a bound to those that `node` has: the narrower one stays."""
    if is_low:
        if node.low is None or (value, is_open) > (node.low, node.low_open):
            node.low, node.low_open = value, is_open
    elif node.high is None or value < node.high or (value == node.high and is_open):
        node.high, node.high_open = value, is_open


def fill_constants(document: Document, node: SchemaNode, values: list[Any]) -> None:
    """Let `node` allow exactly these JSON values; arrays and objects become schemas of their own."""
    strings: dict[str, None] = {}
    numbers: dict[str, None] = {}
    constants: set[str] = set()
    nested: list[int] = []
    for value in values:
        if value is None or isinstance(value, bool):
            constants.add({None: "null", True: "true", False: "false"}[value])
        elif isinstance(value, str):
            strings[value] = None
        elif isinstance(value, (int, float, Decimal)):
            numbers[str(value)] = None
        else:
            nested.append(constant_node(document, node.pointer, value))
    node.strings, node.numbers = tuple(strings), tuple(numbers)
    node.constants, node.values = frozenset(constants), tuple(nested)


def constant_node(document: Document, pointer: str, value: Any) -> int:
    """A node that allows exactly one array or object.  Iterative: constants may be nested as deep as schemas."""
    root = document.new_node(pointer)
    waiting: list[tuple[int, Any]] = [(root, value)]
    while waiting:
        number, value = waiting.pop()
        node = document.nodes[number]
        if isinstance(value, list):
            parts = [document.new_node(pointer) for _ in value]
            waiting.extend(zip(parts, value, strict=True))
            node.types, node.prefix, node.items = frozenset(("array",)), tuple(parts), NOTHING
            node.min_items, node.max_items = len(value), len(value)
        elif isinstance(value, dict):
            node.types, node.additional, node.required = frozenset(("object",)), NOTHING, tuple(value)
            node.properties = {name: document.new_node(pointer) for name in value}
            waiting.extend((node.properties[name], part) for name, part in value.items())
        else:
            fill_constants(document, node, [value])
    return root
