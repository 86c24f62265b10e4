"""guided.choice: one of a list of texts."""

from __future__ import annotations

from collections.abc import Iterable

from guided.automata.compile import compile_dfa
from guided.automata.syntax import Words
from guided.constraints.base import Constraint
from guided.errors import ConstraintError
from guided.limits import DEFAULT_LIMITS, Limits


def choice(options: Iterable[str], *, limits: Limits = DEFAULT_LIMITS) -> Constraint:
    """Exactly one of the texts `options`; repeated ones count once, one may be a prefix of another.

    Raises ConstraintError if there are none, or if one is not a str or holds a lone surrogate (it has no UTF-8 form).
    """
    if isinstance(options, (str, bytes)):
        raise ConstraintError(
            f"choice() takes a list of texts; for the one text {options!r:.60} pass [{options!r:.60}]"
        )
    texts: dict[str, None] = {}
    for index, option in enumerate(options):
        if not isinstance(option, str):
            raise ConstraintError(f"option {index} is not a str but {type(option).__name__}: {option!r:.60}")
        try:
            option.encode()
        except UnicodeEncodeError as error:
            raise ConstraintError(
                f"option {index} holds a lone surrogate, U+{ord(option[error.start]):04X} at position {error.start}, "
                "which no UTF-8 text holds"
            ) from None
        texts[str(option)] = None
    if not texts:
        raise ConstraintError("choice() needs at least one option: without any, no text would fit")
    node = Words(tuple(texts))
    shown = ", ".join(repr(text) if len(text) <= 20 else repr(text[:17] + "...") for text in list(texts)[:4])
    more = f", ... {len(texts):,} in all" if len(texts) > 4 else ""
    return Constraint(
        f"choice([{shown}{more}])",
        lambda: compile_dfa(node, limits=limits),
        node=node,
        limits=limits,
        explain=lambda: {"options": len(texts)},
    )
