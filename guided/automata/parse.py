r"""Regex text -> syntax tree, in the dialect of Python's `re` or of ECMA-262.

Whatever `re` accepts and this accepts means what it means in `re.fullmatch`; what no automaton can do is refused with
its position and the way out.  Beyond `re`: \p{..} \P{..}, \x{..} \u{..}, (?<name>..), \z.  Nothing recurses: groups are
frames on a list.  Not here: [..] and escapes (escapes.py), names and flags (groups.py), Unicode tables, automata.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from guided.automata.escapes import BACKREFERENCE
from guided.automata.groups import FLAGS, GroupReader
from guided.automata.syntax import (
    Ahead,
    Boundary,
    Chars,
    Concat,
    End,
    Literal,
    Node,
    Ranges,
    Repeat,
    Start,
    Union,
    Words,
    invert,
    normalise,
)
from guided.automata.unicode_tables import fold_char
from guided.errors import LimitExceeded
from guided.limits import DEFAULT_LIMITS, Limits

_RUN = re.compile(r"[^\\.^$*+?{\[()\ud800-\udfff]+")  # characters that stand for themselves, and bars
_REPEAT = re.compile(r"\{([0-9]*)(,?)([0-9]*)\}")
_KEPT = re.I | re.S | re.X | re.A | re.M
_MOST = 2**32 - 1  # repetition numbers that Python's re holds to be too large
_WHITE = " \t\n\r\v\f"  # what (?x) skips
_LINE_ENDS: Ranges = ((0x0A, 0x0A),)
_ECMA_LINE_ENDS: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_IN_EMPTY = re.search(r"\B", "") is not None  # Python before 3.14 finds no \B in the empty text
_LOOKBEHIND = "lookbehind is not supported; say what may stand there: write the text before it as part of the pattern"


@dataclass
class _Frame:
    """A group whose end has not been read."""

    position: int  # of its "("
    flags: int  # flags inside
    ahead: bool | None = None  # lookahead: whether negative; None for other groups
    done: list[Node | str] = field(default_factory=list)  # finished alternatives
    items: list[Node | str] = field(default_factory=list)  # the alternative being read
    may_repeat: int = 0  # what a quantifier here would follow: _NOTHING, _ITEM, ..
    item_at: int = 0  # where the last item began


# what stands before a quantifier
_NOTHING, _ITEM, _REPEATED, _ANCHOR = range(4)


def parse(pattern: str, flags: int = 0, *, dialect: str = "python", limits: Limits = DEFAULT_LIMITS) -> Node:
    r"""The syntax tree of a regular expression; the language is that of full matches.

    flags : re.IGNORECASE, re.DOTALL, re.VERBOSE, re.ASCII, re.MULTILINE, re.UNICODE or 0.
    dialect : "python", or "ecma" (ECMA-262 with the u flag: `\d \w` are ASCII, `$` is the true end; what that refuses
              means what Python's re says, and what both refuse what annex B says).
    Raises RegexSyntaxError with the position; LimitExceeded (max_pattern_length, max_pattern_depth).
    """
    if not isinstance(pattern, str):
        raise TypeError(f"a pattern is a str, not {type(pattern).__name__}")
    if len(pattern) > limits.max_pattern_length:
        raise LimitExceeded("max_pattern_length", limits.max_pattern_length, len(pattern), "the pattern")
    if unknown := int(flags) & ~int(_KEPT | re.U):
        raise ValueError(f"flags {re.RegexFlag(unknown)!r} are not supported; use I, S, X, A, M or U of module re")
    if flags & re.A and flags & re.U:
        raise ValueError("re.ASCII and re.UNICODE are incompatible")
    return _Parser(pattern, int(flags) & int(_KEPT), dialect, limits).run()


class _Parser(GroupReader):
    def __init__(self, pattern: str, flags: int, dialect: str, limits: Limits) -> None:
        super().__init__(pattern, dialect)
        self.limits = limits
        self.frames = [_Frame(-1, flags)]
        self.last_ahead = -1  # where the last lookahead began

    def run(self) -> Node:
        pattern, size = self.pattern, len(self.pattern)
        while self.at < size:
            frame = self.frames[-1]
            if frame.flags & re.X and self.skip_verbose():
                continue
            if not frame.flags & re.X and (run := _RUN.match(pattern, self.at)):
                self.literal_run(run.group())
                continue
            c = pattern[self.at]
            if c in "*+?" or c == "{":
                self.quantify()
            elif c == "|":  # only after blanks and comments; else it is part of a run
                frame.done.append(_sequence(frame.items))
                frame.items, frame.may_repeat = [], _NOTHING
                self.at += 1
            elif c == "(":
                self.open_group()
            elif c == ")":
                self.close_group()
            else:
                self.atom(c)
        if len(self.frames) > 1:
            raise self.error("this group is never closed: a ')' is missing", self.frames[-1].position)
        return _as_node(_alternatives(self.frames[0]))

    def skip_verbose(self) -> bool:
        """Skip one blank or one comment, if there is one here."""
        c = self.pattern[self.at]
        if c in _WHITE:
            self.at += 1
        elif c == "#":
            end = self.pattern.find("\n", self.at)
            self.at = len(self.pattern) if end < 0 else end + 1
        else:
            return False
        return True

    # ---- one item ----

    def put(self, item: Node | str, what: int = _ITEM) -> None:
        frame = self.frames[-1]
        frame.items.append(item)
        frame.may_repeat = what

    def literal_run(self, text: str) -> None:
        """Characters that stand for themselves, and bars between them; the last character alone may be repeated."""
        self.at += len(text)
        if "|" in text:
            frame = self.frames[-1]
            first, *middle, text = text.split("|")
            if first:
                self.literal_text(first)
            frame.done.append(_sequence(frame.items))
            if frame.flags & re.I:
                for alternative in middle:
                    frame.items = []
                    self.literal_text(alternative)
                    frame.done.append(_sequence(frame.items))
            else:
                frame.done.extend(middle)
            frame.items, frame.may_repeat = [], _NOTHING
        if text:
            self.literal_text(text)

    def literal_text(self, text: str) -> None:
        if self.frames[-1].flags & re.I:
            for c in text:
                self.put_char(ord(c))
            return
        if len(text) > 1 and self.at < len(self.pattern) and self.pattern[self.at] in "*+?{":
            self.put(text[:-1])
            text = text[-1]
        self.put(text)

    def put_char(self, c: int) -> None:
        flags = self.frames[-1].flags
        if flags & re.I:
            same = fold_char(c, ascii_only=bool(flags & re.A))
            if len(same) > 1:
                self.put(Chars(normalise((other, other) for other in same)))
                return
        self.put(chr(c))

    def atom(self, c: str) -> None:
        flags, start = self.frames[-1].flags, self.at
        if c == ".":
            self.at += 1
            ends = _ECMA_LINE_ENDS if self.ecma else _LINE_ENDS
            self.put(Chars(invert(() if flags & re.S else ends)))
        elif c == "[":
            self.put(Chars(self.char_class(flags)))
        elif c == "\\":
            self.escape(flags)
        elif c in "^$":
            self.at += 1
            line = () if not flags & re.M else _ECMA_LINE_ENDS if self.ecma else _LINE_ENDS
            self.put(Start(line) if c == "^" else End(not self.ecma and not line, line), _ANCHOR)
        else:
            self.check_text(ord(c), start)
            self.at += 1
            self.put_char(ord(c))

    def escape(self, flags: int) -> None:
        """What a backslash stands for, outside [..]."""
        start = self.at
        c = self.pattern[start + 1 : start + 2]
        if c in ("A", "Z", "z"):
            self.at += 2
            self.put(Start() if c == "A" else End(), _ANCHOR)
            return
        if c in ("b", "B"):
            self.at += 2
            word = self.shorthand("w", flags)
            assert word is not None
            self.put(Boundary(word, c == "B", self.ecma or _IN_EMPTY), _ANCHOR)
            return
        if c.isdigit() and (reason := self.backreference()):
            raise self.error(reason)
        if c == "k" and (not self.ecma or self.names or "(?<" in self.pattern):
            raise self.error(BACKREFERENCE)
        found = self.read_escape(flags, in_class=False)
        if isinstance(found, int):
            self.put_char(found)
        else:
            self.put(Chars(found))

    # ---- repeats ----

    def quantify(self) -> None:
        start, c = self.at, self.pattern[self.at]
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(c, (0, None))
        end = start + 1
        if c == "{":
            braces = _REPEAT.match(self.pattern, start)
            if braces is None or braces.group() == "{}" or (self.ecma and braces.group() == "{,}"):
                self.at += 1  # a brace that stands for itself, exactly where re takes it so
                self.put_char(ord("{"))
                return
            low, comma, high = braces.groups()
            end = braces.end()
            least = int(low or 0) if len(low) < 20 else _MOST
            most = (int(high) if len(high) < 20 else _MOST) if high else None if comma else least
            if max(least, most or 0) >= _MOST and not self.ecma:
                raise self.error(f"the repetition number is too large (at most {_MOST - 1:,})")
            if most is not None and most < least:
                raise self.error(f"the repeat {braces.group()} has its bounds in the wrong order")
        frame = self.frames[-1]
        if frame.may_repeat in (_NOTHING, _ANCHOR):
            raise self.error(f"nothing to repeat before '{self.pattern[start:end]}'")
        if frame.may_repeat == _REPEATED:
            raise self.error(f"multiple repeat: put what '{self.pattern[start:end]}' is to repeat into a group (?:..)")
        self.at = end
        following = self.pattern[end : end + 1]
        if following == "?":  # lazy: the same language
            self.at += 1
        elif following == "+":
            raise self.error(
                "possessive quantifiers are not supported: they depend on the order of trials; leave the '+' out"
            )
        if most is None and self.pattern[start - 1] == ")" and self.last_ahead >= frame.item_at:
            raise self.error(
                "lookahead inside an unbounded repeat is not supported; "
                "bound the repeat ({0,100}) or move the lookahead out",
                self.last_ahead,
            )
        body = frame.items.pop()
        self.put(Repeat(_as_node(body), least, most), _REPEATED)

    # ---- groups ----

    def open_group(self) -> None:
        start, flags, ahead = self.at, self.frames[-1].flags, None
        self.at += 1
        if self.take("?"):
            c = self.next_char()
            if c == "P":
                self.python_group(start)
            elif c == "<":
                self.at += 1
                if self.pattern[self.at : self.at + 1] in ("=", "!"):
                    raise self.error(_LOOKBEHIND, start)
                self.group_name(">", start)
            elif c == "#":
                end = self.pattern.find(")", self.at)
                if end < 0:
                    raise self.error("this comment is never closed: a ')' is missing", start)
                self.at = end + 1
                return
            elif c == ":":
                self.at += 1
            elif c in ("=", "!"):
                self.at += 1
                ahead = c == "!"
            elif c == "(":
                raise self.error("conditional groups are not supported; write both cases out with '|'", start)
            elif c == ">":
                raise self.error(
                    "atomic groups are not supported: they depend on the order of trials; use (?:..)", start
                )
            elif c in FLAGS or c == "-" or c == "L":
                flags, whole = self.read_flags(start, flags)
                if whole:
                    self.set_flags(start, flags)
                    return
            else:
                raise self.error(f"unknown extension '(?{c}'", start)
        if len(self.frames) > self.limits.max_pattern_depth:
            raise LimitExceeded("max_pattern_depth", self.limits.max_pattern_depth, len(self.frames), "the pattern")
        self.frames.append(_Frame(start, flags, ahead))

    def set_flags(self, start: int, flags: int) -> None:
        """Flags for the whole pattern."""
        frame = self.frames[-1]
        if len(self.frames) > 1 or frame.done or frame.items:
            raise self.error("flags for the whole pattern must stand at its start; for a part use (?flags:..)", start)
        frame.flags = flags

    def close_group(self) -> None:
        if len(self.frames) == 1:
            raise self.error("unbalanced parenthesis: this ')' closes nothing")
        frame = self.frames.pop()
        self.at += 1
        node = _alternatives(frame)
        self.frames[-1].item_at = frame.position
        if frame.ahead is not None:
            self.last_ahead = max(self.last_ahead, frame.position)
            node = Ahead(_as_node(node), frame.ahead)
        self.put(node)


def _as_node(item: Node | str) -> Node:
    return Literal(item) if isinstance(item, str) else item


def _sequence(items: list[Node | str]) -> Node | str:
    """One alternative: neighbouring characters joined; a plain text stays a str."""
    if len(items) == 1:
        return items[0]
    parts: list[Node] = []
    text: list[str] = []
    for item in items:
        if isinstance(item, str):
            text.append(item)
            continue
        if text:
            parts.append(Literal("".join(text)))
            text = []
        if isinstance(item, Concat):
            parts.extend(item.parts)
        elif not (isinstance(item, Literal) and item.text == ""):
            parts.append(item)
    if not parts:
        return "".join(text)
    if text:
        parts.append(Literal("".join(text)))
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def _alternatives(frame: _Frame) -> Node | str:
    """All alternatives of a group, texts merged into one object."""
    last = _sequence(frame.items)
    if not frame.done:
        return last
    frame.done.append(last)
    texts = [part for part in frame.done if isinstance(part, str)]
    parts = [part for part in frame.done if not isinstance(part, str)]
    if texts:
        unique = tuple(dict.fromkeys(texts))
        parts.append(Literal(unique[0]) if len(unique) == 1 else Words(unique))
    return parts[0] if len(parts) == 1 else Union(tuple(parts))
