"""Every error that guided raises, in one tree.

GuidedError
├── ConstraintError (ValueError)     the constraint itself is wrong: fix the call
│   ├── RegexSyntaxError             .pattern .position
│   ├── GrammarError                 .line .column
│   └── UnsupportedSchema            .pointer .hint
├── LimitExceeded (RuntimeError)     .limit .value .given       too large for the limits given (states, items, bytes)
├── TokenRejected (ValueError)       .token .bytes              advance() on a token outside mask(); nothing has changed
├── DeadEnd (RuntimeError)           .text                      nothing can follow; only products of constraints
├── VocabularyError (ValueError)     .token .reason             the tokenizer cannot be turned into bytes
└── ModelError (ValueError)                                     logits without a distribution, or of the wrong shape
"""

from __future__ import annotations

from guided.limits import Limits


class GuidedError(Exception):
    """Base of every error of this library."""


class ConstraintError(GuidedError, ValueError):
    """The constraint itself is wrong, or describes no text at all."""


class RegexSyntaxError(ConstraintError):
    """A pattern that cannot be read, or that asks for something no automaton can do.

    pattern  : the whole pattern.      position : index of the offending character in it.
    """

    def __init__(self, message: str, pattern: str, position: int) -> None:
        self.pattern, self.position = pattern, position
        super().__init__(f"{message} at position {position}\n{caret(pattern, position)}")


class GrammarError(ConstraintError):
    """A grammar that cannot be read.  line, column : 1-based, 0 where unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        self.line, self.column = line, column
        super().__init__(f"line {line}, column {column}: {message}" if line else message)


class UnsupportedSchema(ConstraintError):
    """A schema, or a part of one, that cannot be enforced while writing.

    pointer : JSON pointer to the offending part ("" is the whole).      hint : the way out.
    """

    def __init__(self, message: str, pointer: str = "", hint: str = "") -> None:
        self.pointer, self.hint = pointer, hint
        where = f"at {pointer}" if pointer else "at the root"
        super().__init__(f"{where}: {message}" + (f" Hint: {hint}" if hint else ""))


class LimitExceeded(GuidedError, RuntimeError):
    """Something is larger than the limits given.

    limit : name of the field of `Limits`.      value : its setting.      given : what was needed (a lower bound).
    """

    def __init__(self, limit: str, value: int, given: int, what: str = "") -> None:
        self.limit, self.value, self.given = limit, value, given
        subject = f"{what} needs" if what else "this needs"
        way_out = f", or raise the limit: Limits({limit}=...)" if limit in Limits.__dataclass_fields__ else ""
        super().__init__(
            f"{subject} at least {given:,} {limit.removeprefix('max_').replace('_', ' ')}, the limit is {value:,}. "
            f"Simplify it{way_out}"
        )


class TokenRejected(GuidedError, ValueError):
    """advance() was given a token that the constraint does not allow here; the matcher is unchanged."""

    def __init__(self, message: str, token: int, token_bytes: bytes = b"") -> None:
        self.token, self.bytes = token, token_bytes
        super().__init__(message)


class DeadEnd(GuidedError, RuntimeError):
    """Nothing can follow the text, and it is not complete.  text : the bytes written so far."""

    def __init__(self, message: str, text: bytes = b"") -> None:
        self.text = text
        super().__init__(message)


class VocabularyError(GuidedError, ValueError):
    """A tokenizer that cannot be turned into bytes, or a vocabulary that is not one.

    token : the id to blame, -1 if there is none.      reason : what is wrong with it.
    """

    def __init__(self, reason: str, token: int = -1) -> None:
        self.token, self.reason = token, reason
        super().__init__(f"token {token}: {reason}" if token >= 0 else reason)


class ModelError(GuidedError, ValueError):
    """A model or its logits cannot be used: no distribution (NaN, all -inf), wrong shape, wrong tokenizer."""


def caret(text: str, position: int, width: int = 60) -> str:
    """Two lines: the part of `text` around `position`, and a caret under it; control characters are shown as dots."""
    first = max(0, position - width // 2)
    shown = "".join(c if c.isprintable() else "·" for c in text[first : first + width])
    return f"    {shown}\n    {' ' * (position - first)}^"
