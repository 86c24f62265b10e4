"""Constraint: a language that knows no tokenizer, with `&` and `|`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guided import _fast
from guided.automata.compile import compile_dfa
from guided.automata.syntax import Both, Node
from guided.errors import ConstraintError
from guided.limits import DEFAULT_LIMITS, Limits


class Constraint:
    """A language of texts, compiled when it is first needed.

    name   : what people read in errors and in explain().
    build  : makes the recogniser; called once.
    node   : the syntax tree if the language is regular; `&` and `|` of regular languages are exact, without dead ends.
    parse  : the value of a complete text (the text itself, a JSON value, an instance of a type).
    value_kind : "text" or "json": whether a part of a text has a partial value.
    explain : details for guided.explain.
    approximate : see the property.
    """

    def __init__(
        self,
        name: str,
        build: Callable[[], _fast.Recognizer],
        *,
        node: Node | None = None,
        parse: Callable[[str], Any] = str,
        value_kind: str = "text",
        explain: Callable[[], dict[str, Any]] = dict,
        limits: Limits = DEFAULT_LIMITS,
        approximate: Callable[[], bool] = bool,
    ) -> None:
        self.name, self.node, self.limits, self.value_kind = name, node, limits, value_kind
        self._build, self._parse, self._explain, self._approximate = build, parse, explain, approximate
        self._recognizer: _fast.Recognizer | None = None

    def __repr__(self) -> str:
        return self.name

    def recognizer(self) -> _fast.Recognizer:
        """The compiled language: a new one once it is worn, so that no number of texts runs into `max_states`.

        Raises ConstraintError if it has no member at all.
        """
        if self._recognizer is None or self._recognizer.is_worn():
            recognizer = self._build()
            if recognizer.start == _fast.DEAD:
                raise ConstraintError(f"{self.name} has no member: no text at all fits it")
            self._recognizer = recognizer
        return self._recognizer

    def index_over(self, vocab: Any) -> _fast.Index:
        """Its masks and steps over a vocabulary.  Kept by `guided.index.index_for`; made anew here."""
        return _fast.index_of(self.recognizer(), vocab, self.limits.max_mask_bytes)

    def accepts(self, text: str | bytes) -> bool:
        """Whether a whole text is a member."""
        return bool(self.recognizer().accepts(text))

    def parse(self, text: str) -> Any:
        """The value of a complete text."""
        return self._parse(text)

    @property
    def approximate(self) -> bool:
        """Whether "this can still be finished" was assumed somewhere so far, because finding out took too many steps.

        Finished texts are always judged exactly; a generation could meet a DeadEnd.  Only JSON schemas ever say so.
        """
        return self._approximate()

    def explain(self) -> dict[str, Any]:
        """What it compiled to."""
        recognizer = self.recognizer()
        return {
            "constraint": self.name,
            "recognizer": type(recognizer).__name__,
            "states_so_far": recognizer.n_states,
            **self._explain(),
        }

    def __and__(self, other: Any) -> Constraint:
        """Texts in both.  Exact for regular languages; else a text may run into a DeadEnd that neither side has.

        The value is that of the first side that is more than text.
        """
        if not isinstance(other, Constraint):
            return NotImplemented
        name = f"({self.name} & {other.name})"
        value_kind = "json" if "json" in (self.value_kind, other.value_kind) else "text"
        sides = sorted((self, other), key=lambda side: side.value_kind != "json")
        parse = next((side._parse for side in sides if side._parse is not str), str)
        if self.node is not None and other.node is not None:
            node = Both((self.node, other.node))
            return Constraint(
                name, lambda: compile_dfa(node, limits=self.limits), node=node, parse=parse, limits=self.limits
            )
        return Constraint(
            name,
            lambda: _fast.Product(self.recognizer(), other.recognizer(), True, self.limits.max_states),
            parse=parse,
            value_kind=value_kind,
            limits=self.limits,
            approximate=lambda: self.approximate or other.approximate,
        )

    def __or__(self, other: Any) -> Constraint:
        """Texts in either; a plain string is a language of one text.  The value is that of the first side that fits."""
        if not isinstance(other, Constraint | str):
            return NotImplemented
        from guided.constraints.composition import alternatives  # it is made of constraints

        return alternatives(self, other)

    def __ror__(self, other: Any) -> Constraint:
        if not isinstance(other, str):
            return NotImplemented
        from guided.constraints.composition import seq

        return seq(other) | self
