"""Keeps what was read from a tokenizer: vocabularies with the tokenizer object, bytes of tokens on disk if asked.

The key on disk is the content of tokenizer.json with all that can be changed on the object after it was loaded.  A
file that is damaged, of another version or too large is made anew.  Nothing is pickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import sys
import tempfile
import warnings
import weakref
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guided.vocab.fidelity import Fidelity
from guided.vocab.huggingface import AddedTokens, Reading, backend_of, part_json

if TYPE_CHECKING:
    from guided.vocab.vocabulary import Vocabulary

MAGIC = b"guided vocabulary 1\n"
MAX_FOLDER_BYTES = 256 << 20  # llama3 takes 1.4 MB; the files that were not used for longest go first
MAX_PER_TOKENIZER = 4  # vocabularies kept with one tokenizer object: sizes and EOS sets that are in use together
SAMPLED_IDS = 256  # ids whose strings are part of the key, so that a changed model does not go unseen

_kept: weakref.WeakKeyDictionary[Any, OrderedDict[Hashable, Vocabulary]] = weakref.WeakKeyDictionary()


def recall(store: Store, variant: Hashable, make: Callable[[], Vocabulary]) -> Vocabulary:
    """The vocabulary kept with this tokenizer object if nothing has changed since; else a new one, kept from now on."""
    try:
        kept = _kept.setdefault(store.tokenizer, OrderedDict())
    except TypeError:  # an object that cannot be hashed, or referred to weakly
        return make()
    if store.cache is False:
        return make()
    key = (store.stamp, variant)
    vocab = kept.get(key) or make()
    kept[key] = vocab
    kept.move_to_end(key)
    while len(kept) > MAX_PER_TOKENIZER:
        kept.popitem(last=False)
    return vocab


@dataclass
class Store:
    """A tokenizer, how to read it, and where its reading may lie on disk.  cache : as in Vocabulary.from_tokenizer."""

    tokenizer: Any
    added_tokens: AddedTokens
    cache: bool | str | os.PathLike[str] | None

    @cached_property
    def stamp(self) -> bytes:
        """A digest of everything that decides a reading, but for the strings of all ids; 3 ms for 128,000 of them."""
        tokenizer = self.tokenizer
        named = [getattr(tokenizer, "eos_token_id", None), list(getattr(tokenizer, "all_special_ids", ()))]
        facts: list[Any] = [self.added_tokens, type(tokenizer).__qualname__, named]
        if hasattr(tokenizer, "backend_tokenizer") or not hasattr(tokenizer, "convert_ids_to_tokens"):
            backend = backend_of(tokenizer)
            n_ids = backend.get_vocab_size(with_added_tokens=True)
            added = backend.get_added_tokens_decoder().items()
            facts += [type(backend.model).__name__, getattr(backend.model, "unk_token", None), n_ids]
            facts += [[token, content.content, content.special] for token, content in sorted(added)]
            facts += [backend.id_to_token(token) for token in range(0, n_ids, max(1, n_ids // SAMPLED_IDS))]
            facts += [part_json(backend, part) for part in ("decoder", "normalizer", "pre_tokenizer")]
        else:  # a slow tokenizer: converting it only to ask would cost more than all the rest
            facts += [len(tokenizer), repr(getattr(tokenizer, "added_tokens_decoder", ()))]
        return hashlib.blake2b(json.dumps(facts).encode()).digest()

    @cached_property
    def path(self) -> Path | None:
        """The file of this reading; None if none was asked for, or the tokenizer's own file cannot be found."""
        if self.cache is None or self.cache is False:
            return None
        source = tokenizer_file(self.tokenizer)
        if source is None:
            return None
        content = hashlib.sha256(self.stamp)  # 17 MB for llama3, 18 ms: half of blake2b where the processor helps
        try:
            content.update(source.read_bytes())
        except OSError:
            return None
        return (default_folder() if self.cache is True else Path(self.cache)) / f"{content.hexdigest()[:40]}.vocab"

    def load(self) -> Reading | None:
        """The reading on disk, or None if there is none or it is damaged."""
        if self.path is None:
            return None
        try:
            if self.path.stat().st_size > MAX_FOLDER_BYTES:
                return None
            reading = unpack(self.path.read_bytes())
            os.utime(self.path)
        except (OSError, ValueError, KeyError, TypeError, struct.error):
            return None
        return reading

    def save(self, reading: Reading) -> None:
        """Write the reading where `load` finds it.  A folder that cannot be written to is a warning."""
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=self.path.parent, suffix=".part")
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(pack(reading))
                os.replace(name, self.path)  # all or nothing, also with several processes
            except OSError:
                os.unlink(name)
                raise
            make_room(self.path.parent)
        except OSError as error:
            warnings.warn(f"the vocabulary cannot be kept on disk: {error}", RuntimeWarning, stacklevel=2)


