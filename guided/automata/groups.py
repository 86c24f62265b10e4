"""Reading what stands after '(?': a group's name, or flags; parse.py reads the group."""

from __future__ import annotations

import re

from guided.automata.escapes import BACKREFERENCE, Reader

FLAGS = {"i": re.I, "s": re.S, "x": re.X, "a": re.A, "m": re.M, "u": re.U}


class GroupReader(Reader):
    """A place in a pattern, and the names of the groups so far."""

    def __init__(self, pattern: str, dialect: str) -> None:
        super().__init__(pattern, dialect)
        self.names: dict[str, int] = {}  # name -> position of its group
        self.whole = 0  # flags given for the whole pattern

    def python_group(self, start: int) -> None:
        self.at += 1
        c = self.next_char()
        if c == "<":
            self.at += 1
            self.group_name(">", start)
        elif c == "=":
            raise self.error(BACKREFERENCE, start)
        else:
            raise self.error(f"unknown extension '(?P{c}'", start)

    def group_name(self, close: str, start: int) -> None:
        first = self.at
        end = self.pattern.find(close, first)
        if end < 0:
            raise self.error(f"the group's name is never closed: a '{close}' is missing", start)
        name = self.pattern[first:end]
        if not (name.replace("$", "_") if self.ecma else name).isidentifier():
            raise self.error(f"'{name}' is not a name for a group: use letters, digits and '_'", first)
        if name in self.names:
            raise self.error(f"the name '{name}' is taken by the group at position {self.names[name]}", first)
        self.names[name] = start
        self.at = end + 1

    def read_flags(self, start: int, flags: int) -> tuple[int, bool]:
        """Step over (?flags) or (?flags-flags: ; the flags from here on, and whether they are for the whole."""
        added, removed, minus = 0, 0, False
        while True:
            c = self.next_char()
            if c in ("", ")", ":"):
                break
            if c == "L":
                raise self.error("the flag L (locale) needs a bytes pattern; leave it out")
            if c == "-" and not minus:
                minus = True
            elif c not in FLAGS:
                raise self.error(f"unknown flag '{c}'")
            elif minus and c in "au":
                raise self.error(f"the flag '{c}' cannot be turned off; use its opposite")
            elif minus:
                removed |= FLAGS[c]
            else:
                added |= FLAGS[c]
            self.at += 1
        whole = c == ")"
        if c == "" or (minus and (not removed or whole)):
            raise self.error("these flags do not end as they should: (?flags) or (?flags-flags:..)", start)
        if added & removed:
            raise self.error("a flag is turned on and off at once", start)
        self.whole |= added if whole else 0
        both = self.whole if whole else added
        if both & re.A and both & re.U:
            raise self.error("the flags 'a' and 'u' are incompatible", start)
        self.at += 1
        merged = (flags | added) & ~removed
        return int(merged & ~re.A if added & re.U else merged), whole
