"""What is live on the stacks of Lark's parser: which lookaheads can still be followed to the end of a text.

A node is (node below, state of the table); nodes and steps are in the core (_fast/stacks.pyx). The liveness of a node
is a function of what can become of the node below, so it is found in a dict and never by looking down the stack: nested
texts cost the same at every depth. Derivation: docs/theory/grammars.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guided import _fast
from guided.context_free.liveness import FINISHED, Lookaheads, Outcomes
from guided.context_free.readings import END_OF_TEXT, bits
from guided.context_free.source import Indents, Table

NOWHERE = -1
IN_DOUBT = -4  # below the bottom of a stack that was cut off
Hypothesis = tuple[int, int]  # (stack, state of the automaton)
# Of a state with a node on top that is popped with an outcome under some lookaheads: (outcome, those that lead to an
# end whatever is below, ((outcome below, those that are alive if they are so there), ...), ((outcome below, lookaheads
# one of which must be alive there, those that are alive then), ...)).
Question = tuple[int, int, tuple[tuple[int, int], ...], tuple[tuple[int, int, int], ...]]


class Stacks(_fast.ParserStacks):
    """The stacks of a grammar.

    live[n]    : the lookaheads that lead to the end of a text from node n, an int of bits.
    classes[c] : outcome -> lookaheads under which a node of class c, once that has become of what is on it, leads to
                 the end; class 0 is below the bottom, where nothing can follow.
    """

    def __init__(self, lookaheads: Lookaheads, outcomes: Outcomes, table: Table, max_states: int) -> None:
        self.outcomes, self.table = outcomes, table
        self.classes: list[dict[int, int]] = [{}]
        self._class_numbers: dict[frozenset[tuple[int, int]], int] = {frozenset(): 0}
        self._lives: dict[tuple[int, int], int] = {}  # (class below, state) -> live lookaheads
        self._classes_on: dict[tuple[int, int], int] = {}  # (class below, state) -> class
        self._asked: dict[int, tuple[Question, ...]] = {}
        number = lookaheads.lexers.number
        origins = {origin: k for k, origin in enumerate(dict.fromkeys(origin for origin, _ in table.rules))}
        super().__init__(
            lookaheads,
            [[(number[name], *act) for name, act in row.items() if name in number] for row in table.actions],
            [[(origins[name], target) for name, target in row.items() if name in origins] for row in table.gotos],
            [(origins[origin], size) for origin, size in table.rules],
            [(state, number[name], target) for (state, name), target in table.also.items()],
            brackets(table, lookaheads.lexers.source.indents),
            max_states,
        )
        self.bottom = self.settle(self.push(NOWHERE, table.start))

    def next_lexemes(self, node: int, lexeme: int) -> Iterator[tuple[bytes, tuple[Hypothesis, ...]]]:
        """For every lexeme that can be read from here: a shortest text of it, and what may run after it."""
        for lookahead, text in self.lookaheads.shortest_lexemes(lexeme).items():
            yield text, self.enter(node, lookahead)

    # ---- liveness ----

    def live_on(self, below: int, state: int) -> int:
        """The live lookaheads of a node of `state`, from the class of the node below it."""
        key = (below, state)
        found = self._lives.get(key)
        if found is None:
            known = self.classes[below]
            found = 0
            for outcome, mask in self.outcomes.reduced[state].items():
                found |= known.get(outcome, 0) & mask
            for lookaheads, outcomes in self.outcomes.popped(state):
                if lookaheads & ~found and (
                    FINISHED in outcomes or any(known.get(outcome, 0) & after for outcome, after in outcomes.items())
                ):
                    found |= lookaheads
            self._lives[key] = found
        return found

    def class_on(self, below: int, state: int) -> int:
        """The class of a node of `state`, from the class of the node below it."""
        key = (below, state)
        found = self._classes_on.get(key)
        if found is None:
            known = self.classes[below]
            follow: dict[int, int] = {}
            for outcome, alive, itself, others in self._questions(state):
                for result, lookaheads in itself:
                    alive |= known.get(result, 0) & lookaheads
                for result, after, lookaheads in others:
                    if lookaheads & ~alive and known.get(result, 0) & after:
                        alive |= lookaheads
                if alive:
                    follow[outcome] = alive
            content = frozenset(follow.items())
            found = self._class_numbers.get(content)
            if found is None:
                found = self._class_numbers[content] = len(self.classes)
                self.classes.append(follow)
            self._classes_on[key] = found
        return found

    def _questions(self, state: int) -> tuple[Question, ...]:
        """What nodes on top of `state` may ask it, and how the class of the node below `state` answers."""
        found = self._asked.get(state)
        if found is None:
            asked: dict[int, int] = {}
            above = set(self.table.gotos[state].values())
            for name, (shifts, argument) in self.table.actions[state].items():
                if shifts:
                    above.add(argument)
                    above.add(self.table.also.get((state, name), argument))
            for top in above:
                for outcomes in (self.outcomes.reduced[top], *(each for _, each in self.outcomes.popped(top))):
                    for outcome, after in outcomes.items():
                        if outcome != FINISHED:
                            asked[outcome] = asked.get(outcome, 0) | after
            found = self._asked[state] = tuple(self._question(state, *question) for question in asked.items())
        return found

    def _question(self, state: int, outcome: int, asked: int) -> Question:
        less = self.outcomes.less[outcome]
        if less >= 0:
            return outcome, 0, ((less, asked),), ()
        target = self.table.gotos[state].get(self.outcomes.names[outcome][0])
        alive = 0
        itself: dict[int, int] = {}
        others: dict[tuple[int, int], int] = {}
        for lookahead in bits(asked):
            if target is None:
                break
            bit = 1 << lookahead
            if lookahead == END_OF_TEXT and target == self.table.end:
                alive |= bit
                continue
            for result, after in self.outcomes.over(state, target, bit).items():
                if result == FINISHED:
                    alive |= bit
                elif after == bit:
                    itself[result] = itself.get(result, 0) | bit
                else:
                    others[result, after] = others.get((result, after), 0) | bit
        return outcome, alive, tuple(itself.items()), tuple((*key, which) for key, which in others.items())


def brackets(table: Table, indents: Indents | None) -> list[int]:
    """By state of the table: 1 if it is entered by an opening bracket, -1 by a closing one."""
    found = [0] * len(table.actions)
    if indents is not None:
        for state, action in enumerate(table.actions):
            for name, (shifts, target) in action.items():
                if shifts and name in indents.opens | indents.closes:
                    found[target] = found[table.also.get((state, name), target)] = 1 if name in indents.opens else -1
    return found


def describe(stacks: Stacks) -> dict[str, Any]:
    """Sizes, for explain()."""
    return {"stack_nodes": stacks.n_nodes, "liveness_classes": len(stacks.classes)}
