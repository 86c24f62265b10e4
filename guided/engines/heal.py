"""heal(): a prompt that may stop inside a token, as every way in which the tokenizer may go on, exactly weighted.

The model was trained on what its tokenizer writes, so the tokens of "def" say nothing about "de" + "f".  The prompt's
cover (covers.py) is asked once, one element is drawn by its weight, and the model goes on token by token: at
temperature 1 that is the model's own law given the prompt's bytes.
Source: arXiv:2410.09303, arXiv:2406.16829; one draw instead of one per byte: docs/byte_model.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from guided.engines.byte_model import Settings, cover_from, cover_of, rule_of, settled
from guided.engines.covers import Context, Counts, Cover, Forest, ask, log_sum
from guided.errors import ModelError, VocabularyError

EXACT = Settings(tolerance=0.0, beam=None, ahead=1.0)

_rules: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


class Healed(NamedTuple):
    """One way to write a prompt and, perhaps, a little more.

    tokens : all ids, special ones included.      beyond : the bytes that they spell after the prompt.
    logw   : natural log of its probability, given the prompt's bytes.
    """

    tokens: list[int]
    beyond: bytes
    logw: float


@dataclass
class Healing:
    """The cover of a prompt.

    prompt     : as given.      elements : all ways, heaviest first; their weights sum to 1.
    n_trunk    : tokens that all of them begin with.
    n_covered  : bytes at the end of the prompt that differ from element to element: the text of the tokens after those.
    n_contexts : contexts the model was asked about: none where only one way exists.
    """

    prompt: Any
    elements: list[Healed]
    n_trunk: int
    n_covered: int
    n_contexts: int


def healed(lm: Any, prompt: str) -> list[Healed]:
    """(token ids, bytes beyond the prompt, log weight) of every way to go on with a prompt; see heal."""
    return heal(lm, prompt).elements


def heal(lm: Any, prompt: str) -> Healing:
    """The ways in which the tokenizer may write a prompt and what comes after, by their probability under the model.

    lm     : what `guided.load` returns.
    prompt : text.  Names of special tokens in it are those tokens, as in lm.encode; what comes after is healed.
    Where no token can reach over the prompt's end there is one element, with the prompt's own tokens, and the model is
    not asked; else it is asked once, about the few contexts in which a token over the end may begin.
    Raises ModelError for a tokenizer whose tokens are not known exactly (see guided.ByteModel), naming the reason.
    """
    if not isinstance(prompt, str):
        raise TypeError(f"only text can be healed, not {type(prompt).__name__}: tokens are taken as they are")
    rule = rule_for(lm)
    ids = list(lm.encode(prompt))
    tokens = lm.vocab.tokens
    first = next((at + 1 for at in range(len(ids) - 1, -1, -1) if not tokens[ids[at]]), 0)
    text = lm.vocab.bytes_of(ids[first:])
    whole = Healing(prompt, [Healed(ids, b"", 0.0)], len(ids), 0, 0)
    if (
        not text
        or not text.startswith(rule.lead)
        or not prompt.encode("utf-8", "surrogatepass").endswith(text[len(rule.lead) :])
    ):
        return whole
    return _healing(lm, rule, prompt, ids[:first] or lm.encode(""), text, whole)


def heal_after(lm: Any, context: list[int], text: bytes) -> Healing:
    """The same for a text that is written after given tokens.  Raises ModelError as heal does."""
    rule = rule_for(lm)
    ids = [*context, *rule.encode(rule.lead + text)]
    return _healing(lm, rule, text, context, rule.lead + text, Healing(text, [Healed(ids, b"", 0.0)], len(ids), 0, 0))


def _healing(lm: Any, rule: Any, prompt: Any, start: list[int], text: bytes, whole: Healing) -> Healing:
    """The cover of `text` (lead included) after `start`; `whole` where only one way exists."""
    counts = Counts()
    cover = cover_of(lm, rule, text[len(rule.lead) :], EXACT, counts, start)
    if not _is_open(cover):
        return whole
    ask([cover])
    found = [one._replace(tokens=[*cover.forest.trunk, *one.tokens]) for one in elements_of(cover)]
    if not found:
        raise ModelError(f"the model gives every way to write {text[-20:]!r} the probability 0")
    total = log_sum([one.logw for one in found])
    found = sorted((one._replace(logw=one.logw - total) for one in found), key=lambda one: -one.logw)
    n_trunk = len(cover.forest.trunk)
    before = len(lm.vocab.bytes_of(cover.forest.trunk[len(start) :]))
    return Healing(prompt, found, n_trunk, len(text) - before, counts.n_contexts)


def split_open_end(lm: Any, rule: Any, text: bytes) -> tuple[list[int], bytes]:
    """(tokens that no text to come can change, the bytes after them); the model is not asked."""
    whole = rule.lead + text
    before, state, cut = settled(rule, whole)
    cover = cover_from(Forest(lm, before, rule, Counts()), whole[:cut], state, EXACT)
    for byte in whole[cut:]:
        cover.read(byte)
    ways = cover.ends if not _is_open(cover) else [*cover.ends, *(context for context, _ in cover.elements)]
    common: list[int] = []
    for tokens in zip(*map(path_of, ways), strict=False):
        if len(set(tokens)) > 1:
            break
        common.append(tokens[0])
    kept = [*before, *common]
    return kept, whole[len(lm.vocab.bytes_of(kept)) :]


def ways_after(lm: Any, rule: Any, context: list[int], rest: bytes, state: Any) -> list[Healed]:
    """The cover of `rest` after given tokens, heaviest first; one pass of the model.

    state : of the rule after the context.
    Returns elements whose `tokens` are those after the context, and whose weights are joint probabilities of these,
    not normalised; [] where no canonical sequence of tokens can spell the rest.
    """
    cover = cover_from(Forest(lm, context, rule, Counts()), b"", state, EXACT)
    for byte in rest:
        cover.read(byte)
    ask([cover])
    found = elements_of(cover) if rest else [Healed([], b"", 0.0)]
    return sorted(found, key=lambda one: (-one.logw, one.tokens))


def can_heal(lm: Any) -> bool:
    """Whether prompts can be healed: the model has a tokenizer whose tokens are known exactly, and no encoder."""
    if getattr(lm, "is_encoder_decoder", False) or not hasattr(lm, "tokenizer"):
        return False
    try:
        rule_for(lm)
    except (ModelError, VocabularyError):
        return False
    return True


def rule_for(lm: Any) -> Any:
    """How the tokenizer of a model writes texts; kept with the model.  Raises ModelError where that is not known."""
    try:
        rule = _rules.get(lm)
    except TypeError:
        return rule_of(lm)
    if rule is None or rule.vocab is not lm.vocab:
        rule = _rules[lm] = rule_of(lm, getattr(lm, "canonical", None))
    return rule


def _is_open(cover: Cover) -> bool:
    """Whether some token may reach over the end of the text, or it may end in different tokens."""
    if len(cover.ends) != 1:
        return True
    trie = cover.trie
    for context, node in cover.elements:
        if trie.node(node)[2] > 1:
            flags, here = cover.rule.allowed(context.state), trie.node(node)[3]
            if any(flags[token] for token in trie.ids_below(node) if token not in here):
                return True
    return False


def elements_of(cover: Cover) -> list[Healed]:
    """All elements, with the tokens after the trunk and the log of their joint probability; after ask."""
    tokens = cover.forest.lm.vocab.tokens
    found: list[Healed] = []
    for context in cover.ends:
        if context.logp is not None and context.logp > -math.inf:
            found.append(Healed(path_of(context), b"", context.logp))
    for context, node in cover.elements:
        if not context.is_asked or context.logp is None:
            continue
        done, tail = len(cover.text) - context.end, path_of(context)
        for token, p in context.masses.below(node):
            if len(tokens[token]) > done:
                found.append(Healed([*tail, token], tokens[token][done:], context.logp + math.log(p)))
    return found


def path_of(context: Context) -> list[int]:
    """The tokens of a context after the trunk."""
    found: list[int] = []
    link: Any = context.path
    while link is not None:
        token, link = link
        found.append(token)
    return found[::-1]
