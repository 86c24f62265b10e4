"""N-grams for the built-in model: counted on first use in the running Python's library, then kept on disk.

Not here: how n-grams are counted (engines/ngrams.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sysconfig
import warnings
from functools import cache
from pathlib import Path

from guided.engines.ngrams import NGrams, spelling_of
from guided.models.tiny import tiny_path
from guided.vocab import Vocabulary
from guided.vocab.cache import default_folder

# What is kept for evaluating the built-in model stays out here as well (LEFT_OUT in examples/tiny_corpus.py, and the
# modules that repeat one of them); and so do tables, tests, and what Python no longer ships.
LEFT_OUT = (
    *("argparse", "base64", "bisect", "calendar", "cmd", "colorsys", "configparser", "csv", "difflib", "fileinput"),
    *("fnmatch", "fractions", "ftplib", "gettext", "glob", "graphlib", "heapq", "mimetypes", "pprint", "sched"),
    *("shelve", "shlex", "statistics", "tempfile", "textwrap", "wave", "zipapp"),
)
COPIES = ("aifc", "chunk", "sunau", "optparse", "getopt")
SKIPPED_FOLDERS = {
    *("__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "idle_test", "lib2to3", "distutils"),
    *("pydoc_data", "encodings", "turtledemo", "config-3", "ensurepip", "__phello__"),
}
MAX_FILE_BYTES = 150_000
# Long n-grams that came once are two thirds of all; without them the file is a fifth, and drafts are as good.
MIN_COUNT = (1, 1, 2, 2, 2, 2)


def standard_library() -> list[str]:
    """The texts of the running Python's own modules, in a fixed order, less what is left out."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    texts = []
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder)
        if SKIPPED_FOLDERS.intersection(inside.parts[:-1]) or inside.stem.startswith("_sysconfigdata"):
            continue
        if len(inside.parts) == 1 and inside.stem in LEFT_OUT + COPIES:
            continue
        if 200 <= path.stat().st_size <= MAX_FILE_BYTES:
            try:
                texts.append(path.read_bytes().decode("utf-8").replace("\r\n", "\n"))
            except UnicodeDecodeError:
                continue
    return texts


@cache
def tiny_ngrams(*, progress: bool | None = None) -> NGrams:
    """N-grams (up to six tokens) for `guided.tiny()`; one object per process.

    Counted on first use, in about ten seconds, and kept as one file in `$XDG_CACHE_HOME/guided` (`~/.cache/guided`);
    counted anew for another version of Python or another tokenizer.  A folder that cannot be written to is a warning.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tiny_path() / "tokenizer.json"))
    vocab = Vocabulary.from_tokenizer(tokenizer)
    facts = json.dumps([spelling_of(vocab), platform.python_version(), MIN_COUNT, LEFT_OUT, COPIES, "1"])
    path = default_folder() / f"tiny-{hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()}.ngrams"
    try:
        return NGrams.open(path)
    except (OSError, ValueError):
        pass  # not there yet, or damaged
    made = NGrams.train(standard_library(), tokenizer, min_count=MIN_COUNT, progress=progress)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made.save(path)
        for old in path.parent.glob("tiny-*.ngrams"):
            if old != path:
                os.unlink(old)
        return NGrams.open(path)
    except OSError as error:
        warnings.warn(f"the n-grams cannot be kept on disk: {error}", RuntimeWarning, stacklevel=2)
        return made
