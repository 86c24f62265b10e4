"""guided.grammar("python"): Lark's own Python parser takes all that it writes, and it takes the standard library."""

import ast
import random
import re
import sysconfig
import warnings
from pathlib import Path

import lark
import pytest
from lark.indenter import PythonIndenter

import guided

pytestmark = pytest.mark.slow  # it takes some seconds to compile

FILE = Path(__file__).parent.parent / "grammars" / "python.lark"
EXAMPLE = re.compile(r"^// (match|no match): +(.*)$", re.MULTILINE)
EXAMPLES = [(kind, text.replace("⏎", "\n")) for kind, text in EXAMPLE.findall(FILE.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def lark_python() -> lark.Lark:
    return lark.Lark.open_from_package(
        "lark", "python.lark", ["grammars"], parser="lalr", start="file_input", postlex=PythonIndenter()
    )


def parses_with_python(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            return False
    return True


def test_the_examples_in_its_header_are_judged_as_they_say(lark_python: lark.Lark) -> None:
    accepts = guided.grammar("python").accepts
    assert {kind for kind, _ in EXAMPLES} == {"match", "no match"}
    for kind, text in EXAMPLES:
        assert accepts(text) == (kind == "match"), text
        assert kind == "no match" or (lark_python.parse(text) and parses_with_python(text)), text


def test_modules_of_the_standard_library_are_accepted() -> None:
    """Of 40 modules all but a few, whose f-strings hold more than one level of brackets, are read to the end."""
    modules = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    recognizer = guided.grammar("python").recognizer()
    chosen = random.Random(3).sample(modules, 40)
    refused = [path.name for path in chosen if not recognizer.accepts(path.read_bytes())]
    assert len(refused) <= 6, refused


def test_of_1000_texts_that_it_writes_lark_parses_all_and_python_99_percent(lark_python: lark.Lark) -> None:
    """Walks of 1 to 40 bytes, each one drawn evenly from the ASCII bytes that are alive, ended by their completions."""
    recognizer = guided.grammar("python").recognizer()
    rng = random.Random(3)
    refused = []
    for _ in range(1000):
        state, text = recognizer.start, bytearray()
        for _ in range(rng.randint(1, 40)):
            alive = [byte for byte in recognizer.live_bytes(state) if byte < 0x80]
            text.append(rng.choice(alive))
            state = recognizer.step(state, text[-1])
        whole = (bytes(text) + recognizer.completion(state)).decode()
        assert lark_python.parse(whole), whole
        if not parses_with_python(whole):
            refused.append(whole)
    assert len(refused) <= 10, refused
