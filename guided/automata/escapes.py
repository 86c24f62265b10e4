r"""Reading one escape or one [..] of a regular expression; parse.py reads everything around them."""

from __future__ import annotations

import re
import unicodedata

from guided.automata import unicode_tables as tables
from guided.automata.syntax import MAX_CODE_POINT, SURROGATES, invert, normalise
from guided.automata.unicode_data import BINARIES
from guided.errors import RegexSyntaxError

Ranges = tuple[tuple[int, int], ...]

_CONTROL = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_HEX = {"x": 2, "u": 4, "U": 8}
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_LOW_SURROGATE = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_SURROGATE = re.compile(r"\\u\{?([dD][89a-fA-F][0-9a-fA-F]{2})\}?")
_POSIX = re.compile(r"\[:\^?[a-zA-Z]+:\]")
_LONG = re.compile(r"[0-9a-fA-F]{8}")
_OCTAL = frozenset("01234567")
_WAYS_OUT = {
    "G": "leave it out: a constraint always matches the whole text",
    "K": "it changes only what is reported, so leave it out",
    "R": "write the line breaks out: (?:\\r\\n|[\\n\\r])",
    "X": "write the characters out",
    "h": "write [\\t ] or \\p{Zs}",
    "Q": "escape the special characters one by one (re.escape)",
}
BACKREFERENCE = "backreferences are not supported: what they match is no regular language; write the text out"


