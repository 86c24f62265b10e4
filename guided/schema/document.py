"""A JSON Schema document as numbered nodes: measured, references resolved, every reachable sub-schema read once.

Nothing recurses: sub-schemas wait in a list.  A reference is resolved when its node is reached, so that a dangling
reference in an unused `$defs` does no harm.  Not here: what keywords mean for a text (locations.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from guided.automata.syntax import SURROGATES, Node
from guided.errors import LimitExceeded, UnsupportedSchema
from guided.limits import DEFAULT_LIMITS, Limits
from guided.schema.dialects import NEWEST, Dialect, dialect_of
from guided.schema.nodes import SchemaNode
from guided.schema.references import References, Scope
from guided.schema.values import plain

ANYTHING: Final = 0  # the node of the schema true
NOTHING: Final = 1  # that of false


@dataclass(frozen=True)
class Options:
    """How to read a schema.

    ignore         : list what is not supported in `Document.ignored` instead of raising UnsupportedSchema.
    assert_formats : `format` is enforced; else it is an annotation.
    """

    ignore: bool = False
    assert_formats: bool = True
    limits: Limits = DEFAULT_LIMITS


@dataclass
class Place:
    """A raw sub-schema that waits to be read."""

    raw: Any
    pointer: str
    resolver: Any  # referencing's Resolver for the base URI that holds here; None: the root, and pointers suffice
    dialect: Dialect
    is_entered: bool = False  # the resolver stands at the base URI of the sub-schema's own `$id` already
    scope: Scope = ()  # the dynamic anchors that were met on the way here


@dataclass
class Document:
    """All sub-schemas that can be reached from the root, as nodes; `nodes[root]` is the schema itself."""

    options: Options
    nodes: list[SchemaNode] = field(default_factory=list)
    root: int = 0
    references: References | None = None
    registry: Mapping[str, Any] = field(default_factory=dict)
    ignored: list[tuple[str, str]] = field(default_factory=list)  # pointer, what is not enforced
    annotations: list[tuple[str, str]] = field(default_factory=list)  # pointer, unknown keyword or format
    patterns: dict[str, Node] = field(default_factory=dict)  # of patternProperties: the names in which each is found
    contents: dict[int, int] = field(default_factory=dict)  # id of a raw value -> what it says (contents_of)
    n_declared: int = 0  # nodes of the schema itself; those from here on are of constant_set
    _numbers: dict[tuple[int, Scope, int], int] = field(default_factory=dict)  # content or -id, scope, rank -> node
    _constants: dict[frozenset[Any], int] = field(default_factory=dict)  # values -> node that holds for them
    values_of: dict[int, frozenset[Any]] = field(default_factory=dict)  # and back
    _waiting: list[tuple[int, Place]] = field(default_factory=list)
    _kept: list[Any] = field(default_factory=list)  # raw values whose ids are in _numbers

    def add(self, place: Place) -> int:
        """The number of the node of a raw sub-schema, which is read later if it is new."""
        if place.raw is True:
            return ANYTHING
        if place.raw is False:
            return NOTHING
        if not isinstance(place.raw, dict):
            raise UnsupportedSchema(f"a schema must be an object or a boolean, not {show(place.raw)}", place.pointer)
        if "$ref" in place.raw:
            place = self._referred(place)
        key = (self.contents.get(id(place.raw), -id(place.raw)), place.scope, place.dialect.rank)
        number = self._numbers.get(key)
        if number is None:
            number = self.new_node(place.pointer)
            self._numbers[key] = number
            self._kept.append(place.raw)
            self._waiting.append((number, place))
        return number

    def _referred(self, place: Place) -> Place:
        """Where a sub-schema that says no more than `$ref` leads, within this document; else the place itself."""
        references = self.references
        if place.resolver is not None or references is None or references.has_ids:
            return place
        here = place
        for _ in range(MAX_ALIASES):
            target = here.raw.get("$ref")
            if not isinstance(target, str) or not target.startswith("#/") or not here.raw.keys() <= _ALIAS:
                return here
            try:
                contents, resolver, scope, dialect = references.follow(here, "$ref", target)
            except LookupError:  # the reader says so
                return here
            if resolver is not None or not isinstance(contents, dict):
                return here
            here = Place(contents, target[1:], None, dialect, is_entered=True, scope=scope)
        return place  # a loop, as likely as not

    def new_node(self, pointer: str, verdict: bool | None = None) -> int:
        """The number of a new node, of which the rest is filled in (also for nodes that no sub-schema stands for)."""
        if len(self.nodes) >= self.options.limits.max_schema_nodes:
            raise LimitExceeded(
                "max_schema_nodes", self.options.limits.max_schema_nodes, len(self.nodes) + 1, "the schema"
            )
        self.nodes.append(SchemaNode(pointer, verdict))
        return len(self.nodes) - 1

    def constant_set(self, values: frozenset[Any]) -> int:
        """The number of a node that holds for exactly these values (in the form of values.py)."""
        number = self._constants.get(values)
        if number is None:
            from guided.schema.reader import fill_constants

            number = self._constants[values] = self.new_node("")
            self.values_of[number] = values
            fill_constants(self, self.nodes[number], [plain(value) for value in values])
        return number

    def refuse(self, message: str, pointer: str, hint: str = "") -> None:
        """Raise UnsupportedSchema, or remember what is ignored if that was asked for."""
        if not self.options.ignore:
            raise UnsupportedSchema(message, pointer, hint)
        self.ignored.append((pointer, message))

    def read_all(self, read: Callable[[Document, SchemaNode, Place], None]) -> None:
        """Read every waiting sub-schema, and those that it adds."""
        while self._waiting:
            number, place = self._waiting.pop()
            read(self, self.nodes[number], place)


def load(schema: Any, options: Options, registry: Mapping[str, Any] | None = None) -> Document:
    """Read a schema: a dict, a boolean, or JSON text.

    registry : documents that `$ref` may name, by URI; nothing is ever fetched.
    Raises UnsupportedSchema (with a JSON pointer) for what is malformed, dangling, remote or not supported;
    LimitExceeded for a schema that is too deep or too large.
    """
    from guided.schema.reader import read

    raw = from_text(schema) if isinstance(schema, (str, bytes)) else schema
    if not isinstance(raw, (dict, bool)):
        raise UnsupportedSchema(f"a schema must be an object or a boolean, not {show(raw)}")
    has_ids = measure(raw, options.limits)
    others: dict[str, Any] = {}
    for uri, contents in (registry or {}).items():
        others[uri] = from_text(contents) if isinstance(contents, (str, bytes)) else contents
        measure(others[uri], DEFAULT_LIMITS)
    document = Document(options, registry=others)
    document.new_node("", verdict=True)
    document.new_node("", verdict=False)
    dialect = dialect_of(raw, NEWEST, "", others)
    if not has_ids and isinstance(raw, dict):
        document.contents = contents_of(raw)
    document.references = References(raw, dialect, others, has_ids=has_ids)
    document.root = document.add(Place(raw, "", None, dialect))
    document.read_all(read)
    document.n_declared = len(document.nodes)
    return document


def from_text(text: str | bytes) -> Any:
    """The value of JSON text; numbers as Python reads them.  Raises UnsupportedSchema if it is not JSON."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise UnsupportedSchema(
            f"the schema is not JSON: {error.msg} (line {error.lineno}, column {error.colno})",
            hint="pass a dict, a boolean, JSON text or a type",
        ) from None
    except ValueError as error:  # not UTF-8, or an integer longer than Python reads
        raise UnsupportedSchema(f"the schema is not JSON: {error}") from None
    except RecursionError:
        raise LimitExceeded(
            "max_schema_depth", DEFAULT_LIMITS.max_schema_depth, DEFAULT_LIMITS.max_schema_depth + 1
        ) from None


