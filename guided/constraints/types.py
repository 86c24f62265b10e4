"""Python types as JSON Schemas, through pydantic: models, dataclasses, TypedDict, Literal, Enum, lists, functions.

The only importer of pydantic among the constraints.  Objects that a type describes are closed: pydantic drops members
that a model does not have, so writing them would be lost work; `extra="allow"` opens them again.
"""

from __future__ import annotations

import copy
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydantic
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import NotRequired, Required, TypedDict, get_type_hints, is_typeddict

from guided.errors import ConstraintError

_DECIMAL = r"^-?[0-9]{whole}(\.[0-9]{places})?$"
_UUID = "^[0-9a-f]{{8}}-[0-9a-f]{{4}}-{version}[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}$"
# Strings that pydantic reads as less than its schema says, by the schema's `format`.  Networks and interfaces are
# written as bare addresses, which both take.
_ADDRESS = {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]}
_NARROWER: dict[str, dict[str, Any]] = {
    **{f"uuid{version}": {"type": "string", "pattern": _UUID.format(version=version)} for version in range(1, 9)},
    "base64": {
        "type": "string",
        "pattern": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$",
    },
    "base64url": {
        "type": "string",
        "pattern": "^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]==|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048]=)?$",
    },
    "ipvanyaddress": _ADDRESS,
    "ipvanynetwork": _ADDRESS,
    "ipvanyinterface": _ADDRESS,
    "ipv4network": {"type": "string", "format": "ipv4"},
    "ipv4interface": {"type": "string", "format": "ipv4"},
    "ipv6network": {"type": "string", "format": "ipv6"},
    "ipv6interface": {"type": "string", "format": "ipv6"},
}
# URLs that every parser agrees on, of at most 1,700 characters: a scheme, names of letters, digits and single
# hyphens, a port, and a path, query and fragment of the characters that need no escape.
_URL_NAME = "[a-z0-9]{1,20}(?:-[a-z0-9]{1,20})?"
_URL_REST = "(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[2-7][0-9A-F])"
_URL = (
    rf"^(?:{{schemes}})://(?:{_URL_NAME}\.){{{{0,3}}}}[a-z]{{{{2,12}}}}(?::[1-9][0-9]{{{{0,3}}}})?"
    rf"(?:/{_URL_REST}{{{{0,300}}}})?(?:\?{_URL_REST}{{{{0,100}}}})?(?:#{_URL_REST}{{{{0,60}}}})?$"
).replace("{1,20}", "{{1,20}}")
_INTEGER_KEY = "^(?:0|-?[1-9][0-9]{0,17})$"


@dataclass(frozen=True)
class Described:
    """A type's name and schema, and how JSON text becomes an instance of it."""

    name: str
    schema: dict[str, Any]
    parse: Callable[[str], Any]


class JsonSchemaOfTypes(GenerateJsonSchema):
    """pydantic's schemas, narrower where pydantic reads less than they say: Decimal, complex, URLs, integer keys."""

    def url_schema(self, schema: core_schema.UrlSchema) -> JsonSchemaValue:
        schemes = "|".join(map(re.escape, schema.get("allowed_schemes") or ())) or "[a-z][a-z0-9+.-]{0,12}"
        made: JsonSchemaValue = {"type": "string", "pattern": _URL.format(schemes=schemes)}
        longest = schema.get("max_length")
        return made if longest is None or longest >= 1_700 else {**made, "maxLength": longest}

    def complex_schema(self, schema: core_schema.ComplexSchema) -> JsonSchemaValue:
        part = r"[0-9]{1,20}(?:\.[0-9]{1,20})?"
        return {"type": "string", "pattern": rf"^-?{part}(?:[+-]{part}j)?$"}

    def json_schema(self, schema: core_schema.JsonSchema) -> JsonSchemaValue:
        raise pydantic.errors.PydanticInvalidForJsonSchema(
            "Json[..] is JSON text inside a string, which cannot be held to a type"
        )

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        keys = schema.get("keys_schema", {})
        if keys.get("type") == "int" and "patternProperties" not in made:
            values = made.pop("additionalProperties", True)
            made.pop("propertyNames", None)
            made["patternProperties"] = {_INTEGER_KEY: values}
            made["additionalProperties"] = False
        return made

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """A number where there are bounds, which a string cannot be held to; digits are counted in a string only."""
        if any(bound in schema for bound in ("ge", "gt", "le", "lt", "multiple_of")):
            number: JsonSchemaValue = {"type": "number"}
            self.update_with_validations(number, schema, self.ValidationsMapping.numeric)
            return number
        digits, places = schema.get("max_digits"), schema.get("decimal_places")
        if digits is None and places is None:
            string = {"type": "string", "pattern": _DECIMAL.format(whole="+", places="+")}
            return {"anyOf": [{"type": "number"}, string]}
        digits, places = (20 if digits is None else digits), (0 if places is None else places)
        whole = f"{{1,{max(digits - places, 1)}}}"
        pattern = _DECIMAL.format(whole=whole, places=f"{{1,{places}}}")
        return {"type": "string", "pattern": pattern if places else rf"^-?[0-9]{whole}$"}


