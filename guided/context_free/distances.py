"""How many bytes a stack of the parser still needs: what leads the search for a completion (completion.py).

A lower bound that looks at rules alone: blanks between lexemes, obligations and keywords are not counted.  Per stack it
is a least fixed point over the nonterminals that may stand on it. Source: Knuth, "A Generalization of Dijkstra's
Algorithm" (1977).
"""

from __future__ import annotations

from math import inf

from guided.context_free.source import IN_BRACKETS, ROOT, Rest, Table
from guided.context_free.stacks import Stacks


class Distances:
    """left(node): bytes that every text needs from a stack to its end, at least."""

    def __init__(self, stacks: Stacks, table: Table) -> None:
        self.stacks, self.table = stacks, table
        self._after: dict[int, dict[str, float]] = {}
        self._steps: dict[int, tuple[dict[str, list[tuple[str, float]]], list[tuple[str, Rest]]]] = {}

    def left(self, node: int) -> float:
        """0 for a stack whose bottom is not known."""
        chain = []
        below = self.stacks.below(node)
        while below >= 0 and below not in self._after:
            chain.append(below)
            below = self.stacks.below(below)
        for below in reversed(chain):
            self._after[below] = self._after_gotos(below)
        return min((self._cost(node, rest) for rest in self.table.rests[self.stacks.state(node)]), default=0.0)

    def _cost(self, node: int, rest: Rest) -> float:
        """Bytes to the end by way of one item of the state on top of a node."""
        origin, read, cost = rest
        for _ in range(read):
            if node < 0:
                return cost
            node = self.stacks.below(node)
        if origin == ROOT or node < 0:
            return cost
        return cost + self._after[node].get(origin, inf)

    def _after_gotos(self, node: int) -> dict[str, float]:
        """Nonterminal -> bytes to the end, once its goto was taken on a node."""
        inner, outer = self._step(self.stacks.state(node))
        found: dict[str, float] = {}
        todo = []
        for name, rest in outer:
            cost = self._cost(node, rest)
            if cost < found.get(name, inf):
                found[name] = cost
                todo.append(name)
        while todo:
            name = todo.pop()
            for earlier, cost in inner.get(name, ()):
                if found[name] + cost < found.get(earlier, inf):
                    found[earlier] = found[name] + cost
                    todo.append(earlier)
        return found

    def _step(self, state: int) -> tuple[dict[str, list[tuple[str, float]]], list[tuple[str, Rest]]]:
        """(nonterminal -> [(one whose goto leads to it on the same node, bytes)]; [(nonterminal, the rest below)])."""
        found = self._steps.get(state)
        if found is None:
            inner: dict[str, list[tuple[str, float]]] = {}
            outer = []
            for full_name, target in self.table.gotos[state].items():
                name = full_name.removesuffix(IN_BRACKETS)
                for origin, read, cost in self.table.rests[target]:
                    if read == 1 and origin != ROOT:
                        inner.setdefault(origin, []).append((name, cost))
                    else:
                        outer.append((name, (origin, read - 1, cost)))
            found = self._steps[state] = (inner, outer)
        return found
