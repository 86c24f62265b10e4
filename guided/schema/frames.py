"""Arrays and objects that are being written: frames, and the links by which their values report to them.

A link says what is asked of one value: questions (goals), which sets of them are enough (`needs`), and what happens to
the frame above when some are answered.  A frame carries the residual formula of each question of its link.
Both are interned, so that equal futures are equal objects: the next item of an array comes back to the same frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from guided.errors import LimitExceeded
from guided.schema.analysis import Analysis
from guided.schema.document import Document
from guided.schema.formula import FALSE, TRUE, Atom
from guided.schema.locations import Goal, Locations
from guided.schema.shapes import ArrayShape, ObjectShape, array_shape, goal_of, object_shape

Needs = tuple[frozenset[int], ...]  # sets of questions; each is enough, and none contains another
ROOT_NEEDS: Needs = (frozenset((0,)),)


@dataclass(eq=False, slots=True)
class Link:
    """What is asked of one value.

    above      : the frame after the value, its atoms about it not yet settled; None for the whole document.
    settles    : atoms of `above` that become false unless the question beside them is answered.
    """

    number: int
    above: Frame | None
    settles: tuple[tuple[Atom, int], ...]
    questions: tuple[Goal, ...]
    needs: Needs


@dataclass(eq=False, slots=True)
class Way:
    """One live way of finishing a frame: which questions it answers, and what it asks for."""

    answers: frozenset[int]
    shape: ObjectShape | ArrayShape


@dataclass(eq=False, slots=True)
class Frame:
    """An array or object after some of its members.

    outs  : the residual formula of each question of `link`.
    names : the names that its schemas know, in order (objects).
    place : objects: declared names below this number cannot come any more (order="schema"); arrays: index of the next
            item, at most the length of the longest prefix.
    seen  : keys already written, as far as they are not told by `place`.
    """

    number: int
    link: Link
    kind: str
    outs: tuple[int, ...]
    names: tuple[str, ...]
    place: int
    seen: frozenset[str]
    ways: list[Way] | None = field(default=None)


class Frames:
    """The store of links and frames of one schema."""

    def __init__(self, document: Document, locations: Locations, analysis: Analysis, *, in_order: bool) -> None:
        self.document, self.locations, self.analysis, self.in_order = document, locations, analysis, in_order
        self.formulas = locations.formulas
        self.links: list[Link] = []
        self.frames: list[Frame] = []
        self._links: dict[tuple[object, ...], Link] = {}
        self._frames: dict[tuple[object, ...], Frame] = {}
        self._steps: dict[tuple[int, int | str | None], Link | None] = {}

    def link(
        self, above: Frame | None, settles: tuple[tuple[Atom, int], ...], questions: tuple[Goal, ...], needs: Needs
    ) -> Link:
        """The link with these fields."""
        key = (above and above.number, settles, questions, needs)
        found = self._links.get(key)
        if found is None:
            found = self._links[key] = Link(len(self.links), above, settles, questions, needs)
            self.links.append(found)
        return found

    def frame(
        self, link: Link, kind: str, outs: tuple[int, ...], names: tuple[str, ...], place: int, seen: frozenset[str]
    ) -> Frame:
        """The frame with these fields."""
        key = (link.number, kind, outs, names, place, seen)
        found = self._frames.get(key)
        if found is None:
            if len(self.frames) >= self.document.options.limits.max_states:
                raise LimitExceeded(
                    "max_states", self.document.options.limits.max_states, len(self.frames) + 1, "the JSON text"
                )
            found = self._frames[key] = Frame(len(self.frames), link, kind, outs, names, place, seen)
            self.frames.append(found)
        return found

    def opened(self, link: Link, kind: str) -> Frame | None:
        """The frame of an array or object that was just opened; None if no question can be answered by one."""
        outs = tuple(self.locations.goal_formula(question, kind) for question in link.questions)
        if not self.may_suffice({number for number, out in enumerate(outs) if out != FALSE}, link):
            return None
        names: tuple[str, ...] = ()
        if kind == "object":
            names = self.locations.names(frozenset[int]().union(*link.questions))
        return self.frame(link, kind, outs, names, 0, frozenset())

    @staticmethod
    def may_suffice(answers: Iterable[int], link: Link) -> bool:
        """Whether these answers are enough for the parent."""
        answered = frozenset(answers)
        return any(need <= answered for need in link.needs)

    # ---- what a frame can still become ----

    def ways(self, frame: Frame) -> list[Way]:
        """The live ways of finishing `frame`: every value that they need exists."""
        if frame.ways is None:
            numbers = {name: number for number, name in enumerate(frame.names)}
            found: dict[tuple[frozenset[int], object], Way] = {}
            for need in frame.link.needs:
                goal = self.formulas.all_of(frame.outs[question] for question in need)
                for cube in self.formulas.cubes(goal, self.locations.max_steps):
                    shape = object_shape(cube, numbers) if frame.kind == "object" else array_shape(cube)
                    if (need, shape) not in found and self._is_alive(frame, shape):
                        found[need, shape] = Way(need, shape)
            frame.ways = list(found.values())
        return frame.ways

    def _is_alive(self, frame: Frame, shape: ObjectShape | ArrayShape) -> bool:
        if isinstance(shape, ObjectShape):
            return all(self._has_value(shape, frame.names[number]) for number in shape.needed)
        if shape.most is not None and shape.least > shape.most:
            return False
        n_prefix = max((len(self.document.nodes[node].prefix) for node in shape.items), default=0)
        n_different = min(shape.least, max(0, n_prefix - frame.place) + 1)  # all items after the prefixes are alike
        return all(self._has_item(shape, frame.place + number) for number in range(n_different))

    def _has_value(self, shape: ObjectShape, name: str | None) -> bool:
        return self.analysis.is_inhabited(shape.value(self.document, name))

    def _has_item(self, shape: ArrayShape, index: int) -> bool:
        return self.analysis.is_inhabited(shape.value(self.document, index))

    def available(self, frame: Frame, *, only_one: bool = False) -> tuple[list[int], bool]:
        """(numbers of the declared names that may come next, whether any other key may).  only_one: only the first."""
        found: set[int] = set()
        others = False
        for way in self.ways(frame):
            shape = way.shape
            if not isinstance(shape, ObjectShape):
                raise TypeError("only objects have keys")
            last = shape.needed[0] if shape.needed and self.in_order else len(frame.names) - 1
            for number in range(frame.place, last + 1):
                if (
                    number not in found
                    and frame.names[number] not in frame.seen
                    and self._has_value(shape, frame.names[number])
                ):
                    found.add(number)
                    if only_one:
                        return [number], False
            others = others or ((not self.in_order or not shape.needed) and self._has_value(shape, None))
        return sorted(found), others

    def may_add_item(self, frame: Frame) -> bool:
        """Whether another item may come."""
        return any(
            isinstance(way.shape, ArrayShape) and way.shape.most != 0 and self._has_item(way.shape, frame.place)
            for way in self.ways(frame)
        )

    def closed(self, frame: Frame) -> frozenset[int]:
        """The questions that are answered if the frame is closed now."""
        values: dict[Atom, int] = {}
        for atom in frozenset[Atom]().union(*(self.formulas.atoms(out) for out in frame.outs)):
            values[atom] = TRUE if atom[0] in ("items", "props") else FALSE
        outs = [self.formulas.substitute(out, values) for out in frame.outs]
        return frozenset(number for number, out in enumerate(outs) if out == TRUE)

    # ---- derivatives ----

    def item(self, frame: Frame) -> Link | None:
        """The link of the next item; None if none may come."""
        key = (frame.number, None)
        if key not in self._steps:
            values: dict[Atom, int] = {}
            about: dict[Atom, int | None] = {}
            longest = 0
            for atom in self._atoms(frame):
                if atom[0] == "items":
                    node = self.document.nodes[atom[1]]
                    about[atom] = node.item(frame.place)
                    longest = max(longest, len(node.prefix))
                else:
                    values[atom] = TRUE if atom[1] <= 1 else self.formulas.literal(("count", atom[1] - 1))
            self._steps[key] = self._descend(frame, values, about, min(frame.place + 1, longest), frame.seen)
        return self._steps[key]

    def property(self, frame: Frame, number: int | None, name: str | None) -> Link | None:
        """The link of the value of a declared name (by its number) or of another key (None: any fresh one)."""
        key = (frame.number, number if number is not None else "" if name is None else f"+{name}")
        if key not in self._steps:
            values: dict[Atom, int] = {}
            about: dict[Atom, int | None] = {}
            numbers = {known: place for place, known in enumerate(frame.names)}
            limit = number if number is not None else len(frame.names)
            for atom in self._atoms(frame):
                if atom[0] == "props":
                    about[atom] = self.document.nodes[atom[1]].property(name if number is not None else None)
                elif number is not None and atom[1] == name:
                    values[atom] = TRUE
                elif self.in_order and numbers[atom[1]] < limit:
                    values[atom] = FALSE  # passed over
            place, seen = frame.place, frame.seen
            if self.in_order:
                place = limit + (number is not None)
            if name is not None and (number is None or not self.in_order):
                seen = seen | {name}
            self._steps[key] = self._descend(frame, values, about, place, seen)
        return self._steps[key]

    def _atoms(self, frame: Frame) -> frozenset[Atom]:
        return frozenset[Atom]().union(*(self.formulas.atoms(out) for out in frame.outs))

    def _descend(
        self, frame: Frame, values: dict[Atom, int], about: dict[Atom, int | None], place: int, seen: frozenset[str]
    ) -> Link | None:
        """The link of a member of `frame`.

        values : what the atoms become that do not depend on the member's value.      about : the sub-schema for the
        member's value by the atom that depends on it.
        """
        for atom, node in about.items():
            goal = goal_of([node])
            if goal is None or not self.analysis.is_inhabited(goal):
                values[atom] = FALSE
        outs = tuple(self.formulas.substitute(out, values) for out in frame.outs)
        after = self.frame(frame.link, frame.kind, outs, frame.names, place, seen)
        live = self._atoms(after)
        asked = {atom: goal_of([node]) for atom, node in about.items() if atom in live and goal_of([node])}
        questions = sorted({min(goal) for goal in asked.values() if goal})
        numbers = {node: number for number, node in enumerate(questions)}
        needs: set[frozenset[int]] = set()
        for way in self.ways(after):
            kept = way.shape.props if isinstance(way.shape, ObjectShape) else way.shape.items
            goals = [goal for atom, goal in asked.items() if atom[1] in kept and goal]
            if self.analysis.is_inhabited(frozenset[int]().union(*goals)):
                needs.add(frozenset(numbers[node] for goal in goals for node in goal))
        if not needs:
            return None
        everything = frozenset(range(len(questions)))
        if needs == {everything}:  # the usual case: one question, and one answer to it
            return self.link(after, (), (frozenset(questions),), ROOT_NEEDS)
        least = tuple(sorted((need for need in needs if not any(other < need for other in needs)), key=sorted))
        settles = tuple(sorted(((atom, numbers[min(goal)]) for atom, goal in asked.items() if goal), key=repr))
        return self.link(after, settles, tuple(frozenset((node,)) for node in questions), least)

    def reported(self, link: Link, answers: frozenset[int]) -> Frame | None:
        """The frame above after a value that answers these questions; None above the whole document."""
        frame = link.above
        if frame is None or not link.settles:
            return frame
        values = {atom: FALSE for atom, question in link.settles if question not in answers}
        outs = tuple(self.formulas.substitute(out, values) for out in frame.outs)
        return self.frame(frame.link, frame.kind, outs, frame.names, frame.place, frame.seen)
