"""One raw sub-schema -> a SchemaNode: every keyword is read, or is an annotation, or is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from guided.automata.syntax import Node
from guided.errors import LimitExceeded, UnsupportedSchema
from guided.schema import formats, patterns
from guided.schema.document import ANYTHING, NOTHING, Document, Place, dialect_of, escape, show
from guided.schema.keywords import ANNOTATIONS, ENFORCED, REFUSED, TYPE_NAMES, asks_for_nothing
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
        self.dialect, self.resolver = place.dialect, place.resolver

    def read(self) -> None:
        raw, place, pointer = self.raw, self.place, self.place.pointer
        if pointer and "$schema" in raw:
            name_and_rank = dialect_of(raw, ("", self.dialect), pointer)
            self.dialect = name_and_rank[1]
        if "$ref" in raw and self.dialect <= DRAFT7:  # siblings of $ref do not exist up to draft 7
            self.reference()
            ignored = sorted(key for key in raw if key != "$ref" and key not in ANNOTATIONS)
            self.document.annotations.extend((f"{pointer}/{escape(key)}", f"{key} beside $ref") for key in ignored)
            return
        if pointer and not place.is_entered and isinstance(raw.get("$id" if self.dialect > DRAFT4 else "id"), str):
            import referencing.jsonschema as specifications

            names = {4: "DRAFT4", 6: "DRAFT6", 7: "DRAFT7", 8: "DRAFT201909", 9: "DRAFT202012"}
            specification = getattr(specifications, names[self.dialect])
            self.resolver = self.resolver.in_subresource(specification.create_resource(raw))
        for key, value in raw.items():
            if key in ANNOTATIONS:
                continue
            if key in REFUSED:
                self.refused(key, value)
            elif key not in ENFORCED:
                self.document.annotations.append((f"{pointer}/{escape(key)}", f"unknown keyword {show(key)}"))
        for keyword, reader in _READERS.items():
            if keyword in raw:
                reader(self, raw[keyword], f"{pointer}/{keyword}")
        if "enum" in raw or "const" in raw:
            self.constants()

    def refused(self, keyword: str, value: Any) -> None:
        """A keyword that is not enforced; nothing happens if this value of it accepts everything."""
        if asks_for_nothing(keyword, value) or (keyword == "$recursiveRef" and self.dialect != DRAFT2019):
            return
        if keyword == "multipleOf" and value == 1 and not isinstance(value, bool):
            self.node.is_integer = True
            return
        if keyword in ("dependentRequired", "dependentSchemas") and self.dialect < DRAFT2019:
            return
        self.document.refuse(
            f"{keyword!r} is not supported yet.", f"{self.place.pointer}/{escape(keyword)}", REFUSED[keyword]
        )

    def child(self, raw: Any, pointer: str) -> int:
        """The node of a sub-schema of this one."""
        return self.document.add(Place(raw, pointer, self.resolver, self.dialect))

    def reference(self) -> None:
        """`$ref`: one more schema that must hold here."""
        import referencing.exceptions

        pointer, target = f"{self.place.pointer}/$ref", self.raw["$ref"]
        if not isinstance(target, str):
            raise UnsupportedSchema(f"$ref must be a string, not {show(target)}", pointer)
        try:
            found = self.resolver.lookup(target)
        except (referencing.exceptions.Unresolvable, ValueError, AttributeError, TypeError) as error:
            # the last three: no URI, or a value on the way that is no schema
            remote = "://" in target and not target.startswith("#")
            raise UnsupportedSchema(
                f"$ref {show(target)} leads nowhere ({type(error).__name__})",
                pointer,
                "nothing is fetched: give the document in registry={uri: schema}" if remote else "",
            ) from None
        if not isinstance(found.contents, (dict, bool)):
            raise UnsupportedSchema(f"$ref {show(target)} leads to {show(found.contents)}, not to a schema", pointer)
        where = target[1:] if target.startswith("#/") else "" if target == "#" else target
        dialect = dialect_of(found.contents, ("", self.dialect), where)[1]
        number = self.document.add(Place(found.contents, where, found.resolver, dialect, is_entered=True))
        self.node.all_of += (number,)

    def types(self, value: Any, pointer: str) -> None:
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) and name in TYPE_NAMES for name in names):
            raise UnsupportedSchema(
                f"type must be one of {', '.join(TYPE_NAMES)}, or a list of them, not {value!r}", pointer
            )
        self.node.types = frozenset(kind for name in names for kind in TYPE_NAMES[name])
        if "integer" in names and "number" not in names:
            self.node.is_integer = True

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
        try:
            self.node.texts += (
                (f"pattern {value}", patterns.search_tree(value, pointer, self.document.options.limits)),
            )
        except UnsupportedSchema as error:
            if not self.document.options.ignore:
                raise
            self.document.ignored.append((pointer, str(error)))

    def format(self, value: Any, pointer: str) -> None:
        if not isinstance(value, str):
            raise UnsupportedSchema(f"format must be a string, not {show(value)}", pointer)
        if not self.document.options.assert_formats or value not in formats.NAMES:
            self.document.annotations.append((pointer, f"format {show(value)}"))
            return
        tree: Node | None = formats.tree(value)
        if tree is None:
            self.document.refuse(
                f"the format {show(value)} is not supported yet.",
                pointer,
                'pass formats="annotate" to leave formats alone',
            )
        else:
            self.node.texts += ((f"format {value}", tree),)

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
        if isinstance(value, float) and value == int(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UnsupportedSchema(f"{keyword} must be a whole number of at least 0, not {show(value)}", pointer)
        if keyword == "minItems" and value > (limit := self.document.options.limits.max_schema_nodes):
            raise LimitExceeded("max_schema_nodes", limit, value, f"minItems at {pointer}")
        setattr(self.node, _COUNTS[keyword], value)

    def properties(self, value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            raise UnsupportedSchema(f"properties must be an object, not {show(value)}", pointer)
        self.node.properties = {name: self.child(sub, f"{pointer}/{escape(name)}") for name, sub in value.items()}

    def additional_properties(self, value: Any, pointer: str) -> None:
        number = self.document.add(Place(value, pointer, self.resolver, self.dialect))
        self.node.additional = None if number == ANYTHING else number

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
            self.prefix_items(value, pointer)
            rest = self.raw.get("additionalItems", True)
            number = self.document.add(
                Place(rest, f"{self.place.pointer}/additionalItems", self.resolver, self.dialect)
            )
        else:
            number = self.child(value, pointer)
        self.node.items = None if number == ANYTHING else number

    def prefix_items(self, value: Any, pointer: str) -> None:
        if pointer.endswith("/prefixItems") and self.dialect <= DRAFT2019:
            return
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
        self.node.one_of = self.schemas(value, pointer, may_be_empty=False)
        self.node.any_of += (self.node.one_of,)


_COUNTS = {"minLength": "min_length", "maxLength": "max_length", "minItems": "min_items", "maxItems": "max_items"}

_READERS: dict[str, Callable[[Reader, Any, str], None]] = {
    "$ref": lambda reader, value, pointer: reader.reference(),
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
}


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
        elif isinstance(value, (int, float)):
            numbers[repr(value)] = None
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
