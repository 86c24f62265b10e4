"""Every file in grammars/ says in its header which texts must match and which must not; Lark itself is the judge."""

import re
from pathlib import Path

import lark
import pytest

FOLDER = Path(__file__).parent.parent / "grammars"
EXAMPLE = re.compile(r"^// (match|no match): +(.*)$", re.MULTILINE)


def examples() -> list[tuple[str, str, str]]:
    return [
        (path.name, kind, text)
        for path in sorted(FOLDER.glob("*.lark"))
        for kind, text in EXAMPLE.findall(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("name", "kind", "text"), examples())
def test_grammar_agrees_with_the_examples_in_its_header(name: str, kind: str, text: str) -> None:
    parser = lark.Lark((FOLDER / name).read_text(encoding="utf-8"), parser="lalr")
    if kind == "match":
        parser.parse(text)
    else:
        with pytest.raises(lark.exceptions.UnexpectedInput):
            parser.parse(text)


def test_every_grammar_has_examples_of_both_kinds() -> None:
    kinds = {(name, kind) for name, kind, _ in examples()}
    names = {path.name for path in FOLDER.glob("*.lark")}
    assert kinds == {(name, kind) for name in names for kind in ("match", "no match")}
    assert names
