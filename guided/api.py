"""The calls that take anything as a constraint: types and schemas become Constraints here, once, for all engines."""

from __future__ import annotations

from typing import Any

from guided.constraints.coerce import as_constraint
from guided.engines import asap as asap_engine
from guided.engines import infill as infill_engine
from guided.engines import outcomes
from guided.engines import rejection as plain
from guided.engines import smc as smc_engine
from guided.engines.generate import generate as generate_with
from guided.engines.posterior import Posterior
from guided.engines.superpose import superpose as superpose_with


def generate(lm: Any, prompt: Any, constraint: Any = None, **options: Any) -> Any:
    """Write texts that fit a constraint; `constraint` may be a type or a JSON Schema dict as well.

    guided.generate(lm, prompt, Person).value is a Person.  All options: guided.engines.generate.generate.
    """
    return generate_with(lm, prompt, as_constraint(constraint), **options)


generate.__doc__ = f"{generate.__doc__}\n{generate_with.__doc__ or ''}"


def understood(constraint: Any) -> Any:
    """What a user gives as a constraint, as an engine takes it: a Constraint, a predicate, or None."""
    return constraint if hasattr(constraint, "tests") else as_constraint(constraint)


def infill(lm: Any, prefix: str, suffix: str, constraint: Any = None, **options: Any) -> Any:
    return infill_engine.infill(lm, prefix, suffix, as_constraint(constraint), **options)


def smc(lm: Any, prompt: Any, constraint: Any = None, **options: Any) -> Posterior:
    return smc_engine.smc(lm, prompt, understood(constraint), **options)


def rejection(lm: Any, prompt: Any, constraint: Any = None, **options: Any) -> Posterior:
    return plain.rejection(lm, prompt, understood(constraint), **options)


def importance(lm: Any, prompt: Any, constraint: Any = None, **options: Any) -> Posterior:
    return plain.importance(lm, prompt, understood(constraint), **options)


def asap(lm: Any, prompt: Any, constraint: Any, **options: Any) -> Posterior:
    return asap_engine.asap(lm, prompt, understood(constraint), **options)


def superpose(lm: Any, prompt: Any, k: Any = 3, max_tokens: int = 10, ngrams: Any = None, **options: Any) -> Any:
    options["constraint"] = as_constraint(options.get("constraint"))
    return superpose_with(lm, prompt, k, max_tokens, ngrams, **options)


def log_z(lm: Any, prompt: Any, constraint: Any, **options: Any) -> float:
    return outcomes.log_z(lm, prompt, understood(constraint), **options)


for _mine, _engine in (
    (infill, infill_engine.infill),
    (smc, smc_engine.smc),
    (rejection, plain.rejection),
    (importance, plain.importance),
    (asap, asap_engine.asap),
    (log_z, outcomes.log_z),
    (superpose, superpose_with),
):
    _mine.__doc__ = f"{_engine.__doc__}\n    A type or a JSON Schema dict is a constraint as well."
