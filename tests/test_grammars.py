"""Every file in grammars/ says in its header which texts match and which do not; Lark is the judge, and we agree with
it.

In the headers ⏎ stands for the end of a line and ⇥ for a tab.
"""

import random
import re
from pathlib import Path

import lark
import pytest
from lark.indenter import PythonIndenter

import guided
from guided._fast import DEAD
from guided.constraints.cfg import grammar_names

FOLDER = Path(__file__).parent.parent / "grammars"
EXAMPLE = re.compile(r"^// (match|no match): +(.*)$", re.MULTILINE)


def examples() -> list[tuple[str, str, str]]:
    return [
        (path.stem, kind, text.replace("⏎", "\n").replace("⇥", "\t"))
        for path in sorted(FOLDER.glob("*.lark"))
        if path.stem != "python"
        for kind, text in EXAMPLE.findall(path.read_text(encoding="utf-8"))
    ]


PLAIN_NAMES = [name for name in grammar_names() if name != "python"]  # test_python_grammar.py has that one


def lark_parses(name: str, text: str) -> bool:
    try:
        parser(name).parse(text)
    except (lark.exceptions.LarkError, IndexError):  # its Indenter raises IndexError for a comment at the very end
        return False
    return True


def parser(name: str, known: dict[str, lark.Lark] = {}) -> lark.Lark:  # noqa: B006
    if name not in known:
        text = (FOLDER / f"{name}.lark").read_text(encoding="utf-8")
        known[name] = lark.Lark(text, parser="lalr", postlex=PythonIndenter() if name == "python" else None)
    return known[name]


@pytest.mark.parametrize(("name", "kind", "text"), examples())
def test_grammar_agrees_with_the_examples_in_its_header(name: str, kind: str, text: str) -> None:
    assert lark_parses(name, text) == (kind == "match")
    assert guided.grammar(name).accepts(text) == (kind == "match")


@pytest.mark.parametrize(("name", "kind", "text"), [case for case in examples() if case[1] == "match"])
def test_every_prefix_of_a_match_is_alive_and_its_completion_parses_with_lark(name: str, kind: str, text: str) -> None:
    recognizer = guided.grammar(name).recognizer()
    state = recognizer.start
    for byte in text.encode():
        rest = recognizer.completion(state)
        assert recognizer.is_accepting(recognizer.run(state, rest))
        state = recognizer.step(state, byte)
        assert state != DEAD
    for end in range(len(text)):
        state = recognizer.run(recognizer.start, text[:end].encode())
        assert lark_parses(name, text[:end] + recognizer.completion(state).decode())
        assert lark_parses(name, text[:end]) == recognizer.is_accepting(state)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_random_walks_end_in_texts_that_lark_parses(name: str) -> None:
    """Twelve texts, written byte by byte out of what is alive, each ended by its completion."""
    recognizer = guided.grammar(name).recognizer()
    rng = random.Random(name)
    for _ in range(12):
        state, text = recognizer.start, bytearray()
        for _ in range(rng.randint(1, 60)):
            alive = [byte for byte in recognizer.live_bytes(state) if byte < 0x80]
            if not alive:
                break
            text.append(rng.choice(alive))
            state = recognizer.step(state, text[-1])
        whole = (bytes(text) + recognizer.completion(state)).decode()
        assert lark_parses(name, whole), whole


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_mutated_matches_are_judged_as_lark_judges_them(name: str) -> None:
    rng = random.Random(name)
    accepts = guided.grammar(name).accepts
    for _, _, text in [case for case in examples() if case[:2] == (name, "match")]:
        for _ in range(15):
            at, other = rng.randrange(len(text) + 1), rng.choice(text + "()[]{}\"'<>,;:=.- \n")
            mutants = [text[:at] + other + text[at:], text[: at - 1] + text[at:], text[: at - 1] + other + text[at:]]
            mutant = rng.choice(mutants)
            assert accepts(mutant) == lark_parses(name, mutant), mutant


def walk(recognizer, rng: random.Random, length: int) -> str:
    """Bytes drawn evenly from the ASCII bytes that are alive, and the completion."""
    state, text = recognizer.start, bytearray()
    for _ in range(length):
        alive = [byte for byte in recognizer.live_bytes(state) if byte < 0x80]
        if not alive:
            break
        text.append(rng.choice(alive))
        state = recognizer.step(state, text[-1])
    return (bytes(text) + recognizer.completion(state)).decode()


@pytest.mark.slow
@pytest.mark.parametrize("name", grammar_names())
def test_1000_walks_parse_with_lark_and_1000_texts_that_lark_parses_are_accepted(name: str) -> None:
    """The second thousand: walks and matches that were changed at one to three places, of which Lark has kept 1,000."""
    recognizer = guided.grammar(name).recognizer()
    rng = random.Random(f"{name} 1000")
    texts = [walk(recognizer, rng, rng.randint(1, 40)) for _ in range(1000)]
    refused = [text for text in texts if not lark_parses(name, text)]
    assert refused == []
    letters = "()[]{}\"'<>,;:=.-+* \nab01"
    lost, kept, tried = [], 0, 0
    while kept < 1000 and tried < 100_000:
        tried += 1
        text = rng.choice(texts)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(text) + 1)
            text = text[: at - rng.randint(0, 1)] + rng.choice([rng.choice(letters), ""]) + text[at:]
        if text and lark_parses(name, text):
            kept += 1
            if not recognizer.accepts(text.encode()):
                lost.append(text)
    assert lost == []
    assert kept == 1000


def test_every_grammar_has_examples_of_both_kinds() -> None:
    kinds = {(name, kind) for name, kind, _ in examples()}
    names = {path.stem for path in FOLDER.glob("*.lark")} - {"python"}
    assert kinds == {(name, kind) for name in names for kind in ("match", "no match")}
    assert names == set(PLAIN_NAMES)


def test_an_unknown_name_is_told_which_there_are() -> None:
    with pytest.raises(guided.ConstraintError, match="arithmetic"):
        guided.grammar("cobol")
