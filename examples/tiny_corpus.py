"""The text that `train_tiny.py` reads: which Python files, how often, and how they are rearranged.

Not here: what JSON and SQL documents look like (tiny_json.py, tiny_sql.py), tokens and packing (tiny_tokens.py).
Everything is a function of the installed files and a seed.
"""

from __future__ import annotations

import hashlib
import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tiny_json import json_document
from tiny_sql import sql_text

# Modules of varied kind, kept for evaluation: parsers, numbers, text, files, protocols, small structures.
LEFT_OUT = (
    *("argparse", "base64", "bisect", "calendar", "cmd", "colorsys", "configparser", "csv", "difflib", "fileinput"),
    *("fnmatch", "fractions", "ftplib", "gettext", "glob", "graphlib", "heapq", "mimetypes", "pprint", "sched"),
    *("shelve", "shlex", "statistics", "tempfile", "textwrap", "wave", "zipapp"),
)
# Tables and translations, not code anybody writes by hand.
SKIPPED_PARTS = (
    *("__pycache__", "site-packages", "pydoc_data", "bad_coding", "badsyntax", "encodings", "config-"),
    *("_sysconfigdata", "topics.py", "unicode_", "lib2to3/tests/data", "cjkencodings", "_mapping.py", "_builtins.py"),
    *("parsetab", "yacctab"),
    # Under other licences than their surroundings: pip's chardet and setuptools' autocommand (LGPL), certifi (MPL).
    *("_vendor", "tools/standalone", "__pyinstaller"),
)
# Permissive licences only (MIT, BSD, Apache 2.0, PSF, ISC), read from each project's metadata; value: megabytes read.
PACKAGES = {
    "numpy": 5.0,
    "sympy": 5.0,
    "networkx": 4.0,
    "torch": 9.0,
    "transformers": 6.0,
    "pydantic": 1.5,
    "lark": 0.5,
    "rich": 1.0,
    "jsonschema": 0.5,
    "setuptools": 2.0,
    "pygments": 1.0,
    "mypy": 3.0,
    "huggingface_hub": 2.0,
    "click": 0.5,
    "typer": 0.4,
    "attr": 0.3,
    "httpx2": 0.4,
    "httpcore2": 0.4,
    "pip": 2.5,
    "mpmath": 1.5,
    "jinja2": 0.5,
    "packaging": 0.4,
    "Cython": 2.5,
    "fsspec": 0.8,
    "yaml": 0.3,
    "anyio": 0.5,
    "_pytest": 1.5,
    "wheel": 0.1,
    "markdown_it": 0.3,
    "referencing": 0.2,
    "interegular": 0.2,
    "pluggy": 0.1,
    "h11": 0.1,
    "idna": 0.1,
}
SPECIAL_TOKENS = ("<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
# A training file that shares more than this part of its telling lines with a left-out module, or of a left-out
# module's lines with itself, is dropped: vendored copies (setuptools.glob) and templates used twice (sunau, wave).
SHARED_LINES = 0.30
MAX_FILE_BYTES = 150_000  # longer files are mostly tables and generated tests
PIECE_CHARACTERS = (500, 2_600)  # what one fill-in-the-middle document covers: within 512 to 1,024 tokens


@dataclass(frozen=True)
class Source:
    """One Python file: its name for people, its text, and its domain ("library", "tests" or "packages")."""

    name: str
    text: str
    domain: str


def telling_lines(text: str) -> set[str]:
    """Stripped lines long enough to be somebody's own words; imports and comment rulers say nothing."""
    lines = (line.strip() for line in text.splitlines())
    return {
        line for line in lines if len(line) >= 20 and not line.startswith(("import ", "from ", "#!", "# ---", "# ==="))
    }


def is_left_out(path: Path, standard_library: Path) -> bool:
    """True for the left-out modules and for the tests of them, wherever they lie in the standard library."""
    parts = path.relative_to(standard_library).with_suffix("").parts
    stem = parts[-1]
    if len(parts) == 1:
        return stem in LEFT_OUT
    folders = {part.removeprefix("test_") for part in parts[:-1]}
    return parts[0] in ("test", "unittest", "idlelib") and (
        any(name in stem.split("_") or name in stem for name in LEFT_OUT if len(name) > 3)
        or stem in ("test_csv", "test_cmd")
        or bool(folders & set(LEFT_OUT))
    )


def read(path: Path) -> str | None:
    """The file's text, or None where it is no UTF-8, empty, or too long to be hand-written."""
    if path.stat().st_size > MAX_FILE_BYTES or path.stat().st_size < 200:
        return None
    try:
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None


def python_files(folder: Path) -> Iterator[Path]:
    """Python files below `folder` in a fixed order, without tables and generated code."""
    for path in sorted(folder.rglob("*.py")):
        if not any(part in path.relative_to(folder).as_posix() for part in SKIPPED_PARTS):
            yield path


def evaluation_sources() -> list[Source]:
    """The left-out modules of the running interpreter, in the order of LEFT_OUT."""
    standard_library = Path(sysconfig.get_paths()["stdlib"])
    return [Source(name, (standard_library / f"{name}.py").read_text("utf-8"), "left out") for name in LEFT_OUT]


def candidate_sources() -> Iterator[Source]:
    """Every file that may be trained on, before near duplicates of the left-out modules are dropped."""
    standard_library = Path(sysconfig.get_paths()["stdlib"])
    for path in python_files(standard_library):
        text = None if is_left_out(path, standard_library) else read(path)
        if text:
            name = path.relative_to(standard_library).as_posix()
            is_test = (
                "test" in name.split("/")[0] or "/test" in name or name.startswith(("idlelib", "lib2to3", "distutils"))
            )
            yield Source(name, text, "tests" if is_test else "library")
    site_packages = Path(sysconfig.get_paths()["purelib"])
    for package, megabytes in PACKAGES.items():
        # A seeded order, not the alphabet: the cap then takes a bit of every subpackage.
        paths = list(python_files(site_packages / package)) if (site_packages / package).is_dir() else []
        random.Random(package).shuffle(paths)
        budget = int(megabytes * 1e6)
        n_modeling = 0
        for path in paths:
            # Transformers repeats one modelling file some hundred times: forty of them say it all.
            if package == "transformers" and path.name.startswith(
                ("modeling_", "modular_", "configuration_", "test_", "image_processing")
            ):
                n_modeling += 1
                if n_modeling > 40:
                    continue
            text = read(path)
            if text and budget > 0:
                budget -= len(text)
                yield Source(f"site-packages/{path.relative_to(site_packages).as_posix()}", text, "packages")


def training_sources() -> tuple[list[Source], list[str]]:
    """(files to train on, names of the files dropped because they repeat a left-out module)."""
    left_out = [telling_lines(source.text) for source in evaluation_sources()]
    everywhere = set().union(*left_out)
    kept: list[Source] = []
    dropped: list[str] = []
    seen: set[bytes] = set()
    for source in candidate_sources():
        digest = hashlib.sha256(source.text.encode()).digest()
        if digest in seen:  # the same file vendored twice
            continue
        seen.add(digest)
        lines = telling_lines(source.text)
        if any(marker in source.text for marker in SPECIAL_TOKENS):  # a tokenizer would read it as the marker itself
            continue
        repeats = bool(lines & everywhere) and any(
            len(lines & module) > SHARED_LINES * min(len(lines), len(module)) for module in left_out
        )
        if repeats:
            dropped.append(source.name)
        else:
            kept.append(source)
    return kept, dropped


# Fill in the middle, after Bavarian et al. 2022 (arXiv:2207.14255): the cut is at random characters, half of the
# documents give prefix-suffix-middle, half suffix-prefix-middle in the paper's form that keeps all three markers.
END, PREFIX, SUFFIX, MIDDLE = SPECIAL_TOKENS


def rearrange(text: str, rng: random.Random) -> str:
    """`text` cut at two random characters: PSM `<P>prefix<S>suffix<M>middle` or SPM `<P><S>suffix<M>prefix middle`."""
    start, stop = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    prefix, middle, suffix = text[:start], text[start:stop], text[stop:]
    if rng.random() < 0.5:
        return f"{PREFIX}{prefix}{SUFFIX}{suffix}{MIDDLE}{middle}"
    return f"{PREFIX}{SUFFIX}{suffix}{MIDDLE}{prefix}{middle}"


def restore(document: str) -> str:
    """The text that `rearrange` was given."""
    prefix, rest = document.removeprefix(PREFIX).split(SUFFIX)
    suffix, middle = rest.split(MIDDLE)
    return prefix + middle + suffix


def pieces(text: str, rng: random.Random) -> Iterator[str]:
    """`text` cut at line ends into pieces short enough to be filled in within one context."""
    lines = text.splitlines(keepends=True)
    piece, wanted = "", rng.randint(*PIECE_CHARACTERS)
    for line in lines:
        piece += line
        if len(piece) >= wanted:
            yield piece
            piece, wanted = "", rng.randint(*PIECE_CHARACTERS)
    if piece:
        yield piece


@dataclass(frozen=True)
class Mixture:
    """How often each domain is read in one pass over the corpus, and how many documents are made up.

    A fraction of a copy is that part of the files, drawn by name.
    """

    library: float  # the evaluation is on modules of this kind
    tests: float
    packages: float
    n_json: int
    n_sql: int
    seed: int  # of every choice: other cuts, other made-up documents
    fim_share: float = 0.5  # of the copies of a code file


# Training begins on everything and goes on with what the model is for.  Both read the library four times: up to about
# four readings a repeated text teaches nearly as much as a new one (Muennighoff et al. 2023, arXiv:2305.16264).
MIXTURES = {
    "broad": Mixture(library=4, tests=1, packages=1, n_json=34_000, n_sql=9_000, seed=0),  # 113 MB
    "focused": Mixture(library=4, tests=0.6, packages=0.2, n_json=18_000, n_sql=5_000, seed=1),  # 56 MB
}


def training_documents(sources: list[Source], mixture: Mixture) -> Iterator[tuple[str, str]]:
    """(domain, text) of every document of one pass, unshuffled; a fill-in-the-middle piece is a document."""
    for source in sources:
        copies = {"library": mixture.library, "tests": mixture.tests, "packages": mixture.packages}[source.domain]
        n_copies = int(copies) + (random.Random(f"{mixture.seed} {source.name}").random() < copies % 1)
        for copy in range(n_copies):
            # A draw per copy, not every second copy: files read once would never be rearranged.
            rng = random.Random(f"{mixture.seed} {copy} {source.name}")
            if rng.random() < mixture.fim_share:
                for piece in pieces(source.text, rng):
                    yield f"{source.domain} fim", rearrange(piece, rng)
            else:
                yield source.domain, source.text
    yield from synthetic_documents(mixture.n_json, mixture.n_sql, mixture.seed)


def synthetic_documents(n_json: int, n_sql: int, seed: int) -> Iterator[tuple[str, str]]:
    """Made-up JSON and SQL; another `seed` gives other documents, which is how the held-out ones are made."""
    for k in range(n_json):
        request, document = json_document(random.Random(f"json {seed} {k}"))
        yield "json", request + document
    for k in range(n_sql):
        yield "sql", sql_text(random.Random(f"sql {seed} {k}"))
