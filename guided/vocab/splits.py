"""Where a tokenizer cuts a text into words before its model runs, as states over classes of characters.

A pre-tokeniser scans from left to right, and what it cuts depends on what comes next: `\\s+(?!\\S)` leaves the last of
several spaces to the word that follows.  So a state keeps the text since the last cut that nothing to come can change,
with the joints between tokens that are not settled yet, and the tokenizer's own pre-tokeniser is asked, on one
character for each class that its patterns tell apart.  Answers are kept: a state is asked about once per shape.

Not here: what happens inside a word (_fast/pairs.pyx), tokens and ids (canonical.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

BYTE_LEVEL = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"  # built into the library
ATOM = re.compile(r"\[(?:\\.|[^\]\\])*\]|\\[pP]\{[^}]*\}|\\[pP]\w|\\.|[^\w\\()|+*?{}^$:]")
LETTERS = re.compile(r"\[[A-Za-z]+\]")  # a class of letters is a contraction's: told apart after a quote only
RUN = re.compile(r"(.)\1\1+", re.DOTALL)
SEPARATE = "removed"  # behaviour of Split: what matches is dropped, so what is left does not match
MOST_UNSETTLED = 64  # characters; a longer tail without a settled cut is cut short (runs are shortened before)
PARTIAL = "\ufffe"  # in a shape: a character whose last bytes are yet to come
SHORT = 3  # characters that decide about the cut before them
FREE, CUT, JOINED = 0, 1, 2  # what is known of a joint between two tokens


class Place(NamedTuple):
    """Where a text is in its pre-tokeniser's eyes.

    tail    : representatives of the characters since the last settled cut.
    joints  : (position in tail, CUT or JOINED): what was taken for granted and is not settled yet.
    partial : the first bytes of a character that is not complete.
    """

    tail: str = ""
    joints: tuple[tuple[int, int], ...] = ()
    partial: bytes = b""


class Splits:
    """The pre-tokeniser of a byte-level tokenizer.

    pre_tokenizer : the `tokenizers` object; its JSON names patterns.      tokens : bytes by id, b"" for no text.
    Raises ValueError, with the reason, for parts that are not known.
    """

    begin = Place()

    def __init__(self, pre_tokenizer: Any, tokens: Sequence[bytes]) -> None:
        self.pre_tokenizer = pre_tokenizer
        parts = json.loads(pre_tokenizer.__getstate__())
        patterns = "|".join(_patterns(parts))
        counted = re.sub(r"\{[\d,]+\}|\(\?(?:[a-z]*:|<?[=!])", "", patterns)
        self.atoms = sorted({atom for atom in ATOM.findall(counted) if not LETTERS.fullmatch(atom)})
        self._pattern = _compiled(patterns) if patterns == "|".join(_patterns(parts)[:1]) else None
        counts = [int(bound) for bound in re.findall(r"\{\d*,?(\d+)\}", patterns)]
        self.longest_run = max([2, *(count + 1 for count in counts)])
        bare = re.sub(r"\\[pP]\{[^}]*\}|\\.|\[(?![A-Za-z]+\])(?:\\.|[^\]\\])*\]|\(\?[a-z]+:", "", counted)
        letters = set(re.findall("[A-Za-z]", bare))
        self.any_case = "(?i" in patterns
        self.literals = letters | {letter.upper() for letter in letters} if self.any_case else letters
        self.quote_probes = sorted(
            {*letters, *re.findall("(?=([a-z]{2}))", LETTERS.sub("", bare)), *(2 * letter for letter in letters)}
        )
        self.quote = "'" if "'" in bare and letters else ""
        self._texts = [_decode(token) for token in tokens]
        self.heads = np.array([found is not None and found[0] for found in self._texts], bool)
        self._classify({character for found in self._texts if found for character in found[1]})
        self._shapes()
        self._options: dict[Place, tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]] = {}
        self._verdicts: dict[tuple[Place, str], tuple[bool, bool]] = {}
        self._heads: dict[tuple[Place, str], tuple[bool, bool]] = {}
        self._after: dict[tuple[Place, str, int], Place] = {}
        self._cuts: dict[str, frozenset[int]] = {}

    # --- classes of characters -------------------------------------------------------------------------------------

    def _classify(self, characters: set[str]) -> None:
        """One representative for all characters that no atom of the patterns tells apart."""
        everyone = sorted(characters | {chr(code) for code in range(128)} | set("éÉア漢1٣़️😀\u2028\u3000"))
        signature = dict.fromkeys(everyone, 0)
        for number, atom in enumerate(self.atoms):
            for character in _members(atom, everyone):
                signature[character] |= 1 << number
        self._signature = signature
        self._representative: dict[int, str] = {}
        for character in sorted(everyone, key=lambda c: (c in self.literals, not c.isalnum(), c)):
            self._representative.setdefault(signature[character], character)
        self._beyond = sorted({self.representative(c) for c in everyone if ord(c) > 127})
        singles = sorted(set(self._representative.values()) | ({"'"} if self.quote else set()))
        self.probes = ["", *singles]
        self.space_probes = [space + more for space in singles if space.isspace() for more in ("a", "!", "\n")]
        self._table = {ord(c): self._representative[found] for c, found in signature.items()}

    def representative(self, character: str) -> str:
        """The character that stands for its class."""
        found = self._signature.get(character)
        if found is None:
            found = sum(1 << number for number, atom in enumerate(self.atoms) if _members(atom, [character]))
            self._signature[character] = found
            self._representative.setdefault(found, character)
        return self._representative[found]

    def _spell(self, text: str, before: str = "") -> str:
        """`text` in representatives, runs shortened; quotes and letters as they are where they may be a contraction."""
        if not self.quote or (self.quote not in text and self.quote not in before[-2:]):
            if not all(map(self._table.__contains__, map(ord, text))):
                self._table.update({ord(character): self.representative(character) for character in text})
            return RUN.sub(self._shorten, text.translate(self._table))
        out = before
        for number, character in enumerate(text):
            if character == self.quote:
                is_edge = number < 2 or number >= len(text) - 2 or text[number + 1] in self.literals
                one = character if is_edge else self.representative("!")
            elif character in self.literals and self.quote in out[-2:]:
                one = character.lower() if self.any_case else character
            else:
                one = self.representative(character)
            longest = self.longest_run if one.isdigit() else 2
            if one == self.quote or not out.endswith(one * longest, len(before)):
                out += one
        return out[len(before) :]

    def _shorten(self, run: re.Match[str]) -> str:
        return run[1] * min(len(run[0]), self.longest_run if run[1].isdigit() else 2)

    # --- shapes of tokens ------------------------------------------------------------------------------------------

    def _shapes(self) -> None:
        """Tokens that look the same to the patterns, in two ways: anywhere, and right after a quote."""
        plain: dict[str, int] = {}
        quoted: dict[str, int] = {}
        n = len(self._texts)
        self.shape_of, self.quoted_shape_of = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
        for token, found in enumerate(self._texts):
            if found is None or found[0]:
                continue
            shape = self._spell(found[1]) + (PARTIAL if found[2] else "")
            self.shape_of[token] = plain.setdefault(shape, len(plain))
            if self.quote and not self.literals.isdisjoint(found[1][:2]):
                shape = self._spell(found[1], self.quote) + (PARTIAL if found[2] else "")
            self.quoted_shape_of[token] = quoted.setdefault(shape, len(quoted))
        self.shapes, self.quoted_shapes = list(plain), list(quoted)
        self.resuming = np.flatnonzero(self.heads)

    def shape(self, place: Place, token: int) -> str | None:
        """What a token adds to the tail; None where its bytes cannot follow."""
        found = self._texts[token]
        if found is None:
            return None
        if not place.partial:
            if found[0]:
                return None
            table, names = (
                (self.quoted_shape_of, self.quoted_shapes) if self._is_quoted(place) else (self.shape_of, self.shapes)
            )
            return names[table[token]]
        joined = _decode(place.partial + found[3])
        if joined is None or joined[0] or not found[0]:
            return None
        return self._spell(joined[1], place.tail) + (PARTIAL if joined[2] else "")

    def _is_quoted(self, place: Place) -> bool:
        return bool(self.quote) and self.quote in place.tail[-2:]

    # --- questions -------------------------------------------------------------------------------------------------

    def verdict(self, place: Place, token: int) -> tuple[bool, bool]:
        """(may go on in the same word, may begin a new one) of one token, for some text to come."""
        shape = self.shape(place, token)
        return (False, False) if shape is None else self._judge(place, shape)

    def options(self, place: Place) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """The verdicts of all tokens: uint8[n], uint8[n].  Some ms where a place is new."""
        found = self._options.get(place)
        if found is not None:
            return found
        n = len(self._texts)
        if place.partial:
            joined, cut = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
            for token in self.resuming.tolist():
                joined[token] = self.verdict(place, token)[0]
        else:
            is_quoted = self._is_quoted(place)
            names = self.quoted_shapes if is_quoted else self.shapes
            table = self.quoted_shape_of if is_quoted else self.shape_of
            verdicts = np.array([self._judge(place, shape) for shape in names] + [(False, False)], np.uint8)
            joined, cut = verdicts[table, 0], verdicts[table, 1]
        self._options[place] = joined, cut
        return joined, cut

    def _judge(self, place: Place, shape: str) -> tuple[bool, bool]:
        key = (place, shape)
        found = self._verdicts.get(key)
        if found is None:
            found = self._verdicts[key] = self._judged(place, shape)
        return found

    def _judged(self, place: Place, shape: str) -> tuple[bool, bool]:
        start = len(place.tail)
        if start and len(shape) > SHORT and not place.partial and PARTIAL not in shape[:SHORT]:
            # What comes first decides whether there is a cut before the token; then it is as at the begin of a text.
            head = shape[:SHORT]
            can_join, can_cut = self._heads.get((place, head)) or self._head(place, head)
            can_cut = can_cut and self._judge(Place(), shape)[1]
            if not can_join:
                return False, can_cut
            return any(start not in cuts for cuts in self._futures(place, shape)), can_cut
        can_join = can_cut = False
        for cuts in self._futures(place, shape):
            if not start or start in cuts:
                can_cut = True
            else:
                can_join = True
            if can_join and can_cut:
                break
        return (can_join or can_cut, False) if place.partial else (can_join, can_cut)

    def _head(self, place: Place, head: str) -> tuple[bool, bool]:
        """The verdict on a cut before the first characters of a token; what follows in the token is left open."""
        start, can_join, can_cut = len(place.tail), False, False
        for probe in self._probes(place.tail + head):
            cuts = self._cuts_of(place.tail + head + probe)
            if all((position in cuts) == (kind == CUT) for position, kind in place.joints):
                can_cut |= start in cuts
                can_join |= start not in cuts
        self._heads[place, head] = can_join, can_cut
        return can_join, can_cut

    def _futures(self, place: Place, shape: str) -> Iterator[frozenset[int]]:
        """The cuts for every text to come that keeps the new token whole, and the joints as they were taken."""
        start = len(place.tail)
        text = place.tail + shape.removesuffix(PARTIAL)
        for last in self._beyond if shape.endswith(PARTIAL) else [""]:
            whole = text + last
            settled = len(whole.rstrip()) - SHORT  # cuts up to here do not depend on what comes
            for number, probe in enumerate(self._probes(whole)):
                cuts = self._cuts_of(whole + probe)
                broken = [position for position in cuts if start < position < len(whole)]
                if not broken and all((position in cuts) == (kind == CUT) for position, kind in place.joints):
                    yield cuts
                elif number == 1 and any(position < settled for position in broken):
                    break

    def _probes(self, text: str) -> list[str]:
        found = self.probes
        if text and text[-1].isspace():
            found = found + self.space_probes
        if self.quote and self.quote in text[-2:]:
            found = found + self.quote_probes
        return found

    def _cuts_of(self, text: str) -> frozenset[int]:
        """Where words end."""
        found = self._cuts.get(text)
        if found is None:
            if len(self._cuts) > 50_000:
                self._cuts.clear()
            if self._pattern is not None:
                found = frozenset([match.end() for match in self._pattern.finditer(text)])
            else:
                found = frozenset([span[1] for _, span in self.pre_tokenizer.pre_tokenize_str(text)])
            self._cuts[text] = found
        return found

    def may_end(self, place: Place) -> bool:
        """Whether the text may end here: every joint is as taken for granted when nothing follows."""
        if place.partial:
            return False
        cuts = self._cuts_of(place.tail)
        return all((position in cuts) == (kind == CUT) for position, kind in place.joints)

    def after(self, place: Place, token: int, kind: int) -> Place:
        """The place after a token whose joint to the text before is CUT, JOINED, or FREE: either."""
        shape = self.shape(place, token)
        assert shape is not None
        key = (place, shape, kind)
        known = self._after.get(key)
        if known is None:
            known = self._after[key] = self._settle(place, shape, kind)
        if not shape.endswith(PARTIAL):
            return known
        found = _decode(place.partial + self._texts[token][3])  # type: ignore[index]
        assert found is not None
        return known._replace(partial=found[2])

    def _settle(self, place: Place, shape: str, kind: int) -> Place:
        """Drop what nothing to come can change."""
        joint = len(place.tail)
        body, is_partial = shape.removesuffix(PARTIAL), shape.endswith(PARTIAL)
        tail = place.tail + body
        taken = {} if kind == FREE or not joint or place.partial else {joint: kind}
        inside = range(joint + 1, len(tail) + (is_partial and bool(body)))
        joints = {**dict(place.joints), **taken, **dict.fromkeys(inside, JOINED)}
        ends = [tail + more for more in (self._beyond if is_partial else [""])]
        every = [self._cuts_of(end + probe) for end in ends for probe in self._probes(end)]
        last = len(tail) - is_partial
        sure = {at for at, known in joints.items() if all((at in cuts) == (known == CUT) for cuts in every)}
        doubtful = min((at for at in joints if at not in sure), default=last)
        common = frozenset.intersection(*every)
        start = max((at for at in common if at <= min(last, doubtful)), default=0)
        kept = tuple((at - start, known) for at, known in sorted(joints.items()) if at > start and at not in sure)
        tail = tail[start:]
        first = max(0, kept[0][0] - 1) if kept else len(tail)
        short = self._spell(tail[:first])[-MOST_UNSETTLED:]
        moved = len(short) - first
        return Place(short + tail[first:], tuple((at + moved, known) for at, known in kept))


def _decode(token: bytes) -> tuple[bool, str, bytes, bytes] | None:
    """(begins inside a character, its complete characters, the first bytes of an incomplete one, all its bytes).

    None for no text, and for bytes that occur in no UTF-8.
    """
    if not token:
        return None
    start = 0
    while start < min(3, len(token)) and 0x80 <= token[start] < 0xC0:
        start += 1
    rest = token[start:]
    try:
        return start > 0, rest.decode(), b"", token
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return None
        return start > 0, rest[: error.start].decode(), rest[error.start :], token


def _members(atom: str, characters: Sequence[str]) -> set[str]:
    """The characters that match one atom of a pattern, by the library's own engine of patterns."""
    from tokenizers import Regex, pre_tokenizers

    lines = [character for character in characters if not "\ud800" <= character <= "\udfff"]
    text = "".join(lines)
    try:
        split = pre_tokenizers.Split(Regex(atom), SEPARATE)
    except Exception as error:  # the library raises a bare Exception
        raise ValueError(f"its pre-tokeniser has a pattern that cannot be read: {atom!r}") from error
    left = {character for piece, _ in split.pre_tokenize_str(text) for character in piece}
    return set(lines) - left


def _compiled(pattern: str) -> Any:
    """The pattern for the `regex` library, ten times quicker than asking the tokenizer; None if there is none.

    Only representatives are shown to it, which are alike in both engines: `_classify` asks the tokenizer's own.
    """
    try:
        import regex  # type: ignore[import-untyped]  # comes with transformers
    except ImportError:
        return None
    return regex.compile(pattern)


def _patterns(part: dict[str, Any]) -> list[str]:
    """The patterns of a pre-tokeniser, given as its JSON.  ValueError for a part that is not known."""
    kind = part.get("type")
    if kind == "Sequence":
        return [pattern for inner in part["pretokenizers"] for pattern in _patterns(inner)]
    if kind == "Split":
        pattern = part["pattern"]
        return [pattern["Regex"] if "Regex" in pattern else re.escape(pattern["String"])]
    if kind == "ByteLevel":
        if part.get("add_prefix_space"):
            raise ValueError("its pre-tokeniser puts a space before every text")
        return [BYTE_LEVEL] if part.get("use_regex", True) else []
    if kind == "Digits":
        return [r"\p{N}"]
    raise ValueError(f"its pre-tokeniser has a step whose cuts are not known: {kind}")
