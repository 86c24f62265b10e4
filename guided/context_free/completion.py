"""A short end for every stack: a text that finishes the document.

First a best-first search over lexemes, led by a lower bound (distances.py). Where that does not find an end soon: the
same three fixed points as in liveness.py, with the least number of bytes in the place of yes and no; they are made when
first needed and give a shortest text. Source: Knuth, "A Generalization of Dijkstra's Algorithm" (1977).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

from guided.context_free.distances import Distances
from guided.context_free.indents import Places
from guided.context_free.lalr import END
from guided.context_free.lexers import IGNORED
from guided.context_free.liveness import Outcomes
from guided.context_free.readings import END_OF_TEXT, Readings, bits
from guided.context_free.stacks import Stacks
from guided.context_free.texts import NOTHING, Text, join, of_bytes, spell

Goal = tuple[str, int, int]  # (nonterminal, states to pop before its goto, lookahead); DONE: the text is finished
Ends = dict[Goal, Text]
DONE: Goal = ("", -1, 0)
# Weight of the bytes that are still needed, at least, and how many lexeme ends to look at: first for a short text, then
# for any.  The tables take seconds for the grammar of a programming language.
SEARCHES = ((1, 100), (2, 1_000))


class IndentedCompletion:
    """finish(place, automaton state) -> bytes, where lines are indented: found by search alone."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.distances = Distances(places.stacks, places.stacks.table)

    def __call__(self, node: int, lexeme: int) -> bytes | None:
        for weight, expansions in (*SEARCHES, (5, 10_000)):
            found = search(self.places, self.left, node, lexeme, weight, expansions)
            if found is not None:
                return found
        return None

    def left(self, place: int) -> float:
        return self.distances.left(self.places.parts[place][0])


class Completion:
    """finish(node, automaton state) -> bytes, or None where nothing can follow."""

    def __init__(self, stacks: Stacks, outcomes: Outcomes) -> None:
        self.stacks, self.outcomes = stacks, outcomes
        self.lookaheads, self.table = stacks.lookaheads, stacks.table
        self.names = {number: name for name, number in self.lookaheads.lexers.number.items()}
        self.distances = Distances(stacks, stacks.table)
        self.popped: list[dict[int, Ends]] = []
        self.readers: dict[tuple[int, int], set[tuple[int, int]]] = {}
        self.gotos: dict[tuple[int, str, int], Ends] = {}
        self.follow: dict[int, Ends] = {-1: {}}

    def __call__(self, node: int, lexeme: int) -> bytes | None:
        for weight, expansions in SEARCHES:
            found = search(self.stacks, self.distances.left, node, lexeme, weight, expansions)
            if found is not None:
                return found
        return self.shortest(node, lexeme)

    def shortest(self, node: int, lexeme: int) -> bytes | None:
        """The shortest end of all, by the tables."""
        if not self.popped:
            self._saturate()
        best: Text | None = None
        live = self.stacks.live[node]
        fresh = may_end(self.lookaheads, lexeme)
        choices = dict(self.lookaheads.shortest_lexemes(lexeme)) if lexeme >= 0 else {}
        if fresh:
            choices[END_OF_TEXT] = b""
        for lookahead, text in choices.items():
            if live >> lookahead & 1:
                rest = self.rest(node, lookahead)
                if rest is not None and (best is None or len(text) + rest[0] < best[0]):
                    best = join((len(text), text, b""), rest)
        return None if best is None else spell(best)

    def readable(self, state: int, control: int) -> dict[int, Text]:
        """Lookahead -> the shortest text that reads it at the start of a lexeme in a state of the table."""
        found: dict[int, Text] = {END_OF_TEXT: NOTHING} if self.lookaheads.may_end(control) else {}
        for start in self.lookaheads.starts.get((self.lookaheads.lexers.of_state[state], control), ()):
            for lookahead, text in self.lookaheads.shortest_lexemes(start).items():
                if lookahead not in found or len(text) < found[lookahead][0]:
                    found[lookahead] = (len(text), text, b"")
        return found

    # ---- states of the table ----

    def _saturate(self) -> None:
        self.popped = [{} for _ in self.table.actions]
        todo = [
            (state, lookahead)
            for state in range(len(self.table.actions))
            for lookaheads, _ in self.outcomes.popped(state)
            for lookahead in bits(lookaheads)
        ]
        waiting = set(todo)
        queue = deque(reversed(todo))
        while queue:
            cell = queue.popleft()
            waiting.discard(cell)
            if self._update(*cell):
                for reader in self.readers.get(cell, ()):
                    if reader not in waiting:
                        waiting.add(reader)
                        queue.append(reader)

    def _update(self, state: int, lookahead: int) -> bool:
        reader = (state, lookahead)
        terminal, control = self.lookaheads.names[lookahead]
        cell = self.popped[state].setdefault(lookahead, {})
        if terminal == IGNORED:
            new: Ends = {}
            for read, text in self.readable(state, control).items():
                self.readers.setdefault((state, read), set()).add(reader)
                for goal, rest in self.goals(state, read).items():
                    offer(new, goal, join(text, rest))
            return improve(cell, new)
        shifts, argument = self.table.actions[state][self.name_of(lookahead)]
        if shifts:
            return improve(cell, self.over(state, argument, self.readable(argument, control), reader))
        origin, _ = self.table.rules[argument]
        return improve(cell, self.after_goto(state, origin, lookahead, reader))

    def name_of(self, lookahead: int) -> str:
        """The terminal of a lookahead, as the table has it."""
        terminal = self.lookaheads.names[lookahead][0]
        return END if lookahead == END_OF_TEXT else self.names[terminal] if terminal >= 0 else ""

    def goals(self, state: int, lookahead: int) -> Ends:
        """What becomes of a state under a lookahead: a reduction at once, or what is known of it so far."""
        action = self.table.actions[state].get(self.name_of(lookahead))
        if action is not None and not action[0]:
            origin, size = self.table.rules[action[1]]
            if size:
                return {(origin, size - 1, lookahead): NOTHING}
        return self.popped[state].get(lookahead, {})

    def after_goto(self, state: int, origin: str, lookahead: int, reader: tuple[int, int] | None) -> Ends:
        target = self.table.gotos[state].get(origin)
        if target is None:
            return {}
        if lookahead == END_OF_TEXT and target == self.table.end:
            return {DONE: NOTHING}
        return self.over(state, target, {lookahead: NOTHING}, reader)

    def over(self, state: int, pushed: int, feed: dict[int, Text], reader: tuple[int, int] | None) -> Ends:
        """What becomes of `state` after `pushed` was put on it, until `state` is popped, and the text read
        until then.
        """
        found: Ends = {}
        best: dict[tuple[int, int], Text] = {}
        todo = [(pushed, lookahead, text) for lookahead, text in feed.items()]
        gotos = self.table.gotos[state]
        while todo:
            top, lookahead, text = todo.pop()
            known = best.get((top, lookahead))
            if known is not None and known[0] <= text[0]:
                continue
            best[top, lookahead] = text
            if reader is not None:
                self.readers.setdefault((top, lookahead), set()).add(reader)
            for goal, rest in self.goals(top, lookahead).items():
                origin, more, after = goal
                whole = join(text, rest)
                if goal == DONE:
                    offer(found, DONE, whole)
                elif more:
                    offer(found, (origin, more - 1, after), whole)
                elif origin in gotos:
                    if after == END_OF_TEXT and gotos[origin] == self.table.end:
                        offer(found, DONE, whole)
                    else:
                        todo.append((gotos[origin], after, whole))
        return found

    # ---- stacks ----

    def rest(self, node: int, lookahead: int) -> Text | None:
        """The shortest text that finishes the document after `lookahead` is fed to a stack."""
        below = self.below(self.stacks.below(node))
        return cheapest(self.goals(self.stacks.state(node), lookahead), below)

    def below(self, node: int) -> Ends:
        """For every outcome that nodes on top of `node` may have: the shortest text that finishes the
        document after it.
        """
        chain = []
        while node not in self.follow:
            chain.append(node)
            node = self.stacks.below(node)
        found = self.follow[node]
        for node in reversed(chain):
            known, found = found, {}
            state = self.stacks.state(node)
            for outcome, asked in self.stacks.classes[self.stacks.class_of(node)].items():
                origin, more = self.outcomes.names[outcome]
                for lookahead in bits(asked):
                    text: Text | None
                    if more:
                        text = known.get((origin, more - 1, lookahead))
                    else:
                        key = (state, origin, lookahead)
                        if key not in self.gotos:
                            self.gotos[key] = self.after_goto(state, origin, lookahead, None)
                        text = cheapest(self.gotos[key], known)
                    if text is not None:
                        found[origin, more, lookahead] = text
            self.follow[node] = found
        return found


