"""NGrams: how often tokens followed histories of up to five tokens, in one memory-mapped file.

Not here: look-ups (_fast/ngrams.pyx), the ready-made one of the built-in model (models/tiny_ngrams.py).
Source of the paper's interpolation and its weights: Shen et al., arXiv:2405.18400; of the back-off: Witten and Bell,
"The zero-frequency problem" (1991), method C, applied from the shortest history to the longest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import struct
import sys
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from guided._fast import NGramTable, deepen
from guided.errors import LimitExceeded, VocabularyError
from guided.vocab import Vocabulary

MAGIC = b"guided ngrams 1\n"
MAX_HEADER_BYTES = 1 << 20
MAX_ORDER = 8
MAX_TOKENS = 2**31  # of a corpus, and entries of a level: offsets are 32 bits
PAPER_WEIGHTS = (0.01, 0.04, 0.15, 0.18, 0.12)  # of histories of 1..5 tokens
CHUNK_TOKENS = 4_000_000  # counted in one go; memory while training is about 100 bytes for each
BATCH_CHARACTERS = 1_000_000  # given to the tokenizer in one go
SMOOTHING = ("backoff", "paper")

Counts = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32], npt.NDArray[np.int64]]  # history's hash, token, count
Array = npt.NDArray[Any]

_spellings: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def spelling_of(vocab: Vocabulary) -> str:
    """32 hex digits that name what the ids mean as text, whatever the padding above them and the ids of EOS."""
    found = _spellings.get(vocab)
    if found is None:
        lengths = np.trim_zeros(np.frombuffer(vocab.trie.lengths(), np.int32), "b")
        found = hashlib.blake2b(lengths.tobytes() + vocab.trie.blob, digest_size=16).hexdigest()
        _spellings[vocab] = found
    return found


class NGrams:
    """Counts of n-grams over one tokenizer, opened from a file or trained.

    order      : tokens of the longest n-gram, the predicted one included.
    n_ngrams   : distinct n-grams of all lengths.      n_tokens : tokens of the corpus.
    spelling   : names the tokenizer, see spelling_of.
    smoothing  : "backoff": Witten-Bell, a history never seen counts for nothing, a token never seen gets the mass of
                 new ones.  "paper": the weighted sum of relative frequencies, in which both are 0.
    """

    def __init__(self, header: dict[str, Any], body: Any, smoothing: str = "backoff", path: Path | None = None) -> None:
        if smoothing not in SMOOTHING:
            raise ValueError(f"smoothing must be one of {', '.join(SMOOTHING)}, not {smoothing!r}")
        self.header, self.body, self.smoothing, self.path = header, body, smoothing, path
        self.order, self.n_tokens = int(header["order"]), int(header["n_tokens"])
        self.spelling, self.n_ids = str(header["spelling"]), int(header["n_ids"])
        levels = header["levels"]
        if len(levels) != self.order:
            raise ValueError("the number of levels is not the order")
        self.n_ngrams = sum(int(level["n_entries"]) for level in levels)
        self.n_contexts = sum(int(level["n_contexts"]) for level in levels)
        weights = (PAPER_WEIGHTS + PAPER_WEIGHTS[-1:] * MAX_ORDER)[: self.order - 1]
        self.table = NGramTable(body, levels, self.n_ids, weights, smoothing == "backoff")

    def __repr__(self) -> str:
        return (
            f"NGrams(order={self.order}, {self.n_ngrams:,} n-grams of {self.n_tokens:,} tokens, "
            f"{self.n_bytes / 1e6:.1f} MB, smoothing={self.smoothing!r})"
        )

    @property
    def n_bytes(self) -> int:
        """Bytes of the look-up tables."""
        return len(self.body)

    @property
    def bytes_per_ngram(self) -> float:
        """Bytes of the look-up tables by distinct n-grams."""
        return self.n_bytes / max(1, self.n_ngrams)

    def with_smoothing(self, smoothing: str) -> NGrams:
        """The same counts, read in another way."""
        return NGrams(self.header, self.body, smoothing, self.path)

    def probs(self, history: Sequence[int], tokens: Sequence[int]) -> npt.NDArray[np.float64]:
        """Probabilities of tokens after a history (ids, oldest first), float64[len(tokens)]."""
        found: npt.NDArray[np.float64] = self.table.probs(list(history), list(tokens))
        return found

    def counts(self, history: Sequence[int]) -> dict[int, int]:
        """token -> how often it came right after this history of at most order - 1 tokens."""
        return self.table.counts(list(history))

    def check_vocabulary(self, vocab: Vocabulary) -> None:
        """Raises VocabularyError if these n-grams were counted with a tokenizer that spells otherwise."""
        if self.spelling != spelling_of(vocab):
            raise VocabularyError(
                f"these n-grams were trained with another tokenizer (theirs {self.spelling}, the model's "
                f"{spelling_of(vocab)}): train them again, NGrams.train(texts, lm.tokenizer)"
            )

    # --- training ----------------------------------------------------------------------------------------------------

    @classmethod
    def train(
        cls,
        texts: Iterable[str | os.PathLike[str]],
        tokenizer: Any,
        order: int = 6,
        *,
        min_count: int | Sequence[int] = 1,
        smoothing: str = "backoff",
        progress: bool | None = None,
    ) -> NGrams:
        """Count the n-grams of texts.

        texts     : strings are texts, paths (pathlib.Path) are files of UTF-8 text; one document each.
        tokenizer : a Hugging Face tokenizer, or what `guided.load` returns.
        order     : tokens of the longest n-gram, 2 to 8.
        min_count : n-grams that came less often are dropped: one number, or one for each length from 1 to order.
        progress  : a progress bar on stderr; default: if stderr is a terminal.
        Raises ValueError for a corpus without a token, LimitExceeded for more than 2^31 tokens.
        """
        if isinstance(texts, str | os.PathLike):
            raise TypeError("texts must be a list of texts or of paths, not a single one")
        if not 2 <= order <= MAX_ORDER:
            raise ValueError(f"order must be 2 to {MAX_ORDER}, got {order}")
        least = [min_count] * order if isinstance(min_count, int) else list(min_count)
        if len(least) != order or min(least) < 1:
            raise ValueError(f"min_count must be a number >= 1, or {order} of them, got {min_count!r}")
        if smoothing not in SMOOTHING:
            raise ValueError(f"smoothing must be one of {', '.join(SMOOTHING)}, not {smoothing!r}")
        tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
        vocab = Vocabulary.from_tokenizer(tokenizer)
        levels: list[list[Counts]] = [[] for _ in range(order)]
        n_tokens = 0
        for documents in _chunks(_tokenised(texts, tokenizer, vocab, progress)):
            n_tokens += sum(map(len, documents))
            if n_tokens > MAX_TOKENS:
                raise LimitExceeded("corpus tokens", MAX_TOKENS, n_tokens, "the corpus")
            for level, counts in zip(levels, _count(documents, order), strict=True):
                level.append(counts)
                if len(level) > 1 and len(level[-1][0]) >= len(level[-2][0]) // 2:
                    level[:] = [_merged(level)]
        if n_tokens == 0:
            raise ValueError("the corpus holds no token: give texts, or paths of files that are not empty")
        header, body = _laid_out([_merged(level) for level in levels], least, vocab.size)
        header |= {"order": order, "n_tokens": n_tokens, "spelling": spelling_of(vocab), "n_ids": vocab.size}
        return cls(header, body, smoothing)

    # --- files -------------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write one file, all or nothing."""
        target = Path(path)
        header = dict(self.header) | {"body_bytes": len(self.body)}
        header["body_digest"] = hashlib.blake2b(self.body, digest_size=16).hexdigest()
        text = json.dumps(header, sort_keys=True).encode()
        start = MAGIC + struct.pack("<I", len(text)) + text + hashlib.blake2b(text, digest_size=16).digest()
        number, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(start + bytes(-len(start) % 64))
                file.write(self.body)
            os.replace(name, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        return target

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, smoothing: str = "backoff", check: bool = False) -> NGrams:
        """Map a file that `save` wrote; nothing is read but the header.

        check : read the whole file and compare its checksum.
        Raises ValueError for a file that is no such file, is cut off, or is damaged in the header (with `check`,
        anywhere).  Damage elsewhere gives wrong counts, never a crash.
        """
        source = Path(path)
        with source.open("rb") as file:
            start = file.read(len(MAGIC) + 4)
            if start[: len(MAGIC)] != MAGIC:
                kind = "of another version" if start.startswith(MAGIC[:13]) else "no n-gram file of guided"
                raise ValueError(f"{source} is {kind}: train one with guided.NGrams.train(..).save(path)")
            n_header = struct.unpack("<I", start[len(MAGIC) :].ljust(4, b"\0"))[0]
            if n_header > MAX_HEADER_BYTES:
                raise ValueError(f"{source} is damaged: a header of {n_header:,} bytes")
            text, digest = file.read(n_header), file.read(16)
            if hashlib.blake2b(text, digest_size=16).digest() != digest:
                raise ValueError(f"{source} is damaged or cut off: the checksum of its header does not fit")
            header = json.loads(text)
            first = len(start) + n_header + 16
            first += -first % 64
            n_bytes = os.fstat(file.fileno()).st_size - first
            if n_bytes != header["body_bytes"]:
                what = "cut off" if n_bytes < header["body_bytes"] else "damaged"
                raise ValueError(
                    f"{source} is {what}: {max(0, n_bytes):,} bytes of counts where there were {header['body_bytes']:,}"
                )
            body = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))[first:]
        if check and hashlib.blake2b(body, digest_size=16).hexdigest() != header["body_digest"]:
            raise ValueError(f"{source} is damaged: the checksum of its counts does not fit")
        try:
            return cls(header, body, smoothing, source)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{source} is damaged: {error}") from error


