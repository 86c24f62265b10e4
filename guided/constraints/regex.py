"""guided.regex: texts that a regular expression matches in full."""

from __future__ import annotations

from guided.automata.compile import compile_dfa
from guided.automata.parse import parse
from guided.constraints.base import Constraint
from guided.errors import ConstraintError, RegexSyntaxError
from guided.limits import DEFAULT_LIMITS, Limits


def regex(pattern: str, *, flags: int = 0, limits: Limits = DEFAULT_LIMITS) -> Constraint:
    r"""Texts that `pattern` matches in full, as re.fullmatch does; Python's `re` syntax and \p{..}.

    flags : re.IGNORECASE, re.DOTALL, re.VERBOSE, re.ASCII, re.MULTILINE or 0.
    Raises RegexSyntaxError, with the position, for what cannot be read, for what no automaton can do (backreferences,
    lookbehind, possessive and atomic groups, lookahead in an unbounded repeat), for patterns that match no text at all;
    LimitExceeded for patterns beyond `limits`.
    """
    node = parse(pattern, flags, limits=limits)
    try:
        dfa = compile_dfa(node, limits=limits)
    except RegexSyntaxError:
        raise
    except ConstraintError as error:
        raise RegexSyntaxError(str(error), pattern, 0) from None
    if dfa.start < 0:
        raise RegexSyntaxError("this pattern matches no text at all", pattern, 0)
    shown = pattern if len(pattern) <= 60 else pattern[:57] + "..."
    return Constraint(f"regex({shown!r})", lambda: dfa, node=node, limits=limits, explain=lambda: {"pattern": pattern})
