"""Which terminals of a grammar can read the same text, an example of it, and which one Lark prefers: for explain().

Not asked while writing: the automaton of the lexers knows who wins.  Terminals are compared as plain languages, by the
regular expressions of floor 2; those that they cannot express are not compared, and are named.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from guided import _fast
from guided.automata.compile import compile_dfa
from guided.automata.parse import parse
from guided.automata.syntax import Both, Literal, Node
from guided.context_free.source import Source, is_string, retypes
from guided.errors import GuidedError
from guided.limits import Limits

MOST_TERMINALS = 60  # compared with each other; a pair takes about a millisecond
LIMITS = Limits(max_dfa_states=2_000, max_nfa_states=20_000)


def collisions(source: Source) -> dict[str, Any]:
    """{"collisions": [{"preferred", "other", "example"}, ..], "keywords": {pattern: [strings]}, "not_compared": [..]}.

    keywords : strings that a pattern terminal of the same priority reads too; Lark takes such a lexeme for the string.
    """
    nodes: dict[str, Node] = {}
    skipped = [terminal.name for terminal in source.terminals[MOST_TERMINALS:]]
    for terminal in source.terminals[:MOST_TERMINALS]:
        try:
            plain = is_string(terminal) and not terminal.pattern.flags
            nodes[terminal.name] = (
                Literal(terminal.pattern.value) if plain else parse(terminal.pattern.to_regexp(), limits=LIMITS)
            )
        except GuidedError:
            skipped.append(terminal.name)
    keywords = {name: [string for string, _ in strings] for name, strings in retypes(source).items()}
    found = []
    for preferred, other in combinations(nodes, 2):
        if other in keywords.get(preferred, ()) or preferred in keywords.get(other, ()):
            continue
        try:
            both = compile_dfa(Both((nodes[preferred], nodes[other])), limits=LIMITS)
        except GuidedError:
            skipped.append(f"{preferred} with {other}")
            continue
        example = both.completion(both.start) if both.start != _fast.DEAD else None
        if example is not None:
            shown = example.decode("utf-8", "replace")
            found.append({"preferred": preferred, "other": other, "example": shown})
    return {"collisions": found, "keywords": keywords, "not_compared": skipped}
