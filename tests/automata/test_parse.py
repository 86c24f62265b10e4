"""Regex text means what it means in re.fullmatch, or is refused with its position and the way out."""

from __future__ import annotations

import random
import re
import signal
import warnings
from types import FrameType

import pytest

from guided import _fast
from guided.automata.compile import compile_dfa
from guided.automata.parse import parse
from guided.automata.syntax import ANY_TEXT, concat
from guided.errors import ConstraintError, LimitExceeded, RegexSyntaxError
from guided.limits import Limits

PIECES = [
    *"abcABkKsS01 \n.^$|()[]{}?*+-\\,:=!<>&~#_é", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", "(?:", "(?i:", "(?-i:",
    "(?s:",
    "(?x: a # c\n b)", "(?a:", "(?=", "(?!", "(?P<n>", "(?#c)", "{2}", "{1,2}", "{,2}", "{1,}", "{,}", "{", "}",
    "x{", "[^",
    "[a-c]", "[^a]", "[]a]", "[^]]", "[a-]", "[-a]", r"[\d-]", r"[\w.]", r"\x41", r"\u0041", r"\101", r"\0", r"\A",
    r"\Z",
    r"\n", r"\.", r"\-", "(?i)", "(?s)", "(?x)", "(?a)", "(?u)", "??", "*?", "+?", "a|b", "()", "(a)", "(b|)",
    "[[]", "[a&&b]",
    "[a--b]", r"[\b]", r"\b", r"\B", "(?m:", "(?m)", "ſ", "\u212a", "İ", "ı", "ß", "µ",
]  # fmt: skip
TEXTS = [
    "", "a", "b", "A", "ab", "aab", "abc", "a\n", "\n", "aa", "k", "K", "\u212a", "s", "ſ", "S", "i", "İ", "ı",
    "é", "É", "0",
    "٣", "_", " ", "\u00a0", "\x1c", "ba", "a b", "{", "x{", "x", "}", "a{", "]", "-", "^", "µ", "μ", "Μ", "ß",
    "ẞ", "b\n",
    "\na", "aaa", "bb", "[", "&", "\x08", "c", "1", "abab", "+", "a-", "cc", "Aa",
]  # fmt: skip
REFUSED = re.compile("not supported|set operations|nested sets|unbounded repeat")  # what re knows and we refuse


def test_random_patterns_mean_what_they_mean_in_re() -> None:
    """4,000 random patterns: the same language if both take them; refused by both, or here with such a reason."""
    compared = 0
    for seed in range(4000):
        rng = random.Random(seed)
        pattern = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 7)))
        theirs = by_re(pattern)
        try:
            ours = compile_dfa(parse(pattern))
        except ConstraintError as error:
            assert theirs is None or REFUSED.search(str(error)), (pattern, error)
            continue
        assert theirs is not None, pattern
        compared += 1
        for text in TEXTS:
            wanted = fullmatch(theirs, text)
            assert wanted is None or ours.accepts(text) == wanted, (seed, pattern, text)
    assert compared > 1000


def by_re(pattern: str) -> re.Pattern[str] | None:
    """The pattern compiled by re; None if it is an error or one of the doubtful readings that re warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return re.compile(pattern)
        except (re.error, ValueError, OverflowError, FutureWarning, DeprecationWarning):
            return None


def fullmatch(pattern: re.Pattern[str], text: str) -> bool | None:
    """Whether re matches; None if it needs more than 0.2 s (it may need exponential time)."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        return bool(pattern.fullmatch(text))
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("seed", range(150))
def test_patterns_agree_with_interegular(seed: int) -> None:
    interegular = pytest.importorskip("interegular")
    rng = random.Random(seed)
    parts = [
        r"a",
        r"b",
        r"[ab]",
        r"[^a]",
        r"\d",
        r"(a|bc)",
        r"(ab)*",
        r"a+",
        r"b?",
        r"(a|b){1,3}",
        r"a{2}",
        r"(?:c|)",
        "(?=a)a",
    ]
    pattern = "".join(rng.choice(parts) for _ in range(rng.randint(1, 5)))
    theirs, ours = interegular.parse_pattern(pattern).to_fsm(), compile_dfa(parse(pattern))
    for _ in range(60):
        text = "".join(rng.choice("abc1") for _ in range(rng.randint(0, 7)))
        assert ours.accepts(text) == theirs.accepts(text), (pattern, text)


