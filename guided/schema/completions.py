"""Short texts that finish a document, from any place of it: needed members, then every bracket that is open.

Not here: which values and rests there are, and the shortest of them (analysis.py).
"""

from __future__ import annotations

from guided.errors import LimitExceeded
from guided.limits import Limits
from guided.schema.frames import Frame, Frames, Link
from guided.schema.keytests import KeyTests
from guided.schema.scalars import Scalars
from guided.schema.texts import Texts
from guided.schema.values import Value, parsed


class Completions:
    """Completions of one schema's links and frames, as text."""

    def __init__(self, frames: Frames, tests: KeyTests, scalars: Scalars, limits: Limits) -> None:
        self.frames, self.tests, self.spelling, self.limits = frames, tests, scalars.spelling, limits
        self.texts = Texts(frames.analysis)

    def value(self, link: Link) -> str:
        """A value with answers that suffice, then the rest of the document."""
        best: str | None = None
        for answers in self.frames.possible_answers(link):
            if self.frames.suffices(link, answers):
                text = self.texts.text(self.frames.goal_of(link, answers, loosely=True))
                if link.above is not None:
                    value = parsed(text) if link.records else None
                    frame = self.frames.finished(link, answers, value)
                    if frame is None:
                        continue
                    text += self.frame(frame)
                if best is None or len(text) < len(best):
                    best = text
                if len(link.questions) > 6:
                    break
        if best is None:
            raise LimitExceeded("max_formula_steps", self.limits.max_formula_steps, self.limits.max_formula_steps + 1)
        return best

    def frame(self, frame: Frame | None) -> str:
        """Needed members and closing brackets, from `frame` up to the root."""
        parts: list[str] = []
        while frame is not None:
            answers = self.frames.choice(frame)
            assert answers is not None, "a live frame has a completion"
            rest = self.texts.rest(self.frames.projected(frame, answers), is_first=False)
            parts.append(rest)
            value = self._value(frame, rest)
            frame = None if frame.link.above is None else self.frames.finished(frame.link, answers, value)
        return "".join(parts)

    @staticmethod
    def _value(frame: Frame, rest: str) -> Value | None:
        """The array or object that `rest` finishes, where it is recorded; None if some text in it is not known."""
        if not frame.link.records or frame.partial is None:
            return None
        kind = frame.residual.kind
        members = rest.lstrip().removeprefix(",")
        added = parsed("[" + members if kind == "array" else "{" + members)[1]
        if None in (frame.partial if kind == "array" else [part for _, part in frame.partial]):
            return None
        return (kind, frame.partial + added if kind == "array" else frame.partial | added)

    def key(self, frame: Frame, *, is_free: bool) -> str:
        """A key must come: the one that the shortest rest of the object begins with, else one that may come."""
        residual, colon, spelled = frame.residual, self.frames.analysis.colon, self.spelling.text
        numbers, classes = self.frames.keys(frame)
        options: list[str] = []
        if not is_free:
            needed = [n for n in sorted(numbers) if self._is_needed(frame, n)]
            for number in needed or sorted(numbers)[:8]:
                name = residual.names[number]
                link = self.frames.member(frame, (number, name, self.tests.class_of(residual, name)))
                if link is not None:
                    options.append(spelled(name) + colon + self.value(link))
        if classes and not (options and len(classes) > 1):
            for matched, name in self.tests.fresh(residual):
                if matched in classes:
                    link = self.frames.member(frame, (None, name, matched))
                    if link is not None:
                        options.append(spelled(name) + colon + self.value(link))
        return min(options, key=len)

    def _is_needed(self, frame: Frame, number: int) -> bool:
        name = frame.residual.names[number]
        formulas = self.frames.residuals.formulas
        return any(
            unit > 0 and formulas.payload(unit) == ("has", name) for unit in formulas.units(frame.residual.outs[0])
        )
