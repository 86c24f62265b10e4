"""What each keyword of JSON Schema is to us: enforced, an annotation, or refused with a way out."""

from __future__ import annotations

from typing import Final

# Read by reader.py and enforced byte by byte; some of them only with values that ask for nothing (see REFUSED).
ENFORCED = frozenset(
    """
    type enum const
    minLength maxLength pattern format
    minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
    properties required additionalProperties patternProperties minProperties maxProperties propertyNames
    dependentRequired dependentSchemas dependencies unevaluatedProperties
    items prefixItems additionalItems minItems maxItems uniqueItems contains minContains maxContains unevaluatedItems
    allOf anyOf oneOf not if then else $ref $dynamicRef $recursiveRef
    """.split()  # noqa: SIM905  a word list reads better than a column of strings
)

# The keywords of the validation vocabulary: a metaschema without it switches them off.
ASSERTIONS = frozenset(
    """
    type minLength maxLength pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
    required minProperties maxProperties dependentRequired minItems maxItems uniqueItems minContains maxContains
    """.split()  # noqa: SIM905  a word list reads better than a column of strings
)

# Say something about the schema or to its reader; they never make an instance invalid.
ANNOTATIONS = frozenset(
    """
    $schema $id id $comment $defs definitions $anchor $dynamicAnchor $recursiveAnchor $vocabulary
    title description default examples example readOnly writeOnly deprecated
    contentMediaType contentEncoding contentSchema discriminator
    """.split()  # noqa: SIM905  a word list reads better than a column of strings
)

# Keyword -> (the last draft in which it is refused, hint): words of draft 3 that later drafts do not know.
REFUSED: dict[str, tuple[int, str]] = {
    "extends": (4, "It belongs to draft 3: use 'allOf'"),
    "disallow": (4, "It belongs to draft 3: use 'not'"),
    "divisibleBy": (4, "It belongs to draft 3: use 'multipleOf'"),
}

_SINCE = {  # keyword -> rank of the first dialect that knows it; 4 for all others
    **dict.fromkeys(("const", "contains", "propertyNames"), 6),
    **dict.fromkeys(("if", "then", "else"), 7),
    **dict.fromkeys(
        "dependentRequired dependentSchemas unevaluatedProperties unevaluatedItems minContains maxContains".split(),  # noqa: SIM905
        8,
    ),
    "$recursiveRef": 8,
    "prefixItems": 9,
    "$dynamicRef": 9,
}


def since(keyword: str) -> int:
    """The rank of the first dialect that knows `keyword` (see dialects.py)."""
    return _SINCE.get(keyword, 4)


# true and false apart: they are two texts
TYPES: Final = ("null", "true", "false", "string", "number", "array", "object")
TYPE_NAMES: dict[str, tuple[str, ...]] = {
    "null": ("null",),
    "boolean": ("true", "false"),
    "string": ("string",),
    "number": ("number",),
    "integer": ("number",),
    "array": ("array",),
    "object": ("object",),
}
