"""One sub-schema, read and checked: the value that the rest of guided.schema works on."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from guided.automata.syntax import Node
from guided.schema.keywords import TYPES


class SchemaNode:
    """A sub-schema.  Other sub-schemas are named by their number in Document.nodes.

    verdict None means "see the keywords"; True and False are the boolean schemas.
    """

    verdict: bool | None = None
    types: frozenset[str] | None = None  # of keywords.TYPES; None: all
    is_integer: bool = False  # numbers are integers ("integer" among the types and "number" not)
    is_lexical: bool = False  # and written without a point (draft 4)
    strings: tuple[str, ...] | None = None  # the strings of enum or const; None: no such limit
    numbers: tuple[str, ...] | None = None  # the number texts of enum or const
    constants: frozenset[str] | None = None  # which of null, true, false enum or const hold
    values: tuple[int, ...] | None = None  # one of these nodes, for the arrays and objects of enum or const
    min_length: int = 0
    max_length: int | None = None
    texts: tuple[tuple[str, Node], ...] = ()  # pattern, format: (name of the language, tree of decoded text)
    low: Decimal | None = None
    low_open: bool = False
    high: Decimal | None = None
    high_open: bool = False
    multiples: tuple[Decimal, ...] = ()
    properties: dict[str, int] | None = None
    patterns: tuple[tuple[str, int], ...] = ()  # patternProperties
    additional: int | None = None  # None: anything
    required: tuple[str, ...] = ()
    names: int | None = None  # propertyNames
    min_properties: int = 0
    max_properties: int | None = None
    dependent: tuple[tuple[str, tuple[str, ...]], ...] = ()  # dependentRequired
    dependent_schemas: tuple[tuple[str, int], ...] = ()
    prefix: tuple[int, ...] = ()
    items: int | None = None
    min_items: int = 0
    max_items: int | None = None
    contains: int | None = None
    min_contains: int = 1
    max_contains: int | None = None
    is_unique: bool = False
    all_of: tuple[int, ...] = ()  # also the target of $ref
    any_of: tuple[tuple[int, ...], ...] = ()  # one of each group
    one_of: tuple[tuple[int, ...], ...] = ()  # exactly one of each group
    negated: int | None = None  # not
    condition: int | None = None  # if
    then: int | None = None
    otherwise: int | None = None  # else
    unevaluated_properties: int | None = None
    unevaluated_items: int | None = None
    covers_others: bool = False  # additionalProperties stands here: it evaluates every other member
    covers_rest: bool = False  # items (or additionalItems) stands here: it evaluates every item
    contains_covers: bool = False  # items that `contains` takes are evaluated (since 2020-12)

    def __init__(self, pointer: str, verdict: bool | None = None) -> None:
        self.pointer, self.verdict = pointer, verdict

    def asks_scalars_for_types_only(self) -> bool:
        """Whether `type` is all that it asks of null, true, false, strings and numbers."""
        return (
            self.verdict is not False
            and self.strings is None
            and self.constants is None
            and self.numbers is None
            and not self.min_length
            and self.max_length is None
            and not self.texts
            and self.low is None
            and self.high is None
            and not self.multiples
            and not (self.all_of or self.any_of or self.one_of or self.values)
            and self.negated is None
            and self.condition is None
        )

    def is_conjunction(self) -> bool:
        """Whether its own keywords and all_of say everything that it asks of values without members."""
        return (
            self.verdict is not False
            and not (self.any_of or self.one_of)
            and self.negated is None
            and self.condition is None
        )

    def undemanding_types(self) -> set[str]:
        """Types (of keywords.TYPES) of which it takes all scalars, or those of its enum, or `[]` or `{}`."""
        kinds = set(TYPES if self.types is None else self.types)
        if self.constants is not None:  # enum or const
            kinds -= {"null", "true", "false"} - self.constants
            kinds -= {"array", "object"}
            kinds -= {kind for kind, texts in (("string", self.strings), ("number", self.numbers)) if not texts}
            if self.is_integer:
                kinds.discard("number")
        if self.min_length or self.max_length is not None or self.texts:
            kinds.discard("string")
        if self.low is not None or self.high is not None or self.multiples:
            kinds.discard("number")
        if self.min_items or (self.contains is not None and self.min_contains):
            kinds.discard("array")
        if self.required or self.min_properties:
            kinds.discard("object")
        return kinds

    def endless_types(self) -> set[str]:
        """Types (of "string" and "number") of which it takes endless values, its own conjunction apart."""
        kinds = {"string", "number"} & (set(TYPES) if self.types is None else self.types)
        if self.constants is not None:  # enum or const
            return set()
        if self.max_length is not None or self.texts:
            kinds.discard("string")
        if self.low is not None or self.high is not None or self.multiples:
            kinds.discard("number")
        return kinds

    def asks_for_members_only(self) -> bool:
        """Whether `required` and `properties` are all that it asks of an object, its own conjunction apart."""
        return (
            (self.types is None or "object" in self.types)
            and self.constants is None
            and not (self.patterns or self.dependent or self.dependent_schemas)
            and self.names is None
            and self.min_properties <= len(self.required)
            and (self.max_properties is None or self.max_properties >= len(self.required))
            and self.unevaluated_properties is None
        )

    def keywords(self) -> list[str]:
        """The keywords of this node that are enforced, for explain()."""
        return [
            word
            for word, holds in (
                ("type", self.types is not None),
                ("enum/const", self.strings is not None),
                ("minLength/maxLength", self.min_length > 0 or self.max_length is not None),
                *((name.split(" ", 1)[0], True) for name, _ in self.texts),
                ("minimum/maximum", self.low is not None or self.high is not None),
                ("multipleOf", bool(self.multiples)),
                ("properties", bool(self.properties)),
                ("patternProperties", bool(self.patterns)),
                ("additionalProperties", self.additional is not None),
                ("required", bool(self.required)),
                ("propertyNames", self.names is not None),
                ("minProperties/maxProperties", self.min_properties > 0 or self.max_properties is not None),
                ("dependentRequired", bool(self.dependent)),
                ("dependentSchemas", bool(self.dependent_schemas)),
                ("prefixItems", bool(self.prefix)),
                ("items", self.items is not None),
                ("minItems/maxItems", self.min_items > 0 or self.max_items is not None),
                ("contains", self.contains is not None),
                ("uniqueItems", self.is_unique),
                ("$ref/allOf", bool(self.all_of)),
                ("oneOf", bool(self.one_of)),
                ("anyOf", bool(self.any_of)),
                ("not", self.negated is not None),
                ("if/then/else", self.then is not None or self.otherwise is not None),
                ("unevaluatedProperties", self.unevaluated_properties is not None),
                ("unevaluatedItems", self.unevaluated_items is not None),
            )
            if holds
        ]

    def property(self, name: str | None, matched: frozenset[str]) -> list[int]:
        """The sub-schemas for the value of property `name` (None: one that is not declared).

        matched : the patterns of `patterns` that its name matches.
        """
        found = [self.properties[name]] if name is not None and self.properties and name in self.properties else []
        found += [node for pattern, node in self.patterns if pattern in matched]
        return found or ([self.additional] if self.additional is not None else [])

    def item(self, index: int) -> int | None:
        """The sub-schema for the item at `index`."""
        return self.prefix[index] if index < len(self.prefix) else self.items

    def in_place(self) -> Iterator[int]:
        """The nodes that judge the same instance as this one."""
        yield from self.all_of
        for group in self.any_of:
            yield from group
        for group in self.one_of:
            yield from group
        for number in (self.negated, self.condition, self.then, self.otherwise):
            if number is not None:
                yield number
        for _, number in self.dependent_schemas:
            yield number
        yield from self.values or ()