class Reader:
    """A place in a pattern.  `at` : index of the next character."""

    def __init__(self, pattern: str, dialect: str) -> None:
        if dialect not in ("python", "ecma"):
            raise ValueError(f"dialect is 'python' or 'ecma', not {dialect!r}")
        self.pattern, self.ecma, self.at = pattern, dialect == "ecma", 0

    def error(self, message: str, position: int | None = None) -> RegexSyntaxError:
        return RegexSyntaxError(message, self.pattern, self.at if position is None else position)

    def next_char(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self, text: str) -> bool:
        """Step over `text` if it stands here."""
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def check_text(self, c: int, position: int) -> int:
        """`c`, if it can stand in a text at all."""
        if c > MAX_CODE_POINT:
            raise self.error(f"U+{c:X} is above the last character, U+10FFFF", position)
        if SURROGATES[0] <= c <= SURROGATES[1]:
            raise self.error(f"U+{c:04X} is half of a surrogate pair, which no UTF-8 text holds", position)
        return c

    # ---- escapes ----

    def read_escape(self, flags: int, *, in_class: bool) -> int | Ranges:
        """Step over a backslash and what belongs to it: a character, or the set that it stands for."""
        start = self.at
        self.at += 2
        c = self.pattern[start + 1 : start + 2]
        if c == "":
            raise self.error("the pattern ends in a backslash; write \\\\ for the character itself", start)
        if (found := self.shorthand(c, flags)) is not None:
            return found
        if c in "pP":
            return self.unicode_property(c == "P", flags, start)
        if c in _HEX and not (self.ecma and c == "U" and not _LONG.match(self.pattern, self.at)):
            return self.hexadecimal(c, start)
        if c in "0123456789":
            return self.octal(c, start, in_class)
        if self.ecma:
            return self.ecma_escape(c, start)
        if c in _CONTROL and (c != "b" or in_class):
            return _CONTROL[c]
        if c == "N":
            return self.named(start)
        if c.isascii() and c.isalpha():
            way_out = _WAYS_OUT.get(c, f"write '{c}' if the letter is meant")
            raise self.error(f"unknown escape '\\{c}'; {way_out}", start)
        return self.check_text(ord(c), start)

    def shorthand(self, c: str, flags: int) -> Ranges | None:
        """The set of \\d \\w \\s and their opposites."""
        kind = c.lower()
        if kind not in ("d", "w", "s") or not c.isascii():
            return None
        if self.ecma:
            found = {"d": tables.ASCII_DIGIT, "w": tables.ASCII_WORD, "s": tables.ECMA_SPACE}[kind]
        elif flags & re.A:
            found = {"d": tables.ASCII_DIGIT, "w": tables.ASCII_WORD, "s": tables.ASCII_SPACE}[kind]
        else:
            found = tables.digits() if kind == "d" else tables.word() if kind == "w" else tables.SPACE
        return found if c == kind else invert(found)

    def hexadecimal(self, kind: str, start: int) -> int:
        """\\xHH \\uHHHH \\UHHHHHHHH and, for x and u, any number of digits in braces."""
        if kind != "U" and self.take("{"):
            end = self.pattern.find("}", self.at)
            digits = self.pattern[self.at : max(end, self.at)]
            if not digits or not _HEX_DIGITS.issuperset(digits):
                raise self.error(f"incomplete escape: hexadecimal digits are expected in \\{kind}{{..}}", start)
            self.at = end + 1
            return self.check_text(int(digits, 16) if len(digits) < 20 else MAX_CODE_POINT + 1, start)
        digits = self.pattern[self.at : self.at + _HEX[kind]]
        if len(digits) < _HEX[kind] or not _HEX_DIGITS.issuperset(digits):
            raise self.error(f"incomplete escape: \\{kind} needs {_HEX[kind]} hexadecimal digits, or \\x{{..}}", start)
        self.at += len(digits)
        c = int(digits, 16)
        low = _LOW_SURROGATE.match(self.pattern, self.at) if self.ecma and 0xD800 <= c <= 0xDBFF else None
        if low:
            self.at = low.end()  # a pair that makes one character
            c = 0x10000 + ((c - 0xD800) << 10) + int(low.group(1), 16) - 0xDC00
        return self.check_text(c, start)

    def octal(self, c: str, start: int, in_class: bool) -> int:
        """Octal numbers exactly where re reads them so; the rest are references to groups."""
        digits = c
        if c == "0" or in_class:
            while len(digits) < 3 and self.next_char() in _OCTAL and self.next_char():
                digits += self.next_char()
                self.at += 1
        else:  # \ooo, which backreference() has let through
            digits = self.pattern[start + 1 : start + 4]
            self.at = start + 4
        if not _OCTAL.issuperset(digits):
            raise self.error(f"'\\{digits}' is no octal number; write \\x.. for a character", start)
        if int(digits, 8) > 0o377:
            raise self.error(f"the octal escape '\\{digits}' is above 0o377; write \\x{{..}}", start)
        return int(digits, 8)

    def backreference(self) -> str | None:
        """Why the number after this backslash cannot be taken; None if it is an octal escape."""
        digits = self.pattern[self.at + 1 : self.at + 4]
        if digits[0] == "0" or (len(digits) == 3 and _OCTAL.issuperset(digits) and not self.ecma):
            return None
        return BACKREFERENCE

    def named(self, start: int) -> int:
        end = self.pattern.find("}", self.at)
        if not self.take("{") or end < 0:
            raise self.error("a character's name is expected in braces: \\N{EM DASH}", start)
        name = self.pattern[self.at : end]
        try:
            found = ord(unicodedata.lookup(name))
        except (KeyError, TypeError):
            raise self.error(f"there is no character called '{name}'", start) from None
        self.at = end + 1
        return self.check_text(found, start)

    def ecma_escape(self, c: str, start: int) -> int:
        """Control characters (\\a as in Python), and annex B: a backslash before any other character stands for it."""
        if c in "abfnrtv":
            return _CONTROL[c]
        if c == "c":
            letter = self.next_char()
            if not (letter.isascii() and letter.isalpha()):
                raise self.error("\\c needs a letter", start)
            self.at += 1
            return ord(letter) % 32
        return self.check_text(ord(c), start)

    def unicode_property(self, negated: bool, flags: int, start: int) -> Ranges:
        """\\p{..}: with (?i), also the other cases of its characters, as in Perl and ECMA-262."""
        if self.take("{"):
            end = self.pattern.find("}", self.at)
            if end < 0:
                raise self.error("the name of this property is never closed: a '}' is missing", start)
            name = self.pattern[self.at : end]
            self.at = end + 1
        else:
            name = self.next_char()
            self.at += 1
        if name.startswith("^"):
            name, negated = name[1:], not negated
        found = tables.property_ranges(name)
        if found is None:
            raise self.error(
                f"unknown property '{name}'; known are general categories (Lu, Letter), scripts (Greek, sc=Han) and "
                f"Any, ASCII, Assigned, White_Space, {', '.join(sorted(BINARIES))}",
                start,
            )
        if flags & re.I:
            found = tables.fold(found, ascii_only=bool(flags & re.A))
        return invert(found) if negated else found

    # ---- [..] ----

    def char_class(self, flags: int) -> Ranges:
        """Step over a [..]: the ranges it stands for."""
        start = self.at
        self.at += 1
        if self.next_char() == "[" and not self.ecma:
            raise self.error("nested sets and POSIX classes are not supported; escape the bracket: \\[", self.at)
        negated = self.take("^")
        pairs: list[tuple[int, int]] = []
        sets: list[tuple[int, int]] = []  # of \\d \\w \\s \\p{..}: (?i) leaves them as they are
        first = True
        while True:
            c = self.next_char()
            if c == "":
                raise self.error("this set is never closed: a ']' is missing", start)
            if c == "]" and not (first and not self.ecma):
                self.at += 1
                break
            self.check_set_operation(c, first)
            position, first = self.at, False
            low = self.class_item(c, flags)
            if self.next_char() != "-" or self.pattern[self.at + 1 : self.at + 2] in ("]", ""):
                if isinstance(low, int):
                    pairs.append((low, low))
                else:
                    sets.extend(low)
                continue
            self.at += 1
            c = self.next_char()
            if c == "-" and not self.ecma:
                raise self.error("set differences are not supported; escape the hyphen: \\-")
            high = self.class_item(c, flags)
            if isinstance(low, int) and isinstance(high, int):
                if high < low:
                    text = self.pattern[position : self.at]
                    raise self.error(f"bad character range {text}: its ends are in the wrong order", position)
                pairs.append((low, high))
            elif self.ecma:  # annex B: the hyphen stands for itself
                pairs.append((0x2D, 0x2D))
                for item in (low, high):
                    if isinstance(item, int):
                        pairs.append((item, item))
                    else:
                        sets.extend(item)
            else:
                text = self.pattern[position : self.at]
                raise self.error(f"bad character range {text}: both ends must be characters", position)
        if flags & re.I:
            pairs = list(tables.fold(tuple(pairs), ascii_only=bool(flags & re.A)))
        ranges = normalise(pairs + sets)
        return invert(ranges) if negated else ranges

    def check_set_operation(self, c: str, first: bool) -> None:
        """Refuse what newer dialects read as set operations and re warns of."""
        if self.ecma:
            return
        following = self.pattern[self.at + 1 : self.at + 2]
        if not first and c in "-&~|" and following == c:
            raise self.error(f"set operations ('{c}{c}') are not supported; escape the character: \\{c}")
        if c == "[" and following == ":" and _POSIX.match(self.pattern, self.at):
            raise self.error("POSIX classes are not supported; use \\d \\w \\s or \\p{..}, or escape the bracket: \\[")

    def class_item(self, c: str, flags: int) -> int | Ranges:
        if c == "\\":
            half = _SURROGATE.match(self.pattern, self.at) if self.ecma else None
            if half and not _LOW_SURROGATE.match(self.pattern, half.end()):  # no text holds it; a range may end in it
                self.at = half.end()
                return int(half.group(1), 16)
            return self.read_escape(flags, in_class=True)
        if not self.ecma:
            self.check_text(ord(c), self.at)
        self.at += 1
        return ord(c)