# ---- errors ----

ERRORS = [
    ("(", 0, "never closed"),
    ("a(b", 1, "never closed"),
    (")", 0, "closes nothing"),
    ("a)", 1, "closes nothing"),
    ("[", 0, "never closed"),
    ("x[a", 1, "never closed"),
    ("[]", 0, "never closed"),
    ("[z-a]", 1, "wrong order"),
    (r"[\d-z]", 1, "both ends"),
    ("*a", 0, "nothing to repeat"),
    ("^*", 1, "nothing to repeat"),
    ("a|*", 2, "nothing to repeat"),
    ("(*a)", 1, "nothing to repeat"),
    ("{,5}", 0, "nothing to repeat"),
    ("a**", 2, "multiple repeat"),
    ("a{2}{3}", 4, "multiple repeat"),
    ("a*??", 3, "multiple repeat"),
    ("a{3,2}", 1, "wrong order"),
    ("a{4294967297}", 1, "too large"),
    ("a{99999999999999999999999}", 1, "too large"),
    ("\\", 0, "backslash"),
    ("a\\", 1, "backslash"),
    (r"\xZZ", 0, "2 hexadecimal digits"),
    (r"\x4", 0, "2 hexadecimal digits"),
    (r"\u12", 0, "4"),
    (r"\U00110000", 0, "last character"),
    (r"\x{110000}", 0, "last character"),
    (r"\u{D800}", 0, "surrogate"),
    (r"a\ud800", 1, "surrogate"),
    ("a\ud800", 1, "surrogate"),
    ("[a\udfff]", 2, "surrogate"),
    (r"\x{}", 0, "digits"),
    (r"\x{zz}", 0, "digits"),
    (r"\u{41", 0, "digits"),
    (r"\477", 0, "above 0o377"),
    (r"[\8]", 1, "octal"),
    (r"\N{NO SUCH THING}", 0, "no character called"),
    (r"\N", 0, "braces"),
    (r"\y", 0, "unknown escape"),
    (r"[\y]", 1, "unknown escape"),
    (r"\G", 0, "leave it out"),
    (r"\K", 0, "leave it out"),
    (r"\p{Nope}", 0, "unknown property"),
    (r"\p{sc=Lu}", 0, "unknown property"),
    (r"\p{Lu", 0, "never closed"),
    (r"\pQ", 0, "unknown property"),
    ("(?P<x", 0, "never closed"),
    ("(?P<1x>a)", 4, "not a name"),
    ("(?P<>a)", 4, "not a name"),
    ("(?<n>a)(?<n>b)", 10, "is taken"),
    ("(?Q)a", 0, "unknown extension"),
    ("(?P!a)", 0, "unknown extension"),
    ("(?#a", 0, "never closed"),
    ("a(?i)", 1, "at its start"),
    ("(?iQ)", 3, "unknown flag"),
    ("(?L)a", 2, "locale"),
    ("(?au)a", 0, "incompatible"),
    ("(?i-i:a)", 0, "on and off"),
    ("(?-a:b)", 3, "cannot be turned off"),
    ("(?i-)", 0, "should"),
    ("(?i", 0, "should"),
    # what re takes and no automaton can do, or what is read in more than one way
    (r"(a)\1", 3, "backreferences"),
    ("(?P<n>a)(?P=n)", 8, "backreferences"),
    (r"(?P<n>a)\k<n>", 8, "backreferences"),
    ("(?<=a)b", 0, "lookbehind"),
    ("x(?<!a)b", 1, "lookbehind"),
    ("(?>a+)a", 0, "atomic"),
    ("a++", 2, "possessive"),
    ("a?+", 2, "possessive"),
    ("a{2}+", 4, "possessive"),
    ("(?(1)a|b)", 0, "conditional"),
    (r"\b*", 2, "nothing to repeat"),
    ("[[a]", 1, "nested sets"),
    ("[[:alpha:]]", 1, "POSIX"),
    ("[a[:alpha:]]", 2, "POSIX"),
    ("[a&&b]", 2, "set operations"),
    ("[a||b]", 2, "set operations"),
    ("[a--b]", 3, "set"),
    ("[a~~b]", 2, "set operations"),
    ("((?=a).)*", 1, "unbounded repeat"),
    ("x(?:b|(?!a).)+", 6, "unbounded repeat"),
]


