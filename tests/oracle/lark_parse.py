"""What Lark itself says of a text: the oracle of guided.cfg."""

from __future__ import annotations

import signal
from contextlib import contextmanager

from lark import Lark
from lark.exceptions import LarkError


class TooSlow(Exception):
    """Lark ran into an endless loop of reductions, or merely took too long."""


@contextmanager
def alarm(seconds: float):
    """Raise TooSlow in the main thread after so many seconds: Lark hangs on some grammars and eats memory."""

    def ring(signum, frame):
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class LarkOracle:
    """Lark's LALR parser with its contextual lexer."""

    def __init__(self, text: str, start: str = "start") -> None:
        self.lark = Lark(text, start=start, parser="lalr", lexer="contextual")

    def parses(self, text: str) -> bool:
        """Whether Lark parses a text.  Raises TooSlow."""
        with alarm(2):
            try:
                self.lark.parse(text)
            except (LarkError, IndexError):
                return False
            return True
