"""Earley's columns as interned numbers, and which lookaheads each of them can still follow to the end of a text.

A *kernel* is what has been begun at a place of the text: a set of (dot, return), the dot not at the end of its rule,
and whether the whole text is complete. A *return* is where to go on when the rule is finished: (kernel in which the
rule's nonterminal was expected, that nonterminal), or ROOT. Predicted items belong to their own kernel by name, so left
recursion makes nothing; a return whose only item is at its end is that item's own return, so right recursion makes
nothing either (Leo 1991). Liveness of a kernel is a function of its dots and of the liveness of their returns: a class.
Derivation: docs/theory/grammars.md. Source: Earley, "An Efficient Context-Free Parsing Algorithm" (1970).
"""

from __future__ import annotations

from typing import Any

from guided.context_free.derivations import END_OF_RULE, Derivations
from guided.context_free.readings import IGNORED, bits
from guided.errors import LimitExceeded

NOWHERE = -1
IN_DOUBT = -4  # a rule ended whose return was cut off
ROOT = 0
CUT_DEPTH = 4  # returns that a cut kernel keeps
MAX_ITEMS = 20_000  # of one kernel

Item = tuple[int, int]  # (dot, return)


class Class:
    """What is alive in kernels of the same content.

    predicted : nonterminals that are expected.      returns[A] : controls from which the text can end after an A.
    live      : lookaheads that lead to an end.      alive : controls under which the kernel itself can.
    """

    __slots__ = ("alive", "live", "predicted", "returns")

    def __init__(self, predicted: list[int], returns: dict[int, int], live: int, alive: int) -> None:
        self.predicted, self.returns, self.live, self.alive = predicted, returns, live, alive


