"""Constrained and guided decoding for any Hugging Face model.

The core (vocabularies, matchers, patterns, errors) is imported at once, in about 50 ms above numpy.  What needs torch,
transformers or pydantic is loaded when first used: `import guided` brings none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from guided._fast import fill_masks
from guided.constraints.base import Constraint
from guided.constraints.choice import choice
from guided.constraints.regex import regex
from guided.errors import (
    ConstraintError,
    DeadEnd,
    GrammarError,
    GuidedError,
    LimitExceeded,
    ModelError,
    RegexSyntaxError,
    TokenRejected,
    UnsupportedSchema,
    VocabularyError,
)
from guided.limits import Limits
from guided.matcher import Matcher
from guided.vocab import Vocabulary

if TYPE_CHECKING:  # the lazy names for type checkers and editors; a test compares the two
    from guided.api import asap, generate, importance, infill, log_z, rejection, smc, superpose
    from guided.constraints.cfg import cfg, grammar
    from guided.constraints.coerce import explain
    from guided.constraints.composition import many, optional, seq, text
    from guided.constraints.json_schema import json_schema
    from guided.constraints.predicate import predicate
    from guided.constraints.tools import Reply, Tool, ToolCall, ToolStyle, tools
    from guided.engines.byte_model import ByteModel
    from guided.engines.drafts import Draft, Drafting
    from guided.engines.ensemble import Ensemble
    from guided.engines.heal import heal
    from guided.engines.ngrams import NGrams
    from guided.engines.outcomes import choice_logprobs
    from guided.engines.posterior import Posterior
    from guided.engines.potentials import Potential
    from guided.engines.results import Event, Output
    from guided.engines.samplers import StepSampler, sample_token
    from guided.filters import canonical
    from guided.integrations.masks import apply_mask
    from guided.integrations.transformers import ConstraintLogitsProcessor
    from guided.models.huggingface import load
    from guided.models.tiny import tiny
    from guided.models.tiny_ngrams import tiny_ngrams

# module -> the public names that are loaded from it when first used
_HOMES = {
    "guided.api": ["asap", "generate", "importance", "infill", "log_z", "rejection", "smc", "superpose"],
    "guided.constraints.cfg": ["cfg", "grammar"],
    "guided.constraints.coerce": ["explain"],
    "guided.constraints.composition": ["many", "optional", "seq", "text"],
    "guided.constraints.json_schema": ["json_schema"],
    "guided.constraints.predicate": ["predicate"],
    "guided.constraints.tools": ["Reply", "Tool", "ToolCall", "ToolStyle", "tools"],
    "guided.engines.byte_model": ["ByteModel"],
    "guided.engines.drafts": ["Draft", "Drafting"],
    "guided.engines.ensemble": ["Ensemble"],
    "guided.engines.heal": ["heal"],
    "guided.engines.ngrams": ["NGrams"],
    "guided.engines.outcomes": ["choice_logprobs"],
    "guided.engines.posterior": ["Posterior"],
    "guided.engines.potentials": ["Potential"],
    "guided.engines.results": ["Event", "Output"],
    "guided.engines.samplers": ["StepSampler", "sample_token"],
    "guided.filters": ["canonical"],
    "guided.integrations.masks": ["apply_mask"],
    "guided.integrations.transformers": ["ConstraintLogitsProcessor"],
    "guided.models.huggingface": ["load"],
    "guided.models.tiny": ["tiny"],
    "guided.models.tiny_ngrams": ["tiny_ngrams"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "ByteModel",
    "Constraint",
    "ConstraintError",
    "ConstraintLogitsProcessor",
    "DeadEnd",
    "Draft",
    "Drafting",
    "Ensemble",
    "Event",
    "GrammarError",
    "GuidedError",
    "LimitExceeded",
    "Limits",
    "Matcher",
    "ModelError",
    "NGrams",
    "Output",
    "Posterior",
    "Potential",
    "RegexSyntaxError",
    "Reply",
    "StepSampler",
    "TokenRejected",
    "Tool",
    "ToolCall",
    "ToolStyle",
    "UnsupportedSchema",
    "Vocabulary",
    "VocabularyError",
    "apply_mask",
    "asap",
    "canonical",
    "cfg",
    "choice",
    "choice_logprobs",
    "explain",
    "fill_masks",
    "generate",
    "grammar",
    "heal",
    "importance",
    "infill",
    "json_schema",
    "load",
    "log_z",
    "many",
    "optional",
    "predicate",
    "regex",
    "rejection",
    "sample_token",
    "seq",
    "smc",
    "superpose",
    "text",
    "tiny",
    "tiny_ngrams",
    "tools",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'guided' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
