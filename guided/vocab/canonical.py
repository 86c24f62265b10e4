"""Canonical: which token sequences are what the tokenizer itself writes, token after token.

A model was trained on what its tokenizer writes: of the many ways to cut a text into tokens one is *canonical*.  Here a
sequence of tokens is a state: how the text since the last settled cut looks to the pre-tokeniser (splits.py), and the
last token, whose neighbours the merges decide (_fast/pairs.pyx).

Not here: canonicality as a constraint (guided/filters.py).
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from guided.errors import VocabularyError
from guided.vocab.encoding import Encoder
from guided.vocab.fallback import Fallback
from guided.vocab.fidelity import adds_first_space, losses, parts
from guided.vocab.huggingface import backend_of, part_json
from guided.vocab.merges import Merges, read_model
from guided.vocab.splits import CUT, FREE, JOINED, Place, Splits
from guided.vocab.unigram import SPACE, AnyPair, Unigram
from guided.vocab.vocabulary import Vocabulary

DEAD = -1
KEPT_BYTES = 64 << 20  # of rows, by state; the ones not used for longest go first
KEPT_TOKENIZERS = 8
CHECKED_PAIRS = 256  # compared with the tokenizer when a Canonical is made
LOOK_BACK = 48  # tokens of a prompt that are read: cuts settle after a few
BEGIN = -1  # in place of a last token

_known: OrderedDict[str, Canonical] = OrderedDict()


class Canonical:
    """The canonical sequences of one tokenizer.

    exact  : whether states decide exactly what the tokenizer writes; if not, `reason` says why, `follows` and
             `allowed` leave out nothing that the tokenizer writes, but may let through what it does not.
    adds_first_space : `encode` puts a space before every text (SentencePiece); its tokens' bytes begin with it.
    start  : the state at the beginning of a text.  States are ints >= 0, DEAD is -1.
    """

    def __init__(self, vocab: Vocabulary, tokenizer: Any) -> None:
        self.vocab = vocab
        self.reason: str | None = None
        self.encoder = Encoder(vocab, tokenizer)
        self.adds_first_space = vocab.fidelity.adds_first_space
        self._is_text = np.diff(_offsets(vocab)) > 0
        self.places: Any = None
        self._pairs: Any = None
        try:
            self._read(tokenizer)
        except ValueError as error:
            self.reason = str(error)
        self.exact = self.reason is None
        self._states: list[tuple[Place, int]] = []
        self._numbers: dict[tuple[Place, int], int] = {}
        self._rows: OrderedDict[int, npt.NDArray[np.bool_]] = OrderedDict()
        self._word_rows: OrderedDict[int, npt.NDArray[np.uint32]] = OrderedDict()
        self._pair_rows: OrderedDict[int, npt.NDArray[np.uint8]] = OrderedDict()
        self._follows: OrderedDict[int | None, npt.NDArray[np.bool_]] = OrderedDict()
        self._begin = Place() if self.places is None else self.places.begin
        self.start = self._number(self._begin, BEGIN)
        if self.exact:
            self._check()

    @classmethod
    def of(cls, vocab: Vocabulary, tokenizer: Any) -> Canonical:
        """The Canonical of a tokenizer; kept by the content of the vocabulary.  Reading 128,000 tokens takes some 5 s.

        tokenizer : of Hugging Face; what `guided.load` returns holds one as `.tokenizer`.
        Raises VocabularyError for what is no tokenizer.
        """
        found = _known.get(vocab.fingerprint)
        if found is None:
            found = _known[vocab.fingerprint] = cls(vocab, tokenizer)
            while len(_known) > KEPT_TOKENIZERS:
                _known.popitem(last=False)
        _known.move_to_end(vocab.fingerprint)
        return found

    def _read(self, tokenizer: Any) -> None:
        """Raises ValueError with the reason where the canonical sequences are not known."""
        vocab, backend = self.vocab, backend_of(tokenizer)
        model = read_model(backend)
        kind = model.get("type", "its own")
        if kind == "Unigram":
            self._read_unigram(backend, model)
            return
        if not vocab.is_reversible:
            raise ValueError("the tokenizer changes texts: " + "; ".join(vocab.notes))
        if kind != "BPE":
            raise ValueError(f"its model is {kind}, which decides by whole words and not by pairs")
        for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
            if model.get(name):
                raise ValueError(f"its BPE model has {name}={model[name]!r}")
        steps = [*parts(part_json(backend, "pre_tokenizer"))]
        merges = Merges(model, vocab.size, frozenset(np.flatnonzero(~self._is_text).tolist()))
        if any(step.get("type") == "ByteLevel" for step in steps):
            self.places = Splits(backend.pre_tokenizer, list(vocab.tokens))
        elif any(step.get("type") != "Metaspace" or step.get("split", True) for step in steps):
            raise ValueError("its pre-tokeniser cuts texts before a model without byte-level tokens")
        else:
            first = adds_first_space(part_json(backend, "normalizer"), part_json(backend, "pre_tokenizer"))
            self.places = Fallback(list(vocab.tokens), merges.byte_of, merges.single, first)
        self._pairs = merges.pairs
        reachable = merges.pairs.is_reachable.astype(bool)
        self._startable = (reachable | (merges.ignore_merges & self._is_text)).astype(np.uint8)

    def _read_unigram(self, backend: Any, model: dict[str, Any]) -> None:
        """Words of largest score; characters that are no token cannot be written, which changes no text."""
        normalizer, pre_tokenizer = part_json(backend, "normalizer"), part_json(backend, "pre_tokenizer")
        steps = [*parts(normalizer), *parts(pre_tokenizer)]
        replaced = [step for step in steps if step.get("type") not in ("Metaspace", "Prepend")]
        if replaced:
            found = losses(normalizer, pre_tokenizer, lambda text: text.replace(SPACE, " ").encode())
            raise ValueError("the tokenizer changes texts: " + "; ".join(found or map(str, replaced)))
        if not any(step.get("type") == "Metaspace" and step.get("split", True) for step in steps):
            raise ValueError("its model is Unigram over texts that are not cut at spaces first")
        first = adds_first_space(normalizer, pre_tokenizer)
        self.places = Unigram(model, self.vocab.size, self._is_text, first)
        self._pairs, self._startable = AnyPair(), self._is_text.astype(np.uint8)

    def _check(self) -> None:
        """Compare pairs with what the tokenizer writes; a difference makes this inexact, the pair is the reason."""
        rng, ids = random.Random(0), np.flatnonzero(self._is_text).tolist()
        for _ in range(CHECKED_PAIRS):
            pair = [rng.choice(ids), rng.choice(ids)]
            text = self.vocab.bytes_of(pair)
            try:
                text.decode()
            except UnicodeDecodeError:
                continue
            written = self.encoder.restore(pair)
            if written is not None and self.accepts(pair) != (written == pair):
                self.exact = False
                self.reason = f"for {text!r} the tokenizer writes {written}, and its parts say otherwise"
                return

    # --- states ----------------------------------------------------------------------------------------------------

    def _number(self, place: Place, last: int) -> int:
        key = (place, last)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self._states)
            self._states.append(key)
        return found

    def _pair_row(self, last: int) -> npt.NDArray[np.uint8]:
        """uint8[V]: tokens that may stand after `last` in the same word."""
        if last == BEGIN:
            return self._startable
        return _kept(self._pair_rows, last, KEPT_BYTES // (2 * self.vocab.size), self._make_pair_row)

    def _make_pair_row(self, last: int) -> npt.NDArray[np.uint8]:
        row = np.zeros(self.vocab.size, np.uint8)
        self._pairs.row(last, row)
        return row

    def allowed(self, state: int) -> npt.NDArray[np.bool_]:
        """bool[V]: the tokens after which the sequence can still become a canonical one.  Not to be written to."""
        return _kept(self._rows, state, max(16, KEPT_BYTES // (2 * self.vocab.size)), self._make_row)

    def _make_row(self, state: int) -> npt.NDArray[np.bool_]:
        if self.places is None:
            return self._is_text
        place, last = self._states[state]
        joined, cut = self.places.options(place)
        row: npt.NDArray[np.bool_] = ((joined & self._pair_row(last)) | (cut & self._startable)).view(np.bool_)
        return row

    def words(self, state: int) -> npt.NDArray[np.uint32]:
        """`allowed` as a mask, uint32[ceil(V / 32)], with EOS where the text may end here.  Not to be written to."""
        return _kept(self._word_rows, state, max(16, KEPT_BYTES * 8 // self.vocab.size), self._make_words)

    def _make_words(self, state: int) -> npt.NDArray[np.uint32]:
        bits = np.zeros((self.vocab.size + 31) // 32 * 32, np.uint8)
        bits[: self.vocab.size] = self.allowed(state)
        if self.ends(state):
            bits[sorted(self.vocab.eos_ids)] = 1
        return np.packbits(bits, bitorder="little").view(np.uint32)

    def after(self, state: int, token: int) -> int:
        """The state after a token of text; DEAD where no canonical sequence goes on so."""
        if self.places is None:
            return state if 0 <= token < self.vocab.size and self._is_text[token] else DEAD
        if not 0 <= token < self.vocab.size or not self._is_text[token]:
            return DEAD
        place, last = self._states[state]
        kind = self._joint(place, last, token)
        return DEAD if kind == DEAD else self._number(self.places.after(place, token, kind), token)

    def _joint(self, place: Place, last: int, token: int) -> int:
        """How a token may be joined to what is before: CUT, JOINED, FREE for both, DEAD for neither."""
        joined, cut = self.places.verdict(place, token)
        can_join = joined and (self._startable[token] if last == BEGIN else self._pairs.valid(last, token))
        can_cut = cut and self._startable[token]
        return FREE if can_join and can_cut else CUT if can_cut else JOINED if can_join else DEAD

    def ends(self, state: int) -> bool:
        """Whether the text may end here: the tokens so far are what the tokenizer writes for it."""
        return self.places is None or self.places.may_end(self._states[state][0])

    def state_after(self, tokens: Sequence[int]) -> int:
        """The state after the end of a longer text, a prompt say, which itself need not be canonical.

        A special token ends a text and begins another; where a token could not have come next, its joint counts as
        unknown.
        """
        state = self.start
        for token in tokens[-LOOK_BACK:]:
            after = self.after(state, token)
            if after == DEAD:
                after = self._resume(state, token)
            state = after
        return state

    def _resume(self, state: int, token: int) -> int:
        if self.places is None or not 0 <= token < self.vocab.size or not self._is_text[token]:
            return self.start
        for place in (self._states[state][0], self._begin):
            if self.places.shape(place, token) is not None:
                return self._number(self.places.after(place, token, FREE), token)
        return self.start

    # --- pairs and whole sequences ---------------------------------------------------------------------------------

    def accepts(self, tokens: Iterable[int]) -> bool:
        """Whether the tokenizer, given the text of these tokens, writes exactly them (where `exact`)."""
        state = self.start
        for token in tokens:
            state = self.after(state, token)
            if state == DEAD:
                return False
        return self.ends(state)

    def follows(self, left: int | None) -> npt.NDArray[np.bool_]:
        """bool[V]: the tokens that the tokenizer writes right after `left` in some text; None: at the begin of a text.

        Not to be written to.  What else was written can rule out more: `allowed` of a state is exact.
        """
        if left is None:
            return self.allowed(self.start)
        if not 0 <= left < self.vocab.size:
            raise VocabularyError(f"token {left} is not in this vocabulary of {self.vocab.size:,} ids", left)
        limit = max(16, KEPT_BYTES // (2 * self.vocab.size))
        return _kept(self._follows, left, limit, self._make_follows)

    def _make_follows(self, left: int) -> npt.NDArray[np.bool_]:
        if isinstance(self.places, Unigram):  # every text before may decide otherwise
            return self._is_text
        row = np.zeros(self.vocab.size, np.bool_)
        for state in self._states_after_any(left):
            row |= self.allowed(state)
        return row

    def follows_in(self, tokens: Sequence[int]) -> npt.NDArray[np.bool_]:
        """bool[V]: the tokens that the tokenizer writes next, in some text, after these.  Not to be written to.

        tokens : the last tokens of a text; from where it is sure that a word begins, or from its begin.
        """
        return self.allowed(self.state_after(tokens))

    def pair(self, left: int, right: int) -> bool:
        """`follows(left)[right]`, without making the row."""
        if left in self._follows or isinstance(self.places, Unigram):
            return bool(self.follows(left)[right])
        return any(self.after(state, right) != DEAD for state in self._states_after_any(left))

    def _states_after_any(self, left: int) -> list[int]:
        """The states that `left` may be in, over all texts before it."""
        if self.places is None:
            return [self.start] if self._is_text[left] else []
        if not self._is_text[left] or not self._startable[left]:
            return []
        found = set()
        for before in self._contexts(left):
            kind = self._joint(before, BEGIN, left)
            if kind != DEAD:
                for assumed in (CUT, JOINED) if kind == FREE else (kind,):
                    found.add(self._number(self.places.after(before, left, assumed), left))
        return sorted(found)

    def _contexts(self, left: int) -> list[Place]:
        """What may be before a token, as its pre-tokeniser sees it: nothing, one of each class, a few of each."""
        if isinstance(self.places, Fallback):
            byte = self.places.byte_of.get(left, 0)
            if 0x80 <= byte < 0xC0:
                heads = [b"\xd0", b"\xe4", b"\xe4\xbd", b"\xf0", b"\xf0\x9f", b"\xf0\x9f\x98"]
                return [Place("a", (), head) for head in heads]
            return [Place(), Place("a")]
        if self.places.heads[left]:
            heads = [
                b"\xc3",
                b"\xd0",
                b"\xe4",
                b"\xe4\xbd",
                b"\xf0",
                b"\xf0\x9f",
                b"\xf0\x9f\x98",
                b"\xe2",
                b"\xe2\x80",
            ]
            return [Place(before, (), head) for head in heads for before in ("", " ")]
        singles = [probe for probe in self.places.probes if probe]
        runs = [one * length for one in singles for length in range(1, self.places.longest_run)]
        return [Place(), *map(Place, runs), *(Place(one) for one in self.places.space_probes if len(one) == 2)]

    # --- texts -----------------------------------------------------------------------------------------------------

    def encode(self, text: bytes) -> list[int]:
        """What the tokenizer writes for a text, no special tokens; the names of special tokens are text here.

        Bytes that are no UTF-8 are written by the tokens of single bytes, merged as far as merges go, a word of their
        own.  Raises VocabularyError if the tokens cannot spell the text.
        """
        ids = self.encoder.encode(text)
        if isinstance(self.places, Unigram) and self.places.unknown in ids:
            raise VocabularyError(f"{text[-40:]!r} has a character that is no token: its tokenizer calls it unknown")
        return ids


def _offsets(vocab: Vocabulary) -> npt.NDArray[np.int64]:
    lengths = np.frombuffer(vocab.trie.lengths(), np.int32)
    return np.concatenate([[0], np.cumsum(lengths)])


def _kept(store: OrderedDict[Any, Any], key: Any, limit: int, make: Any) -> Any:
    """store[key], made if need be; the entry that was not used for longest goes when there are more than `limit`."""
    found = store.get(key)
    if found is None:
        found = store[key] = make(key)
        if len(store) > limit:
            store.popitem(last=False)
    else:
        store.move_to_end(key)
    return found
