"""Names of members that are not declared: which patterns they match, and whether they fit `propertyNames`.

A *test* is a pattern of patternProperties, or ("names", node); a *class* of names is the set of tests that hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from string import ascii_lowercase
from typing import Any, Final

from guided import _fast
from guided.automata.syntax import Node
from guided.schema.lexers import (
    NEW_KEY,
    TAKEN,
    TEST,
    Alternatives,
    filtered,
    label_sets,
    restricted_dfa,
    shared_dfa,
    within,
)
from guided.schema.residuals import Residual, Residuals
from guided.schema.scalars import Scalars

Test = Any  # a pattern, or ("names", node)
Class = frozenset[Test]
NO_TESTS: Final[Class] = frozenset()
MAX_SEARCHED: Final = 4_000  # states after which Recognizer.completions() ends its search


class KeyTests:
    """Tests of names, and the classes they make."""

    def __init__(self, residuals: Residuals, scalars: Scalars) -> None:
        self.residuals, self.scalars = residuals, scalars
        self.document, self.formulas = residuals.document, residuals.formulas
        self.spelling, self.limits = scalars.spelling, scalars.limits
        self._trees: dict[Test, Node] = {}
        self._holds: dict[tuple[Test, str], bool] = {}
        self._shortest: dict[tuple[Test, ...], list[tuple[tuple[int, ...], str]]] = {}
        self._fresh: dict[tuple[tuple[Test, ...], frozenset[str]], list[tuple[Class, str]]] = {}
        self._lexers: dict[tuple[tuple[Test, ...], frozenset[Class], frozenset[str]], _fast.Recognizer] = {}

    def tests(self, residual: Residual) -> tuple[Test, ...]:
        """The tests that matter to an object."""
        found = residual.facts.get("tests")
        if found is None:
            reached: dict[Test, None] = {}
            for atom in sorted(residual.atoms):
                payload = self.formulas.payload(atom)
                if payload[0] == "props":
                    reached.update(dict.fromkeys(p for p, _ in self.document.nodes[payload[1]].patterns))
                elif payload[0] == "names":
                    reached["names", payload[1]] = None
                elif payload[0] == "unevaluated":
                    for here, _ in self.residuals.covers.sources(payload[1], "object"):
                        reached.update(dict.fromkeys(p for p, _ in self.document.nodes[here].patterns))
            found = residual.facts["tests"] = tuple(reached)
        return found

    def class_of(self, residual: Residual, name: str) -> Class:
        """The tests that hold for a name."""
        tests = self.tests(residual)
        return frozenset(test for test in tests if self.holds(test, name)) if tests else NO_TESTS

    def holds(self, test: Test, name: str) -> bool:
        """Whether a test holds for a name."""
        found = self._holds.get((test, name))
        if found is None:
            if isinstance(test, tuple):
                found = self.scalars.holds(self.residuals.locations.formula(test[1], "string"), name)
            else:
                found = shared_dfa(((TEST, self._tree(test)),), self.limits).accepts(self.spelling.text(name))
            self._holds[test, name] = found
        return found

    def _tree(self, test: Test) -> Node:
        found = self._trees.get(test)
        if found is None:
            if isinstance(test, tuple):
                formula = self.residuals.locations.formula(test[1], "string")
                found = self.scalars.tree(formula, "string", exact=True)
            else:
                found = self.spelling.quoted(self.document.patterns[test])
            self._trees[test] = found
        return found

    def fresh(self, residual: Residual) -> Iterator[tuple[Class, str]]:
        """A name of every class, none of them declared or written before."""
        tests = self.tests(residual)
        taken = residual.seen.union(residual.names)
        if not tests:
            yield NO_TESTS, next(fresh_names(taken))
            return
        found = self._fresh.get((tests, taken))
        if found is None:
            found = self._fresh[tests, taken] = []
            for labels, name in self._names_of(tests):
                other = self._another(tests, labels, taken) if name in taken else name
                if other is not None:
                    found.append((self.class_by(labels, tests), other))
        yield from found

    def _another(self, tests: tuple[Test, ...], labels: tuple[int, ...], taken: frozenset[str]) -> str | None:
        """A name with these labels that is not taken, if there is one."""
        alternatives, accepted = self._alternatives(tests), frozenset([labels])
        fitting = filtered(alternatives, accepted, self.limits)  # made as far as it is read, not in full
        keys = self._without(fitting, taken)
        text = keys.completion(keys.start)
        if fitting.approximate:
            keys = self._without(restricted_dfa(alternatives, accepted, self.limits), taken)
            text = keys.completion(keys.start)
        return None if text is None else json.loads(text)

    def _names_of(self, tests: tuple[Test, ...]) -> list[tuple[tuple[int, ...], str]]:
        """(labels, a name) of every class that some name is in."""
        found = self._shortest.get(tests)
        if found is None:
            alternatives = self._alternatives(tests)
            dfa = shared_dfa(alternatives, self.limits)
            texts = {} if dfa.start == _fast.DEAD else dfa.completions(dfa.start)
            if dfa.n_states >= MAX_SEARCHED:  # that search may have ended early
                for labels in label_sets(alternatives, self.limits).difference(texts):
                    only = restricted_dfa(alternatives, frozenset([labels]), self.limits)
                    texts[labels] = only.completion(only.start) or b""
            found = [(labels, json.loads(text)) for labels, text in sorted(texts.items()) if NEW_KEY in labels]
            self._shortest[tests] = found
        return found

    def _alternatives(self, tests: tuple[Test, ...]) -> Alternatives:
        """All keys, and those that fit each test."""
        tested = ((TEST + number, self._tree(test)) for number, test in enumerate(tests))
        return ((NEW_KEY, self.spelling.every), *tested)

    def _keys(self, tests: tuple[Test, ...], accepted: frozenset[tuple[int, ...]]) -> _fast.Recognizer:
        """The keys whose lexeme ends with accepted labels."""
        alternatives = self._alternatives(tests)
        if all(labels in accepted for labels, _ in self._names_of(tests)):
            made = shared_dfa(alternatives, self.limits)
        else:
            made = restricted_dfa(alternatives, accepted, self.limits)
        return within(made, self.spelling.every)[0]

    def _without(self, keys: _fast.Recognizer, names: frozenset[str]) -> _fast.Recognizer:
        """The same but for some names."""
        if not names or keys.start == _fast.DEAD:
            return keys
        return _fast.Without(keys, keys.start, shared_dfa(((TAKEN, self.spelling.words(sorted(names))),)))

    def class_by(self, labels: tuple[int, ...], tests: tuple[Test, ...]) -> Class:
        """The class of a name whose lexeme ended with these labels."""
        return frozenset(tests[label - TEST] for label in labels if label >= TEST)

    def classes(self, residual: Residual) -> list[Class]:
        """The classes of names that are neither declared nor written before."""
        return [matched for matched, _ in self.fresh(residual)]

    def lexer(self, residual: Residual, classes: frozenset[Class]) -> _fast.Recognizer:
        """The keys of some classes that are neither declared nor written before."""
        tests, taken = self.tests(residual), residual.seen.union(residual.names)
        found = self._lexers.get((tests, classes, taken))
        if found is None:
            possible = [labels for labels, _ in self._names_of(tests)]
            accepted = frozenset(labels for labels in possible if self.class_by(labels, tests) in classes)
            found = self._lexers[tests, classes, taken] = self._without(self._keys(tests, accepted), taken)
        return found


def fresh_names(taken: frozenset[str]) -> Iterator[str]:
    """Names not among those taken, without end, short ones first: "", then one of each letter in each length."""
    if "" not in taken:
        yield ""
    for size in count(1):
        for letter in ascii_lowercase:
            if letter * size not in taken:
                yield letter * size
