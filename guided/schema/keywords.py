"""What each keyword of JSON Schema is to us: enforced, an annotation, or refused with a way out."""

from __future__ import annotations

# Read by reader.py and enforced byte by byte; some of them only with values that ask for nothing (see REFUSED).
ENFORCED = frozenset(
    """
    type enum const
    minLength maxLength pattern format
    minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
    properties required additionalProperties patternProperties minProperties propertyNames unevaluatedProperties
    dependentRequired dependentSchemas dependencies
    items prefixItems additionalItems minItems maxItems uniqueItems minContains maxContains unevaluatedItems
    allOf anyOf oneOf then else $ref
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

_LATER = 'It is not enforced by this version: leave it out, or pass on_unsupported="ignore"'

# Keyword -> hint.  The ones that are also in ENFORCED are refused only where they say something (see reader.py).
REFUSED: dict[str, str] = {
    "not": "Rewrite it with 'enum', 'anyOf' or bounds, or pass on_unsupported=\"ignore\"",
    "if": "Rewrite if/then/else as an 'anyOf' of the two cases, or pass on_unsupported=\"ignore\"",
    "contains": _LATER,
    "maxProperties": _LATER,
    "minProperties": "List the properties under 'required', or pass on_unsupported=\"ignore\"",
    "patternProperties": "Name the properties under 'properties', or use 'additionalProperties', "
    'or pass on_unsupported="ignore"',
    "propertyNames": _LATER,
    "uniqueItems": _LATER,
    "multipleOf": "Use 'type': 'integer', or an 'enum' of the values, or pass on_unsupported=\"ignore\"",
    "dependentRequired": "Rewrite it as an 'anyOf', or pass on_unsupported=\"ignore\"",
    "dependentSchemas": "Rewrite it as an 'anyOf', or pass on_unsupported=\"ignore\"",
    "dependencies": "Rewrite it as an 'anyOf', or pass on_unsupported=\"ignore\"",
    "unevaluatedProperties": "Use 'additionalProperties' beside 'properties', or pass on_unsupported=\"ignore\"",
    "unevaluatedItems": "Use 'items' beside 'prefixItems', or pass on_unsupported=\"ignore\"",
    "$dynamicRef": "Use '$ref', or pass on_unsupported=\"ignore\"",
    "$recursiveRef": "Use '$ref', or pass on_unsupported=\"ignore\"",
    "extends": "It belongs to draft 3: use 'allOf'",
    "disallow": "It belongs to draft 3",
    "divisibleBy": "It belongs to draft 3",
}

# Values with which a refused keyword asks for nothing.
_IDLE: dict[str, tuple[object, ...]] = {
    "uniqueItems": (False,),
    "minProperties": (0,),
    "patternProperties": ({},),
    "propertyNames": (True, {}),
    "unevaluatedProperties": (True, {}),
    "unevaluatedItems": (True, {}),
    "dependentRequired": ({},),
    "dependentSchemas": ({},),
    "dependencies": ({},),
    "multipleOf": (),
}

TYPES = ("null", "true", "false", "string", "number", "array", "object")  # true and false apart: they are two texts
TYPE_NAMES: dict[str, tuple[str, ...]] = {
    "null": ("null",),
    "boolean": ("true", "false"),
    "string": ("string",),
    "number": ("number",),
    "integer": ("number",),
    "array": ("array",),
    "object": ("object",),
}


def asks_for_nothing(keyword: str, value: object) -> bool:
    """Whether a refused keyword with this value accepts every instance."""
    return any(type(value) is type(idle) and value == idle for idle in _IDLE.get(keyword, ()))