def schema_of(described: Any) -> Described:
    """The JSON Schema of a type, or of a function's arguments.

    For a function, the document is an object with a member per parameter, and its value a dict of validated arguments.
    Raises ConstraintError if pydantic knows no schema for it.
    """
    name = getattr(described, "__name__", None) or repr(described)
    try:
        if isinstance(described, pydantic.TypeAdapter):
            adapter: Any = described
        elif inspect.isroutine(described):
            adapter = pydantic.TypeAdapter(_arguments(described))
        elif is_typeddict(described) and type(described).__module__ == "typing" and sys.version_info < (3, 12):
            adapter = pydantic.TypeAdapter(_typed_dict(described))
        else:
            adapter = pydantic.TypeAdapter(described)
        schema = adapter.json_schema(mode="validation", schema_generator=JsonSchemaOfTypes)
    except (
        pydantic.errors.PydanticUserError,
        pydantic.errors.PydanticSchemaGenerationError,
        NameError,
        TypeError,
    ) as error:
        raise ConstraintError(f"pydantic has no JSON Schema for {name}: {str(error).splitlines()[0]}") from None
    close_objects(schema)
    return Described(name, schema, adapter.validate_json)


def _arguments(function: Callable[..., Any]) -> Any:
    """A TypedDict with one key per parameter of `function`; parameters with a default need not be given."""
    arguments_of = getattr(function, "__name__", "function")
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"the parameter {parameter} cannot be given by name")
        hint = hints.get(parameter.name, Any)
        fields[parameter.name] = hint if parameter.default is parameter.empty else NotRequired[hint]
    make: Any = TypedDict  # called with names known only now, which type checkers do not follow
    arguments = make(f"{arguments_of}_arguments", fields)
    arguments.__pydantic_config__ = pydantic.ConfigDict(extra="forbid")
    return arguments


def _typed_dict(described: Any) -> Any:
    """A TypedDict of the module typing as one of typing_extensions, which pydantic wants before Python 3.12."""
    hints = get_type_hints(described, include_extras=True)
    fields = {
        name: Required[hint] if name in described.__required_keys__ else NotRequired[hint]
        for name, hint in hints.items()
    }
    make: Any = TypedDict
    made = make(described.__name__, fields)
    made.__pydantic_config__ = getattr(described, "__pydantic_config__", pydantic.ConfigDict())
    return made


def close_objects(schema: Any) -> None:
    """Make a schema of pydantic say what an instance needs, in place; the strings of _NARROWER as well.

    additionalProperties becomes false where an object lists properties and does not speak of others.
    """
    waiting = [schema]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting.extend(here)
        elif isinstance(here, dict):
            kind = here.get("format")
            if isinstance(kind, str) and here.get("type") == "string" and kind in _NARROWER:
                del here["format"], here["type"]
                here.update(copy.deepcopy(_NARROWER[kind]))
            if here.get("type") == "object" and isinstance(here.get("properties"), dict):
                here.setdefault("additionalProperties", False)
            elif here.get("type") == "object" and here.keys() <= {"type", "title", "description"} and "title" in here:
                here["additionalProperties"] = False  # a model without fields
            if here.get("type") == "array":
                here.pop("uniqueItems", None)  # a set: pydantic drops repeated items by itself
            # what users gave as default or examples is data, not schema
            waiting.extend(value for key, value in here.items() if key not in ("default", "examples", "const", "enum"))
