"""Constrained and guided decoding for any Hugging Face model.

The public names below are loaded when first used: `import guided` brings neither torch nor transformers.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "guided.constraints.base": ["Constraint"],
    "guided.constraints.choice": ["choice"],
    "guided.constraints.json_schema": ["json_schema"],
    "guided.constraints.regex": ["regex"],
    "guided.constraints.coerce": ["explain"],
    "guided.constraints.predicate": ["predicate"],
    "guided.engines.outcomes": ["choice_logprobs"],
    "guided.engines.posterior": ["Posterior"],
    "guided.engines.potentials": ["Potential"],
    "guided.engines.results": ["Event", "Output"],
    "guided.engines.samplers": ["StepSampler", "sample_token"],
    "guided.errors": [
        "ConstraintError",
        "DeadEnd",
        "GrammarError",
        "GuidedError",
        "LimitExceeded",
        "ModelError",
        "RegexSyntaxError",
        "TokenRejected",
        "UnsupportedSchema",
        "VocabularyError",
    ],
    "guided.integrations.masks": ["apply_mask"],
    "guided.integrations.transformers": ["ConstraintLogitsProcessor"],
    "guided.api": ["asap", "fill_masks", "generate", "importance", "log_z", "rejection", "smc"],
    "guided.limits": ["Limits"],
    "guided.matcher": ["Matcher"],
    "guided.models.huggingface": ["load"],
    "guided.models.tiny": ["tiny"],
    "guided.vocab": ["Vocabulary"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'guided' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
