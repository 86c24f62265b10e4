"""Builds the compiled core, `guided._fast`, and puts `grammars/` into the package; the rest is in pyproject.toml.

The modules that masks of JSON Schemas ask are compiled too, by mypyc, as they stand: they answer in half the time.
Where mypy is missing they stay Python.

GUIDED_PURE=1 leaves them Python.  GUIDED_DEBUG=1 does so too, and turns bounds checks, overflow checks and line tracing
of the core back on.
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

SOURCES = (".pyx", ".pxi", ".h")
DEBUG = os.environ.get("GUIDED_DEBUG") == "1"
PURE = DEBUG or os.environ.get("GUIDED_PURE") == "1"
BUILDS = {"build", "build_ext", "bdist_wheel", "editable_wheel", "develop", "install"}.intersection(sys.argv)

COMPILED = {
    "guided/automata": "around boolean compile facts syntax utf8",
    "guided/schema": """
        analysis completions contexts document domains formula frames glance keytests keywords lexers locations members
        multiples nodes numbers plain reader residuals scalars shapes strings sure_keys texts trees unevaluated
        value_lexers values
    """,
}


def compiled_modules() -> list[Extension]:
    """The extensions that mypyc makes of the modules above; none where it is not installed."""
    try:
        from mypyc.build import mypycify
    except ImportError:
        return []
    # Types are checked by `make lint`.  Here they only have to be read, in environments that lack what is imported.
    leniently = ["--ignore-missing-imports", "--follow-imports=silent", "--no-warn-unused-ignores"]
    made: list[Extension] = mypycify(
        leniently + [f"{folder}/{name}.py" for folder, names in COMPILED.items() for name in names.split()],
        opt_level="2",  # "3" takes longer to build, and gained nothing that could be measured
        debug_level="0",
        group_name="guided._compiled",
    )
    for extension in made:  # compilers that warn of what those of mypyc's authors do not
        extension.extra_compile_args = [flag for flag in extension.extra_compile_args if flag != "-Werror"]
    return made


class Build(build_ext):
    """build_ext that leaves no module in the source tree older than its source."""

    def run(self) -> None:
        super().run()
        if self.inplace:
            for built in self.get_outputs():  # mypyc does not write again what has not changed
                Path(built).touch()


setup(
    # The grammars are data for people to read, so they lie at the top of the tree; installed they are guided/grammars.
    packages=[*find_packages(include=["guided", "guided.*"]), "guided.grammars"],
    package_dir={"guided.grammars": "grammars"},
    package_data={
        "guided": ["_fast.pyi", "py.typed", "models/tiny_model/*"],
        "guided.grammars": ["*.lark"],
    },
    # setup.py is also run to ask for names and versions; mypy would take its seconds each time
    ext_modules=(compiled_modules() if BUILDS and not PURE else [])
    + cythonize(
        [
            Extension(
                "guided._fast",
                ["_fast/_fast.pyx"],
                depends=sorted(f"_fast/{name}" for name in os.listdir("_fast") if name.endswith(SOURCES)),
                extra_compile_args=["-O0", "-g"] if DEBUG else ["-O3", "-g0", "-fno-math-errno"],
            )
        ],
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": DEBUG,
            "initializedcheck": DEBUG,
            "cdivision": not DEBUG,
            "embedsignature": True,
        },
    ),
    cmdclass={"build_ext": Build},
)
