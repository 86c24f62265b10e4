"""The command line: answers, exit codes, and messages without a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from guided.cli import app, main
from guided.cli.complete import offset_of
from guided.cli.show import byte_set, place, spell

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture
def schema(tmp_path: Path) -> str:
    path = tmp_path / "person.json"
    path.write_text(json.dumps(SCHEMA))
    return str(path)


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def run_json(*arguments: str, stdin: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run(*arguments, "--json", stdin=stdin).stdout)
    return answer


def test_a_text_that_matches_exits_with_0() -> None:
    done = run("match", "--regex", r"\d{4}-\d{2}", "2026-11")
    assert (done.exit_code, done.stdout) == (0, "match: all 7 bytes\n")


def test_match_names_the_first_failing_byte_and_what_was_allowed_there() -> None:
    done = run("match", "--regex", r"\d{4}-\d{2}", "2026/11", "--json")
    assert done.exit_code == 1
    answer = json.loads(done.stdout)
    assert (answer["match"], answer["reason"], answer["offset"], answer["byte"]) == (False, "byte", 4, ord("/"))
    assert answer["allowed"] == ["-"]
    shown = run("match", "--regex", r"\d{4}-\d{2}", "2026/11").stdout
    assert "byte 4 of 7" in shown
    assert "  2026/11\n      ^\n" in shown
    assert "allowed here: -" in shown


def test_match_says_when_a_text_ends_too_early_and_how_it_could_end() -> None:
    answer = run_json("match", "--regex", "a(bc)+", "ab")
    assert (answer["reason"], answer["offset"], answer["completion"]) == ("end", 2, "c")
    assert "more must follow" in run("match", "--regex", "a(bc)+", "ab").stdout


def test_match_says_that_the_text_could_have_ended() -> None:
    answer = run_json("match", "--choice", "yes,no", "nope")
    assert (answer["offset"], answer["may_end"], answer["allowed"]) == (2, True, [])
    assert "allowed here: the end of the text" in run("match", "--choice", "yes,no", "nope").stdout


def test_choices_are_separated_by_commas_or_repeated_and_may_be_quoted() -> None:
    for text in ("a", "b", "c,d"):
        assert run("match", "--choice", 'a,"c,d"', "--choice", "b", text).exit_code == 0
    assert run("match", "--choice", "a,b", "a,b").exit_code == 1


def test_schema_comes_from_a_file_and_text_from_stdin_less_its_last_newline(schema: str) -> None:
    text = '{"name": "Ada", "age": 36}'
    assert run("match", "--schema", schema, "-", stdin=text + "\n").exit_code == 0
    assert run("match", "--schema", schema, "-", stdin=text[:-1] + "x\n").exit_code == 1
    assert run("match", "--regex", "a", "-", stdin="a\n").exit_code == 0
    assert run("match", "--regex", "a", "-", "--keep-newline", stdin="a\n").exit_code == 1
    assert run("match", "--schema", "-", text, stdin=json.dumps(SCHEMA)).exit_code == 0


def test_a_grammar_is_a_file_or_the_name_of_one_that_comes_along(tmp_path: Path) -> None:
    path = tmp_path / "sum.lark"
    path.write_text('start: NUMBER ("+" NUMBER)*\nNUMBER: /[0-9]+/\n')
    assert run("match", "--grammar", str(path), "1+23").exit_code == 0
    assert run_json("match", "--grammar", str(path), "1+x")["offset"] == 2
    assert run("match", "--grammar", "json", "[1, {}]").exit_code == 0
    assert run("match", "--grammar", "json", "[1, {]").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("match", "text"),
        ("match", "--regex", "a", "--choice", "b", "text"),
        ("match", "--schema", "-", "-"),
        ("match", "--regex", "a"),
        ("mask", "--regex", "a", "--limit", "-1"),
        ("generate", "prompt", "--temperature", "-1"),
        ("no-such-command",),
    ],
    ids=" ".join,
)
def test_bad_usage_exits_with_2_and_says_so_on_stderr(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.strip()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["match", "--regex", "a(b", "ab"], "RegexSyntaxError"),
        (["match", "--schema", "no-such-file.json", "1"], "no-such-file.json"),
        (["match", "--grammar", "no-such-grammar", "1"], "no-such-grammar"),
        (["mask", "--regex", "a", "--tokenizer", "no-such-folder"], "no tokenizer in no-such-folder"),
    ],
)
def test_bad_input_exits_with_2_and_one_message(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["guided", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    shown = capsys.readouterr()
    assert (end.value.code, shown.out) == (2, "")
    assert message in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("schema.json", ["match", "--schema", "{folder}/schema.json", "1"], "not JSON"),
        ("tokenizer.json", ["mask", "--regex", "a", "--tokenizer", "{folder}"], "cannot be read"),
        ("config.json", ["generate", "a", "--regex", "a", "--model", "{folder}"], "cannot be read"),
    ],
)
def test_a_damaged_file_exits_with_2_and_one_message(
    name: str,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / name).write_text("{")
    monkeypatch.setattr(sys, "argv", ["guided", *(argument.format(folder=tmp_path) for argument in arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    shown = capsys.readouterr()
    assert (end.value.code, shown.out) == (2, "")
    assert message in shown.err
    assert "Traceback" not in shown.err


def test_text_that_is_not_utf8_is_read_as_bytes() -> None:
    done = run("match", "--regex", "é", "-", stdin=b"\xc3\xff")
    assert done.exit_code == 1
    assert "byte 1 of 2 (0xFF)" in done.stdout


def test_mask_lists_the_tokens_that_may_follow_a_prefix() -> None:
    answer = run_json("mask", "--choice", "yes,no", "--prefix", "ye")
    assert [token["text"] for token in answer["tokens"]] == ["s"]
    assert (answer["allowed"], answer["may_end"]) == (1, False)
    ended = run_json("mask", "--choice", "yes,no", "--prefix", "no")
    assert (ended["allowed"], ended["may_end"], ended["tokens"]) == (0, True, [])
    assert ended["eos_ids"]


def test_mask_groups_many_tokens_by_their_first_byte() -> None:
    shown = run("mask", "--regex", "[a-z]*", "--limit", "0").stdout
    assert "tokens may follow; the text may end here" in shown
    assert "begin with" in shown
    answer = run_json("mask", "--regex", "[a-z]*", "--limit", "0")
    assert sum(answer["by_first_byte"].values()) == answer["allowed"] > 26
    assert set(answer["by_first_byte"]) == set("abcdefghijklmnopqrstuvwxyz")


def test_mask_of_a_prefix_of_no_text_exits_with_1_and_names_the_byte() -> None:
    done = run("mask", "--choice", "yes,no", "--prefix", "yeah")
    assert done.exit_code == 1
    assert "byte 2 of 4 (a)" in done.stdout


def test_explain_shows_a_shortest_text() -> None:
    answer = run_json("explain", "--regex", "x{3}y*")
    assert (answer["example"], answer["begins_with"]) == ("xxx", ["x"])
    assert "xxx" in run("explain", "--regex", "x{3}y*").stdout


def test_explain_says_what_a_schema_enforces_and_where(schema: str) -> None:
    shown = run("explain", schema).stdout
    assert "/properties/age: type  minimum/maximum" in shown
    path = Path(schema).with_name("other.json")
    path.write_text('{"properties": {"a": {"format": "color"}}}')
    assert "pointer: /properties/a/format" in run("explain", str(path)).stdout
    assert run("explain", schema, "--schema", schema).exit_code == 2
    assert run("explain", schema, "--regex", "a").exit_code == 2


def test_explain_names_terminals_that_collide(tmp_path: Path) -> None:
    path = tmp_path / "words.lark"
    path.write_text('start: (A | B | IF | ";")+\nA: /[a-f]+/\nB: /[e-z]{2}/\nIF: "if"')
    answer = run_json("explain", str(path))
    (collision,) = answer["collisions"]
    assert (collision["preferred"], collision["other"]) == ("A", "B")
    assert set(collision["example"]) <= {"e", "f"} and len(collision["example"]) == 2
    assert answer["keywords"] == {"B": ["IF"]}
    assert "preferred: A  other: B" in run("explain", str(path)).stdout
    assert isinstance(run("explain", str(tmp_path / "none.lark")).exception, FileNotFoundError)


def test_generate_writes_texts_that_match() -> None:
    answer = run_json("generate", "The answer is", "--choice", "yes,no", "-n", "2", "--seed", "1")
    assert all(out["text"] in {"yes", "no"} for out in answer["outputs"])
    assert len(answer["outputs"]) == 2
    assert run("generate", "-", "--choice", "yes", stdin="Say yes:\n").stdout == "yes\n"


def test_demo_writes_three_values_that_fit() -> None:
    answer = run_json("demo", "--seed", "0")
    assert len(answer["objects"]) == 3
    for made in answer["objects"]:
        assert isinstance(made["value"], dict)
        assert json.loads(made["text"]) == made["value"]
        assert 0 <= made["mass_removed"] <= 1
        assert made["tokens_per_second"] > 0


def test_bench_measures_in_positive_figures() -> None:
    assert all(value > 0 for value in run_json("bench").values())


def test_help_is_quick_and_loads_no_torch() -> None:
    program = (
        "import sys\nfrom guided.cli import main\nsys.argv = ['guided', '--help']\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "print('loaded', *sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "generate" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded"


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m guided mask --regex '.*' --limit 100000 | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=dict(os.environ), check=True)
    assert "Traceback" not in done.stderr


def test_byte_sets_are_told_in_ranges() -> None:
    assert byte_set(b'"') == ['"']
    assert byte_set(b"0123456789") == ["0-9"]
    assert byte_set(b"abc AB_\n") == ["newline", "space", "A", "B", "_", "a-c"]
    assert byte_set(range(0xC2, 0xF5)) == ["any character beyond ASCII"]
    assert byte_set(range(0x80, 0xC0)) == ["0x80-0xBF"]


def test_caret_stands_under_the_whole_character() -> None:
    assert place("aéb".encode(), 2) == "  aéb\n   ^"
    assert place(b"ab", 2) == "  ab\n    ^"
    assert place(b"a\nb", 2) == "  a\\nb\n     ^"


def test_a_long_text_is_cut_around_the_place() -> None:
    shown, caret = place(b"x" * 500 + b"!" + b"y" * 500, 500).splitlines()
    assert len(shown) <= 75
    assert shown[len(caret) - 1] == "!"


def test_spelling_escapes_what_cannot_be_seen() -> None:
    assert spell(b"a\x00\xff\xc3\xa9") == "a\\x00\\xffé"


def test_complete_writes_what_stands_at_the_cursor(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("def f(self):\n    retu\n\n\nx = 1\n")
    done = run("complete", str(path), "--at", "2:9", "--layout", "spm", "--max-tokens", "6")
    assert done.exit_code == 0 and done.stdout.startswith("rn")
    whole = run("complete", str(path), "--at", "2:9", "--layout", "spm", "--max-tokens", "6", "--whole").stdout
    assert whole.startswith("def f(self):\n    return") and whole.endswith("\n\n\nx = 1\n")
    answer = run_json("complete", "-", "--at", "1:1", "--regex", "[ab]{2}c", "--max-tokens", "4", stdin="c")
    assert answer["completions"][0]["text"] in {"aa", "ab", "ba", "bb"}


def test_complete_names_a_cursor_that_is_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "two.txt"
    path.write_text("ab\r\nc\n")
    for at, wanted in (("9:1", "3 lines"), ("1:4", "columns 1 to 3"), ("x", "LINE:COL"), ("0:1", "3 lines")):
        done = run("complete", str(path), "--at", at)
        assert done.exit_code == 2 and wanted in done.output.replace("\n", " ")
    assert offset_of("ab\r\nc\n", "1:3") == 2 and offset_of("ab\r\nc\n", "3:1") == 6


def test_complete_shows_drafts_with_scores_best_first(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("def f(self):\n    retu\n\n\nx = 1\n")
    found = run_json("complete", str(path), "--at", "2:9", "--layout", "spm", "-k", "3", "--max-tokens", "4")[
        "completions"
    ]
    assert len(found) == 3 and all(one["text"].startswith("rn") for one in found)
    assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)
    arguments = ("--layout", "spm", "-k", "3", "--max-tokens", "8", "--regex", "rn [a-c]{1,2}")
    texts = [one["text"] for one in run_json("complete", str(path), "--at", "2:9", *arguments)["completions"]]
    assert len(set(texts)) == 3 and all(re.fullmatch("rn [a-c]{1,2}", text) for text in texts)
