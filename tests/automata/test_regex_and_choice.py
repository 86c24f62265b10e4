"""guided.regex and guided.choice, and the collected bad inputs as far as an automaton alone can judge them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from guided.constraints.choice import choice
from guided.constraints.regex import regex
from guided.errors import ConstraintError, GuidedError, LimitExceeded, RegexSyntaxError


@pytest.mark.parametrize("pattern", ["a$b", r"[^\s\S]", "(?=a)b", "a(?!.*)", "^a^b", r"a\Zb"])
def test_patterns_that_match_nothing_are_errors(pattern: str) -> None:
    with pytest.raises(RegexSyntaxError, match="no text at all"):
        regex(pattern)


def test_regex_constraints_combine_exactly() -> None:
    both = regex(r"[a-z]+") & regex(r".*x.{3}")
    assert both.accepts("axabc") and not both.accepts("axab") and not both.accepts("1xabc")
    either = regex("a+") | choice(["b", "bc"])
    assert either.accepts("aa") and either.accepts("bc") and not either.accepts("c")
    with pytest.raises(ConstraintError, match="no member"):
        (regex("a") & regex("b")).recognizer()


def test_choice_takes_exactly_its_options() -> None:
    options = ["yes", "no", "yes", "ye", "", "ünï", "\x00", "a|b", "漢字", "\U0001f600!"]
    constraint = choice(options)
    for text in [*options, "y", "yess", "n", "A|B", "a", "|"]:
        assert constraint.accepts(text) == (text in options)
    assert constraint.explain()["options"] == 9


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "at least one"),
        (["a", 5], "option 1 is not a str"),
        (["a", "b\ud800"], "option 1 .* U\\+D800"),
        ("yes", "list of texts"),
    ],
)
def test_bad_options_are_named(options: Any, reason: str) -> None:
    with pytest.raises(ConstraintError, match=reason):
        choice(options)


def test_a_hundred_thousand_options() -> None:
    dfa = choice(f"choice number {i}" for i in range(100_000)).recognizer()
    assert dfa.accepts("choice number 99999") and not dfa.accepts("choice number 100000")
    assert dfa.completion(dfa.run(dfa.start, b"choice number 1234")) == b""


@pytest.mark.parametrize(
    "pattern",
    [
        "a{1,2147483647}",
        "(a{1,1000}){1,1000}",
        "((a{1,100}b?){1,100}c?){1,100}",
        "(a|aa){0,1000}",
        "(.*a){30}",
        "(a|b)*a(a|b){30}",
        "(a?){60}a{60}",
        r"[\s\S]{500}x[\s\S]{500}",
        "(a*b*){1,500}c",
        "((a?){9}(b?){9}){9}",
        "(a{0,50}){7,9}{0}b|(a?){3}a*",
        "(x+x+)+y|a*",
        "((((((a?){2}b?){2}c?){2}){2}){2}){2}",
        "(?=.{0,20}a)[ab]*",
        "(a|(?=b)b){1,40}",
        "(^|a){1,50}($|b){0,50}",
    ],
)
def test_costly_patterns_are_bounded_work(pattern: str) -> None:
    """Compiling and reading 300 bytes makes few states, or a LimitExceeded; this test would hang otherwise."""
    try:
        dfa = regex(pattern).recognizer()
        dfa.run(dfa.start, b"ab" * 150)
        dfa.run(dfa.start, b"a" * 300)
        assert dfa.n_states < 20_000
    except RegexSyntaxError:
        assert "}{0}" in pattern  # a multiple repeat
    except LimitExceeded:
        assert pattern.startswith("(?=")


# ---- the collected cases ----


def cases(folder: Path) -> list[dict[str, Any]]:
    spec = importlib.util.spec_from_file_location("expand", folder / "expand.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = [json.loads(line) for line in (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{**case, "input": module.expand(case["input"])} for case in found if case["kind"] in ("regex", "choice")]


@pytest.mark.data
def test_collected_cases(shared_data: Path) -> None:
    folder = shared_data.parent / "reliability"
    if not folder.is_dir():
        pytest.skip(f"the collected cases are not at {folder}")
    checked = 0
    for case in cases(folder):
        checked += 1
        try:
            constraint = regex(case["input"]) if case["kind"] == "regex" else choice(json.loads(case["input"]))
            constraint.recognizer()
        except GuidedError:
            assert case["expect"] != "accept", case["id"]
            continue
        assert case["expect"] != "error", case["id"]
        for text in case.get("must_accept", []):
            assert constraint.accepts(text), (case["id"], text)
        for text in case.get("must_reject", []):
            assert not constraint.accepts(text), (case["id"], text)
    assert checked > 50
