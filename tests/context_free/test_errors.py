"""Grammars that cannot be compiled say what is wrong, and where; nothing hangs."""

from __future__ import annotations

import pytest

import guided

# text, part of the message, line, column (0: any)
WRONG = [
    ("", "no rule 'start'", 1, 1),
    ('foo: "a"', "no rule 'start'", 1, 0),
    ("start: bar", "'bar' used but not defined", 1, 8),
    ('start: "a"\n  | x BAR\nx: "b"', "'BAR' used but not defined", 2, 7),
    ('start: "a', "line 1", 1, 8),
    ('start: "x"\nfoo: ("a"', "line 2", 2, 0),
    ("start: A\nA: /(/", "terminal A", 1, 8),
    ('start: "a"~3..1', "Bad Range", 1, 0),
    ("start: A\nA: B\nB: A", "Recursion in terminal", 1, 0),
    ("%declare X\nstart: X", "terminal X is declared, but nothing says what it looks like", 1, 10),
    ('start: "a" start', "no finite text fits rule start", 1, 1),
    ("start: x\nx: x", "no finite text fits rule start", 1, 1),
    ("start: A A\nA: /a+/", "no text fits rule start", 1, 1),
    ('start: A "x"\nA: /a*/', "can match the empty text", 1, 8),
    ("start: A\nA: /a(?=b)/", "no text fits", 1, 1),
    ("start: A\nA: /(?<=a(?=b))b/", "look-ahead inside a look-behind", 1, 8),
    ("start: A\nA: /(a)\\1/", "cannot refer", 1, 8),
    ("%import .etc.passwd.X\nstart: X", "cannot import", 1, 0),
    ("start: " + "(" * 60_000 + '"a"' + ")" * 60_000, "nested brackets", 1, 0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "line", "column"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_grammar_is_told_what_and_where(text, message, line, column):
    with pytest.raises(guided.GrammarError) as caught:
        guided.cfg(text)
    assert message in str(caught.value)
    assert caught.value.line == line
    assert column in (0, caught.value.column)


def test_a_grammar_that_is_not_lalr_is_refused_only_where_lalr_is_asked_for():
    text = 'start: a | b\na: "x"\nb: "x"'
    assert guided.cfg(text).accepts("x")
    with pytest.raises(guided.GrammarError, match="not LALR"):
        guided.cfg(text, parser="lalr")


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ('start: A "c"\nA: /(a|b)*a(a|b){25}/', "max_dfa_states"),
        ('start: "' + "x" * 300_000 + '"', "max_dfa_states"),
        ("start: r0\n" + "".join(f"r{k}: r{k + 1}\n" for k in range(20_000)) + 'r20000: "a"', "max_grammar_rules"),
        ("start: A\nA: /" + "(" * 5 + "[a-z]{1000}" + "){1000}" * 5 + "/", "max_nfa_states"),
    ],
)
def test_what_is_too_large_says_which_limit(text, limit):
    with pytest.raises(guided.LimitExceeded) as caught:
        guided.cfg(text)
    assert caught.value.limit == limit


def test_a_file_may_import_its_neighbours(tmp_path):
    (tmp_path / "words.lark").write_text("WORD: /[a-z]+/")
    (tmp_path / "main.lark").write_text('start: WORD ("," WORD)*\n%import .words.WORD')
    assert guided.cfg(tmp_path / "main.lark").accepts("a,b")
    assert guided.cfg(str(tmp_path / "main.lark")).accepts("abc")
    with pytest.raises(guided.GrammarError, match="cannot be read"):
        guided.cfg(tmp_path / "missing.lark")


def test_explain_says_which_parser_and_which_conflicts():
    explained = guided.cfg('start: "a"').explain()
    assert explained["parser"] == "lalr, contextual lexer"
    assert explained["conflicts"] is None
    lossy = guided.cfg('start: a "x" | a "y"\na: "x"*', parser="lalr")
    assert "Shift/Reduce" in lossy.explain()["conflicts"]
    assert not lossy.accepts("x")
    assert lossy.accepts("xy")
