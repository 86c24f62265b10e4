"""predicate(): texts that pass any test in Python, alone or on top of a language.

A test has no mask, so `Matcher` and `generate` cannot use it; engines that ask about few tokens can (smc and its kin).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from guided.constraints.base import Constraint
from guided.errors import ConstraintError

TextTest = Callable[[Any], Any]


class Test:
    """Two questions about texts: may this be continued to a member, and is this one?

    prefix, complete : functions of a text, or of a list of texts if `batched`; None accepts everything (prefix), or is
                       the other one (complete).
    as_bytes         : texts are given as bytes; else as str, without the bytes of a character that is not finished yet.
    n_calls          : texts asked about so far.
    """

    __test__ = False  # pytest: not one of yours

    def __init__(
        self, prefix: TextTest | None, complete: TextTest | None, *, batched: bool, as_bytes: bool, name: str
    ) -> None:
        self.prefix, self.complete = prefix, prefix if complete is None else complete
        self.batched, self.as_bytes, self.name, self.n_calls = batched, as_bytes, name, 0

    def passes(self, texts: Sequence[bytes], *, is_complete: bool) -> list[bool]:
        """The answers, one per text.

        Raises ConstraintError, naming the text, if a test raises or its answer is no truth value.
        """
        test = self.complete if is_complete else self.prefix
        if test is None:
            return [True] * len(texts)
        given = [text if self.as_bytes else read(text, is_complete=is_complete) for text in texts]
        answers = [False] * len(texts)  # bytes that are no UTF-8 are no text: not asked
        asked = [number for number, text in enumerate(given) if text is not None]
        self.n_calls += len(asked)
        if self.batched and asked:
            found = self._call(test, [given[number] for number in asked])
            if not hasattr(found, "__len__") or len(found) != len(asked):
                raise ConstraintError(f"{self.name} was asked about {len(asked)} texts and answered {found!r}")
            for number, answer in zip(asked, found, strict=True):
                answers[number] = self._truth(answer, given[number])
        elif asked:
            for number in asked:
                answers[number] = self._truth(self._call(test, given[number]), given[number])
        return answers

    def _call(self, test: TextTest, given: Any) -> Any:
        try:
            return test(given)
        except Exception as error:
            raise ConstraintError(f"{self.name} raised {type(error).__name__} on {given!r}: {error}") from error

    def _truth(self, answer: Any, text: Any) -> bool:
        if isinstance(answer, bool) or type(answer).__name__ in ("bool", "bool_"):  # bool_: NumPy's
            return bool(answer)
        raise ConstraintError(f"{self.name} answered {answer!r} for {text!r}; it must answer True or False")


def read(text: bytes, *, is_complete: bool) -> str | None:
    """Bytes as str: without the bytes of an unfinished last character; None if they are no UTF-8."""
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        if is_complete or error.reason != "unexpected end of data":
            return None
        return text[: error.start].decode()


class Tested:
    """The texts of a language (all texts, if None) that pass every test.  Immutable; `&` adds to it."""

    def __init__(self, language: Constraint | None, tests: tuple[Test, ...]) -> None:
        self.language, self.tests = language, tests
        self.name = " & ".join([*([] if language is None else [language.name]), *(test.name for test in tests)])
        self.value_kind = "text" if language is None else language.value_kind

    def __repr__(self) -> str:
        return self.name

    @property
    def n_calls(self) -> int:
        """Texts that the tests were asked about so far."""
        return sum(test.n_calls for test in self.tests)

    def parse(self, text: str) -> Any:
        """The value of a complete text, as the language reads it."""
        return text if self.language is None else self.language.parse(text)

    def accepts(self, text: str | bytes) -> bool:
        """Whether a whole text is a member."""
        raw = text.encode() if isinstance(text, str) else text
        if self.language is not None and not self.language.accepts(raw):
            return False
        return all(test.passes([raw], is_complete=True)[0] for test in self.tests)

    def __and__(self, other: Any) -> Tested:
        if isinstance(other, Constraint):
            return Tested(other if self.language is None else self.language & other, self.tests)
        if isinstance(other, Tested):
            both = self if other.language is None else self & other.language
            return Tested(both.language, self.tests + other.tests)
        return NotImplemented

    def __rand__(self, other: Any) -> Tested:
        return self & other


def predicate(
    prefix: TextTest | None = None,
    complete: TextTest | None = None,
    *,
    batched: bool = False,
    as_bytes: bool = False,
    name: str | None = None,
) -> Tested:
    """Texts that pass a test in Python.  For smc, rejection, importance, asap; combine it with languages by `&`.

    prefix   : text -> bool: can this beginning still become a member?  It must hold for every beginning of a member;
               the stricter it is, the earlier a text is turned away.  None: always.
    complete : text -> bool: is this whole text a member?  None: wherever `prefix` holds.
    batched  : both take a list of texts and return a list of answers.
    as_bytes : texts are bytes; else str, without the bytes of a character that is not finished.
    name     : what errors call it.
    Raises ConstraintError if both are None, or something that cannot be called.
    """
    given = [test for test in (prefix, complete) if test is not None]
    if not given or not all(callable(test) for test in given):
        raise ConstraintError("a predicate needs a function: predicate(prefix=..) or predicate(complete=..), or both")
    called = name or f"predicate {getattr(given[-1], '__name__', type(given[-1]).__name__)}"
    return Tested(None, (Test(prefix, complete, batched=batched, as_bytes=as_bytes, name=called),))
