"""Drafts: tokens that will probably come next, from how the text went on before at places like this.

Where white space is free, little of a JSON text is forced, yet most of its structure is foreseeable: after a key comes
what came after the last key.  Drafted tokens are read by the model in the pass that is due anyway, and a draft token
stays only if the token drawn at its place is the same one; so texts, weights and their law are those without drafts, as
with any speculation whose proposals are deterministic (Leviathan et al., arXiv 2211.17192, section 2.3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

FORCED = "forced"  # the symbol of a whole run of forced tokens
_LETTERS, _DIGITS = re.compile(rb"[A-Za-z]+"), re.compile(rb"[0-9]+")

Symbol = str | bytes


class Drafter:
    """What came after what in one text.

    The text is read as symbols: a run of forced tokens is one, and a token is its bytes with every run of letters or
    digits as one letter or digit, so that all numbers, and all words, are alike.  A context of two symbols, else of
    one, predicts the token that followed it last time; a prediction that failed waits until it has held once more.
    """

    def __init__(self, vocab: Any, limit: int) -> None:
        """limit : tokens of a draft at most."""
        self.vocab, self.limit = vocab, limit
        self.last: tuple[Symbol, Symbol] = (b"", b"")
        self.following: dict[tuple[Symbol, ...], tuple[int, bool]] = {}  # context -> (token, whether it is trusted)

    def note(self, token: int) -> None:
        """The model chose `token`."""
        for context in (self.last, self.last[1:]):
            known = self.following.get(context)
            self.following[context] = (token, known is None or known[0] == token)
        self.last = (self.last[1], self._symbol(token))

    def note_forced(self) -> None:
        """Forced tokens were appended."""
        self.last = (self.last[1], FORCED)

    def draft(self, matcher: Any, forcer: Any, written: Sequence[int], budget: int) -> list[int]:
        """Tokens that may come next, all allowed, with what is forced between them; [] where nothing is foreseen.

        matcher : after `written`, the tokens of the text so far; unchanged.      budget : tokens that may still come.
        """
        drafted: list[int] = []
        last, ahead = self.last, None
        while len(drafted) < min(self.limit, budget - 1):
            token = self._guess(last)
            if token is None:
                break
            ahead = ahead or matcher.fork()
            if not self.vocab.tokens[token] or not ahead.allows(token):
                break
            ahead.advance(token)
            drafted.append(token)
            last = (last[1], self._symbol(token))
            forced = forcer.tokens(ahead, [*written[-8:], *drafted], budget - len(drafted))
            if forced:
                for token in forced:
                    ahead.advance(token)
                drafted += forced
                last = (last[1], FORCED)
        return drafted

    def _guess(self, last: tuple[Symbol, Symbol]) -> int | None:
        token, is_trusted = self.following.get(last) or self.following.get(last[1:]) or (None, False)
        return token if is_trusted else None

    def _symbol(self, token: int) -> bytes:
        return _DIGITS.sub(b"0", _LETTERS.sub(b"a", self.vocab.tokens[token]))
