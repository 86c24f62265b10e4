"""A shortest end for every state of an Earley grammar: the fixed points of derivations.py and kernels.py, with the
least number of bytes in the place of yes and no.  Source: Knuth, "A Generalization of Dijkstra's Algorithm" (1977).
"""

from __future__ import annotations

from guided.context_free.derivations import END_OF_RULE
from guided.context_free.kernels import ROOT, Kernels
from guided.context_free.readings import IGNORED, bits
from guided.context_free.texts import NOTHING, Text, join, of_bytes, spell

Ends = dict[int, Text]  # control -> the shortest text that leads there


class EarleyCompletion:
    """finish(running lexemes) -> bytes."""

    def __init__(self, kernels: Kernels) -> None:
        self.kernels, self.derivations, self.rules = kernels, kernels.derivations, kernels.rules
        self.lexemes = kernels.lookaheads
        self.made: dict[tuple[int, int], Ends] | None = None
        self._skips: dict[int, Ends] = {}
        self._reads: dict[tuple[int, int], Ends] = {}
        self._rests: dict[tuple[int, int], Ends] = {}
        self.after_return: dict[int, Ends] = {}  # return -> control -> the shortest end of the text

    def __call__(self, running: tuple[tuple[int, int], ...]) -> bytes:
        best: Text | None = None
        for kernel, state in running:
            live = self.kernels.live[kernel]
            for lookahead, text in self.lexemes.shortest_lexemes(state).items():
                if not live >> lookahead & 1 or (best is not None and len(text) >= best[0]):
                    continue
                terminal, control = self.lexemes.names[lookahead]
                rest = self.after_lexeme(kernel, terminal, control)
                if rest is not None and (best is None or len(text) + rest[0] < best[0]):
                    best = join(of_bytes(text), rest)
        assert best is not None, "a state that is not DEAD has an end"
        return spell(best)

    def after_lexeme(self, kernel: int, terminal: int, control: int) -> Text | None:
        """The shortest end after a terminal was read from a kernel."""
        best: Text | None = None
        items = self.kernels.items[kernel] if terminal == IGNORED else self.kernels.scanned(kernel, terminal)
        if terminal == IGNORED and self.kernels.complete[kernel]:
            best = self.finish(control)
        for dot, back in items:
            if best is not None and not best[0]:
                break
            for after, text in self.rest(dot, control).items():
                end = self.ends_after(back).get(after)
                if end is not None and (best is None or text[0] + end[0] < best[0]):
                    best = join(text, end)
        return best

    def finish(self, control: int) -> Text | None:
        """The shortest text after which nothing is owed."""
        found = [text for after, text in self.skips(control).items() if self.lexemes.may_end(after)]
        return min(found, key=lambda text: text[0], default=None)

    # ---- lexemes ----

    def after(self, terminal: int, control: int) -> Ends:
        """The shortest lexemes of a terminal."""
        found: Ends = {}
        for state in self.lexemes.begin_all(terminal, control):
            for lookahead, text in self.lexemes.shortest_lexemes(state).items():
                offer(found, self.lexemes.names[lookahead][1], of_bytes(text))
        return found

    def skips(self, control: int) -> Ends:
        """The shortest ignored texts, none included."""
        found = self._skips.get(control)
        if found is None:
            found = {control: NOTHING}
            todo = [control]
            while todo:
                here = todo.pop()
                for ignored in self.lexemes.lexers.ignored:
                    for after, text in self.after(ignored, here).items():
                        if offer(found, after, join(found[here], text)):
                            todo.append(after)
            self._skips[control] = found
        return found

    def read(self, terminal: int, control: int) -> Ends:
        """The shortest texts of ignored lexemes and then a terminal."""
        key = (terminal, control)
        found = self._reads.get(key)
        if found is None:
            found = {}
            for before, text in self.skips(control).items():
                for after, more in self.after(terminal, before).items():
                    offer(found, after, join(text, more))
            self._reads[key] = found
        return found

    # ---- rules ----

    def table(self) -> dict[tuple[int, int], Ends]:
        """(nonterminal, control) -> its shortest texts; made when first needed."""
        if self.made is None:
            made: dict[tuple[int, int], Ends] = {key: {} for key, found in self.derivations.made.items() if found}
            readers: dict[tuple[int, int], set[tuple[int, int]]] = {}
            todo = list(made)
            waiting = set(todo)
            while todo:
                key = todo.pop()
                waiting.discard(key)
                improved = False
                for dot in self.rules.starts[key[0]]:
                    for after, text in self.along(dot, key[1], made, key, readers).items():
                        improved = offer(made[key], after, text) or improved
                if improved:
                    new = readers.get(key, set()) - waiting
                    waiting |= new
                    todo.extend(new)
            self.made = made
        return self.made

    def along(
        self,
        dot: int,
        control: int,
        made: dict[tuple[int, int], Ends],
        reader: tuple[int, int] | None = None,
        readers: dict[tuple[int, int], set[tuple[int, int]]] | None = None,
    ) -> Ends:
        """The shortest texts of the rest of a rule."""
        found: Ends = {control: NOTHING}
        while self.rules.symbol[dot] != END_OF_RULE and found:
            symbol = self.rules.symbol[dot]
            here, found = found, {}
            for each, text in here.items():
                if symbol >= 0:
                    ends = self.read(symbol, each)
                else:
                    ends = made.get((-2 - symbol, each), {})
                    if reader is not None and readers is not None:
                        readers.setdefault((-2 - symbol, each), set()).add(reader)
                for after, more in ends.items():
                    offer(found, after, join(text, more))
            dot += 1
        return found

    def rest(self, dot: int, control: int) -> Ends:
        """The same with the finished table."""
        key = (dot, control)
        found = self._rests.get(key)
        if found is None:
            found = self._rests[key] = self.along(dot, control, self.table())
        return found

    # ---- returns ----

    def ends_after(self, back: int) -> Ends:
        """Control -> the shortest end of the text at a return."""
        known = self.after_return
        if back in known:
            return known[back]
        kernels = self.kernels
        needed, todo = set(), [back]
        while todo:
            here = todo.pop()
            if here in needed or here in known:
                continue
            needed.add(here)
            todo.extend(other for _, other in kernels.return_items(here))
        # A return asks for others of its own kernel or of older ones, so the older ones are settled first.
        groups: dict[int, list[int]] = {}
        for here in needed:
            groups.setdefault(kernels.return_kernel[here], []).append(here)
        for kernel in sorted(groups):
            for here in groups[kernel]:
                known[here] = {}
                if here == ROOT:
                    for control in bits(kernels.return_live[ROOT]):
                        end = self.finish(control)
                        if end is not None:
                            known[here][control] = end
            changed = True
            while changed:
                changed = False
                for here in groups[kernel]:
                    for dot, other in kernels.return_items(here):
                        for control in bits(kernels.return_live[here]):
                            for after, text in self.rest(dot, control).items():
                                end = known[other].get(after)
                                if end is not None:
                                    changed = offer(known[here], control, join(text, end)) or changed
        return known[back]


def offer(into: Ends, control: int, text: Text) -> bool:
    """Keep the shorter one."""
    before = into.get(control)
    if before is None or text[0] < before[0]:
        into[control] = text
        return True
    return False
