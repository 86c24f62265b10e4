"""Python types as JSON Schemas, through pydantic: models, dataclasses, TypedDict, Literal, Enum, lists, functions.

The only importer of pydantic among the constraints.  Objects that a type describes are closed: pydantic drops members
that a model does not have, so writing them would be lost work; `extra="allow"` opens them again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydantic
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import NotRequired, TypedDict, get_type_hints

from guided.errors import ConstraintError

_DECIMAL = r"^-?[0-9]{whole}(\.[0-9]{places})?$"


@dataclass(frozen=True)
class Described:
    """A type's name and schema, and how JSON text becomes an instance of it."""

    name: str
    schema: dict[str, Any]
    parse: Callable[[str], Any]


class JsonSchemaOfTypes(GenerateJsonSchema):
    """pydantic's schemas, except that the strings of a Decimal are decimals: pydantic itself says "any string"."""

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


def close_objects(schema: Any) -> None:
    """Make a schema of pydantic say what an instance needs, in place.

    additionalProperties becomes false where an object lists properties and does not speak of others.
    """
    waiting = [schema]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting.extend(here)
        elif isinstance(here, dict):
            if here.get("type") == "object" and isinstance(here.get("properties"), dict):
                here.setdefault("additionalProperties", False)
            elif here.get("type") == "object" and here.keys() <= {"type", "title", "description"} and "title" in here:
                here["additionalProperties"] = False  # a model without fields
            if here.get("type") == "array":
                here.pop("uniqueItems", None)  # a set: pydantic drops repeated items by itself
            # what users gave as default or examples is data, not schema
            waiting.extend(value for key, value in here.items() if key not in ("default", "examples", "const", "enum"))