class Kernels:
    """Kernels and the steps between them.

    live[k]     : the lookaheads that lead to the end of a text from kernel k, an int of bits.
    complete[k] : whether the text may end here, if nothing is owed.
    """

    def __init__(self, derivations: Derivations, max_states: int) -> None:
        self.derivations, self.rules, self.max_states = derivations, derivations.rules, max_states
        self.lookaheads = derivations.lexemes
        self.items: list[tuple[Item, ...]] = []
        self.complete: list[bool] = []
        self.live: list[int] = []
        self.classes: list[Class] = []
        self.scans: list[dict[int, list[Item]]] = []  # kernel -> terminal -> items after it
        self.return_kernel: list[int] = [NOWHERE]
        self.return_symbol: list[int] = [-1]
        self.return_live: list[int] = [derivations.finishing]
        self._return_items: list[list[Item] | None] = [[]]
        self._returns: dict[tuple[int, int], int] = {}  # (kernel, nonterminal) -> return; (-2 - controls, -1) if cut
        self._numbers: dict[tuple[tuple[Item, ...], bool], int] = {}
        self._class_of: dict[Any, Class] = {}
        self._advanced: dict[tuple[tuple[int, int], ...], int] = {}
        self._opened: dict[tuple[int, int], tuple[tuple[tuple[int, int], ...], bool]] = {}
        self._cuts: dict[tuple[int, int], int] = {}
        self._lookaheads_of: dict[int, dict[int, int]] = {}
        self.first = self.make([(dot, ROOT) for dot in self.rules.starts[self.rules.start]], complete=False)

    # ---- kernels ----

    def is_worn(self) -> bool:
        """Whether half of the kernels that it may ever make are made."""
        return len(self.items) > self.max_states // 2

    def make(self, raw: list[Item], *, complete: bool) -> int:
        """The kernel of items: finished ones are followed to where they return; NOWHERE if it can lead to no end."""
        symbols, skips, before = self.rules.symbol, self.rules.skips, self.derivations.before
        seen = set(raw)
        todo = list(raw)
        kept = set()
        while todo:
            dot, back = todo.pop()
            for place in skips[dot]:
                if symbols[place] != END_OF_RULE:
                    if before(place, self.return_live[back]):
                        kept.add((place, back))
                elif back == ROOT:
                    complete = True
                elif self.return_kernel[back] < 0:
                    return IN_DOUBT
                else:
                    for item in self.return_items(back):
                        if item not in seen:
                            seen.add(item)
                            todo.append(item)
            if len(seen) > MAX_ITEMS:
                raise LimitExceeded(
                    "max_states", MAX_ITEMS, len(seen), "the grammar, at one place of the text, in items,"
                )
        return self._intern(tuple(sorted(kept)), complete)

    def _intern(self, items: tuple[Item, ...], complete: bool) -> int:
        if not items and not complete:
            return NOWHERE
        key = (items, complete)
        kernel = self._numbers.get(key)
        if kernel is None:
            if len(self.items) >= self.max_states:
                raise LimitExceeded(
                    "max_states", self.max_states, len(self.items) + 1, "the parser, at this point of the text,"
                )
            kernel = self._numbers[key] = len(self.items)
            made = self._class(items, complete)
            self.items.append(items)
            self.complete.append(complete)
            self.live.append(made.live)
            self.classes.append(made)
            self.scans.append(self._scan(kernel, items, made))
        return kernel

    def _scan(self, kernel: int, items: tuple[Item, ...], made: Class) -> dict[int, list[Item]]:
        found: dict[int, list[Item]] = {}
        symbols = self.rules.symbol
        for dot, back in items:
            if symbols[dot] >= 0:
                found.setdefault(symbols[dot], []).append((dot + 1, back))
        for nonterminal in made.predicted:
            for dot in self.rules.initial[nonterminal]:
                if symbols[dot] >= 0:
                    # the return is made when it is needed: (dot, -2 - nonterminal)
                    found.setdefault(symbols[dot], []).append((dot + 1, -2 - nonterminal))
        return found

    def scanned(self, kernel: int, terminal: int) -> list[Item]:
        """The items after a terminal."""
        found = self.scans[kernel].get(terminal, [])
        for place, (dot, back) in enumerate(found):
            if back < -1:
                found[place] = (dot, self.back_to(kernel, -2 - back))
        return found

    # ---- returns ----

    def back_to(self, kernel: int, nonterminal: int) -> int:
        """The return to a kernel after a nonterminal; where that only finishes another rule, that rule's return."""
        passed = []
        key = (kernel, nonterminal)
        found = self._returns.get(key)
        while found is None:
            passed.append(key)
            single = self._single(kernel, nonterminal)
            if single is None or (single[1] < -1 and (kernel, -2 - single[1]) in passed):
                found = self._new_return(kernel, nonterminal, self.classes[kernel].returns.get(nonterminal, 0))
                break
            if single[1] >= -1:
                found = single[1]
                break
            nonterminal = -2 - single[1]
            key = (kernel, nonterminal)
            found = self._returns.get(key)
        for key in passed:
            self._returns[key] = found
        return found

    def _single(self, kernel: int, nonterminal: int) -> Item | None:
        """The only item that a nonterminal advances, if that finishes its rule."""
        only = None
        for item in self._advanced_by(kernel, nonterminal):
            if only is not None or self.rules.symbol[item[0]] != END_OF_RULE:
                return None
            only = item
        return only

    def _advanced_by(self, kernel: int, nonterminal: int) -> list[Item]:
        """The items after a nonterminal; returns to the kernel itself as -2 - nonterminal."""
        symbols, wanted = self.rules.symbol, -2 - nonterminal
        found = [(dot + 1, back) for dot, back in self.items[kernel] if symbols[dot] == wanted]
        for other in self.classes[kernel].predicted:
            found.extend((dot + 1, -2 - other) for dot in self.rules.initial[other] if symbols[dot] == wanted)
        return found

    def _new_return(self, kernel: int, nonterminal: int, live: int) -> int:
        self.return_kernel.append(kernel)
        self.return_symbol.append(nonterminal)
        self.return_live.append(live)
        self._return_items.append(None)
        return len(self.return_kernel) - 1

    def return_items(self, back: int) -> list[Item]:
        """The items that go on at a return."""
        found = self._return_items[back]
        if found is None:
            kernel = self.return_kernel[back]
            found = [
                (dot, self.back_to(kernel, -2 - other) if other < -1 else other)
                for dot, other in self._advanced_by(kernel, self.return_symbol[back])
            ]
            self._return_items[back] = found
        return found

    # ---- steps ----

    def advance(self, parts: tuple[tuple[int, int], ...]) -> int:
        """The kernel after (kernel, terminal) pairs that end at one place; NOWHERE; IN_DOUBT."""
        found = self._advanced.get(parts)
        if found is None:
            raw: list[Item] = []
            complete = False
            for kernel, terminal in parts:
                if terminal == IGNORED:
                    raw.extend(self.items[kernel])
                    complete = complete or self.complete[kernel]
                else:
                    raw.extend(self.scanned(kernel, terminal))
            found = self._advanced[parts] = self.make(raw, complete=complete)
        return found

    def open(self, kernel: int, control: int) -> tuple[tuple[tuple[int, int], ...], bool]:
        """((kernel, automaton state) of every lexeme that may begin, whether the text may end here)."""
        key = (kernel, control)
        found = self._opened.get(key)
        if found is None:
            readings, live = self.lookaheads, self.live[kernel]
            lexemes = []
            for terminal in (*self.scans[kernel], *readings.lexers.ignored):
                for state in readings.begin_all(terminal, control):
                    if readings.ends[state] & live:
                        lexemes.append((kernel, state))
            found = self._opened[key] = (tuple(lexemes), self.complete[kernel] and readings.may_end(control))
        return found

    def cut(self, kernel: int, depth: int = CUT_DEPTH) -> int:
        """The kernel with returns cut off below `depth`: what masks are made from, shared by texts that nest deeper."""
        key = (kernel, depth)
        found = self._cuts.get(key)
        if found is None:
            items = tuple(sorted({(dot, self._cut_return(back, depth)) for dot, back in self.items[kernel]}))
            same = items == self.items[kernel]
            found = self._cuts[key] = kernel if same else self._intern(items, self.complete[kernel])
        return found

    def _cut_return(self, back: int, depth: int) -> int:
        kernel = self.return_kernel[back]
        if back == ROOT or kernel < 0:
            return back
        if depth:
            return self.back_to(self.cut(kernel, depth - 1), self.return_symbol[back])
        key = (-2 - self.return_live[back], -1)
        found = self._returns.get(key)
        if found is None:
            found = self._returns[key] = self._new_return(NOWHERE, -1, self.return_live[back])
        return found

    # ---- liveness ----

    def _class(self, items: tuple[Item, ...], complete: bool) -> Class:
        content = frozenset((dot, self.return_live[back]) for dot, back in items)
        key = (content, complete)
        found = self._class_of.get(key)
        if found is None:
            found = self._class_of[key] = self._new_class(content, complete)
        return found

    def _new_class(self, content: frozenset[tuple[int, int]], complete: bool) -> Class:
        symbols, initial, before = self.rules.symbol, self.rules.initial, self.derivations.before
        predicted: list[int] = []
        known = set()
        todo = [-2 - symbols[dot] for dot, _ in content if symbols[dot] <= -2]
        readers: dict[int, list[tuple[int, int]]] = {}  # nonterminal -> (dot, nonterminal whose rule it is) to advance
        while todo:
            nonterminal = todo.pop()
            if nonterminal in known:
                continue
            known.add(nonterminal)
            predicted.append(nonterminal)
            for dot in initial[nonterminal]:
                if symbols[dot] <= -2:
                    todo.append(-2 - symbols[dot])
                    readers.setdefault(-2 - symbols[dot], []).append((dot + 1, nonterminal))
        returns = dict.fromkeys(predicted, 0)
        changed = set()
        for dot, live in content:
            if symbols[dot] <= -2:
                returns[-2 - symbols[dot]] |= before(dot + 1, live)
                changed.add(-2 - symbols[dot])
        asked: dict[int, list[tuple[int, int]]] = {}
        for inner, places in readers.items():
            for dot, outer in places:
                asked.setdefault(outer, []).append((dot, inner))
        while changed:
            outer = changed.pop()
            for dot, inner in asked.get(outer, ()):
                new = returns[inner] | before(dot, returns[outer])
                if new != returns[inner]:
                    returns[inner] = new
                    changed.add(inner)
        alive = self.derivations.finishing if complete else 0
        for dot, live in content:
            alive |= before(dot, live)
        live_set = 0
        for dot, live in content:
            if symbols[dot] >= 0:
                live_set |= self._lookaheads(symbols[dot], before(dot + 1, live))
        predicted = sorted(name for name in predicted if returns[name])
        for nonterminal in predicted:
            for dot in initial[nonterminal]:
                if symbols[dot] >= 0:
                    live_set |= self._lookaheads(symbols[dot], before(dot + 1, returns[nonterminal]))
        live_set |= self._lookaheads(IGNORED, alive)
        return Class(predicted, returns, live_set, alive)

    def _lookaheads(self, terminal: int, controls: int) -> int:
        """The lookaheads of a terminal that leave one of `controls`."""
        readings = self.lookaheads
        found = 0
        for control in bits(controls):
            lookahead = readings.numbers.get((terminal, control))
            if lookahead is not None:
                found |= 1 << lookahead
        return found


def describe(kernels: Kernels) -> dict[str, Any]:
    """Sizes, for explain()."""
    return {"kernels": len(kernels.items), "liveness_classes": len(kernels._class_of)}
