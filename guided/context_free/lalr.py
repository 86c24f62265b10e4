"""Lark's LALR table, made with integers: the same states, actions and resolved conflicts, some twenty times faster.

Source: DeRemer and Pennello, "Efficient Computation of LALR(1) Look-Ahead Sets" (1982), as Lark does it: its relation
`includes` also has the items of a state that are not at their beginning, which can make lookaheads larger.  A test
holds this table to Lark's own.
"""

from __future__ import annotations

from typing import Any

END = "$END"


class Conflict(Exception):
    """The grammar is not LALR(1); the message is worded as Lark words it."""


class Automaton:
    """The states of the LR(0) automaton of rules, and their lookaheads.

    kernels[p]     : dots behind what has been read.
    closure[p]     : dots, those of the kernel among them.
    transitions[p] : symbol -> state.        Symbols are numbers; names[s] is one's name.
    lookaheads[p]  : terminal -> rules that can be reduced.
    """

    def __init__(self, rules: list[Any], start: str) -> None:
        self.rules = rules
        numbers: dict[str, int] = {}
        self.names: list[str] = []

        def number(name: str) -> int:
            found = numbers.get(name)
            if found is None:
                found = numbers[name] = len(self.names)
                self.names.append(str(name))
            return found

        self.end = number(END)
        expansions = [(number(rule.origin.name), [number(part.name) for part in rule.expansion]) for rule in rules]
        self.root = number("$root_" + start)
        expansions.append((self.root, [number(start)]))
        self.is_nonterminal = [False] * len(self.names)
        self.symbol: list[int] = []  # dot -> what stands behind it, or -1
        self.rule_of: list[int] = []
        self.first: list[int] = []  # rule -> its first dot
        self.starts: dict[int, list[int]] = {}
        for rule, (origin, expansion) in enumerate(expansions):
            self.is_nonterminal[origin] = True
            self.first.append(len(self.symbol))
            self.starts.setdefault(origin, []).append(len(self.symbol))
            self.symbol.extend((*expansion, -1))
            self.rule_of.extend([rule] * (len(expansion) + 1))
        self.origin = [origin for origin, _ in expansions]
        self.nullable = self._nullable(expansions)
        self._predicted: dict[int, tuple[int, ...]] = {}
        self.kernels: list[tuple[int, ...]] = []
        self.closure: list[list[int]] = []
        self.transitions: list[dict[int, int]] = []
        self._states()
        self.lookaheads: list[dict[int, set[int]]] = [{} for _ in self.closure]
        self._lookaheads(numbers[start])

    def _nullable(self, expansions: list[tuple[int, list[int]]]) -> list[bool]:
        found = [False] * len(self.names)
        changed = True
        while changed:
            changed = False
            for origin, expansion in expansions:
                if not found[origin] and all(found[part] for part in expansion):
                    found[origin] = changed = True
        return found

    # ---- LR(0) ----

    def predicted(self, nonterminal: int) -> tuple[int, ...]:
        """First dots of all rules that may begin where a nonterminal does."""
        found = self._predicted.get(nonterminal)
        if found is None:
            dots: list[int] = []
            known, todo = {nonterminal}, [nonterminal]
            for name in todo:  # grows while it is read
                for dot in self.starts[name]:
                    dots.append(dot)
                    after = self.symbol[dot]
                    if after >= 0 and self.is_nonterminal[after] and after not in known:
                        known.add(after)
                        todo.append(after)
            found = self._predicted[nonterminal] = tuple(dots)
        return found

    def _states(self) -> None:
        kernels: dict[tuple[int, ...], int] = {}
        symbol = self.symbol

        def state_of(kernel: tuple[int, ...]) -> int:
            found = kernels.get(kernel)
            if found is None:
                found = kernels[kernel] = len(self.closure)
                dots = dict.fromkeys(kernel)
                for dot in kernel:
                    if symbol[dot] >= 0 and self.is_nonterminal[symbol[dot]]:
                        dots.update(dict.fromkeys(self.predicted(symbol[dot])))
                self.kernels.append(kernel)
                self.closure.append(list(dots))
                self.transitions.append({})
            return found

        state_of((self.starts[self.root][0],))
        state = 0
        while state < len(self.closure):
            after: dict[int, list[int]] = {}
            for dot in self.closure[state]:
                if symbol[dot] >= 0:
                    after.setdefault(symbol[dot], []).append(dot + 1)
            for name, dots in after.items():
                self.transitions[state][name] = state_of(tuple(sorted(dots)))
            state += 1

    # ---- lookaheads ----

    def _lookaheads(self, start: int) -> None:
        symbol, transitions = self.symbol, self.transitions
        numbers: dict[tuple[int, int], int] = {}  # (state, nonterminal) -> transition
        places: list[tuple[int, int]] = []
        for state, row in enumerate(transitions):
            for name in row:
                if self.is_nonterminal[name]:
                    numbers[state, name] = len(places)
                    places.append((state, name))
        terminals = [0] * len(transitions)  # that can be read in a state
        nullables: list[list[int]] = []
        for state, row in enumerate(transitions):
            nullables.append([name for name in row if self.nullable[name]])
            for name in row:
                if not self.is_nonterminal[name]:
                    terminals[state] |= 1 << name
        follow = [0] * len(places)
        reads: list[list[int]] = [[] for _ in places]
        for number, (state, name) in enumerate(places):
            after = transitions[state][name]
            follow[number] = terminals[after]
            reads[number] = [numbers[after, other] for other in nullables[after]]
        follow[numbers[0, start]] |= 1 << self.end
        _spread(follow, reads)
        includes: list[set[int]] = [set() for _ in places]
        lookback: list[list[tuple[int, int]]] = [[] for _ in places]
        dots_of: list[dict[int, list[int]]] = []  # state -> nonterminal -> dots in its rules
        for dots in self.closure:
            dots_of.append({})
            for dot in dots:
                dots_of[-1].setdefault(self.origin[self.rule_of[dot]], []).append(dot)
        for number, (state, name) in enumerate(places):
            for dot in dots_of[state].get(name, ()):
                rule = self.rule_of[dot]
                here, place = state, dot
                inner: list[tuple[int, int]] = []  # transitions on nonterminals on the way, with their dots
                while symbol[place] >= 0:
                    if self.is_nonterminal[symbol[place]]:
                        inner.append((numbers[here, symbol[place]], place))
                    here = transitions[here][symbol[place]]
                    place += 1
                for other, where in reversed(inner):
                    rest = symbol[where + 1]
                    if rest >= 0 and not self._rest_is_nullable(where + 1):
                        break
                    includes[other].add(number)
                if dot == self.first[rule]:
                    lookback[number].append((here, rule))
        _spread(follow, [list(others) for others in includes])
        for number, found in enumerate(follow):
            for state, rule in lookback[number]:
                reductions = self.lookaheads[state]
                left = found
                while left:
                    low = left & -left
                    left ^= low
                    reductions.setdefault(low.bit_length() - 1, set()).add(rule)

    def _rest_is_nullable(self, dot: int) -> bool:
        while self.symbol[dot] >= 0:
            if not self.nullable[self.symbol[dot]]:
                return False
            dot += 1
        return True

    # ---- actions ----

    def actions(self, *, strict: bool) -> list[dict[str, tuple[bool, int]]]:
        """By state: terminal -> (True, state to shift to) or (False, rule to reduce); rules by number in `rules`.

        Raises Conflict as Lark does: a reduction against another where no priority decides; strict: against a shift.
        """
        made = []
        collisions = []
        for state, row in enumerate(self.transitions):
            action = {self.names[name]: (True, to) for name, to in row.items() if not self.is_nonterminal[name]}
            for terminal, rules in self.lookaheads[state].items():
                if terminal == self.end and len(self.rules) in rules and len(rules) == 1:
                    continue  # the root rule: the end state
                order = sorted(rules, key=self._priority, reverse=True)
                if len(order) > 1 and self._priority(order[0]) == self._priority(order[1]):
                    collisions.append(
                        f"Reduce/Reduce collision in {self.names[terminal]} between the following rules: "
                        + "".join(f"\n\t- {self.rules[rule]}" for rule in sorted(rules) if rule < len(self.rules))
                    )
                elif self.names[terminal] not in action:
                    action[self.names[terminal]] = (False, order[0])
                elif strict:
                    raise Conflict(
                        f"Shift/Reduce conflict for terminal {self.names[terminal]}.\n * {self.rules[order[0]]}\n"
                    )
            made.append(action)
        if collisions:
            raise Conflict("\n\n".join(collisions))
        return made

    def _priority(self, rule: int) -> int:
        return (self.rules[rule].options.priority or 0) if rule < len(self.rules) else 0


def _spread(sets: list[int], edges: list[list[int]]) -> None:
    """Least fixed point of sets[n] |= sets[m] for every m in edges[n]."""
    readers: list[list[int]] = [[] for _ in sets]
    for number, others in enumerate(edges):
        for other in others:
            readers[other].append(number)
    todo = list(range(len(sets)))
    waiting = bytearray(b"\x01") * len(sets)
    while todo:
        number = todo.pop()
        waiting[number] = 0
        found = sets[number]
        for reader in readers[number]:
            if found & ~sets[reader]:
                sets[reader] |= found
                if not waiting[reader]:
                    waiting[reader] = 1
                    todo.append(reader)
