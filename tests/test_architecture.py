"""The rules of docs/architecture.md that a machine can check: floors, imports, sizes, first lines, names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import guided

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "guided"

# A module may import from its own floor and from those below.  `guided/__init__.py` is the door and stands outside.
FLOORS = {
    "_fast": 0,
    "errors": 0,
    "limits": 0,
    "protocols": 0,
    "vocab": 1,
    "automata": 2,
    "context_free": 3,
    "grammars": 3,
    "schema": 3,
    "sql": 3,
    "constraints": 4,
    "filters": 4.5,
    "index": 4.5,
    "matcher": 4.5,
    "engines": 5,
    "models": 6,
    "processors": 6,
    "integrations": 6,
    "api": 6,
    "cli": 7,
    "__main__": 7,
}

# Who may import a heavy dependency at the top of a file, and who only inside a function.
AT_THE_TOP = {
    "torch": ("models/", "processors/", "integrations/"),
    "transformers": ("models/", "processors/", "integrations/"),
    "lark": ("context_free/",),
    "pydantic": ("constraints/types.py", "cli/order.py"),
    "pydantic_core": ("constraints/types.py",),
}
INSIDE_FUNCTIONS = {
    "torch": ("engines/", "cli/load.py"),
    "transformers": ("vocab/", "engines/", "cli/"),
    "lark": (),
    "pydantic": ("engines/",),
    "pydantic_core": ("engines/",),
}

MOST_LINES = 400
LONGER = {  # path -> why
    "guided/automata/unicode_data.py": "tables written by a program",
    "guided/_fast.pyi": "the stub of the one compiled module",
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def sources() -> list[Path]:
    """Every file that people write code in."""
    folders = ("guided", "_fast", "tests", "benchmarks", "examples")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    wanted = [path for path in found if path.suffix in {".py", ".pyi", ".pyx", ".pxi", ".pxd"}]
    return [*sorted(wanted), ROOT / "setup.py"]


def texts() -> list[Path]:
    """Every text of the project that a reader may open."""
    folders = ("docs", "grammars", ".ci")
    more = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    top = [path for path in ROOT.iterdir() if path.suffix in {".md", ".toml"} or path.name == "Makefile"]
    return [*sources(), *more, *top]


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def part_of(path: Path) -> str:
    """The package or module right under `guided` that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports_of(path: Path) -> list[tuple[str, bool, int]]:
    """(dotted name, whether inside a function, line) of every import that is run; those for type checkers are not."""

    def visit(node: ast.AST, inside: bool) -> Iterator[tuple[str, bool, int]]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside, node.lineno) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((f"{node.module}.{alias.name}", inside, node.lineno) for alias in node.names)
        within = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, within)

    return list(visit(ast.parse(path.read_text(encoding="utf-8")), False))


@pytest.mark.parametrize("path", [path for path in modules() if path != PACKAGE / "__init__.py"], ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    own = FLOORS[part_of(path)]
    for name, _, line in imports_of(path):
        package, _, rest = name.partition(".")
        if package == "guided":
            part = rest.split(".")[0]
            if part in FLOORS:
                assert FLOORS[part] <= own, f"{path}:{line}: floor {own} imports {name} from floor {FLOORS[part]}"
            else:  # `import guided`, or one of its public names
                assert part_of(path) == "cli", f"{path}:{line}: imports the whole library; name the module"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_heavy_dependencies_are_imported_where_they_may_be(path: Path) -> None:
    name = name_of(path)
    for imported, inside, line in imports_of(path):
        package = imported.split(".")[0]
        if package in AT_THE_TOP:
            allowed = AT_THE_TOP[package] + (INSIDE_FUNCTIONS[package] if inside else ())
            assert name.startswith(allowed), f"{path}:{line}: {package} may not be imported here"


def test_constraints_know_no_tokenizer() -> None:
    for path in modules():
        if part_of(path) in {"automata", "schema", "constraints"}:
            assert not [name for name, _, _ in imports_of(path) if name.startswith("guided.vocab")], path


def test_import_is_light() -> None:
    """No torch, no transformers, and few modules beyond numpy's: a count, as seconds depend on what else is running."""
    program = (
        "import sys, numpy; before = len(sys.modules); import guided\n"
        "print(len(sys.modules) - before, *sorted({'torch', 'transformers', 'lark', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    n_loaded, *heavy = done.stdout.split()
    assert heavy == []
    assert int(n_loaded) < 100


def test_public_names_have_the_same_homes_for_type_checkers() -> None:
    """`guided/__init__.py` says each lazy name twice, for the import and for type checkers; `__all__` has all names."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == {(home, name) for home, names in guided._HOMES.items() for name in names}
    eager = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("guided.")
        for alias in node.names
    }
    assert {name for _, name in typed} | eager == set(guided.__all__)


def test_public_names_are_those_in_all() -> None:
    assert list(guided.__all__) == sorted(guided.__all__)
    assert all(hasattr(guided, name) for name in guided.__all__)
    assert set(guided.__all__) <= set(dir(guided))
    assert not [name for name in guided.__all__ if name.startswith("_")]


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_says_its_job_first_and_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix()
    if text.strip():
        first = text.splitlines()[0]
        assert re.match(r'(#|r?""") *\S.{10,}', first), f"{name} begins with {first!r}"
    n_lines = text.count("\n")
    assert n_lines <= MOST_LINES or name in LONGER, f"{name} has {n_lines} lines"


def test_nothing_names_a_place_on_one_machine() -> None:
    place = re.compile(r"(?<![\w.$}])/(home|root|tmp|work|Users)/\w")
    for path in texts():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not place.search(line), f"{path}:{number}: {line.strip()}"
