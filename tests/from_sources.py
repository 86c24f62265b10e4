"""Modules read from their Python sources, beside those that are compiled: for tests that replace parts of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType

CHAPTER = "guided.schema"
DOOR = "guided.constraints.json_schema"  # which makes constraints of what the chapter reads


class Sources(MetaPathFinder):
    """Finds the Python file of a module of the chapter, whatever was compiled."""

    def find_spec(self, name: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        if not belongs(name) or path is None:
            return None
        found = [FileFinder(folder, (SourceFileLoader, [".py"])).find_spec(name) for folder in path]
        return next(filter(None, found), None)


def belongs(name: str) -> bool:
    return name in (CHAPTER, DOOR) or name.startswith(f"{CHAPTER}.")


@contextmanager
def python_sources() -> Iterator[None]:
    """Imports within read the chapter anew from its sources; afterwards all is as it was."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if belongs(name)}
    finder = Sources()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in list(sys.modules):
            if belongs(name):
                del sys.modules[name]
        sys.modules.update(kept)
        for name, module in kept.items():
            package, _, own = name.rpartition(".")
            setattr(sys.modules[package], own, module)
