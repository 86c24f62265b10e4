"""`pattern`: ECMA-262 text -> a tree of whole strings.

The text is rewritten into the dialect of guided.automata.parse, construct by construct, where the two mean different
things (`\\d \\w \\s` and `.` and `$` are not Python's); what cannot be rewritten is refused.  A pattern may match anywhere
in the string, so the tree is `any text, pattern, any text` with the anchors worked out.
"""

from __future__ import annotations

import re

from guided.automata import parse
from guided.automata.syntax import ANY_TEXT, EMPTY, Ahead, Concat, End, Node, Repeat, Start, Union, concat, invert, union
from guided.errors import GuidedError, LimitExceeded, UnsupportedSchema
from guided.limits import Limits
from guided.schema.trees import depth, has_anchor, is_nullable, walk

_WORD = [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]
_DIGIT = [(0x30, 0x39)]
_SPACE = [(9, 13), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F)]
_SPACE += [(0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)]
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_LINE_ENDS = [(10, 10), (13, 13), (0x2028, 0x2029)]
_QUANTIFIER = re.compile(r"\{\d+(,\d*)?\}")
_PROPERTY = re.compile(r"[pP]\{[^}]*\}")
MAX_DEPTH = 100  # nested groups and repeats of a pattern inside a schema
_MAX_ALTERNATIVES = 256  # ways in which `^` and `$` may be met in one pattern

Ranges = list[tuple[int, int]]


class _Refused(Exception):
    """A construct that is not supported."""


def search_tree(pattern: str, pointer: str, limits: Limits) -> Node:
    """The strings in which `pattern` is found.

    Raises UnsupportedSchema at `pointer` for what is not ECMA-262, or cannot be decided while writing.
    """
    try:
        tree = parse.parse(Translator(pattern).run(), limits=limits)
        if (given := depth(tree)) > MAX_DEPTH:  # trees are compared by content, which recurses
            raise LimitExceeded("max_pattern_depth", MAX_DEPTH, given, f"the pattern at {pointer}")
        return resolve_anchors(concat(ANY_TEXT, tree, ANY_TEXT))
    except LimitExceeded:
        raise
    except (_Refused, GuidedError) as error:
        raise UnsupportedSchema(
            f"the pattern {pattern!r} cannot be enforced: {str(error).splitlines()[0]}.",
            pointer,
            'write it without that construct, or pass on_unsupported="ignore"',
        ) from None


class Translator:
    """ECMA-262 (with the literal braces of its annex B) -> the dialect of guided.automata.parse."""

    def __init__(self, pattern: str) -> None:
        self.text, self.here = pattern, 0

    def run(self) -> str:
        pieces: list[str] = []
        while self.here < len(self.text):
            pieces.append(self._piece())
        return "".join(pieces)

    def _piece(self) -> str:
        character = self.text[self.here]
        self.here += 1
        if character == "\\":
            return self._escape()
        if character == "[":
            return self._bracket()
        if character == "(":
            return self._group()
        if character == ".":
            return show_class(invert(_LINE_ENDS))
        if character == "$":
            return r"\Z"
        if character in "{}]":
            found = _QUANTIFIER.match(self.text, self.here - 1) if character == "{" else None
            if found:
                self.here = found.end()
                self._no_possessive()
                return found.group()
            return "\\" + character
        if character in "*+?":
            self._no_possessive()
        return character

    def _no_possessive(self) -> None:
        if self.text.startswith("+", self.here):
            raise _Refused(f"nothing to repeat at {self.here}")

    def _group(self) -> str:
        if not self.text.startswith("?", self.here):
            return "(?:"
        for opening in ("?:", "?=", "?!"):
            if self.text.startswith(opening, self.here):
                self.here += 2
                return "(" + opening
        name = re.compile(r"\?<[A-Za-z_$][\w$]*>").match(self.text, self.here)
        if name:
            self.here = name.end()
            return "(?:"
        what = "lookbehind" if self.text.startswith(("?<=", "?<!"), self.here) else "this kind of group"
        raise _Refused(f"{what} at {self.here - 1} is not supported")

    def _escape(self) -> str:
        """What follows a backslash, outside of brackets."""
        character = self.text[self.here : self.here + 1]
        found = _PROPERTY.match(self.text, self.here)
        if found:
            self.here = found.end()
            return "\\" + found.group()
        if character in "bB" and character:
            raise _Refused(f"a word boundary at {self.here - 1} is not supported")
        if character in "123456789k" and character:
            raise _Refused(f"a backreference at {self.here - 1} is not supported")
        return show_class(self._escaped())

    def _escaped(self) -> list[tuple[int, int]]:
        """The characters that an escape stands for, in and out of brackets."""
        if self.here >= len(self.text):
            raise _Refused("the pattern ends with a backslash")
        character = self.text[self.here]
        self.here += 1
        if character.lower() in _CLASSES:
            ranges = _CLASSES[character.lower()]
            return list(invert(ranges)) if character.isupper() else ranges
        if character in _CONTROLS:
            code = _CONTROLS[character]
        elif character == "0" and not self.text[self.here : self.here + 1].isdigit():
            code = 0
        elif character == "c" and re.match("[A-Za-z]", self.text[self.here :]):
            code = ord(self.text[self.here]) % 32
            self.here += 1
        elif character == "x":
            code = self._hex(r"([0-9A-Fa-f]{2})")
        elif character == "u":
            code = self._unit()
        elif character.isalnum():
            raise _Refused(f"the escape \\{character} at {self.here - 2} is not ECMA-262")
        else:
            code = ord(character)
        return [(code, code)]

    def _unit(self) -> int:
        if self.text.startswith("{", self.here):
            code = self._hex(r"\{([0-9A-Fa-f]{1,6})\}")
        else:
            code = self._hex(r"([0-9A-Fa-f]{4})")
        if 0xD800 <= code <= 0xDBFF and re.match(r"\\u[dD][c-fC-F]", self.text[self.here :]):
            self.here += 2
            code = 0x10000 + ((code - 0xD800) << 10) + self._hex(r"([0-9A-Fa-f]{4})") - 0xDC00
        if code > 0x10FFFF:
            raise _Refused(f"no character has the number {code:x}")
        return code

    def _hex(self, shape: str) -> int:
        found = re.compile(shape).match(self.text, self.here)
        if not found:
            raise _Refused(f"hexadecimal digits are missing at {self.here}")
        self.here = found.end()
        return int(found.group(1), 16)

    def _bracket(self) -> str:
        """A character class, after its opening bracket."""
        opened = self.here - 1
        is_negated = self.text.startswith("^", self.here)
        self.here += is_negated
        ranges: Ranges = []
        properties: list[str] = []
        while not self.text.startswith("]", self.here):
            if self.here >= len(self.text):
                raise _Refused(f"the class opened at {opened} is not closed")
            found = _PROPERTY.match(self.text, self.here + 1) if self.text[self.here] == "\\" else None
            if found:
                self.here = found.end()
                properties.append("\\" + found.group())
                continue
            low = self._member()
            after = self.text[self.here + 1 : self.here + 2]
            if self.text.startswith("-", self.here) and after and after != "]":
                self.here += 1
                high = self._member()
                if len(low) == len(high) == 1 and low[0][0] == low[0][1] and high[0][0] == high[0][1]:
                    if low[0][0] > high[0][0]:
                        raise _Refused(f"a range out of order at {self.here}")
                    ranges.append((low[0][0], high[0][0]))
                else:  # [\w-.]: annex B reads the hyphen as itself
                    ranges += [*low, (0x2D, 0x2D), *high]
            else:
                ranges += low
        self.here += 1
        if properties:
            inside = "".join(show_range(*pair) for pair in ranges) + "".join(properties)
            return f"[{'^' if is_negated else ''}{inside}]"
        return show_class(invert(ranges) if is_negated else ranges)

    def _member(self) -> Ranges:
        character = self.text[self.here]
        self.here += 1
        if character != "\\":
            return [(ord(character), ord(character))]
        if self.text.startswith("b", self.here):
            self.here += 1
            return [(8, 8)]
        return self._escaped()


