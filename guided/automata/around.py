"""Trees that look around: anchors, word boundaries and lookahead, built once for every context that a place can have.

The context of a place is what stands before it (a class of characters, or the start of the text) and what may stand
after it (classes, a last newline, the end).  Characters are in one class if no anchor or boundary of the tree tells
them apart: two classes for `\\b`.  So `\\b` narrows what may come after; the next character meets that, and says what
the next place has before it.  Only contexts that can be asked for are built.  Lookahead is an intersection with the
rest, which is built first.  Nothing recurses.  Source: docs/theory/automata.md, section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from guided import _fast
from guided.automata import boolean
from guided.automata.anchors import strip
from guided.automata.scopes import NEWLINE, Scope
from guided.automata.syntax import (
    ANY_TEXT,
    EMPTY,
    Ahead,
    Both,
    Boundary,
    Chars,
    Concat,
    End,
    Literal,
    Never,
    Node,
    Ranges,
    Repeat,
    Start,
    Union,
    Words,
    Written,
    concat,
    intersect,
    union,
)
from guided.errors import ConstraintError, LimitExceeded
from guided.limits import Limits

if TYPE_CHECKING:
    from guided.automata.compile import Builder

DEAD: Final = -1
AT_START: Final = -1  # before a place: the start of the text
ANYTHING: Final = -2  # the same: what makes no difference
Table = _fast.Table
meet = lru_cache(maxsize=512)(intersect)


class Place:
    """`node`, then the place `rest`; or `skip`, if there is one, instead of both.  Without a node: the text's end."""

    def __init__(
        self,
        node: Node | None,
        rest: Place | None = None,
        skip: Place | None = None,
        behind: bool = False,
        finish: Callable[[int], int] | None = None,
    ) -> None:
        """behind : whether what stands before can make a difference.    finish : the state for what may stand after."""
        self.node, self.rest, self.skip, self.behind, self.finish = node, rest, skip, behind, finish
        self.inside: dict[str, list[Place]] = {}  # places of what the node is made of
        self.states: dict[tuple[int, int], Task] = {}


class Task:
    """One state of one place: `knot`, whose targets are known when it is done."""

    def __init__(self, place: Place, before: int, after: int, knot: int, is_done: bool) -> None:
        self.place, self.before, self.after, self.knot = place, before, after, knot
        self.is_open = False  # a lookahead that waits for its rest
        self.is_done = is_done


