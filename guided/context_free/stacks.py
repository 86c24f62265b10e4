"""Stacks of Lark's parser, as interned numbers, and which lookaheads each of them can still follow to the end of a
text.

A node is (node below, state of the table). Its liveness is a function of what can become of the node below, so it is
found in a dict and never by looking down the stack: nested texts cost the same at every depth. Derivation:
docs/theory/grammars.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guided.context_free.lexers import IGNORED
from guided.context_free.liveness import FINISHED, Lookaheads, Outcomes
from guided.context_free.readings import END_OF_TEXT, bits
from guided.context_free.source import Indents, Table
from guided.errors import LimitExceeded

NOWHERE = NOT_ASKED = -1
Hypothesis = tuple[int, int]  # (stack, state of the automaton)
# Of a state with a node on top that is popped with an outcome under some lookaheads: (outcome, those that lead to an end
# whatever is below, [(outcome below, those that are alive if they are so there)], [(outcome below, lookaheads one of
# which must be alive there, those that are alive then)]).
Question = tuple[int, int, list[tuple[int, int]], list[tuple[int, int, int]]]
IN_DOUBT = -4  # below the bottom of a stack that was cut off
CUT_DEPTH = 4  # states that a cut stack keeps; with 6 there are three times as many, and each costs its tokens
MAX_REDUCTIONS = 1_000_000  # between two lexemes


class Stacks:
    """Nodes and the steps between them.

    A stack that was cut off keeps its upper states and the class of what was below them: liveness is exact, and only
    a lexeme
    that would pop more than was kept is in doubt.  Masks are made for cut stacks, so that deep ones share them.

    live[n]   : the lookaheads that lead to the end of a text from node n, an int of bits.
    state[n]  : the state of the table on top.
    """

    def __init__(self, lookaheads: Lookaheads, outcomes: Outcomes, table: Table, max_states: int) -> None:
        self.lookaheads, self.outcomes, self.table, self.max_states = lookaheads, outcomes, table, max_states
        names = {number: name for name, number in lookaheads.lexers.number.items()}
        self.actions = [
            {lookaheads.lexers.number[name]: act for name, act in row.items() if name in lookaheads.lexers.number}
            for row in table.actions
        ]
        self.names = names
        self.parent: list[int] = []
        self.state: list[int] = []
        self.live: list[Any] = []  # int; None where it is not known yet
        self.whole: list[bool] = []  # node -> whether nothing was cut off
        self._follow: list[int] = []  # node -> class, NOT_ASKED
        self.classes: list[dict[int, int]] = [{}]  # class 0: below the bottom, where nothing can follow
        self._class_numbers: dict[frozenset[tuple[int, int]], int] = {frozenset(): 0}
        self._lives: dict[tuple[int, int], int] = {}  # (class below, state) -> live lookaheads
        self._classes_on: dict[tuple[int, int], int] = {}  # (class below, state) -> class
        self._nodes: dict[tuple[int, int], int] = {}
        self._shifts: dict[tuple[int, int, int], int] = {}  # (node below, state on top, terminal) -> node
        self._asked: dict[int, list[Question]] = {}
        self._cuts: dict[int, int] = {}
        self.level: list[int] = []  # node -> brackets that are open
        self._below: list[tuple[int, int]] = []  # -2 - k is below a cut: (class, brackets that are open, at most many)
        self._below_numbers: dict[tuple[int, int], int] = {}
        self._brackets = brackets(table, lookaheads.lexers.source.indents)
        self.bottom = self.settle(self.push(NOWHERE, table.start))

    def push(self, below: int, state: int) -> int:
        """The node of `state` on top of `below`; what is live there is not known before settle()."""
        key = (below, state)
        node = self._nodes.get(key)
        if node is None:
            if len(self.state) >= self.max_states:
                raise LimitExceeded(
                    "max_states", self.max_states, len(self.state) + 1, "the parser's stack, at this point of the text,"
                )
            node = self._nodes[key] = len(self.state)
            self.parent.append(below)
            self.state.append(state)
            self.level.append(self._brackets[state] + self._level_of(below))
            self.live.append(None)
            self.whole.append(below == NOWHERE or (below >= 0 and self.whole[below]))
            self._follow.append(NOT_ASKED)
        return node

    def settle(self, node: int) -> int:
        """The same node, with its live lookaheads found out: most nodes are only passed, between two reductions."""
        if self.live[node] is None:
            self.live[node] = self._live_on(self._class_below(self.parent[node]), self.state[node])
        return node

    def class_of(self, node: int) -> int:
        """The class of a node: all that liveness on top of it depends on."""
        asked = []
        while self._follow[node] == NOT_ASKED:
            asked.append(node)
            if self.parent[node] < 0:
                break
            node = self.parent[node]
        for node in reversed(asked):
            self._follow[node] = self._class_on(self._class_below(self.parent[node]), self.state[node])
        return self._follow[asked[0] if asked else node]

    def _class_below(self, below: int) -> int:
        """The class of a node; of NOWHERE, and of what was below a cut (-2 - class)."""
        return self.class_of(below) if below >= 0 else 0 if below == NOWHERE else self._below[-2 - below][0]

    def _level_of(self, below: int) -> int:
        return self.level[below] if below >= 0 else 0 if below == NOWHERE else self._below[-2 - below][1]

    def cut(self, node: int) -> int:
        """The stack with its upper CUT_DEPTH states only; itself if it has no more."""
        found = self._cuts.get(node)
        if found is None:
            states: list[int] = []
            below = node
            while below >= 0 and len(states) < CUT_DEPTH:
                states.append(self.state[below])
                below = self.parent[below]
            found = node
            if below >= 0:
                key = (self.class_of(below), min(self.level[below], CUT_DEPTH + 2))
                found = self._below_numbers.setdefault(key, -2 - len(self._below))
                if -2 - found == len(self._below):
                    self._below.append(key)
                for state in reversed(states):
                    found = self.push(found, state)
                self.live[found] = self.live[node]
            self._cuts[node] = found
        return found

    def shift(self, node: int, terminal: int) -> int:
        """The stack after a terminal; NOWHERE if the table has no action; IN_DOUBT.  Only asked where the
        terminal is live.
        """
        below, state = self.parent[node], self.state[node]  # the top, as a pair: one that is reduced is never a node
        passed = []
        found = NOWHERE
        for _ in range(MAX_REDUCTIONS):
            key = (below, state, terminal)
            known = self._shifts.get(key)
            if known is not None:
                found = known
                break
            passed.append(key)
            action = self.actions[state].get(terminal)
            if action is None:
                break
            if action[0]:
                target = action[1]
                node = self.push(below, state)
                if self.table.also and self.level[node] == 1:  # closing the last bracket leads outside
                    target = self.table.also.get((state, self.names[terminal]), target)
                found = self.settle(self.push(node, target))
                break
            origin, size = self.table.rules[action[1]]
            if not size:
                below = self.push(below, state)
            for _ in range(size - 1):
                if below < 0:
                    break
                below = self.parent[below]
            if below < 0:
                found = IN_DOUBT
                break
            state = self.table.gotos[self.state[below]][origin]
        else:
            raise LimitExceeded("max_states", MAX_REDUCTIONS, MAX_REDUCTIONS + 1, "one lexeme, in reductions,")
        for key in passed:
            self._shifts[key] = found
        return found

    def enter(self, node: int, lookahead: int) -> tuple[Hypothesis, ...]:
        """(stack, automaton state) after a lexeme, more than one where a look-ahead must be guessed; (IN_DOUBT, -1)."""
        if not self.live[node] >> lookahead & 1:
            return ()
        terminal, control = self.lookaheads.names[lookahead]
        after = node if terminal == IGNORED else self.shift(node, terminal)
        if after >= 0 and not self.whole[node]:
            after = self.cut(after)  # what a token adds to a cut stack is shared, too
        return ((after, -1),) if after < 0 else self.begin(after, control)

    def next_lexemes(self, node: int, lexeme: int) -> Iterator[tuple[bytes, tuple[Hypothesis, ...]]]:
        """For every lexeme that can be read from here: a shortest text of it, and what may run after it."""
        for lookahead, text in self.lookaheads.shortest_lexemes(lexeme).items():
            yield text, self.enter(node, lookahead)

    def begin(self, node: int, control: int) -> tuple[Hypothesis, ...]:
        """What may run on a stack; (node, -1) where only the end of the text can follow."""
        states = self.lookaheads.begin(self.lookaheads.lexers.of_state[self.state[node]], control)
        found = [(node, state) for state in states]
        may_end = self.lookaheads.may_end(control) and self.live[node] >> END_OF_TEXT & 1
        if may_end and all(self.lookaheads.automaton.is_promised(state) for state in states):
            found.append((node, -1))
        return tuple(found)

    def begin_free(self, node: int, ended: int) -> tuple[Hypothesis, ...]:
        """What may run, where the lexeme before ended in state `ended` and cannot go on."""
        return self.begin(node, self.lookaheads.control(self.lookaheads.automaton.control(ended)))

    def may_end(self, node: int, automaton_state: int) -> int:
        """Whether the text may end here, 1 or 0: nothing of a lexeme read, or one that may end and leads to
        an end; or IN_DOUBT.
        """
        if automaton_state < 0:
            return self.live[node] >> END_OF_TEXT & 1
        if self.lookaheads.automaton.is_promised(automaton_state):
            return 0
        if self.lookaheads.automaton.is_fresh(automaton_state):
            return self.live[node] >> END_OF_TEXT & 1
        lookahead = self.lookaheads.here[automaton_state]
        if lookahead < 0:
            return 0
        for after, _ in self.enter(node, lookahead):
            if after < 0:
                return IN_DOUBT
            return self.live[after] >> END_OF_TEXT & 1
        return 0

    # ---- liveness ----

    def _live_on(self, below: int, state: int) -> int:
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

    def _class_on(self, below: int, state: int) -> int:
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

    def _questions(self, state: int) -> list[Question]:
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
            found = self._asked[state] = [self._question(state, *question) for question in asked.items()]
        return found

    def _question(self, state: int, outcome: int, asked: int) -> Question:
        less = self.outcomes.less[outcome]
        if less >= 0:
            return outcome, 0, [(less, asked)], []
        target = self.table.gotos[state].get(self.outcomes.names[outcome][0])
        alive = 0
        itself: dict[int, int] = {}
        others: dict[tuple[int, int], int] = {}
        for lookahead in bits(asked) if target is not None else ():
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
        return outcome, alive, list(itself.items()), [(*key, lookaheads) for key, lookaheads in others.items()]


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
    return {"stack_nodes": len(stacks.state), "liveness_classes": len(stacks.classes)}
