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
    """Lark's LALR parser with its contextual lexer, or its Earley parser."""

    def __init__(self, text: str, start: str = "start", lexer: str = "contextual") -> None:
        self.lark = Lark(text, start=start, parser="lalr" if lexer == "contextual" else "earley", lexer=lexer)

    def parses(self, text: str) -> bool | None:
        """Whether Lark parses a text; None where its Earley parser gives up.  Raises TooSlow."""
        with alarm(2):
            try:
                self.lark.parse(text)
            except RuntimeError as error:  # "multiple start symbol items": the text ends in ignored text as well
                assert "multiple start symbol" in str(error)
                return None
            except (LarkError, IndexError):
                return False
            return True