def show_class(ranges: tuple[tuple[int, int], ...] | list[tuple[int, int]]) -> str:
    """`ranges` as text of the target dialect."""
    kept = invert(invert(ranges))
    if not kept:
        raise _Refused("a class that no character is in")
    if len(kept) == 1 and kept[0][0] == kept[0][1]:
        return re.escape(chr(kept[0][0]))
    return "[" + "".join(show_range(*pair) for pair in kept) + "]"


def show_range(low: int, high: int) -> str:
    """One range inside brackets."""
    return re.escape(chr(low)) + ("-" + re.escape(chr(high)) if high > low else "")


def resolve_anchors(tree: Node) -> Node:
    """`tree` without `^` and `$` outside of lookahead: where they hold, what stands on their other side is empty.

    Raises _Refused for anchors inside unbounded repeats, and `^` inside lookahead.
    """
    if not has_anchor(tree):
        return tree
    finished: list[Node] = []
    waiting: list[list[Node]] = [[tree]]
    n_made = 1
    while waiting:
        parts = waiting.pop()
        for index, part in enumerate(parts):
            if isinstance(part, (Start, End)) or not has_anchor(part):
                continue
            if isinstance(part, Ahead):
                if any(isinstance(below, Start) for below in walk(part)):
                    raise _Refused("'^' inside lookahead is not supported")
                continue
            if isinstance(part, Concat):
                choices: list[list[Node]] = [list(part.parts)]
            elif isinstance(part, Union):
                choices = [[choice] for choice in part.parts]
            elif isinstance(part, Repeat) and part.most == 1:
                choices = [[part.node]] + ([[EMPTY]] if part.least == 0 else [])
            else:
                raise _Refused("'^' or '$' inside a repeat is not supported")
            n_made += len(choices) - 1
            if n_made > _MAX_ALTERNATIVES:
                raise _Refused(f"'^' and '$' in more than {_MAX_ALTERNATIVES} combinations")
            waiting.extend([*parts[:index], *choice, *parts[index + 1 :]] for choice in choices)
            break
        else:
            finished.append(_meet(parts))
    return union(*finished)


def _meet(parts: list[Node]) -> Node:
    """One sequence with anchors among its parts."""
    first = max((index for index, part in enumerate(parts) if isinstance(part, Start)), default=-1)
    last = min((index for index, part in enumerate(parts) if isinstance(part, End)), default=len(parts))
    kept: list[Node] = []
    for index, part in enumerate(parts):
        if isinstance(part, (Start, End)):
            continue
        if first < index < last:
            kept.append(part)
        elif isinstance(part, Ahead):
            raise _Refused("lookahead on the far side of '^' or '$' is not supported")
        elif not is_nullable(part):
            return union()
    return concat(*kept)