@pytest.mark.parametrize(("pattern", "position", "reason"), ERRORS, ids=[repr(error[0]) for error in ERRORS])
def test_errors_say_what_where_and_why(pattern: str, position: int, reason: str) -> None:
    with pytest.raises(RegexSyntaxError) as caught:
        parse(pattern)
    assert reason in str(caught.value)
    assert (caught.value.pattern, caught.value.position) == (pattern, position)
    caret_line = str(caught.value).splitlines()[-1]
    assert caret_line == "    " + " " * position + "^"


def test_limits_of_length_and_depth() -> None:
    with pytest.raises(LimitExceeded, match="max_pattern_length"):
        parse("a" * 11, limits=Limits(max_pattern_length=10))
    with pytest.raises(LimitExceeded, match="max_pattern_depth"):
        parse("(" * 11 + ")" * 11, limits=Limits(max_pattern_depth=10))
    assert compile_dfa(parse("(" * 10_000 + "a" + ")*" * 10_000)).accepts("aaa")


def test_flags_as_arguments_mean_flags_in_the_pattern() -> None:
    assert compile_dfa(parse("a.#", re.I | re.S)).accepts("A\n#")
    assert compile_dfa(parse("a b # c", re.X)).accepts("ab")
    assert not compile_dfa(parse(r"\d", re.A)).accepts("٣")
    with pytest.raises(ValueError, match="not supported"):
        parse("a", re.L)
    with pytest.raises(TypeError):
        parse(b"a")  # type: ignore[arg-type]


# ---- beyond re ----

BEYOND = [
    (r"\p{Lu}\p{Ll}+", ["Ab", "Éé"], ["ab", "A"]),
    (r"\P{L}+", ["1 ", "_"], ["a"]),
    (r"[\p{Lu}\d_]+", ["A1_"], ["a"]),
    (r"[^\p{L}]", ["1"], ["é"]),
    (r"\p{Uppercase_Letter}", ["A"], ["a"]),
    (r"\p{sc=Greek}+", ["αΩ"], ["a"]),
    (r"\pL", ["é"], ["1"]),
    (r"\p{^L}", ["1"], ["a"]),
    (r"\p{Han}{2}", ["漢字"], ["漢a"]),
    (r"\p{L&}", ["a", "A"], ["漢"]),
    (r"\p{White_Space}", ["\x85"], ["\x1c"]),
    (r"\p{Any}", ["a", "\U0010ffff"], ["aa"]),
    (r"\p{ASCII}", ["~"], ["é"]),
    (r"(?i)\p{Lu}", ["a", "A"], ["1"]),
    (r"\x{1F600}", ["\U0001f600"], ["x"]),
    (r"\u{41}", ["A"], ["a"]),
    (r"(?<year>\d)", ["1"], ["a"]),
    (r"a\z", ["a"], ["a\n"]),
    (r"\N{EM DASH}", ["—"], ["-"]),
    (r"[\N{EM DASH}-\N{BULLET}]", ["•"], ["-"]),
]


