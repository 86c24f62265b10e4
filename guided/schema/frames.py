"""Arrays and objects that are being written, and the links by which their values report to them.

A link says what is asked of one value: a goal that must hold, further questions whose answers may be yes or no, and
what the location above becomes with each set of answers.  A frame is a residual together with the link of its own
value. Both are interned, so that equal futures are equal objects: the next item of an array comes back to the same
frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from guided.errors import LimitExceeded
from guided.schema.analysis import Analysis
from guided.schema.formula import FALSE
from guided.schema.keytests import NO_TESTS, Class
from guided.schema.locations import Goal
from guided.schema.residuals import Pending, Residual, Residuals
from guided.schema.sure_keys import SureKeys
from guided.schema.values import Value

Answers = tuple[bool, ...]  # one for each question of a link; the first is always yes
_UNKNOWN: Final = object()


def choices(n: int, is_possible: Callable[[Answers], bool]) -> Iterator[Answers]:
    """Sets of n answers, the first of them yes, all of whose beginnings are possible; no before yes."""
    stack: list[Answers] = [(True,)]
    while stack:
        answers = stack.pop()
        if is_possible(answers):
            if len(answers) == n:
                yield answers
            else:
                stack += [(*answers, True), (*answers, False)]


class Link:
    """What is asked of one value.

    above     : the link of the array or object it stands in; None for the whole document.
    after     : what that becomes with this member, `pending` apart.
    questions : the goal that must hold, then one goal for each further question.
    records   : the value itself matters (uniqueItems), here or further up.
    partial   : the members before this one, if they are recorded; name : its own name.
    loose     : questions that may be asked as "yes or do not care": a yes can but help.
    """

    def __init__(self, number: int, above: Link | None, after: Residual | None, pending: Pending,
                 questions: tuple[Goal, ...], records: bool, partial: Any, name: str | None) -> None:  # fmt: skip
        self.number, self.above, self.after, self.pending = number, above, after, pending
        self.questions, self.records, self.partial, self.name = questions, records, partial, name
        self.loose: frozenset[int] = frozenset()
        self.outcomes: dict[Answers, Frame | None] = {}
        self.frames: dict[str, Frame | None] = {}
        self.is_alive: bool | None = None
        self.lexer: Any = None


class Frame:
    """An array or object after some of its members.  partial : the values of those, if they are recorded."""

    def __init__(self, number: int, link: Link, residual: Residual, partial: Any) -> None:
        self.number, self.link, self.residual, self.partial = number, link, residual, partial
        self.is_alive: bool | None = None
        self.choice: Answers | None = None
        self.links: dict[Any, Link | None] = {}
        self.keys: tuple[frozenset[int], frozenset[Class]] | None = None


class Frames:
    """The store of links and frames of one schema."""

    def __init__(self, residuals: Residuals, analysis: Analysis) -> None:
        self.residuals, self.analysis, self.in_order = residuals, analysis, residuals.in_order
        self.document, self.formulas = residuals.document, residuals.formulas
        self.limits = self.document.options.limits
        self.sure_keys = SureKeys(analysis)
        self.links: list[Link] = []
        self.frames: list[Frame] = []
        self._links: dict[tuple[Any, ...], Link] = {}
        self._frames: dict[tuple[Any, ...], Frame] = {}

    def link(self, above: Link | None, after: Residual | None, pending: Pending, questions: tuple[Goal, ...],
             records: bool = False, partial: Any = None, name: str | None = None) -> Link:  # fmt: skip
        """The link with these fields."""
        key = (above and above.number, after and after.number, pending, questions, records, partial, name)
        found = self._links.get(key)
        if found is None:
            found = Link(len(self.links), above, after, pending, questions, records, partial, name)
            self._links[key] = found
            self.links.append(found)
        return found

    def frame(self, link: Link, residual: Residual, partial: Any = None) -> Frame:
        """The frame with these fields."""
        key = (link.number, residual.number, partial)
        found = self._frames.get(key)
        if found is None:
            if len(self.frames) >= self.limits.max_states:
                raise LimitExceeded("max_states", self.limits.max_states, len(self.frames) + 1, "the JSON text")
            found = self._frames[key] = Frame(len(self.frames), link, residual, partial)
            self.frames.append(found)
        return found

    # ---- answers ----

    def outcome(self, link: Link, answers: Answers) -> Frame | None:
        """The frame above `link` after a value with these answers; None if nothing can follow.  Not for the root."""
        if not answers[0] or link.after is None:
            return None
        found = link.outcomes.get(answers, _UNKNOWN)
        if found is not _UNKNOWN:
            return found  # type: ignore[return-value]
        after = link.after
        if link.pending:
            known = {abs(node): node > 0 for node in link.questions[0]}
            known |= {goal[0]: yes for goal, yes in zip(link.questions[1:], answers[1:], strict=True)}
            after = self.residuals.settle(after, link.pending, known)
        made: Frame | None = None
        if after.outs[0] != FALSE:
            assert link.above is not None
            frame = self.frame(link.above, after, link.partial)
            made = frame if self.is_live(frame) else None
        link.outcomes[answers] = made
        return made

    def suffices(self, link: Link, answers: Answers) -> bool:
        """Whether a value with these answers is one that the document can go on with."""
        return answers[0] if link.above is None else self.outcome(link, answers) is not None

    def finished(self, link: Link, answers: Answers, value: Value | None) -> Frame | None:
        """The frame above after a value with these answers; `value` where it is recorded, None if it is any new one."""
        frame = self.outcome(link, answers)
        if frame is None or not link.records:
            return frame
        above = link.above
        assert above is not None
        if frame.residual.kind == "array":
            residual = frame.residual if value is None else self.analysis.with_value(frame.residual, value)
            partial: Any = None if not above.records else (*(link.partial or ()), value)
        else:
            residual = frame.residual
            partial = None if not above.records else (link.partial or frozenset()) | {(link.name, value)}
        made = self.frame(above, residual, partial)
        return made if self.is_live(made) else None

    def link_is_alive(self, link: Link) -> bool:
        """Whether some value has answers with which the document can go on."""
        if link.is_alive is None:
            link.is_alive = any(self.suffices(link, answers) for answers in self.possible_answers(link))
        return link.is_alive

    def possible_answers(self, link: Link) -> Iterator[Answers]:
        """The sets of answers that some value has; those of loose questions are "no" where nothing was asked."""
        inhabited = self.analysis.is_inhabited

        def is_possible(answers: Answers) -> bool:
            return inhabited(self.goal_of(link, answers, loosely=True))

        return choices(len(link.questions), is_possible)

    @staticmethod
    def goal_of(link: Link, answers: Answers, *, loosely: bool = False) -> Goal:
        """The goal that is met by the values with exactly these answers (to the first questions)."""
        if len(answers) == 1:
            return link.questions[0]
        asked = enumerate(zip(link.questions[1:], answers[1:], strict=False), 1)
        signed = [
            goal[0] if yes else -goal[0]
            for number, (goal, yes) in asked
            if yes or not (loosely and number in link.loose)
        ]
        return tuple(sorted({*link.questions[0], *signed}))

    def projected(self, frame: Frame, answers: Answers) -> Residual:
        """The residual of `frame` under the demand that it ends with exactly these (first) answers."""
        residual = frame.residual
        if len(residual.outs) == 1:
            return residual
        outs = [out if yes else -out for out, yes in zip(residual.outs, answers, strict=False)]
        return self.residuals.with_outs(residual, (self.formulas.all_of(outs),))

    def is_live(self, frame: Frame) -> bool:
        """Whether the array or object can be finished with answers that the document can go on with."""
        if frame.is_alive is None:
            frame.is_alive = self.choice(frame) is not None
        return frame.is_alive

    def choice(self, frame: Frame) -> Answers | None:
        """Answers with which `frame` can be finished; None if there are none."""
        if frame.choice is None:

            def is_possible(answers: Answers) -> bool:
                residual = self.projected(frame, answers)
                return (residual.kind == "object" and self.sure_keys.lives(residual)) or self.analysis.is_live(residual)

            for answers in choices(len(frame.residual.outs), is_possible):
                if self.suffices(frame.link, answers):
                    frame.choice = answers
                    break
        return frame.choice

    # ---- descent ----

    def opened(self, link: Link, kind: str) -> Frame | None:
        """The frame of an array or object that was just opened; None if it cannot be finished."""
        found = link.frames.get(kind, _UNKNOWN)
        if found is _UNKNOWN:
            residual = self.residuals.opened(link.questions, kind)
            frame = None
            if residual.outs[0] != FALSE:
                frame = self.frame(link, residual, self._nothing(link, kind))
                frame = frame if self.is_live(frame) else None
            found = link.frames[kind] = frame
        return found  # type: ignore[return-value]

    @staticmethod
    def _nothing(link: Link, kind: str) -> Any:
        return None if not link.records else () if kind == "array" else frozenset()

    def member(self, frame: Frame, key: Any) -> Link | None:
        """The link of the next item (key None) or of the value of a key (number or None, name, tests that hold)."""
        found = frame.links.get(key, _UNKNOWN)
        if found is _UNKNOWN:
            found = frame.links[key] = self._descend(frame, key)
        return found  # type: ignore[return-value]

    def _descend(self, frame: Frame, key: Any) -> Link | None:
        member = self.residuals.member(frame.residual, key)
        if member is None:
            return None
        known = {abs(node) for node in member.goal}
        asked = {node for question in member.pending for node in self.residuals.asked_nodes(question)} - known
        questions = (member.goal, *((node,) for node in sorted(asked)))
        unique = any(self.formulas.payload(atom)[0] == "unique" for atom in member.after.atoms)
        records = unique or frame.link.records
        name = key[1] if records and key is not None else None
        partial = frame.partial if frame.link.records else None
        made = self.link(frame.link, member.after, member.pending, questions, records, partial, name)
        if asked and made.is_alive is None and len(frame.residual.outs) == 1:
            loose = self.analysis.loose(member)
            made.loose = frozenset(number for number, goal in enumerate(questions) if number and goal[0] in loose)
        return made if self.link_is_alive(made) else None

    # ---- what may come ----

    def item(self, frame: Frame) -> Link | None:
        """The link of the next item; None if none may come."""
        return self.member(frame, None)

    def has_item(self, frame: Frame) -> bool:
        """Whether one more item may come next."""
        residual = frame.residual
        if residual.seen and None not in frame.links and self.analysis.has_endless_items(residual):
            formulas = self.formulas  # the array can be finished: there is room for an item if there is for any
            units = formulas.conjuncts(residual.outs[0])
            return not any(unit < 0 and formulas.payload(unit) == ("count", 1) for unit in units)
        return self.item(frame) is not None

    def keys(self, frame: Frame) -> tuple[frozenset[int], frozenset[Class]]:
        """(numbers of the declared names that may come next, classes of other names that may)."""
        if frame.keys is None:
            plain = self._plain_keys(frame, only_one=False)
            frame.keys = plain if plain is not None else self._any_keys(frame)
        return frame.keys

    def has_keys(self, frame: Frame) -> bool:
        """Whether some key may come next."""
        if frame.keys is None:
            plain = self._plain_keys(frame, only_one=True)
            if plain is not None:
                return bool(plain[0] or plain[1])
            answers = self.choice(frame)
            if answers is not None and self.sure_keys.any_of(self.projected(frame, answers)):
                return True
            return any(True for _ in self._others(frame)) or any(True for _ in self._numbers(frame))
        return any(self.keys(frame))

    def _any_keys(self, frame: Frame) -> tuple[frozenset[int], frozenset[Class]]:
        return frozenset(self._numbers(frame)), frozenset(self._others(frame))

    def _sure(self, frame: Frame) -> tuple[frozenset[int], bool]:
        """(declared names, whether others) that may come, as one look at the ways of finishing the object tells."""
        answers = self.choice(frame)
        return (frozenset(), False) if answers is None else self.sure_keys.of(self.projected(frame, answers))

    def _numbers(self, frame: Frame) -> Iterator[int]:
        """The declared names that may come next, as numbers."""
        residual, tests = frame.residual, self.analysis.tests
        wanted = self.residuals.wanted(residual) if len(residual.outs) == 1 else None
        sure, _ = self._sure(frame)
        for number in range(residual.place, len(residual.names)):
            name = residual.names[number]
            if name in residual.seen:
                continue
            if number in sure:
                yield number
                continue
            matched = tests.class_of(residual, name)
            if wanted is not None and name not in wanted:  # a value that changes nothing keeps the object alive
                goal = self.residuals.indifferent(residual, name, matched)
                if goal is not None and self.analysis.is_inhabited(goal):
                    yield number
                    continue
            if self.member(frame, (number, name, matched)):
                yield number

    def _others(self, frame: Frame) -> Iterator[Class]:
        """The classes of other names that may."""
        residual, tests = frame.residual, self.analysis.tests
        if not tests.tests(residual) and self._sure(frame)[1]:
            yield NO_TESTS
            return
        for matched in tests.classes(residual) if tests.tests(residual) else [NO_TESTS]:
            if self.member(frame, (None, None, matched)):
                yield matched

    def _plain_keys(self, frame: Frame, *, only_one: bool) -> tuple[frozenset[int], frozenset[Class]] | None:
        """The same for the usual object, whose formula is: these keys, these properties, at most so many.

        None for any other.  The keys that may come are then those whose values exist, as long as there is room for them
        beside the needed ones; in order, none after the first needed one.
        """
        residual = frame.residual
        if len(residual.outs) != 1:
            return None
        formulas, nodes = self.formulas, self.document.nodes
        conjuncts = formulas.conjuncts(residual.outs[0])
        if len(formulas.units(residual.outs[0])) != len(conjuncts) and residual.outs[0] != 1:
            return None
        places = self.residuals.place_of(residual.names)
        props: list[int] = []
        needed: set[int] = set()
        room: int | None = None
        for unit in conjuncts if residual.outs[0] != 1 else ():
            payload = formulas.payload(unit)
            if payload[0] == "has" and unit > 0:
                needed.add(places[payload[1]])
            elif payload[0] == "props" and unit > 0 and not nodes[payload[1]].patterns:
                props.append(payload[1])
            elif payload[0] == "count" and unit < 0:
                room = payload[1] - 1 if room is None else min(room, payload[1] - 1)
            else:
                return None
        last = min(needed) if needed and self.in_order else len(residual.names) - 1
        found: set[int] = set()
        for number in range(residual.place, last + 1):
            name = residual.names[number]
            if name in residual.seen or (room is not None and len(needed - {number}) + 1 > room):
                continue
            if self.sure_keys.goal_of(props, name, NO_TESTS) is not None:
                found.add(number)
                if only_one:
                    return frozenset(found), frozenset()
        others = (not self.in_order or not needed) and (room is None or len(needed) < room)
        return frozenset(found), frozenset(
            [NO_TESTS] if others and self.sure_keys.goal_of(props, None, NO_TESTS) is not None else []
        )