def search(
    stacks: Stacks | Places, left: Callable[[int], float], node: int, lexeme: int, weight: float, expansions: int
) -> bytes | None:
    """A short end found by best-first search over lexemes; None if it is not found soon.

    left : bytes that a node needs at least; `weight` times as many are expected.
    """
    queue: list[tuple[float, float, int, int, int, Text]] = [(0, 0, 0, node, lexeme, NOTHING)]
    seen = {(node, lexeme)}
    number = 0
    for _ in range(expansions):
        if not queue:
            return None
        _, _, _, node, lexeme, text = heappop(queue)
        if may_end(stacks.lookaheads, lexeme) and stacks.live[node] >> END_OF_TEXT & 1:
            return spell(text)
        for more, hypotheses in stacks.next_lexemes(node, lexeme) if lexeme >= 0 else ():
            for after in hypotheses:
                if after[0] >= 0 and after not in seen:
                    seen.add(after)
                    number += 1
                    whole = join(text, of_bytes(more))
                    needed = left(after[0])
                    heappush(queue, (whole[0] + weight * needed, needed, number, *after, whole))
    return None


def may_end(readings: Readings, lexeme: int) -> bool:
    """Whether no lexeme is running and no look-ahead is owed."""
    automaton = readings.automaton
    return lexeme < 0 or (automaton.is_fresh(lexeme) and not automaton.is_promised(lexeme))


def cheapest(ends: Ends, below: Ends) -> Text | None:
    """The shortest way through one of `ends` to the end of the document."""
    best: Text | None = None
    for goal, text in ends.items():
        rest = NOTHING if goal == DONE else below.get(goal)
        if rest is not None and (best is None or text[0] + rest[0] < best[0]):
            best = join(text, rest)
    return best


def offer(into: Ends, goal: Goal, text: Text) -> bool:
    """Keep the shorter one."""
    known = into.get(goal)
    if known is None or text[0] < known[0]:
        into[goal] = text
        return True
    return False


def improve(cell: Ends, new: Ends) -> bool:
    """Unite; True if anything became shorter."""
    improved = False
    for goal, text in new.items():
        improved = offer(cell, goal, text) or improved
    return improved
