"""Names of members that are not declared: which patterns they match, and whether they fit `propertyNames`.

A *test* is a pattern of patternProperties, or ("names", node); a *class* of names is the set of tests that hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from string import ascii_lowercase
from typing import Any

from guided import _fast
from guided.automata.syntax import Both, Node, Not
from guided.schema.lexers import KEY, NEW_KEY, TAKEN, TEST, Alternatives, label_sets, restricted_dfa, shared_dfa
from guided.schema.residuals import Residual, Residuals
from guided.schema.scalars import Scalars

Test = Any  # a pattern, or ("names", node)
Class = frozenset[Test]
NO_TESTS: Class = frozenset()


class KeyTests:
    """Tests of names, and the classes they make."""

    def __init__(self, residuals: Residuals, scalars: Scalars) -> None:
        self.residuals, self.scalars = residuals, scalars
        self.document, self.formulas = residuals.document, residuals.formulas
        self.spelling, self.limits = scalars.spelling, scalars.limits
        self._trees: dict[Test, Node] = {}
        self._holds: dict[tuple[Test, str], bool] = {}
        self._fresh: dict[tuple[tuple[Test, ...], frozenset[str]], list[tuple[Class, str]]] = {}

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
            every: Node = self.spelling.every
            if taken:
                every = Both((every, Not(self.spelling.words(sorted(taken)))))
            dfa = shared_dfa(((NEW_KEY, every), *self._alternatives(tests)), self.limits)
            texts = {} if dfa.start == _fast.DEAD else dfa.completions(dfa.start)
            found = [
                (self.class_by(labels, tests), json.loads(text)) for labels, text in texts.items() if NEW_KEY in labels
            ]
            self._fresh[tests, taken] = found
        yield from found

    def _alternatives(self, tests: tuple[Test, ...]) -> Alternatives:
        return tuple((TEST + number, self._tree(test)) for number, test in enumerate(tests))

    def class_by(self, labels: tuple[int, ...], tests: tuple[Test, ...]) -> Class:
        """The class of a name whose lexeme ended with these labels."""
        return frozenset(tests[label - TEST] for label in labels if label >= TEST)

    def alternatives(self, residual: Residual) -> Alternatives:
        """All keys of an object with tests: declared ones, those written before, and others with the tests they fit."""
        tests = self.tests(residual)
        words = self.spelling.words
        known: list[tuple[int, Node]] = [(NEW_KEY, self.spelling.every)]
        seen = sorted(residual.seen.difference(residual.names))
        if seen:
            known.append((TAKEN, words(seen)))
        known += [(KEY + number, words((name,))) for number, name in enumerate(residual.names)]
        return (*known, *self._alternatives(tests))

    def classes(self, residual: Residual) -> list[Class]:
        """The classes of names that are neither declared nor written before."""
        tests = self.tests(residual)
        return [
            self.class_by(labels, tests)
            for labels in sorted(label_sets(self.alternatives(residual), self.limits))
            if NEW_KEY in labels and not any(label == TAKEN or KEY <= label < TEST for label in labels)
        ]

    def lexer(self, residual: Residual, numbers: frozenset[int], classes: frozenset[Class]) -> _fast.Dfa:
        """The keys that may come: declared ones by number, others by class."""
        alternatives, tests = self.alternatives(residual), self.tests(residual)
        accepted = set()
        for labels in label_sets(alternatives, self.limits):
            if NEW_KEY not in labels or TAKEN in labels:
                continue
            known = [label - KEY for label in labels if KEY <= label < TEST]
            if known[0] in numbers if known else self.class_by(labels, tests) in classes:
                accepted.add(labels)
        return restricted_dfa(alternatives, frozenset(accepted), self.limits)


def fresh_names(taken: frozenset[str]) -> Iterator[str]:
    """Names not among those taken, without end, short ones first: "", then one of each letter in each length."""
    if "" not in taken:
        yield ""
    for size in count(1):
        for letter in ascii_lowercase:
            if letter * size not in taken:
                yield letter * size
