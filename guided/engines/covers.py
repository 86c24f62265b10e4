"""Cover: the token sequences that a text may be the beginning of, with their weights, a byte at a time.

A cover element is a context (tokens that end inside the text) and a node of the vocabulary's trie (the token under way,
as far as the text goes).  Reading a byte moves every element to a child of its node; where tokens end, new contexts
begin.  The model is asked about a context only when its share of the weight passes a tolerance; until then the element
is carried along unasked, with an upper bound of its weight, so nothing is ever lost, only not yet known.
Source: arXiv:2410.09303 (the lemma); arXiv:2412.03719 (trie masses).  Not here: which tokens count (segmentations.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from guided._fast import Masses
from guided.engines.contexts import tree_that_forks

EOS = 256  # the 257th entry of a distribution over bytes
LEAST_SLOTS = 256  # contexts in a tree before those that no cover needs are looked for


class Context:
    """Some tokens, and what the model says after them once it was asked.

    token  : the last one, None for the start.     end : bytes of the text that they spell.
    state  : of the rule (segmentations.py).      leaf : the trie node of the last token.
    node   : number in the tree, -1 before the model was asked.     path : the tokens, as (last, path before it).
    is_asked : whether the model was.      masses : then, of the next token.      ended : probability of the end here.
    """

    __slots__ = (
        "__weakref__",
        "_ended",
        "_known",
        "above",
        "children",
        "end",
        "is_asked",
        "leaf",
        "logp",
        "node",
        "path",
        "state",
        "token",
    )

    def __init__(self, above: Context | None, token: int | None, end: int, state: Any, leaf: int = 0) -> None:
        self.above, self.token, self.end, self.state, self.leaf = above, token, end, state, leaf
        self.node, self.is_asked, self._ended = -1, False, 0.0
        self._known: Any = None  # Masses, or before they are needed (forest, logits)
        self.logp: float | None = 0.0 if above is None else None
        self.children: dict[int, Context] = {}
        self.path: Any = None if above is None else (token, above.path)

    @property
    def masses(self) -> Masses:
        """Of the next token; made when they are first needed: much that is asked about beforehand never is."""
        if type(self._known) is tuple:
            forest, row = self._known
            self._known = found = Masses(forest.lm.vocab.trie, row, forest.rule.allowed(self.state))
            if forest.eos and forest.rule.may_end(self.state):
                self._ended = float(np.exp(row[forest.eos].astype(np.float64) - found.log_norm).sum())
        known: Masses = self._known
        return known

    @property
    def ended(self) -> float:
        """The probability that the text ends here."""
        return self._ended if self.masses is not None else 0.0

    def hold(self, forest: Forest, row: Any) -> None:
        """Take over the logits that the model gives after these tokens."""
        self._known, self.is_asked = (forest, row), True

    def bound(self) -> float:
        """Natural log of the probability of the tokens; an upper bound where a context before them is unasked."""
        return next((one.logp for one in self.settle() if one.logp is not None), 0.0)

    def settle(self) -> list[Context]:
        """Make the log-probability exact if all contexts before were asked; returns this and those, last first."""
        found = self.history()
        for one in reversed(found):
            above = one.above
            if one.logp is None and above is not None and above.is_asked and above.logp is not None:
                ending = [p for token, p in above.masses.ending(one.leaf) if token == one.token]
                one.logp = above.logp + math.log(ending[0]) if ending else -math.inf
            if one.is_asked and one.logp is not None:
                one.above = None  # its weight is known and its slot made: what came before is no longer needed
        return found

    def child(self, token: int, end: int, rule: Any, leaf: int) -> Context:
        """The context one token longer; the same object each time while this one lives."""
        found = self.children.get(token)
        if found is None:
            found = self.children[token] = Context(self, token, end, rule.after(self.state, token), leaf)
        return found

    def history(self) -> list[Context]:
        """This context and those before it that are still held, last first."""
        found: list[Context] = []
        one: Context | None = self
        while one is not None:
            found.append(one)
            one = one.above
        return found


class Forest:
    """The contexts of one trunk (tokens that all texts here begin with), and the model's tree over it.

    n_calls : passes of the model.      n_contexts : contexts it was asked about.
    """

    def __init__(self, lm: Any, trunk: Sequence[int], rule: Any, counts: Counts) -> None:
        self.lm, self.trunk, self.rule, self.counts = lm, list(trunk), rule, counts
        self.tree: Any = None
        self.known: WeakValueDictionary[int, Context] = WeakValueDictionary()
        self.eos = sorted(lm.vocab.eos_ids)
        self.least = LEAST_SLOTS

    def ask(self, wanted: Iterable[Context]) -> None:
        """The model reads these contexts and what is missing before them, in one pass."""
        missing = {id(one): one for context in wanted for one in context.history() if not one.is_asked}
        order = sorted(missing.values(), key=lambda one: one.end)
        if not order:
            return
        if self.tree is None:
            self.tree = tree_that_forks(self.lm, self.trunk)
            self.counts.n_calls += 1
            self.counts.n_contexts += 1
            root = order.pop(0)
            root.node = 0
            self._read(root)
        if order:
            first = self.tree.n_rows
            for number, one in enumerate(order):
                one.node = first + number
            nodes = [one.above.node for one in order if one.above is not None]
            self.tree.extend(nodes, [one.token for one in order])
            self.counts.n_calls += 1
            self.counts.n_contexts += len(order)
            for one in order:
                self._read(one)
        self._tidy()

    def _read(self, context: Context) -> None:
        """Take over what the tree says after a context."""
        context.hold(self, row_of(self.tree.row(context.node)))
        self.known[context.node] = context

    def _tidy(self) -> None:
        if self.tree.n_rows > self.least:
            self.tree.keep(set(self.known))
            self.least = self.tree.n_rows + max(LEAST_SLOTS, len(self.known))


class Counts:
    """n_calls : passes of the model.  n_contexts : contexts it was asked about, one row of logits each."""

    def __init__(self) -> None:
        self.n_calls = self.n_contexts = 0


class Cover:
    """The cover of one text.

    text      : `lead` of the rule and the bytes read.
    elements  : (context, node) of the tokens under way.      ends : contexts that end exactly here.
    log_mass  : natural log of the weight of the whole cover, given the trunk; known after `ask`.
    left_out  : weight of elements that were dropped for good, as a share of the cover when it was dropped, added up.
    """

    def __init__(self, forest: Forest, text: bytes, settings: Any) -> None:
        self.forest, self.rule, self.trie = forest, forest.rule, forest.lm.vocab.trie
        self.settings, self.text = settings, text
        self.elements: list[tuple[Context, int]] = []
        self.ends: list[Context] = []
        self.log_mass, self.log_dropped = 0.0, -math.inf
        self.total_bound = 0.0
        self.made: tuple[npt.NDArray[np.float64], float] | None = None

    def fork(self) -> Cover:
        """An independent copy; contexts and what the model said of them are shared."""
        other = Cover(self.forest, self.text, self.settings)
        other.elements, other.ends = self.elements.copy(), self.ends.copy()
        other.log_mass, other.log_dropped, other.made = self.log_mass, self.log_dropped, self.made
        other.total_bound = self.total_bound
        return other

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self, byte: int) -> None:
        """One byte more."""
        trie = self.trie
        self.text += bytes([byte])
        self.made = None
        moved = [(context, trie.child(node, byte)) for context, node in self.elements]
        moved += [(context, trie.child(0, byte)) for context in self.ends]
        self.elements = [
            (context, node)
            for context, node in moved
            if node >= 0 and (not context.is_asked or context.masses.mass(node) > 0)
        ]
        self.ends = []
        for context, node in self.elements:
            if context.is_asked:
                ending = [token for token, _ in context.masses.ending(node)]
            elif ending := trie.node(node)[3]:
                flags = self.rule.allowed(context.state)
                ending = [token for token in ending if flags[token]]
            self.ends += [context.child(token, len(self.text), self.rule, node) for token in ending]

    # --- weights -----------------------------------------------------------------------------------------------------

    def weigh(self) -> list[tuple[float, Context]]:
        """Set log_mass; returns (log weight, context) of what is unasked, elements and ends alike.

        An unasked context is listed once: all elements that share it are one token sequence so far.
        """
        logs: list[float] = []
        unasked: dict[int, tuple[float, Context]] = {}
        for context, node in self.elements:
            if not context.is_asked:
                unasked[id(context)] = (context.bound(), context)
                continue
            context.settle()
            mass = context.masses.beyond(node)
            if mass > 0 and context.logp is not None:
                logs.append(context.logp + math.log(mass))
        for context in self.ends:
            if not context.is_asked:
                unasked[id(context)] = (context.bound(), context)
                continue
            context.settle()
            if context.logp is not None:
                logs.append(context.logp)
        logs += [weight for weight, _ in unasked.values()]
        self.log_mass = log_sum(logs)
        return list(unasked.values())

    def wanted(self) -> list[Context]:
        """The unasked contexts that matter, and tokens that are likely to end soon; [] where nothing must be asked."""
        unasked = self.weigh()
        if not unasked:
            return []
        least = self.log_mass + math.log(self.settings.tolerance) if self.settings.tolerance > 0 else -math.inf
        heavy = [context for weight, context in unasked if weight > least and weight > -math.inf]
        if self.rule.name == "all":
            self._prune(unasked, heavy)
            heavy = [context for context in heavy if context in self.ends]
        return [*heavy, *self._likely()] if heavy else []

    def _prune(self, unasked: list[tuple[float, Context]], heavy: list[Context]) -> None:
        """Drop for good what stays unasked: among all segmentations nothing else would ever end it."""
        kept = set(map(id, heavy))
        if self.settings.beam is not None and len(heavy) > self.settings.beam:
            weights = {id(context): weight for weight, context in unasked}
            kept = set(sorted(kept, key=lambda key: -weights[key])[: self.settings.beam])
        for weight, context in unasked:
            if id(context) not in kept:
                self.log_dropped = log_sum([self.log_dropped, weight])
        self.ends = [context for context in self.ends if context.is_asked or id(context) in kept]

    def _likely(self) -> list[Context]:
        """Contexts that will probably be asked about within a few bytes: read in the same pass, they cost little.

        These are the tokens under way that are likely, and on the way to their ends every token that is not negligible.
        """
        ahead, tolerance = self.settings.ahead, self.settings.tolerance
        tokens = self.forest.lm.vocab.tokens
        live: list[tuple[Context, Masses, int, float]] = []
        ways: set[bytes] = set()
        if ahead >= 1:
            return []
        for context, node in self.elements:
            if not context.is_asked or context.logp is None:
                continue
            share = math.exp(context.logp - self.log_mass)
            live.append((context, context.masses, node, share))
            if share * context.masses.beyond(node) >= ahead:
                done = len(self.text) - context.end
                ways.update(tokens[token][done:] for token, _ in context.masses.below(node, ahead / share))
        found: dict[int, Context] = {}
        for way in ways:
            for context, masses, node, share in live:
                for length, byte in enumerate(way, 1):
                    node = self.trie.child(node, byte)
                    if node < 0 or share * masses.mass(node) <= tolerance:
                        break
                    for token, p in masses.ending(node):
                        if share * p > tolerance:
                            child = context.child(token, len(self.text) + length, self.rule, node)
                            if not child.is_asked:
                                found[id(child)] = child
        return list(found.values())

    # --- the next byte -----------------------------------------------------------------------------------------------

    def distribution(self) -> tuple[npt.NDArray[np.float64], float]:
        """(weights of the 256 bytes and EOS as shares of the cover, share that is not known); after `ask`."""
        if self.made is not None:
            return self.made
        out, unknown = np.zeros(257), 0.0
        unasked = self.weigh()
        scale = self.log_mass
        if scale == -math.inf:
            self.made = (out, 0.0)
            return self.made
        for context, node in self.elements:
            if context.is_asked and context.logp is not None:
                context.masses.add_children(node, math.exp(context.logp - scale), out)
        for context in self.ends:
            if context.is_asked and context.logp is not None:
                weight = math.exp(context.logp - scale)
                context.masses.add_children(0, weight, out)
                out[EOS] += weight * context.ended
        unknown = sum(math.exp(weight - scale) for weight, _ in unasked)
        self.made = (out, unknown)
        return self.made

    @property
    def bound(self) -> float:
        """How far the next byte's distribution may be from the truth, in total variation; 0 where it is exact."""
        weights, unknown = self.distribution()
        dropped = math.exp(self.log_dropped - self.log_mass) if self.log_mass > -math.inf else 1.0
        missing = unknown + dropped
        known = float(weights.sum())
        return 0.0 if missing == 0 else missing / (missing + known)


def ask(covers: Sequence[Cover]) -> None:
    """Ask the model what all these covers need to know their next byte; in one pass per forest and round."""
    while True:
        needs: dict[int, tuple[Forest, list[Context]]] = {}
        for cover in covers:
            if cover.made is None:
                found = cover.wanted()
                if found:
                    needs.setdefault(id(cover.forest), (cover.forest, []))[1].extend(found)
        if not needs:
            return
        for forest, wanted in needs.values():
            forest.ask(wanted)


def row_of(row: Any) -> npt.NDArray[np.floating]:
    """Logits as float32 or float64[V], from NumPy or torch, wherever they are."""
    if hasattr(row, "detach"):
        row = row.detach()
        row = (row if row.element_size() > 2 else row.float()).cpu().numpy()
    found: npt.NDArray[np.floating] = np.asarray(row)
    return found


def log_sum(logs: Sequence[float]) -> float:
    """Natural log of the sum of exp(logs); -inf for none."""
    top = max(logs, default=-math.inf)
    if top == -math.inf:
        return -math.inf
    return top + math.log(math.fsum(math.exp(one - top) for one in logs))
