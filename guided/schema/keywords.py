"""What each keyword of JSON Schema is to us: enforced, an annotation, or refused with a way out."""

from __future__ import annotations

# Read by document.py and enforced byte by byte.
ENFORCED = frozenset(
    "type enum const properties required additionalProperties items prefixItems additionalItems minItems maxItems "
    "minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum "
    "allOf anyOf oneOf $ref multipleOf uniqueItems minProperties patternProperties unevaluatedProperties "
    "unevaluatedItems dependentRequired dependentSchemas dependencies minContains maxContains then else propertyNames".split()
)

# Say something about the schema or to its reader; they never make an instance invalid.
ANNOTATIONS = frozenset(
    "$schema $id id $comment $defs definitions $anchor $dynamicAnchor $recursiveAnchor $vocabulary title description "
    "default examples example readOnly writeOnly deprecated contentMediaType contentEncoding contentSchema "
    "discriminator".split()
)

_LATER = "It is not enforced by this version: leave it out, or pass on_unsupported=\"ignore\""

# Keyword -> hint.  The ones that are also in ENFORCED are refused only where they say something (see document.py).
REFUSED: dict[str, str] = {
    "not": "Rewrite it with 'enum', 'anyOf' or bounds, or pass on_unsupported=\"ignore\"",
    "if": "Rewrite if/then/else as an 'anyOf' of the two cases, or pass on_unsupported=\"ignore\"",
    "contains": _LATER,
    "maxProperties": _LATER,
    "minProperties": "List the properties under 'required', or pass on_unsupported=\"ignore\"",
    "patternProperties": "Name the properties under 'properties', or use 'additionalProperties', "
    "or pass on_unsupported=\"ignore\"",
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