def pack(reading: Reading) -> bytes:
    """MAGIC, digest of the rest [16], length of the head [4, little-endian], head (JSON), lengths int32, blob."""
    head = {
        "n_ids": len(reading.lengths),
        "byteorder": sys.byteorder,
        "special_ids": sorted(reading.special_ids),
        "eos_ids": sorted(reading.eos_ids),
        "fidelity": asdict(reading.fidelity),
    }
    text = json.dumps(head).encode()
    rest = struct.pack("<I", len(text)) + text + reading.lengths.tobytes() + reading.blob
    return MAGIC + hashlib.blake2b(rest, digest_size=16).digest() + rest


def unpack(content: bytes) -> Reading:
    """The inverse of pack.  Raises ValueError, KeyError, TypeError or struct.error for anything else."""
    start = len(MAGIC) + 16
    rest = memoryview(content)[start:]
    if content[: len(MAGIC)] != MAGIC or hashlib.blake2b(rest, digest_size=16).digest() != content[len(MAGIC) : start]:
        raise ValueError("not a vocabulary, or a damaged one")
    (n_head,) = struct.unpack_from("<I", rest)
    head = json.loads(bytes(rest[4 : 4 + n_head]))
    lengths = array("i")
    end = 4 + n_head + 4 * head["n_ids"]
    lengths.frombytes(rest[4 + n_head : end])
    blob = bytes(rest[end:])
    if head["byteorder"] != sys.byteorder or sum(lengths) != len(blob):
        raise ValueError("a vocabulary of another machine")
    fidelity = head["fidelity"]
    fidelity["notes"] = tuple(fidelity["notes"])
    return Reading(blob, lengths, frozenset(head["special_ids"]), frozenset(head["eos_ids"]), Fidelity(**fidelity))


def make_room(folder: Path) -> None:
    """Delete the files that were not used for longest until the folder has at most MAX_FOLDER_BYTES of ours."""
    found = []
    for path in folder.glob("*.vocab"):
        with contextlib.suppress(OSError):  # another process may be doing the same
            status = path.stat()
            found.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= MAX_FOLDER_BYTES:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/guided`, or `~/.cache/guided`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "guided"


def tokenizer_file(tokenizer: Any) -> Path | None:
    """The file that a tokenizer was loaded from, if it can be found without the network."""
    options = getattr(tokenizer, "init_kwargs", {})
    name = getattr(tokenizer, "name_or_path", "")
    found = [options.get("tokenizer_file"), os.path.join(name, "tokenizer.json") if name else None]
    hub = sys.modules.get("huggingface_hub")
    if hub is not None and name:
        with contextlib.suppress(Exception):  # a name that the hub would not accept
            found.append(hub.try_to_load_from_cache(name, "tokenizer.json"))
    found.append(options.get("vocab_file"))
    return next((Path(path) for path in found if isinstance(path, str) and os.path.isfile(path)), None)