@pytest.mark.parametrize(("pattern", "members", "others"), BEYOND, ids=[case[0] for case in BEYOND])
def test_what_re_does_not_have(pattern: str, members: list[str], others: list[str]) -> None:
    dfa = compile_dfa(parse(pattern))
    assert [dfa.accepts(text) for text in members] == [True] * len(members)
    assert [dfa.accepts(text) for text in others] == [False] * len(others)


ECMA = [
    (r"^\d+$", ["12"], ["12\n", "٣", "a1"]),
    ("a", ["xay", "a"], ["b"]),
    ("^a|b$", ["ax", "xb"], ["xa", "bx"]),
    (r"[^]", ["\n"], [""]),
    ("[]|x", ["x"], ["y"]),
    (r"^.$", ["a"], ["\u2028", "\n", "\r"]),
    (r"^\ud83d\ude00$", ["\U0001f600"], ["a"]),
    (r"^\u{1F600}$", ["\U0001f600"], ["a"]),
    (r"^\/\-\_\y$", ["/-_y"], ["/-_"]),
    (r"\A\d+\Z", ["12"], ["A12Z", "12\n", "a12"]),
    (r"(?i)^abc$", ["ABC"], ["abd"]),
    (r"^(?i:a)b$", ["Ab"], ["AB"]),
    (r"^(?P<n>\d)(?#one)$", ["1"], ["a"]),
    (r"^\012\07\a$", ["\n\x07\x07"], ["\n"]),
    (r"^\U0001F600$", ["\U0001f600"], ["U0001F600"]),
    (r"^{a}{{b}}c{$", ["{a}{{b}}c{"], ["a"]),
    (r"^[^\uD800-\uDFFF]+$", ["a\ue000\ud7ff"], [""]),
    (r"a|[\uD800-\uDBFF][\uDC00-\uDFFF]", ["a"], ["\U0001f600"]),
    (r"^[[:alpha:]]$", ["a]", ":]"], ["a", "z]"]),
    (r"\bcat\b", ["a cat", "cat", "écat"], ["cats", "_cat"]),
    (r"^(\b\w+\b\s?){1,3}$", ["a b c"], ["a b c d", "", "a  b"]),
    (r"(?m)^b$", ["a\nb", "b\u2028c"], ["ab"]),
    (r"^\cJ$", ["\n"], ["J"]),
    (r"^\s$", ["\ufeff"], ["a"]),
    (r"^(?!.*foo)(?=.*\d).{3,}$", ["ab1"], ["foo1", "abc"]),
    (r"^a{,2}$", ["", "aa"], ["a{,2}", "aaa"]),
    (r"^(?<a$b>x)$", ["x"], ["y"]),
    (r"^[\d-x]$", ["-", "x", "1"], ["y"]),
    (r"^\p{Script=Greek}$", ["α"], ["a"]),
    (r"^\0$", ["\0"], ["0"]),
    ("", ["", "a"], []),
]


def search(pattern: str, dialect: str = "python") -> _fast.Dfa:
    """The texts in which a pattern is found."""
    return compile_dfa(concat(ANY_TEXT, parse(pattern, dialect=dialect), ANY_TEXT))


@pytest.mark.parametrize(("pattern", "members", "others"), ECMA, ids=[case[0] for case in ECMA])
def test_the_ecma_dialect_searches_as_json_schema_wants(pattern: str, members: list[str], others: list[str]) -> None:
    dfa = search(pattern, "ecma")
    assert [dfa.accepts(text) for text in members] == [True] * len(members)
    assert [dfa.accepts(text) for text in others] == [False] * len(others)


def test_any_text_around_a_pattern_is_search() -> None:
    for pattern in ["a", "^a", "a$", "^a$", "^a|b$", "(^|,)a", "a(,|$)", "^$", "$", "a|^b|c$|^d$", "(?=a$)", "(?!^a)."]:
        dfa = search(pattern)
        for text in ["", "a", "b", "ab", "ba", "xa", "ax", ",a", "a,", "d", "dd", "cx", "xc", "a\n", "\n", "xbx", "xx"]:
            assert dfa.accepts(text) == bool(re.search(pattern, text)), (pattern, text)
