"""Arrays and objects on the way: residual formulas of a location, and their derivatives after a key, item or value.

A Residual is what a location still has to say: one formula per question asked about it, after some of its members.  It
knows nothing of what stands around it, so that every analysis of it is made once per schema.  After a key or an item,
what depends on the member's value alone is *forced* (it must hold, a goal of the value) or *pending* (it is asked, and
the answer is put in when the value has ended).
"""

from __future__ import annotations

from typing import Any

from guided.errors import LimitExceeded
from guided.schema.document import ANYTHING, NOTHING, Document
from guided.schema.formula import FALSE, TRUE
from guided.schema.locations import Goal, Locations
from guided.schema.unevaluated import Covers, Term

Pending = tuple[tuple[Any, ...], ...]  # see Residuals.member


class Residual:
    """An array or object after some of its members.

    outs   : the residual formula of each question; outs[0] must become true.
    tracks : residual formulas of what decides whether a member was evaluated (unevaluated.py), sorted by term.
    names  : the names that its schemas know, in order (objects).
    place  : objects: declared names below this number cannot come any more (order="schema"); arrays: index of the next
             item, at most the length of the longest prefix.
    seen   : keys already written, as far as they are not told by `place`; or the values of the items of a unique array.
    atoms  : those that occur in its formulas.
    """

    def __init__(
        self,
        number: int,
        kind: str,
        outs: tuple[int, ...],
        tracks: tuple[tuple[Term, int], ...],
        names: tuple[str, ...],
        place: int,
        seen: frozenset[Any],
        atoms: frozenset[int],
    ) -> None:
        self.number, self.kind, self.outs, self.tracks = number, kind, outs, tracks
        self.names, self.place, self.seen, self.atoms = names, place, seen, atoms
        self.steps: dict[Any, Any] = {}
        self.facts: dict[str, Any] = {}


class Member:
    """A key or an item before its value.  after : the location, pending answers missing.    goal : what must hold."""

    def __init__(self, after: Residual, goal: Goal, pending: Pending) -> None:
        self.after, self.goal, self.pending = after, goal, pending