# --- from texts to counts --------------------------------------------------------------------------------------------


def _tokenised(texts: Iterable[Any], tokenizer: Any, vocab: Vocabulary, progress: bool | None) -> Iterator[list[int]]:
    """Token ids of every document, EOS at its end if there is one."""
    end = [min(vocab.eos_ids)] if vocab.eos_ids else []
    items = list(texts)
    bar = None
    if progress or (progress is None and sys.stderr.isatty()):
        from tqdm import tqdm

        bar = tqdm(total=len(items), unit="text", desc="n-grams")
    batch: list[str] = []
    for number, item in enumerate(items):
        if isinstance(item, os.PathLike):
            try:
                batch.append(Path(item).read_text(encoding="utf-8"))
            except UnicodeDecodeError as error:
                raise ValueError(f"{os.fspath(item)} is no UTF-8 text ({error}): leave it out") from None
        elif isinstance(item, str):
            batch.append(item)
        else:
            raise TypeError(f"a text is a string or a path, not {type(item).__name__}")
        if sum(map(len, batch)) < BATCH_CHARACTERS and number + 1 < len(items):
            continue
        for ids in _encoded(tokenizer, batch):
            if ids:
                yield ids + end
        if bar is not None:
            bar.update(len(batch))
        batch = []
    if bar is not None:
        bar.close()


