"""The calls that take anything as a constraint: types and schemas become Constraints here, once, for all engines."""

from __future__ import annotations

from typing import Any

from guided._fast import fill_masks
from guided.constraints.coerce import as_constraint
from guided.engines.generate import generate as generate_with


def generate(lm: Any, prompt: Any, constraint: Any = None, **options: Any) -> Any:
    """Write texts that fit a constraint; `constraint` may be a type or a JSON Schema dict as well.

    guided.generate(lm, prompt, Person).value is a Person.  All options: guided.engines.generate.generate.
    """
    return generate_with(lm, prompt, as_constraint(constraint), **options)


generate.__doc__ = f"{generate.__doc__}\n{generate_with.__doc__ or ''}"

__all__ = ["fill_masks", "generate"]