class Residuals:
    """The store of residuals of one schema."""

    def __init__(self, document: Document, locations: Locations, *, in_order: bool) -> None:
        self.document, self.locations, self.in_order = document, locations, in_order
        self.formulas = locations.formulas
        self.covers = Covers(document, locations)
        self.all: list[Residual] = []
        self._numbers: dict[tuple[Any, ...], Residual] = {}
        self._opened: dict[tuple[tuple[Goal, ...], str], Residual] = {}
        self._places: dict[tuple[str, ...], dict[str, int]] = {}
        self._closed: dict[tuple[int, ...], tuple[bool, ...]] = {}

    def make(
        self,
        kind: str,
        outs: tuple[int, ...],
        tracks: tuple[tuple[Term, int], ...],
        names: tuple[str, ...],
        place: int,
        seen: frozenset[Any],
    ) -> Residual:
        """The residual with these fields."""
        if FALSE in outs[:1]:
            outs, tracks, place, seen = (FALSE,) * len(outs), (), 0, frozenset()
        key = (kind, outs, tracks, names, place, seen)
        found = self._numbers.get(key)
        if found is None:
            if len(self.all) >= self.document.options.limits.max_states:
                limit = self.document.options.limits.max_states
                raise LimitExceeded("max_states", limit, len(self.all) + 1, "the JSON text")
            atoms = self.formulas.atoms(outs[0])
            for out in outs[1:]:
                atoms |= self.formulas.atoms(out)
            for _, track in tracks:
                atoms |= self.formulas.atoms(track)
            found = Residual(len(self.all), kind, outs, tracks, names, place, seen, atoms)
            self.all.append(found)
            self._numbers[key] = found
        return found

    def opened(self, questions: tuple[Goal, ...], kind: str) -> Residual:
        """A location before its first member."""
        found = self._opened.get((questions, kind))
        if found is None:
            outs = tuple(self.locations.goal_formula(question, kind) for question in questions)
            names = self.locations.names(tuple(sorted({n for q in questions for n in q}))) if kind == "object" else ()
            tracks: tuple[tuple[Term, int], ...] = ()
            wanted = self._wanted(outs, kind)
            if wanted:
                tracks = tuple((term, self._first_track(term, kind)) for term in sorted(wanted, key=repr))
            found = self._opened[questions, kind] = self.make(kind, outs, tracks, names, 0, frozenset())
        return found

    def _wanted(self, outs: tuple[int, ...], kind: str) -> set[Term]:
        """The terms that must be tracked for the live `unevaluated` atoms."""
        wanted: set[Term] = set()
        atoms: set[int] = set()
        waiting = list(outs)
        while waiting:
            for atom in self.formulas.atoms(waiting.pop()) - atoms:
                atoms.add(atom)
                payload = self.formulas.payload(atom)
                if payload[0] == "unevaluated":
                    for term in self.covers.terms(payload[1], kind) - wanted:
                        wanted.add(term)
                        if not isinstance(term, str):
                            waiting.append(self.locations.formula(term, kind))
        return wanted

    def _first_track(self, term: Term, kind: str) -> int:
        if isinstance(term, str):
            return self.formulas.literal(("has", term)) if kind == "object" else FALSE
        return self.locations.formula(term, kind)

    def with_outs(self, residual: Residual, outs: tuple[int, ...]) -> Residual:
        """The same location with other formulas."""
        return self.make(residual.kind, outs, residual.tracks, residual.names, residual.place, residual.seen)

    def with_seen(self, residual: Residual, seen: frozenset[Any]) -> Residual:
        """The same array after items with other values."""
        return self.make(residual.kind, residual.outs, residual.tracks, residual.names, residual.place, seen)

    def place_of(self, names: tuple[str, ...]) -> dict[str, int]:
        """Name -> its place among the declared ones."""
        found = self._places.get(names)
        if found is None:
            found = self._places[names] = {name: place for place, name in enumerate(names)}
        return found

    def essence(self, residual: Residual) -> Residual:
        """A residual that can be finished if and only if this one can, without what does not matter for that."""
        wanted = self.wanted(residual) if residual.seen else None
        if wanted is None:
            return residual
        seen = residual.seen & wanted
        if len(seen) == len(residual.seen):
            return residual
        return self.make("object", residual.outs, (), residual.names, residual.place, seen)

    def wanted(self, residual: Residual) -> frozenset[str] | None:
        """The names that can help to finish an object with one question; None if any might.

        A name helps where it is needed, or where its value can make a negated schema of properties false.  Which other
        names were written does not matter, unless members are counted or all names are judged.
        """
        found = residual.facts.get("wanted", 0)
        if found == 0:
            found = residual.facts["wanted"] = self._wanted_names(residual)
        return found

    def _wanted_names(self, residual: Residual) -> frozenset[str] | None:
        if residual.kind != "object" or residual.tracks or self.in_order:
            return None
        formulas, wanted = self.formulas, set[str]()
        positive, negative = formulas.polarity(residual.outs[0])
        for atom in residual.atoms:
            what = formulas.payload(atom)
            if what[0] == "has":
                wanted.add(what[1])
            elif what[0] == "props" and atom in negative:
                node = self.document.nodes[what[1]]
                if node.patterns or node.additional not in (None, ANYTHING):
                    return None
                wanted.update(node.properties or ())
            elif atom in (positive if what[0] == "count" else negative):
                return None
        return frozenset(wanted)

    def indifferent(self, residual: Residual, name: str, matched: frozenset[Any]) -> Goal | None:
        """A goal whose values leave the formula as it is under a name that is not wanted; None if there may be none."""
        goal: set[int] = set()
        for atom in residual.atoms:
            what = self.formulas.payload(atom)
            if what[0] == "props":
                goal.update(self.document.nodes[what[1]].property(name, matched))
            elif what[0] != "has":
                return None
        goal.discard(ANYTHING)
        return None if NOTHING in goal else tuple(sorted(goal))

    # ---- the end ----

    def closed(self, residual: Residual) -> tuple[bool, ...]:
        """Which questions are answered with yes if the location is closed now."""
        found = self._closed.get(residual.outs)
        if found is None:
            values = {
                atom: FALSE if self.formulas.payload(atom)[0] in ("has", "count", "contains") else TRUE
                for atom in residual.atoms
            }
            found = tuple(self.formulas.substitute(out, values) == TRUE for out in residual.outs)
            self._closed[residual.outs] = found
        return found

    # ---- members ----

    def member(self, residual: Residual, key: Any) -> Member | None:
        """What follows a key (number of a declared name or None, name, tests that hold) or an item (key None).

        Pending entries: ("all", atom, nodes): false unless all nodes hold.   ("some", atom, node, n): contains.
        ("cover", atom, node, cover): unevaluated: unless the node holds, one way of `cover` must.
        """
        found = residual.steps.get(key, 0)
        if found == 0:
            found = residual.steps[key] = self._derive(residual, key)
        return found

    def _derive(self, residual: Residual, key: Any) -> Member | None:
        values: dict[int, int] = {}
        asked: list[tuple[Any, ...]] = []
        is_object = residual.kind == "object"
        if is_object:
            number, name, matched = key
            place, seen = self._after_key(residual, number, name)
            places = self.place_of(residual.names)
            limit = number if number is not None else len(residual.names)
        longest = 0
        nodes = self.document.nodes
        for atom in residual.atoms:
            payload = self.formulas.payload(atom)
            kind = payload[0]
            if kind == "has":
                if number is not None and payload[1] == name:
                    values[atom] = TRUE
                elif self.in_order and places.get(payload[1], limit) < limit:
                    values[atom] = FALSE  # passed over
            elif kind == "count":
                values[atom] = TRUE if payload[1] <= 1 else self.formulas.literal(("count", payload[1] - 1))
            elif kind in ("props", "items"):
                if is_object:
                    subs = nodes[payload[1]].property(name if number is not None else None, matched)
                else:
                    item = nodes[payload[1]].item(residual.place)
                    subs = [] if item is None else [item]
                    longest = max(longest, len(nodes[payload[1]].prefix))
                if NOTHING in subs:
                    values[atom] = FALSE
                else:
                    subs = [sub for sub in subs if sub != ANYTHING]
                    if subs:
                        asked.append(("all", atom, tuple(subs)))
            elif kind == "names":
                if ("names", payload[1]) not in matched:
                    values[atom] = FALSE
            elif kind == "contains":
                less = TRUE if payload[2] <= 1 else self.formulas.literal(("contains", payload[1], payload[2] - 1))
                if payload[1] == ANYTHING:
                    values[atom] = less
                elif payload[1] != NOTHING:
                    asked.append(("some", atom, payload[1], less))
            elif kind == "unique":
                if residual.seen:
                    asked.append(("none", atom, self.document.constant_set(residual.seen)))
            elif kind == "unevaluated":
                node = nodes[payload[1]]
                longest = max(longest, self.covers.longest(payload[1]) if not is_object else 0)
                cover = (
                    self.covers.member(payload[1], name if number is not None else None, matched)
                    if is_object
                    else self.covers.item(payload[1], residual.place)
                )
                if () not in cover:
                    sub = node.unevaluated_properties if is_object else node.unevaluated_items
                    asked.append(("cover", atom, sub, cover))
        if not is_object:
            place, seen = min(residual.place + 1, longest), residual.seen
        substitute = self.formulas.substitute
        outs = tuple([substitute(out, values) for out in residual.outs])
        if outs[0] == FALSE:
            return None
        tracks = tuple([(term, substitute(track, values)) for term, track in residual.tracks])
        after = self.make(residual.kind, outs, tracks, residual.names, place, seen)
        return self._asked(after, asked)

    def _after_key(self, residual: Residual, number: int | None, name: str | None) -> tuple[int, frozenset[Any]]:
        place, seen = residual.place, residual.seen
        if self.in_order:
            place = len(residual.names) if number is None else number + 1
        if name is not None and (number is None or not self.in_order):
            seen = seen | {name}
        return place, seen

    def _asked(self, after: Residual, asked: list[tuple[Any, ...]]) -> Member | None:
        """The member: forced questions in its goal, the others pending."""
        units = set(self.formulas.units(after.outs[0]))
        goal: set[int] = set()
        pending: list[tuple[Any, ...]] = []
        for question in asked:
            what, atom = question[0], question[1]
            if atom not in after.atoms:
                continue
            if what == "all" and atom in units:
                goal.update(question[2])
            elif what == "none" and atom in units:
                goal.add(-question[2])
            elif what == "some" and -atom in units and question[3] == TRUE:
                if question[2] > NOTHING:
                    goal.add(-question[2])
            elif what == "cover" and atom in units and not question[3] and question[2] != NOTHING:
                goal.add(question[2])
            else:
                pending.append(question)
        if any(-node in goal for node in goal):
            return None
        pending.sort(key=lambda question: (question[0], question[1]))
        nodes = {node for question in pending for node in self.asked_nodes(question)}
        fixed = tuple(sorted(goal))
        if pending and nodes <= goal | {-node for node in goal}:
            settled = self.settle(after, tuple(pending), {abs(node): node > 0 for node in goal})
            return None if settled.outs[0] == FALSE else Member(settled, fixed, ())
        return Member(after, fixed, tuple(pending))

    @staticmethod
    def asked_nodes(question: tuple[Any, ...]) -> list[int]:
        """The nodes that a pending question is about."""
        if question[0] == "all":
            return list(question[2])
        found = [] if question[2] in (ANYTHING, NOTHING) else [question[2]]
        if question[0] == "cover":
            found += [term[1] for way in question[3] for term in way if isinstance(term, tuple)]
        return found

    def settle(self, after: Residual, pending: Pending, answers: dict[int, bool]) -> Residual:
        """The location after the value, whose answers (node -> whether it holds) are put in."""
        if not pending:
            return after
        values: dict[int, int] = {}
        covers: list[tuple[Any, ...]] = []
        for question in pending:
            what, atom = question[0], question[1]
            if what == "all":
                if not all(answers[node] for node in question[2]):
                    values[atom] = FALSE
            elif what == "some":
                if answers[question[2]]:
                    values[atom] = question[3]
            elif what == "none":
                if answers[question[2]]:
                    values[atom] = FALSE
            else:
                covers.append(question)
        substitute, formulas = self.formulas.substitute, self.formulas
        tracks = dict(after.tracks)
        for _, atom, sub, cover in sorted(covers, key=lambda question: question[1]):
            if sub == ANYTHING or (sub != NOTHING and answers[sub]):
                continue
            ways = []
            for way in cover:
                parts = []
                for term in way:
                    if isinstance(term, tuple):  # ("value", node): the item itself must be taken by `contains`
                        parts.append(TRUE if term[1] == ANYTHING or answers.get(term[1], False) else FALSE)
                    elif isinstance(term, str):
                        parts.append(substitute(tracks[term], values))
                    else:
                        track = substitute(tracks[abs(term)], values)
                        parts.append(track if term > 0 else -track)
                ways.append(formulas.all_of(parts))
            values[atom] = formulas.all_of((atom, formulas.any_of(ways)))
        if not values:
            return after
        outs = tuple([substitute(out, values) for out in after.outs])
        kept = tuple([(term, substitute(track, values)) for term, track in after.tracks])
        return self.make(after.kind, outs, kept, after.names, after.place, after.seen)
