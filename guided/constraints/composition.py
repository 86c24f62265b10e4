"""Languages made of languages: seq(), many(), optional(), text(), and what `|` makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from guided import _fast
from guided.automata.anchors import strip
from guided.automata.compile import compile_dfa
from guided.automata.facts import FactsOf
from guided.automata.syntax import (
    ANY_CHAR,
    ANY_TEXT,
    EMPTY,
    Both,
    Literal,
    Node,
    Not,
    Repeat,
    Words,
    concat,
    union,
)
from guided.constraints.base import Constraint
from guided.constraints.pieces import Alt, Graph, Many, Part, Reader, Seq, Tree, depth_of
from guided.errors import ConstraintError
from guided.limits import DEFAULT_LIMITS, Limits

_JSON_ENDS = {ord("{"): b"}", ord("["): b"]", ord('"'): b'"', ord("t"): b"e", ord("f"): b"e", ord("n"): b"l"}


class Composition(Constraint):
    """A constraint that knows its parts."""

    def __init__(self, name: str, tree: Tree, *, value_kind: str = "text", limits: Limits = DEFAULT_LIMITS) -> None:
        self.tree = tree
        super().__init__(
            name,
            self._compile,
            node=node_of(tree),
            parse=self._read,
            value_kind=value_kind,
            limits=limits,
            explain=self._describe,
            approximate=lambda: any(part.approximate for part in parts_of(self.tree)),
        )

    def _compile(self) -> _fast.Recognizer:
        if self.node is not None and is_plain(self.tree):
            return compile_dfa(self.node, limits=self.limits)
        graph = Graph()
        whole = graph.build(merged(self.tree, self.limits))
        return _fast.Network(
            [constraint.recognizer() for constraint in graph.constraints],
            whole.first,
            [list(after) for after in graph.follow],
            [position in set(whole.last) for position in range(len(graph.constraints))],
            whole.nullable,
            [closing_bytes(constraint) for constraint in graph.constraints],
            self.limits.max_states,
        )

    def _read(self, text: str) -> Any:
        encoded = text.encode("utf-8", "surrogatepass")
        reader = Reader(encoded)
        if len(encoded) not in reader.ends(self.tree, 0):
            raise ConstraintError(f"the text {text!r:.60} does not fit {self.name:.200}")
        return reader.value(self.tree, 0, len(encoded))

    def _describe(self) -> dict[str, Any]:
        return {"is_regular": self.node is not None, "parts": [part.explain() for part in parts_of(self.tree)]}


def seq(*parts: Any, limits: Limits = DEFAULT_LIMITS) -> Composition:
    """Texts made of a text of each part, one after the other.

    parts : constraints, plain strings (exactly this text), types and JSON Schema dicts.
    The value is the tuple of the values of the parts that are not plain strings.  Where a text can be cut in several
    ways, every part takes as little as it can, from the left.  Raises ConstraintError.
    """
    return seq_of(parts, tuple, limits)


def seq_of(
    parts: Sequence[Any], make: Callable[[tuple[Any, ...]], Any], limits: Limits = DEFAULT_LIMITS
) -> Composition:
    """seq() with a value of its own: make(values of the parts that are not plain strings)."""
    trees = tuple(tree_of(part, f"part {number}") for number, part in enumerate(parts))
    name = f"seq({', '.join(name_of(tree) for tree in trees)})"
    return Composition(name, Seq(trees, make, depth_of(*trees)), limits=limits)


def many(
    part: Any, *, least: int = 0, most: int | None = None, separator: Any = None, limits: Limits = DEFAULT_LIMITS
) -> Composition:
    """`part` again and again, with `separator` between two of them.

    least, most : how many there may be; most None is without end.      The value is the list of their values.
    """
    if not (isinstance(least, int) and least >= 0 and (most is None or (isinstance(most, int) and most >= least))):
        raise ConstraintError(f"many() takes 0 <= least <= most, not least={least!r}, most={most!r}")
    tree = tree_of(part, "the part")
    between = None if separator is None else tree_of(separator, "the separator")
    depth = depth_of(tree, *([between] if between is not None else []))
    name = f"many({name_of(tree)}, {least}..{'' if most is None else most})"
    return Composition(name, Many(tree, least, most, between, list, depth), limits=limits)


def optional(part: Any, *, limits: Limits = DEFAULT_LIMITS) -> Composition:
    """`part`, or nothing.  The value is the part's, or None."""
    tree = tree_of(part, "the part")
    return Composition(
        f"optional({name_of(tree)})",
        Many(tree, 0, 1, None, lambda values: values[0] if values else None, depth_of(tree)),
        limits=limits,
    )


