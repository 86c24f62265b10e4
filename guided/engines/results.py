"""What generate() gives back: a finished text, or an event while it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass
class Output:
    """One text.

    prompt        : as it was given.
    text          : what was written, without the prompt, EOS and stop string.
    tokens        : the ids, EOS included if the model chose it.
    finish_reason : "stop" the text is complete and nothing can follow; "eos" the model chose to end it; "length"
                    max_tokens were written; "stop_string" a stop string appeared.
    is_complete   : the text is a member of the constraint's language (always so unless a stop string cut it).
    logp          : natural log of the probability of `tokens` under the model as it is: no mask, no temperature.
    logw          : logp less the log of the probability with which `tokens` were drawn; forced tokens, and all of
                    greedy decoding, were drawn with probability 1.  At temperature 1 without truncation and without
                    forced tokens it is the sum of the logs of the allowed mass: the importance weight of the text
                    under "the model, given the constraint".  (Tokens that closure within max_tokens would have ruled
                    out count as allowed where 64 tokens and more are to spare.)
    mass_removed  : mean, over the tokens that were sampled, of the probability of what the constraint did not allow.
    n_forced      : tokens that were written without asking the model.
    n_healed      : bytes of the prompt's end that tokens[0] spells again, because it reaches over it; see `heal`.
    approximate   : the constraint assumed somewhere so far that a text can be finished; see Constraint.approximate.
    seconds       : wall clock of the call up to the end of this text.
    """

    prompt: Any
    text: str = ""
    tokens: list[int] = field(default_factory=list)
    finish_reason: str = ""
    is_complete: bool = False
    logp: float = 0.0
    logw: float = 0.0
    mass_removed: float = 0.0
    n_forced: int = 0
    n_healed: int = 0
    approximate: bool = False
    seconds: float = 0.0
    index: int = 0
    parse: Callable[[str], Any] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def value(self) -> Any:
        """The parsed text: JSON, an instance of the type, or the text itself; None if it is not complete.

        Raises what the constraint's parser raises, such as pydantic's ValidationError from a validator in Python code.
        """
        if not self.is_complete:
            return None
        return self.text if self.parse is None else self.parse(self.text)

    @property
    def tokens_per_second(self) -> float:
        """Tokens of this text by seconds of the call."""
        return len(self.tokens) / self.seconds if self.seconds > 0 else float("inf")


@dataclass
class Event:
    """One step of a stream.

    index : which text, prompt-major, as in the list that generate() returns without streaming.
    delta : what was added: whole characters only.      text : everything so far.
    value : the value so far of a JSON text, unfinished strings included; None where there is none yet, and for texts
            that are not JSON.
    done  : the finished Output in a text's last event, else None.
    """

    index: int
    delta: str
    text: str
    value: Any = None
    done: Output | None = None


def partial_value(text: str) -> Any:
    """The value of the beginning of a JSON text; None if there is none yet."""
    from pydantic_core import from_json  # here, so that `import guided` stays light

    try:
        return from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return None