class Around:
    """The states of one text that looks around itself, in the byte automaton of `builder`."""

    def __init__(self, builder: Builder, scope: Scope) -> None:
        self.builder, self.nfa, self.scope = builder, builder.nfa, scope
        self.tasks: list[Task] = []
        self.wanted: dict[tuple[int, int], Table] = {}  # (id of a lookahead, what stands before) -> its table

    def build(self, node: Node, finish: Callable[[int], int], before: int = AT_START) -> int:
        """The first state of `node` after `before`, with finish(after) at its end."""
        entry = self.state(self.place(node, Place(None, finish=finish)), before, self.scope.any)
        while self.tasks:
            task = self.tasks.pop()
            if not task.is_done:
                self.expand(task)
        return entry

    # ---- places ----

    def place(self, node: Node, rest: Place, skip: Place | None = None) -> Place:
        about = self.builder.facts(node)
        behind = about.behind or (about.nullable and rest.behind) or (skip is not None and skip.behind)
        return Place(node, rest, skip, behind)

    def state(self, place: Place, before: int, after: int) -> int:
        """The state of a place in a context; what it leads to is made before any task that is on the list now."""
        key = (before if place.behind else ANYTHING, after)
        task = place.states.get(key)
        if task is None:
            if not after:
                knot = DEAD
            elif place.finish is not None:
                knot = place.finish(after)
            else:
                knot = self.nfa.knot(1)
            task = place.states[key] = Task(place, *key, knot, is_done=not after or place.finish is not None)
        if task.knot == DEAD:
            self.builder.pruned = True
        if task.is_open:
            raise ConstraintError(UNBOUNDED)
        if not task.is_done:
            self.tasks.append(task)
        return task.knot

    def expand(self, task: Task) -> None:
        """Give the state of a task its targets."""
        place, before, after = task.place, task.before, task.after
        assert place.node is not None and place.rest is not None
        if isinstance(place.node, Ahead) and not task.is_open:
            self.tasks.append(task)
            task.is_open = True
            self.state(place.rest, before, after)
            return
        task.is_open, task.is_done = False, True
        targets = self.targets(place.node, place, before, after)
        if place.skip is not None:
            targets.append(self.state(place.skip, before, after))
        if (target := self.nfa.split(targets)) != DEAD:
            self.nfa.set_targets(task.knot, [target])
        else:
            self.builder.pruned = True

    def targets(self, node: Node, place: Place, before: int, after: int) -> list[int]:
        """The first states of `node` in a context, followed by the rest of the place."""
        scope, rest = self.scope, place.rest
        assert rest is not None
        if isinstance(node, Never):
            return [DEAD]
        if isinstance(node, Start):
            holds = before == AT_START or scope.is_in(before, node.line)
            return [self.state(rest, before, after) if holds else DEAD]
        if isinstance(node, End):
            allowed = scope.over | (scope.last if node.newline else 0) | scope.bits(node.line)
            return [self.state(rest, before, after & allowed)]
        if isinstance(node, Boundary):
            allowed = scope.bits(node.word)
            allowed = scope.any & ~allowed if scope.is_in(before, node.word) != node.negative else allowed
            if node.negative and not node.in_empty and before == AT_START:
                allowed &= ~scope.over
            return [self.state(rest, before, after & allowed)]
        if isinstance(node, Ahead):
            return [self.ahead(node, self.state(rest, before, after), before)]
        about = self.builder.facts(node)
        if not about.zero_width and after == scope.any and not rest.behind:
            return [self.builder.build(scope.write(node), self.state(rest, ANYTHING, after))]
        if isinstance(node, Literal):
            return self.words([node.text], rest, before, after)
        if isinstance(node, Words):
            return self.words(node.texts, rest, before, after)
        if isinstance(node, Chars):
            return self.characters(node.ranges, rest, after)
        if isinstance(node, (Concat, Union)):
            inside = place.inside.get("parts")
            if inside is None:
                inside = place.inside["parts"] = self.parts(node, rest)
            return [self.state(part, before, after) for part in inside]
        if isinstance(node, Repeat):
            return self.repeat(node, place, before, after)
        return self.opaque(node, about.nullable, rest, before, after)

    # ---- characters ----

    def characters(self, ranges: Ranges, rest: Place, after: int) -> list[int]:
        """One character, met with what may stand here; it is what the rest has before it."""
        scope, found = self.scope, []
        for number, part in enumerate(scope.parts):
            inside = meet(ranges, part)
            if inside and after >> number & 1:
                found.append(self.plain(Chars(inside), self.state(rest, number, scope.any)))
            elif after & scope.last and intersect(inside, NEWLINE):
                found.append(self.plain(Literal("\n"), self.state(rest, number, scope.over)))
        return found

    def words(self, texts: tuple[str, ...] | list[str], rest: Place, before: int, after: int) -> list[int]:
        """Whole texts, those with equal contexts behind them together."""
        scope = self.scope
        groups: dict[tuple[int, int], list[str]] = {}
        for text in texts:
            if not text:
                groups.setdefault((before, after), []).append(text)
            elif after >> scope.number(text[0]) & 1:
                groups.setdefault((scope.number(text[-1]), scope.any), []).append(text)
            elif text == "\n" and after & scope.last:
                groups.setdefault((scope.number(text), scope.over), []).append(text)
        return [self.plain(Words(tuple(group)), self.state(rest, *context)) for context, group in groups.items()]

    def plain(self, node: Node, follow: int) -> int:
        """A tree that looks at nothing around it."""
        return self.builder.build(self.scope.write(node), follow)

    def opaque(self, node: Node, nullable: bool, rest: Place, before: int, after: int) -> list[int]:
        """What is not read character by character (a complement, say): cut by its first and its last character."""
        scope = self.scope
        allowed = union(*(Chars(part) for number, part in enumerate(scope.parts) if after >> number & 1))
        found = [self.state(rest, before, after)] if nullable and _holds(node, EMPTY, self.builder.limits) else []
        for number, part in enumerate(scope.parts):
            ends = union(concat(allowed, ANY_TEXT, Chars(part)), Both((allowed, Chars(part))))
            found.append(self.plain(Both((node, ends)), self.state(rest, number, scope.any)))
        if after & scope.last and not after >> scope.number("\n") & 1:
            newline = Both((node, Literal("\n")))
            found.append(self.plain(newline, self.state(rest, scope.number("\n"), scope.over)))
        return found

    # ---- parts ----

    def parts(self, node: Concat | Union, rest: Place) -> list[Place]:
        if isinstance(node, Concat):
            for part in reversed(node.parts):
                rest = self.place(part, rest)
            return [rest]
        texts = tuple(part.text for part in node.parts if isinstance(part, Literal))
        others = [part for part in node.parts if not isinstance(part, Literal)]
        return [self.place(part, rest) for part in (*others, *([Words(texts)] if texts else []))]

    def repeat(self, node: Repeat, place: Place, before: int, after: int) -> list[int]:
        """Rounds: the first one apart if not all may stand here, the last one if what follows looks behind."""
        from guided.automata.compile import fold

        rest = place.rest
        assert rest is not None
        about = self.builder.facts(node.node)
        is_cut = after != self.scope.any and not about.zero_width and not rest.behind
        key = "cut at the first round" if is_cut else "rounds"
        inside = place.inside.get(key)
        if inside is None:
            body, least, most = fold(node)
            about = self.builder.facts(body)
            if about.nullable and not about.zero_width:
                least = 0
            inside = place.inside[key] = self.rounds(body, least, most, rest, is_cut)
        return [self.state(part, before, after) for part in inside]

    def rounds(self, body: Node, least: int, most: int | None, rest: Place, is_cut: bool) -> list[Place]:
        about = self.builder.facts(body)
        skip = [rest] if least == 0 or most == 0 else []
        if most == 0 or about.is_empty:
            return skip
        if most == 1:
            return [self.place(body, rest), *skip]
        looks = about.zero_width or about.nullable
        if not looks and (most is not None or least > 1 or is_cut):  # counted: the rounds between are built plainly
            fewer = Repeat(body, max(least - 1, 0), None if most is None else most - 1)
            if is_cut:
                return [self.place(body, self.place(fewer, rest)), *skip]
            return [self.place(fewer, self.place(body, rest)), *skip]
        copies, limit = max(least, most or 0), self.builder.limits.max_nfa_states
        if copies > limit // 4:
            raise LimitExceeded("max_nfa_states", limit, copies, "a repeated lookahead or anchor")
        if most is None:
            if about.ahead:
                raise ConstraintError(UNBOUNDED)
            knot = Place(body, None, rest, about.behind or rest.behind)
            knot.rest = here = knot
        else:
            here = rest
            for _ in range(most - least):
                here = self.place(body, here, rest)
        for _ in range(least):
            here = self.place(body, here)
        return [here]

    # ---- lookahead ----

    def ahead(self, node: Ahead, follow: int, before: int) -> int:
        """What `follow` reads and the lookahead allows: an intersection with all of the rest."""
        nfa, limits = self.nfa, self.builder.limits
        if follow == DEAD:
            return DEAD
        nfa.forget()
        rest = _fast.tabulate(_fast.Dfa(nfa, [follow], limits.max_states), limits.max_dfa_states).minimised()
        nfa.forget()
        decide = boolean.without if node.negative else boolean.both
        wanted = self.table(node, before)
        both = _fast.product(rest, wanted, True, not node.negative, decide, limits.max_dfa_states).minimised()
        self.builder.spend(rest.n_states + both.n_states)
        return boolean.embed(nfa, both, lambda labels: [nfa.accept(label) for label in labels])

    def table(self, node: Ahead, before: int) -> Table:
        """The texts that begin with what a lookahead asks for, if `before` stands before it."""
        from guided.automata.compile import Builder

        about = self.builder.facts(node)
        key = (id(node), before if about.behind else ANYTHING)
        found = self.wanted.get(key)
        if found is None:
            builder = Builder(_fast.Nfa(self.builder.limits.max_nfa_states), self.builder.limits)
            accept = builder.nfa.accept(0)
            inside = Around(builder, self.scope)
            entry = inside.build(node.node, lambda after: builder.build(self.scope.opening(after), accept), key[1])
            dfa = builder.finish([entry])
            found = self.wanted[key] = _fast.tabulate(dfa, self.builder.limits.max_dfa_states).minimised()
        return found