def _refuse_constant(name: str) -> None:
    raise UnsupportedSchema(f"the schema is not JSON: {name} is not a JSON number")


_IDS: Final = frozenset(("$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$dynamicRef", "$recursiveRef"))
_DYNAMIC: Final = _IDS - {"$id", "id", "$anchor"}
_DATA: Final = frozenset(("enum", "const", "default", "examples", "example"))  # what stands under these is no schema


def measure(raw: Any, limits: Limits) -> bool:
    """Check that `raw` is a JSON value of bounded depth and size: no cycles, no odd types, no NaN.

    Returns whether some name in it might give or ask for an address of its own.
    """
    has_ids = False
    n_containers = 0
    waiting: list[tuple[Any, int, Any]] = [(raw, 0, None)]  # value, depth, (key, the same of the parent)
    while waiting:
        value, depth, way = waiting.pop()
        if isinstance(value, dict):
            if depth == 0:
                has_ids = any(word in value for word in _DYNAMIC)
            elif not has_ids and not _IDS.isdisjoint(value):  # an address at the root changes no pointer
                has_ids = any(isinstance(value.get(word), (str, bool)) for word in _IDS) and not _is_data(way)
            for key, child in value.items():
                if not isinstance(key, str):
                    raise UnsupportedSchema(f"a property name must be a string, not {show(key)}", pointer_of(way))
                if type(child) is not str or not child.isascii():
                    waiting.append((child, depth + 1, (key, way)))
        elif isinstance(value, list):
            for index, child in enumerate(value):
                if type(child) is not str or not child.isascii():
                    waiting.append((child, depth + 1, (str(index), way)))
        elif isinstance(value, float) and not isfinite(value):
            raise UnsupportedSchema(f"{value} is not a JSON number", pointer_of(way))
        elif value is None or isinstance(value, (bool, int, float)):
            continue
        elif isinstance(value, str):
            if any(SURROGATES[0] <= ord(character) <= SURROGATES[1] for character in value):
                raise UnsupportedSchema("a lone surrogate is no character of any text", pointer_of(way))
            continue
        else:
            raise UnsupportedSchema(f"{show(value)} is not a JSON value", pointer_of(way))
        n_containers += 1
        if depth >= limits.max_schema_depth:
            raise LimitExceeded("max_schema_depth", limits.max_schema_depth, depth + 1, "the schema")
        if n_containers > 20 * limits.max_schema_nodes:  # far more containers than sub-schemas: enum values, or a cycle
            raise LimitExceeded("max_schema_nodes", limits.max_schema_nodes, n_containers // 20, "the schema")
    return has_ids


def pointer_of(way: Any) -> str:
    """The JSON pointer of a way (key, the same of the parent)."""
    steps = []
    while way is not None:
        steps.append(escape(way[0]))
        way = way[1]
    return "".join(f"/{step}" for step in reversed(steps))


def _is_data(way: Any) -> bool:
    while way is not None:
        if way[0] in _DATA:
            return True
        way = way[1]
    return False


_NESTED: Final = None  # in the place of a type: an object or an array, by the number of what it says
_MAPS: Final = frozenset(
    ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
)
_SILENT: Final = frozenset(
    ("title", "description", "$comment", "examples", "example", "default", "readOnly", "writeOnly")
)


def contents_of(raw: Any) -> dict[int, int]:
    """id -> a number that is equal for sub-schemas that say the same, what only speaks to readers left out.

    Sub-schemas that say the same become one node, so that alternatives ask one question where they agree.
    """
    order: list[tuple[Any, bool, bool]] = []  # value, whether its keys are names, whether it is data
    waiting: list[tuple[Any, bool, bool]] = [(raw, False, False)]
    while waiting:
        value, is_map, is_data = item = waiting.pop()
        order.append(item)
        if isinstance(value, dict):
            for key, child in value.items():
                if isinstance(child, (dict, list)):
                    plain = not is_map and not is_data
                    waiting.append((child, plain and key in _MAPS, is_data or (plain and key in _DATA)))
        else:
            waiting.extend((child, False, is_data) for child in value if isinstance(child, (dict, list)))
    numbers: dict[Any, int] = {}
    found: dict[int, int] = {}
    for value, is_map, is_data in order[::-1]:
        says: list[Any] = [is_map]
        if isinstance(value, dict):
            for key, part in value.items():
                if is_map or is_data or key not in _SILENT:
                    nested = isinstance(part, (dict, list))
                    says += (key, _NESTED, found[id(part)]) if nested else (key, type(part), part)
        else:
            says = [_NESTED]
            for part in value:
                says += (_NESTED, found[id(part)]) if isinstance(part, (dict, list)) else (type(part), part)
        found[id(value)] = numbers.setdefault(tuple(says), len(numbers))
    return found


_ALIAS: Final = _SILENT | {"$ref"}
MAX_ALIASES: Final = 16  # references to references


def escape(key: str) -> str:
    """`key` as one step of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


def show(value: Any) -> str:
    """A short description of a value for an error."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
