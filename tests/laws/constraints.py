"""One or more constraints of every kind; the laws are tried on each."""

from __future__ import annotations

import guided
from guided import _fast
from guided.constraints.base import Constraint
from tests.oracle.distinct_words import DistinctWords


class EvenZeros:
    """Binary texts with an even number of zeros, ended by a full stop: a language written in Python."""

    start = "even"

    def step(self, state, byte):
        if state == "end":
            return None
        if byte == ord("0"):
            return "odd" if state == "even" else "even"
        if byte == ord("1"):
            return state
        return "end" if byte == ord(".") and state == "even" else None

    def is_accepting(self, state):
        return state == "end"


def machine(delimited: bool, exceptions: bool = False) -> Constraint:
    name = f"distinct words ({delimited=}, {exceptions=})"
    return Constraint(name, lambda: _fast.Machine(DistinctWords(delimited, exceptions)))


def external() -> Constraint:
    return Constraint("even zeros", lambda: _fast.External(EvenZeros()))


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "ab", 12]}, "maxItems": 3},
        "parent": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}

# The lexer must give back what it read too much ("abbbb" is A, B, B, ..); deep stacks are popped at once by "ca"
# or "c"; strings with a look-behind; keywords among names.
GIVES_BACK = 'start: (A | B | "-")+\nA: /a(b*c)?/\nB: /b|12?/'
POPS_ALL = 'start: x "c" "a"?\nx: "a" x | "b"'
QUOTED = """
start: "{" [pair ("," pair)*] "}"
pair: ESCAPED_STRING ":" (pair | ESCAPED_STRING | SIGNED_NUMBER | "true" | NAME)
NAME: /[a-z]+/
%import common (ESCAPED_STRING, SIGNED_NUMBER, WS)
%ignore WS
"""

ALL_CONSTRAINTS: dict[str, Constraint] = {
    "cfg gives back": guided.cfg(GIVES_BACK),
    "cfg pops all": guided.cfg(POPS_ALL),
    "cfg quoted": guided.cfg(QUOTED),
    "cfg json": guided.grammar("json"),
    "regex": guided.regex(r"(abc|ab)*c?-\d{2,4}"),
    "regex unicode": guided.regex(r"[^\W\d_]+(日本|🙂)?"),
    "regex counted": guided.regex(r".{3,40}|(ab?){0,20}!"),
    "regex lookahead": guided.regex(r"(?=.*b)(?!.*ca)[a-c]{2,8}"),
    "choice": guided.choice(["yes", "no", "note", "日本", "日曜", "the end"]),
    "intersection": guided.regex(r"[ab]*c") & guided.regex(r"(..)*"),
    "union": guided.regex(r"ab*") | guided.choice(["no", "abc"]),
    "external": external(),
    "product of external": external() & guided.regex(r"[01]{0,9}\."),
    "union of external": external() | guided.regex(r"0+a"),
    "machine delimited": machine(True),
    "machine undelimited": machine(False),
    "machine with exceptions": machine(True, True),
    "machine or regex": machine(True) | guided.regex(r"[ab]{2}x"),
    "json object": guided.json_schema(PERSON),
    "json free object": guided.json_schema({"type": "object"}),
    "json numbers": guided.json_schema({"type": "array", "items": {"type": "number", "minimum": -1.5, "maximum": 20}}),
    "json string": guided.json_schema({"type": "string", "pattern": "^[a-z]{2,5}$"}),
    "json anything": guided.json_schema({}),
}