def _encoded(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if hasattr(backend, "encode_batch"):
        return [list(found.ids) for found in backend.encode_batch(texts, add_special_tokens=False)]
    return [list(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def _chunks(documents: Iterable[list[int]]) -> Iterator[list[list[int]]]:
    """Documents in groups of about CHUNK_TOKENS."""
    group: list[list[int]] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document)
        if size >= CHUNK_TOKENS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _count(documents: list[list[int]], order: int) -> Iterator[Counts]:
    """The counts after histories of 0 .. order - 1 tokens; no history reaches into another document."""
    tokens = np.concatenate([np.array(document, np.int32) for document in documents])
    lengths = np.array([len(document) for document in documents])
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    room = (np.arange(len(tokens)) - starts).astype(np.int32)
    hashes = np.zeros(len(tokens), np.uint64)
    for n in range(order):
        if n:
            deepen(hashes, tokens, room, n)
        deep = room >= n
        yield _grouped(hashes[deep], tokens[deep], np.ones(int(deep.sum()), np.int64))


def _grouped(hashes: Array, tokens: Array, counts: Array) -> Counts:
    """Equal pairs of history and token added up, sorted by both."""
    by_both = np.lexsort((tokens, hashes))
    hashes, tokens, counts = hashes[by_both], tokens[by_both], counts[by_both]
    is_first = np.ones(len(hashes), bool)
    is_first[1:] = (hashes[1:] != hashes[:-1]) | (tokens[1:] != tokens[:-1])
    firsts = np.flatnonzero(is_first)
    return hashes[firsts], tokens[firsts], np.add.reduceat(counts, firsts) if len(firsts) else counts


def _merged(parts: list[Counts]) -> Counts:
    if len(parts) == 1:
        return parts[0]
    return _grouped(*(np.concatenate([part[number] for part in parts]) for number in range(3)))


# --- from counts to a file -------------------------------------------------------------------------------------------


def _laid_out(levels: list[Counts], least: list[int], n_ids: int) -> tuple[dict[str, Any], memoryview]:
    """The header's "levels", and the body: see Level in _fast/ngrams.pyx."""
    pieces: list[bytes] = []
    header: list[dict[str, Any]] = []
    size = 0
    for (hashes, tokens, counts), minimum in zip(levels, least, strict=True):
        kept = counts >= minimum
        hashes, tokens, counts = hashes[kept], tokens[kept], counts[kept]
        is_first = np.ones(len(hashes), bool)
        is_first[1:] = hashes[1:] != hashes[:-1]
        firsts = np.flatnonzero(is_first)
        contexts = hashes[firsts]
        bits = max(0, (len(contexts) // 4).bit_length() - 1)  # about four to eight contexts per bucket
        buckets = (contexts >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(len(contexts), np.int64)
        arrays = {
            "starts": np.searchsorted(buckets, np.arange(2**bits + 1)).astype(np.uint32),
            "prints": (contexts & np.uint64(0xFFFFFFFF)).astype(np.uint32),
            "offsets": np.append(firsts, len(hashes)).astype(np.uint32),
            "totals": _narrow(np.add.reduceat(counts, firsts) if len(firsts) else counts),
            "tokens": tokens.astype(np.uint16 if n_ids <= 2**16 else np.uint32),
            "counts": _narrow(counts),
        }
        entry: dict[str, Any] = {"n_contexts": len(contexts), "n_entries": len(hashes), "bucket_bits": bits}
        for name, array in arrays.items():
            raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
            entry[name] = [size, array.itemsize]
            pieces.append(raw + bytes(-len(raw) % 8))
            size += len(pieces[-1])
        header.append(entry)
    return {"levels": header}, memoryview(b"".join(pieces))


def _narrow(counts: Array) -> Array:
    """Counts in 1, 2 or 4 bytes."""
    most = int(counts.max(initial=0))
    return counts.astype(np.uint8 if most < 2**8 else np.uint16 if most < 2**16 else np.uint32)
