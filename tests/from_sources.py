"""Modules read from their Python sources, beside those that are compiled: for tests that replace parts of them."""

from __future__ import annotations

import sys
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


class PythonSources:
    """Within it, imports read the chapter from its sources, once; afterwards all is as it was.

    Also calls belong within, as functions import too.
    """

    def __init__(self) -> None:
        self.finder, self.modules = Sources(), dict[str, ModuleType]()

    def __enter__(self) -> None:
        self.others = swap(self.modules)
        sys.meta_path.insert(0, self.finder)

    def __exit__(self, *error: object) -> None:
        sys.meta_path.remove(self.finder)
        self.modules = swap(self.others)


def swap(modules: dict[str, ModuleType]) -> dict[str, ModuleType]:
    """Put modules of the chapter in the place of those that are there; returns these."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if belongs(name)}
    sys.modules.update(modules)
    for name, module in modules.items():
        package, _, own = name.rpartition(".")
        setattr(sys.modules[package], own, module)
    return before
