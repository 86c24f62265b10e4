"""Which call of `generate` asks a logits processor?

A processor is handed token ids and scores, and nothing that says where the prompts end or whether a new call has begun.
The ids alone cannot say it: the prompt of a second call may be the whole output of the first.  What can is the stack.
Every call of `generate` makes a fresh LogitsProcessorList, alive exactly as long as the call, and that list is `self`
in the frame that calls the processor.  Drafts of assisted decoding call `generate` within `generate`: they belong to
the call they draft for, whose prompt they extend.

Not here: what the rows have written so far (sessions.py).  Read, not changed: transformers.generation.utils, 5.x.
"""

from __future__ import annotations

import inspect
from types import FrameType
from typing import Any, NamedTuple

from transformers import GenerationMixin, LogitsProcessorList
from transformers.generation.candidate_generator import AssistedCandidateGeneratorDifferentTokenizers

LIST_CALL = LogitsProcessorList.__call__.__code__
GENERATE = inspect.unwrap(GenerationMixin.generate).__code__


class Caller(NamedTuple):
    """Who called.

    anchor        : the LogitsProcessorList of the outermost call of `generate` that these ids belong to; the list that
                    called if there is no `generate`; None where the processor was called by hand.
    in_generate   : whether a call of `generate` is under way; if not, nothing says where one text ends and the next
                    begins.
    prompt_length : columns of the prompts, where a call of `generate` says so; else None.
    max_length    : columns at which that call stops, prompts included; else None.
    n_prompts     : prompts of that call, before beams and returned sequences multiply the rows; else None.
    is_foreign    : the ids are those of a draft model with another tokenizer, so they mean nothing here.
    """

    anchor: Any
    in_generate: bool = False
    prompt_length: int | None = None
    max_length: int | None = None
    n_prompts: int | None = None
    is_foreign: bool = False


def calling_list(frame: FrameType | None) -> Any:
    """The LogitsProcessorList that calls from `frame`, or None.  About 0.3 us."""
    return frame.f_locals.get("self") if frame is not None and frame.f_code is LIST_CALL else None


def find_caller(frame: FrameType | None) -> Caller:
    """Walk the stack outwards from `frame`, past drafts, to the call of `generate` that the user made.

    Some microseconds; asked once per LogitsProcessorList, so once per call of `generate` and per draft.
    """
    nearest: Any = None
    found: Caller | None = None
    is_draft, is_foreign = False, False
    while frame is not None:
        if frame.f_code is LIST_CALL and nearest is None:
            nearest = frame.f_locals.get("self")
        elif frame.f_code is GENERATE and (found is None or is_draft):
            here = frame.f_locals
            length, n_prompts = here.get("input_ids_length"), here.get("batch_size")
            config = here.get("generation_config")
            is_draft, max_length = getattr(config, "is_assistant", False), getattr(config, "max_length", None)
            found = Caller(
                here.get("prepared_logits_processor", nearest), True, length, max_length, n_prompts, is_foreign
            )
            if not is_draft:
                return found
        elif is_draft and not is_foreign:
            is_foreign = isinstance(frame.f_locals.get("self"), AssistedCandidateGeneratorDifferentTokenizers)
        frame = frame.f_back
    return found or Caller(nearest)
