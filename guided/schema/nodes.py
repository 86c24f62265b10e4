"""One sub-schema, read and checked: the value that the rest of guided.schema works on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from guided.automata.syntax import Node


@dataclass(slots=True)
class SchemaNode:
    """A sub-schema.  Other sub-schemas are named by their number in Document.nodes.

    verdict None means "see the keywords"; True and False are the boolean schemas.
    """

    pointer: str
    verdict: bool | None = None
    types: frozenset[str] | None = None  # of keywords.TYPES; None: all
    is_integer: bool = False  # numbers are integers ("integer" among the types and "number" not)
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
    properties: dict[str, int] | None = None
    additional: int | None = None  # None: anything
    required: tuple[str, ...] = ()
    prefix: tuple[int, ...] = ()
    items: int | None = None
    min_items: int = 0
    max_items: int | None = None
    all_of: tuple[int, ...] = ()  # also the target of $ref
    any_of: tuple[tuple[int, ...], ...] = ()  # anyOf and oneOf: one of each group
    one_of: tuple[int, ...] = ()  # the group among any_of that must be disjoint

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
                ("properties", bool(self.properties)),
                ("additionalProperties", self.additional is not None),
                ("required", bool(self.required)),
                ("prefixItems", bool(self.prefix)),
                ("items", self.items is not None),
                ("minItems/maxItems", self.min_items > 0 or self.max_items is not None),
                ("$ref/allOf", bool(self.all_of)),
                ("oneOf", bool(self.one_of)),
                ("anyOf", len(self.any_of) > bool(self.one_of)),
            )
            if holds
        ]

    def property(self, name: str | None) -> int | None:
        """The sub-schema for the value of property `name` (None: a name that is not declared)."""
        if name is not None and self.properties and name in self.properties:
            return self.properties[name]
        return self.additional

    def item(self, index: int) -> int | None:
        """The sub-schema for the item at `index`."""
        return self.prefix[index] if index < len(self.prefix) else self.items
