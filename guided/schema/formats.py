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


def _label(most: int) -> str:
    """A label of a host name; none with "--" in third place, which would have to be decoded (xn--...)."""
    plain, any_ = "[A-Za-z0-9]", "[A-Za-z0-9-]"
    ends = rf"{plain}(?:{any_}?{plain})?|{plain}{any_}[A-Za-z0-9-]{plain}"
    return rf"(?:{ends}|{plain}{any_}(?:{plain}{any_}|-{plain}){any_}{{0,{most - 5}}}{plain})"


_LABEL, _SHORT_LABEL = _label(63), _label(30)
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

_VARCHAR = rf"(?:[A-Za-z0-9_]|{_ESCAPED})"
_VARSPEC = rf"{_VARCHAR}(?:\.?{_VARCHAR})*(?::[1-9][0-9]{{0,3}}|\*)?"
_URI_TEMPLATE = rf"(?:[!#$&(-;=?-Z\[\]_a-z~{_OTHER}]|{_ESCAPED}|\{{[+#./;?&=,!@|]?{_VARSPEC}(?:,{_VARSPEC})*\}})*"
_IDN_LABEL = r"[a-z0-9\u00E0-\u00F6\u00F8-\u00FF\u4E00-\u9FA5\uAC00-\uD7A3]"
_IDN_HOSTNAME = rf"(?:{_HOSTNAME}|{_IDN_LABEL}{{1,15}}(?:\.{_IDN_LABEL}{{1,15}}){{0,7}})"
_IDN_ATOM = _ATOM[:-2] + _OTHER + "-]"
_IDN_EMAIL = rf"{_IDN_ATOM}{{1,15}}(?:\.{_IDN_ATOM}{{1,8}}){{0,2}}@{_IDN_HOSTNAME}"


def _regex(depth: int) -> str:
    """Regular expressions of ECMA-262, groups nested up to `depth` deep; counts and ranges in their usual forms."""
    escape = r"\\(?:[dDwWsSnrtfv^$.|?*+()\[\]{}\\/-]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})"
    letters = rf"\[\^?(?:a-z|A-Z|0-9|[^\]\\\[-]|{escape})+-?\]"
    atom = rf"(?:[^\\^$.|?*+()\[\]{{}}\r\n]|\.|{escape}|{letters}"
    atom += rf"|\((?:\?[:=!])?{_regex(depth - 1)}\))" if depth else ")"
    sequence = rf"(?:\^|\$|\\[bB]|{atom}(?:(?:[*+?]|\{{[0-9]{{1,3}},?\}})\??)?)*"
    return rf"{sequence}(?:\|{sequence})*"


_PATTERNS: dict[str, str] = {
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
    "idn-email": _IDN_EMAIL,
    "idn-hostname": _IDN_HOSTNAME,
    "uri-template": _URI_TEMPLATE,
    "regex": _regex(2),
}

NAMES = frozenset(_PATTERNS)  # the formats of the standard; any other name is an annotation


@lru_cache(maxsize=64)
def tree(name: str) -> Node:
    """The strings of format `name`, one of NAMES."""
    node = parse.parse(_PATTERNS[name])
    if has_anchor(node):
        raise ValueError(f"the pattern of format {name!r} holds an anchor")
    return node