UNBOUNDED: Final = (
    "lookahead inside an unbounded repeat cannot be enforced while writing; bound the repeat ({0,100}), "
    "or move the lookahead out of it"
)


def _holds(node: Node, text: Node, limits: Limits) -> bool:
    return boolean.table(Both((node, text)), limits).n_states > 0


def looks_around(root: Node) -> bool:
    """Whether there is an anchor, a boundary or lookahead in a tree, as Facts.zero_width says; quickly."""
    stack, seen = [root], set()
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is Concat or kind is Union:
            if id(node) not in seen:
                seen.add(id(node))
                stack.extend(node.parts)  # type: ignore[union-attr]
        elif kind is Repeat:
            stack.append(node.node)  # type: ignore[union-attr]
        elif kind in _ZERO:
            return True
    return False


_ZERO: Final = frozenset((Ahead, Start, End, Boundary))


def whole(builder: Builder, node: Node, follow: int) -> int:
    """The first state of a text that may look around itself, and is all of the text."""
    if not looks_around(node) or not looks_around(node := strip(node)):
        return builder.build(node, follow)
    scope = Scope(node, lambda tree: tree, EMPTY)
    return Around(builder, scope).build(node, lambda after: follow if after & scope.over else DEAD)


def written(builder: Builder, node: Written, follow: int) -> int:
    """The first state of a text that is written in another way, its end included."""
    scope = Scope(node.node, node.write, node.end)
    over = builder.build(node.end, follow)
    return Around(builder, scope).build(node.node, lambda after: over if after & scope.over else DEAD)