def text(
    until: str | Sequence[str] | None = None,
    *,
    without: str | Sequence[str] = (),
    max_characters: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Constraint:
    """Free text.

    until : it ends where this marker (or one of these) ends for the first time, marker included; without one it may end
            anywhere.
    without : texts that may not occur in it (before the marker ends).
    max_characters : code points, marker included; with `until` or `without` the automaton is built in full
                     (max_dfa_states).
    """
    markers, banned = _texts(until, "until"), _texts(without, "without")
    if max_characters is not None and not (isinstance(max_characters, int) and max_characters >= 0):
        raise ConstraintError(f"max_characters is a number of code points or None, not {max_characters!r}")
    free = ANY_TEXT if max_characters is None else Repeat(ANY_CHAR, 0, max_characters)
    needed: list[Node] = [] if max_characters is None else [free]
    if markers:
        needed.append(concat(ANY_TEXT, Words(markers)))
        needed.append(Not(concat(ANY_TEXT, Words(markers), ANY_CHAR, ANY_TEXT)))
    if banned:
        needed.append(Not(concat(ANY_TEXT, Words(banned), ANY_TEXT)))
    node = free if not needed else needed[0] if len(needed) == 1 else Both(tuple(needed))
    told = [f"until={until!r}"] if markers else []
    told += [f"without={without!r}"] if banned else []
    told += [] if max_characters is None else [f"max_characters={max_characters}"]
    return Constraint(f"text({', '.join(told)})", lambda: compile_dfa(node, limits=limits), node=node, limits=limits)


def _texts(given: str | Sequence[str] | None, name: str) -> tuple[str, ...]:
    texts = (given,) if isinstance(given, str) else tuple(given or ())
    for marker in texts:
        if not isinstance(marker, str) or not marker:
            raise ConstraintError(f"{name} takes texts of at least one character, not {marker!r:.60}")
        _check_text(marker, name)
    return texts


def _check_text(given: str, what: str) -> None:
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise ConstraintError(
            f"{what} holds a lone surrogate at position {error.start}, which no UTF-8 text holds"
        ) from None


# ---- trees ----


def tree_of(given: Any, what: str) -> Tree:
    """What a caller passes as a part, as a tree."""
    if isinstance(given, str):
        _check_text(given, what)
        node = Literal(given)
        return Part(Constraint(repr(given), lambda: compile_dfa(node), node=node), is_literal=True)
    if isinstance(given, Composition):
        return given.tree
    from guided.constraints.coerce import as_constraint  # it knows compositions, too

    constraint = as_constraint(given)
    if constraint is None:
        raise ConstraintError(f"{what} is None, which is no language; for free text pass guided.text()")
    return constraint.tree if isinstance(constraint, Composition) else Part(constraint)


def alternatives(left: Constraint, right: Any) -> Composition:
    """left | right, flat: a chain of `|` is one set of alternatives."""
    trees: list[Tree] = []
    for side in (left, right):
        tree = tree_of(side, "an alternative")
        trees.extend(tree.parts if isinstance(tree, Alt) else (tree,))
    kinds = {part.value_kind for tree in trees for part in (parts_of(tree) if isinstance(tree, Part) else [left])}
    json = all(isinstance(tree, Part) for tree in trees) and kinds == {"json"}
    name = (
        f"({left.name} | {name_of(trees[-1])})"
        if len(trees) < 5
        else f"({name_of(trees[0])} | ... {len(trees)} in all)"
    )
    return Composition(
        name, Alt(tuple(trees), depth_of(*trees)), value_kind="json" if json else "text", limits=left.limits
    )


def parts_of(tree: Tree) -> list[Constraint]:
    """The constraints of a tree, from the left."""
    if isinstance(tree, Part):
        return [tree.constraint]
    if isinstance(tree, Many):
        return parts_of(tree.part) + (parts_of(tree.between) if tree.between is not None else [])
    return [constraint for part in tree.parts for constraint in parts_of(part)]


def name_of(tree: Tree) -> str:
    names = [part.name for part in parts_of(tree)]
    shown = names[0] if len(names) == 1 else f"{names[0]} ..." if names else "()"
    return shown if len(shown) <= 60 else shown[:57] + "..."


# ---- regular parts ----


def node_of(tree: Tree) -> Node | None:
    """The syntax tree of a regular composition, else None.  Anchors and lookahead see their own part only."""
    if isinstance(tree, Part):
        node = tree.constraint.node
        if node is None:
            return None
        node = strip(node)
        return Both((node,)) if FactsOf()(node).zero_width else node
    if isinstance(tree, Many):
        part, between = node_of(tree.part), EMPTY if tree.between is None else node_of(tree.between)
        if part is None or between is None:
            return None
        if tree.most == 0:
            return EMPTY
        more = None if tree.most is None else tree.most - 1
        some = concat(part, Repeat(concat(between, part), max(tree.least - 1, 0), more))
        return some if tree.least else union(EMPTY, some)
    nodes = [node_of(part) for part in tree.parts]
    if any(node is None for node in nodes):
        return None
    known = [node for node in nodes if node is not None]
    return concat(*known) if isinstance(tree, Seq) else union(*known)


def is_plain(tree: Tree) -> bool:
    """Whether all parts are regular and none looks around: then one automaton is as cheap as its parts."""
    return all(part.node is not None and not FactsOf()(strip(part.node)).zero_width for part in parts_of(tree))


def merged(tree: Tree, limits: Limits) -> Tree:
    """The tree with neighbours that are plainly regular made one part; of the same language, without its values."""
    if isinstance(tree, Part):
        return tree
    if is_plain(tree):
        return _regular(tree, limits)
    if isinstance(tree, Many):
        between = None if tree.between is None else merged(tree.between, limits)
        return Many(merged(tree.part, limits), tree.least, tree.most, between, depth=tree.depth)
    if isinstance(tree, Alt):
        return Alt(tuple(merged(part, limits) for part in tree.parts), tree.depth)
    made: list[Tree] = []
    run: list[Tree] = []
    for part in (*tree.parts, None):
        if part is not None and is_plain(part):
            run.append(part)
            continue
        if run:
            made.append(run[0] if len(run) == 1 and isinstance(run[0], Part) else _regular(Seq(tuple(run)), limits))
            run = []
        if part is not None:
            made.append(merged(part, limits))
    return Seq(tuple(made), depth=tree.depth)


def _regular(tree: Tree, limits: Limits) -> Part:
    node = node_of(tree)
    assert node is not None
    return Part(Constraint(name_of(tree), lambda: compile_dfa(node, limits=limits), node=node, limits=limits))


def closing_bytes(constraint: Constraint) -> bytes | None:
    """The bytes that a JSON text of this language can end with, from those it can begin with; None if not known."""
    if constraint.value_kind != "json" or not isinstance(constraint.recognizer(), _fast.Machine):
        return None
    recognizer = constraint.recognizer()
    first = recognizer.live_bytes(recognizer.start)
    return bytes(sorted({end for byte in first for end in _JSON_ENDS.get(byte, b"0123456789")}))
