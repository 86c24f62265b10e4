"""Indented blocks: guided.cfg(postlex=...) accepts exactly what Lark parses with its Indenter, and no dead ends."""

from __future__ import annotations

import itertools

import lark
import pytest
from lark.indenter import Indenter

import guided
from guided._fast import DEAD
from tests.oracle.brute_mask import brute_mask, ids_of

RULES = 'start: (_NL | stmt)*\nstmt: e _NL | "b" _NL _INDENT stmt+ _DEDENT\n%declare _INDENT _DEDENT\n'
PLAIN = RULES + 'e: "a"\n_NL: /(\\n[\\t ]*)+/'
BRACKETS = RULES + 'e: "a" | LPAR e* RPAR\nLPAR: "("\nRPAR: ")"\n_NL: /(\\n[\\t ]*)+/\n%ignore " "'
COMMENTS = RULES + 'e: "a"\n_NL: ( /\\n[\\t ]*/ | C )+\nC: /#[^\\n]*/\n%ignore " "\n%ignore C'
CASES = {
    "plain": (PLAIN, "ab\n ", 6),
    "brackets": (BRACKETS, "ab()\n ", 5),
    "comments": (COMMENTS, "ab\n #", 5),
    "tabs": (PLAIN, "ab\n \t", 5),
}


class Blocks(Indenter):
    NL_type = "_NL"
    OPEN_PAREN_types = ["LPAR"]  # noqa: RUF012
    CLOSE_PAREN_types = ["RPAR"]  # noqa: RUF012
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 2


def parses(parser: lark.Lark, text: str) -> bool:
    try:
        parser.parse(text)
    except (lark.exceptions.LarkError, IndexError, AssertionError):
        return False
    return True


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_short_text_is_judged_as_lark_judges_it(name):
    grammar, alphabet, longest = CASES[name]
    parser = lark.Lark(grammar, parser="lalr", postlex=Blocks())
    recognizer = guided.cfg(grammar, postlex=Blocks()).recognizer()
    for length in range(longest + 1):
        for letters in itertools.product(alphabet, repeat=length):
            text = "".join(letters)
            state = recognizer.run(recognizer.start, text.encode())
            assert parses(parser, text) == (state != DEAD and recognizer.is_accepting(state)), text
            if state != DEAD:
                assert parses(parser, text + recognizer.completion(state).decode()), text


TOKENS = [bytes([byte]) for byte in range(256)] + [
    b"\n" + b" " * n + rest for n in range(5) for rest in (b"", b"a", b"b\n", b"a\n")
] + [b"a\n\n  b", b"\n\ta", b"(a\n a)", b"# \n", b"a # x\n  ", b"))\na", b"\n (a"]  # fmt: skip
VOCAB = guided.Vocabulary(TOKENS, eos_ids={len(TOKENS)}, size=len(TOKENS) + 1)


@pytest.mark.parametrize("text", ["", "b\n", "b\n  a\n", "b\n b\n  a", "b\n b\n   b\n    a\n  ", "b\n (a\n", "((a"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_masks_are_those_of_asking_every_token(name, text):
    if "(" in text and name != "brackets":
        text = text.replace("(", "")
    constraint = guided.cfg(CASES[name][0], postlex=Blocks())
    matcher = guided.Matcher(constraint, VOCAB)
    for byte in text.encode():
        matcher.advance(byte)
    assert ids_of(matcher.mask(), VOCAB.size) == brute_mask(constraint.recognizer(), text.encode(), VOCAB)


def test_unbalanced_rules_are_refused():
    with pytest.raises(guided.GrammarError, match="balanced"):
        guided.cfg('start: "a" _NL _INDENT "b"\n_NL: /\\n */\n%declare _INDENT _DEDENT', postlex=Blocks())
    with pytest.raises(guided.GrammarError, match="no postlex"):
        guided.cfg(PLAIN, parser="earley", postlex=Blocks())
    with pytest.raises(guided.GrammarError, match="declared"):
        guided.cfg(PLAIN)
