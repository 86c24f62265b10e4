"""`format`: what may be written for each name, as regular languages of whole strings.

Narrower than the standards in places, never wider, so that what is written is always valid: no leap seconds, years
1 to 9999, no quoted local parts in addresses, and host names of ordinary length.
"""

from __future__ import annotations

from functools import lru_cache

from guided.automata import parse
from guided.automata.syntax import Node
from guided.schema.trees import has_anchor

_YEAR = r"(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DATE = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    rf"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)"
)
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = rf"{_CLOCK}:[0-5][0-9](?:\.[0-9]{{1,9}})?(?:[Zz]|[+-]{_CLOCK})"
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_H = r"[0-9A-Fa-f]{1,4}"
_LAST = rf"(?:{_H}:{_H}|{_IPV4})"
_IPV6 = (
    "(?:"
    + "|".join(
        (
            rf"(?:{_H}:){{6}}{_LAST}",
            rf"::(?:{_H}:){{5}}{_LAST}",
            rf"(?:{_H})?::(?:{_H}:){{4}}{_LAST}",
            rf"(?:(?:{_H}:){{0,1}}{_H})?::(?:{_H}:){{3}}{_LAST}",
            rf"(?:(?:{_H}:){{0,2}}{_H})?::(?:{_H}:){{2}}{_LAST}",
            rf"(?:(?:{_H}:){{0,3}}{_H})?::{_H}:{_LAST}",
            rf"(?:(?:{_H}:){{0,4}}{_H})?::{_LAST}",
            rf"(?:(?:{_H}:){{0,5}}{_H})?::{_H}",
            rf"(?:(?:{_H}:){{0,6}}{_H})?::",
        )
    )
    + ")"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SHORT_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,28}[A-Za-z0-9])?"
_HOSTNAME = rf"(?:{_LABEL}(?:\.{_LABEL}){{0,2}}|{_SHORT_LABEL}(?:\.{_SHORT_LABEL}){{0,7}})"  # at most 253 characters
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LOCAL = rf"{_ATOM}{{1,31}}(?:\.{_ATOM}{{1,15}}){{0,2}}"  # at most 64 characters
_EMAIL = rf"{_LOCAL}@{_HOSTNAME}"
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_PLAIN = r"[A-Za-z0-9._~!$&'()*+,;=-]"
_OTHER = r"\u00A0-\uD7FF\uF900-\uFDCF\uFDF0-\uFFEF\U00010000-\U0001FFFD\U00020000-\U0002FFFD"


def _uri(plain: str, *, is_reference: bool) -> str:
    """RFC 3986 (or 3987, with more plain characters)."""
    character = rf"(?:{plain}|{_ESCAPED})"
    path_character = rf"(?:{plain}|[:@]|{_ESCAPED})"
    host = rf"(?:\[{_IPV6}\]|{character}*)"
    authority = rf"//(?:(?:{character}|:)*@)?{host}(?::[0-9]{{0,5}})?"
    rest = rf"(?:/{path_character}*)*"
    tail = rf"(?:\?(?:{path_character}|[/?])*)?(?:#(?:{path_character}|[/?])*)?"
    hierarchy = rf"(?:{authority}{rest}|/(?:{path_character}+{rest})?|{path_character}+{rest}|)"
    absolute = rf"[A-Za-z][A-Za-z0-9+.-]*:{hierarchy}{tail}"
    if not is_reference:
        return absolute
    first = rf"(?:{plain}|@|{_ESCAPED})+"  # no colon, or it would be a scheme
    relative = rf"(?:{authority}{rest}|/(?:{path_character}+{rest})?|{first}{rest}|){tail}"
    return rf"(?:{absolute}|{relative})"


_IRI_PLAIN = _PLAIN[:-1].removesuffix("-") + _OTHER + "-]"
_POINTER = r"(?:/(?:[^/~]|~[01])*)*"
_TIME_PART = r"T(?:[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S)"
_DAY_PART = r"(?:[0-9]{1,9}Y(?:[0-9]{1,9}M(?:[0-9]{1,9}D)?)?|[0-9]{1,9}M(?:[0-9]{1,9}D)?|[0-9]{1,9}D)"

_PATTERNS: dict[str, str | None] = {
    "date": _DATE,
    "time": _TIME,
    "date-time": rf"{_DATE}[Tt]{_TIME}",
    "duration": rf"P(?:{_DAY_PART}(?:{_TIME_PART})?|{_TIME_PART}|[0-9]{{1,9}}W)",
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "email": _EMAIL,
    "hostname": _HOSTNAME,
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "uri": _uri(_PLAIN, is_reference=False),
    "uri-reference": _uri(_PLAIN, is_reference=True),
    "iri": _uri(_IRI_PLAIN, is_reference=False),
    "iri-reference": _uri(_IRI_PLAIN, is_reference=True),
    "json-pointer": _POINTER,
    "relative-json-pointer": rf"(?:0|[1-9][0-9]{{0,9}})(?:#|{_POINTER})",
    "idn-email": None,
    "idn-hostname": None,
    "uri-template": None,
    "regex": None,
}

NAMES = frozenset(_PATTERNS)  # the formats of the standard; any other name is an annotation


@lru_cache(maxsize=64)
def tree(name: str) -> Node | None:
    """The strings of format `name`; None if it is not supported."""
    pattern = _PATTERNS[name]
    if pattern is None:
        return None
    node = parse.parse(pattern)
    if has_anchor(node):
        raise ValueError(f"the pattern of format {name!r} holds an anchor")
    return node
