"""Whatever a caller passes as a constraint, as a Constraint."""

from __future__ import annotations

from typing import Any

from guided.constraints.base import Constraint
from guided.constraints.json_schema import json_schema
from guided.errors import ConstraintError


def as_constraint(given: Any) -> Constraint | None:
    """A Constraint from a Constraint, a JSON Schema dict, or a type (pydantic model, dataclass, Literal, ...).

    OpenAI's `response_format`, a list of its `tools`, and a dict of both (with tool_choice, parallel_tool_calls and,
    of our own, style) are understood as well: see constraints/tools.py.
    None stays None (no constraint).  Raises ConstraintError for a bare string, which could mean anything.
    """
    if given is None or isinstance(given, Constraint):
        return given
    if isinstance(given, str | bytes):
        raise ConstraintError(
            f"{given!r} as a constraint could be a pattern, a schema or a choice: "
            "say guided.regex(..), guided.json_schema(..) or guided.choice([..])"
        )
    from guided.constraints.tools import from_request, is_request  # made of compositions, which ask this file

    if is_request(given):
        return from_request(given)
    return json_schema(given)


def explain(constraint: Any) -> dict[str, Any]:
    """What a constraint compiled to: recogniser, states so far, what is enforced and what is not."""
    known = as_constraint(constraint)
    if known is None:
        raise ConstraintError("there is nothing to explain about None")
    return known.explain()
