"""JSON values that can be compared and hashed: equal numbers are equal, 1 is not true, keys have no order."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

# str, ("null",), ("bool", b), ("number", Decimal), ("array", tuple of Value), ("object", frozenset of (name, Value))
Value = Any


_DECODER: Final = json.JSONDecoder(parse_int=Decimal, parse_float=Decimal)


def parsed(text: str | bytes) -> Value:
    """The value of JSON text.  Depth: that of the value, which limits bound."""
    return _value(_DECODER.decode(text if isinstance(text, str) else text.decode()))


def _value(value: Any) -> Value:
    if isinstance(value, str):
        return value
    if value is None:
        return ("null",)
    if isinstance(value, list):
        return ("array", tuple(_value(part) for part in value))
    if isinstance(value, dict):
        return ("object", frozenset((name, _value(part)) for name, part in value.items()))
    return ("bool", value) if isinstance(value, bool) else ("number", value.normalize())


def plain(value: Value) -> Any:
    """The value as json.loads gives it; numbers as exact decimals.  Depth: that of the value, which limits bound."""
    if isinstance(value, str):
        return value
    kind = value[0]
    if kind == "null":
        return None
    if kind == "array":
        return [plain(part) for part in value[1]]
    if kind == "object":
        return {name: plain(part) for name, part in value[1]}
    return value[1]
