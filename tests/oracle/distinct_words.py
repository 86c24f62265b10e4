"""A toy front end for Machine: words over {a, b}, no two equal, parted by commas, ended by a semicolon.

It has all that makes a Machine hard: lexers that depend on the context, captured text, lexemes that end at once
(`,` inside the lexeme) or before a byte (`,` a lexeme of its own), tokens that hold several lexemes.
"""

from __future__ import annotations

import re
from itertools import product

from guided.automata.compile import compile_dfa
from guided.automata.syntax import Both, Literal, Not, Repeat, Union, chars, concat, union

WORD = Repeat(chars("ab"), 1, None)


class DistinctWords:
    """delimited : whether a word's lexeme includes the mark after it.

    exceptions : whether the words seen are exceptions of a lexer.
    """

    def __init__(self, delimited: bool, exceptions: bool = False) -> None:
        self.delimited, self.exceptions = delimited, exceptions
        self.contexts: list[tuple] = []
        self.lexers: dict[tuple, object] = {}
        self.start = self.intern("word", ())

    def intern(self, kind, seen):
        context = (kind, seen)
        if context not in self.contexts:
            self.contexts.append(context)
        return self.contexts.index(context)

    def lexer(self, context):
        kind, seen = self.contexts[context]
        if kind == "end":
            return None
        if context not in self.lexers:
            known = [word for word in seen if word is not None]
            if self.exceptions and kind == "word" and known:
                self.lexers[context] = compile_dfa(union(*(Literal(word + mark) for word in known for mark in ",;")))
                return self.lexers[context]
            if kind == "free word":
                known = []
            fresh = Both((WORD, Not(union(*map(Literal, known))))) if known else WORD
            if kind == "mark":
                self.lexers[context] = compile_dfa({0: Literal(","), 1: Literal(";")})
            elif self.delimited:
                self.lexers[context] = compile_dfa({0: concat(fresh, Literal(",")), 1: concat(fresh, Literal(";"))})
            else:
                self.lexers[context] = compile_dfa(Union((fresh,)))
        return self.lexers[context]

    def captures(self, context):
        kind = self.contexts[context][0]
        return kind == "free word" or (kind == "word" and not self.fallback(context) >= 0)

    def fallback(self, context):
        kind, seen = self.contexts[context]
        return self.intern("free word", seen) if self.exceptions and kind == "word" and set(seen) - {None} else -1

    def exit(self, context, labels, text):
        kind, seen = self.contexts[context]
        if self.fallback(context) >= 0:
            return -1
        if kind == "mark":
            return self.intern("end", ()) if labels == (1,) else self.intern("word", seen)
        word = None if text is None else text.decode().rstrip(",;")
        seen = tuple(sorted({*seen, word}, key=str))
        if not self.delimited:
            return self.intern("mark", seen)
        return self.intern("end", ()) if labels == (1,) else self.intern("word", seen)

    def is_accepting(self, context):
        return self.contexts[context][0] == "end"

    def completion(self, context):
        kind, seen = self.contexts[context]
        if kind == "end":
            return b""
        if kind == "mark":
            return b";"
        words = ("".join(letters) for letters in product("ab", repeat=5))  # one length, whatever was written before
        return next(word for word in words if word not in seen).encode() + b";"


def is_member(text: bytes) -> bool:
    """The language, said by Python."""
    if not re.fullmatch(rb"[ab]+(,[ab]+)*;", text):
        return False
    words = text[:-1].split(b",")
    return len(set(words)) == len(words)


def is_viable(text: bytes) -> bool:
    """Whether some member starts with `text`."""
    if text.endswith(b";"):
        return is_member(text)
    *whole, last = text.split(b",")
    return is_member(b",".join(whole) + b";" if whole else b"a;") and bool(re.fullmatch(rb"[ab]*", last))
