"""between(): the middles that make a member of a language together with a given beginning and a given end."""

from __future__ import annotations

from typing import Any

from guided import _fast
from guided.constraints.base import Constraint
from guided.errors import ConstraintError

DEAD = -1
MOST_SEARCHED = 5_000  # states of the language looked at to find out whether the end can still be reached
MOST_STATES = 200_000


class Middle:
    """States of `inner` that lie between: alive while some middle leads to one from which `end` makes a member.

    Whether one exists is searched for, breadth first.  Where MOST_SEARCHED states do not tell, it is taken for granted:
    then a text may run out of tokens before it fits, and its `is_complete` says so.
    """

    def __init__(self, inner: _fast.Recognizer, start: int, end: bytes) -> None:
        self.inner, self.end = inner, end
        self.alive: dict[int, bool] = {}
        self.start = start if start != DEAD and self._is_alive(start) else None

    def step(self, state: int, byte: int) -> int | None:
        after = self.inner.step(state, byte)
        return after if after != DEAD and self._is_alive(after) else None

    def is_accepting(self, state: int) -> bool:
        after = self.inner.run(state, self.end)
        return after != DEAD and self.inner.is_accepting(after)

    def _is_alive(self, state: int) -> bool:
        known = self.alive.get(state)
        if known is not None:
            return known
        before: dict[int, int] = {state: DEAD}
        queue = [state]
        for here in queue:  # grows while it is read
            if self.alive.get(here) or self.is_accepting(here):
                while here != DEAD:
                    self.alive[here] = True
                    here = before[here]
                return True
            if len(before) > MOST_SEARCHED:
                self.alive[state] = True
                return True
            for byte in self.inner.live_bytes(here):
                after = self.inner.step(here, byte)
                if after not in before and self.alive.get(after, True):
                    before[after] = here
                    queue.append(after)
        self.alive.update(dict.fromkeys(before, False))
        return False


def between(constraint: Constraint, beginning: bytes, end: bytes) -> Constraint:
    """The texts m for which beginning + m + end is in the language of `constraint`.

    Raises ConstraintError, naming the place, if the beginning is no beginning of a member, or no middle can exist.
    """
    inner = constraint.recognizer()
    state = inner.start
    for offset, byte in enumerate(beginning):
        state = inner.step(state, byte)
        if state == DEAD:
            raise ConstraintError(
                f"the prefix cannot begin a text of {constraint.name}: byte {offset} "
                f"({beginning[offset : offset + 1]!r}) after {beginning[max(0, offset - 30) : offset]!r} cannot "
                "stand there"
            )
    name = f"what fits between in {constraint.name}"
    language = Middle(inner, state, end)
    if language.start is None:
        raise ConstraintError(f"no text at all fits between this prefix and this suffix in {constraint.name}")

    def build() -> Any:
        return _fast.External(language, MOST_STATES)

    return Constraint(name, build, limits=constraint.limits, approximate=lambda: constraint.approximate)
