"""Short values and ends of arrays and objects, as text: the rules that the analysis found, put together."""

from __future__ import annotations

from typing import Any, Final

from guided.errors import LimitExceeded
from guided.schema.analysis import Analysis, Needed
from guided.schema.locations import Goal
from guided.schema.residuals import Residual

MAX_COMPLETION: Final = 1_000_000  # bytes of a value; longer ones are refused by name


class Texts:
    """Texts of one schema."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis

    def text(self, goal: Goal) -> str:
        """A short value of `goal`, which must have one."""
        return self._render([goal]) if goal else "null"

    def rest(self, residual: Residual, *, is_first: bool) -> str:
        """Members and the closing bracket of an array or object; is_first: no comma before the first member."""
        return self._render([(residual, is_first)])

    def _render(self, parts: list[Any]) -> str:
        found, size = list[str](), 0
        while parts:
            part = parts.pop()
            if isinstance(part, str) or part == ():
                found.append(part or "null")
                size += len(part)
            else:
                is_first = False
                if isinstance(part, tuple) and part and isinstance(part[0], (Residual, Needed)):
                    part, is_first = part
                written, goal, after, count = self.analysis.rule(part)
                text = written if isinstance(written, str) else self.analysis.members.shortest(*written) or ""
                if isinstance(part, tuple):  # a value
                    if after is not None:
                        parts.append((after, True))
                        text += self.analysis.space
                    found.append(text)
                elif goal is None and after is None:  # the closing bracket
                    found.append(text if is_first else self.analysis.space + text)
                else:
                    comma = "" if is_first else self.analysis.comma
                    assert after is not None
                    parts.append((after, False))
                    if count > 1:
                        item = self.text(goal or ())
                        if (len(item) + 1) * count > MAX_COMPLETION:
                            raise LimitExceeded("max_states", MAX_COMPLETION, len(item) * count, "the shortest value,")
                        found.append(comma + self.analysis.comma.join([item] * count))
                    else:
                        if goal is not None:
                            parts.append(goal)
                        found.append(comma + text)
            if size > MAX_COMPLETION or len(found) > MAX_COMPLETION:
                raise LimitExceeded("max_states", MAX_COMPLETION, max(size, len(found)), "the shortest value")
        return "".join(found)
