"""Builds the compiled core, `guided._fast`, and puts `grammars/` into the package; the rest is in pyproject.toml.

GUIDED_DEBUG=1 turns bounds checks, overflow checks and line tracing back on.
"""

import os

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

SOURCES = (".pyx", ".pxi", ".h")
DEBUG = os.environ.get("GUIDED_DEBUG") == "1"

setup(
    # The grammars are data for people to read, so they lie at the top of the tree; installed they are guided/grammars.
    packages=[*find_packages(include=["guided", "guided.*"]), "guided.grammars"],
    package_dir={"guided.grammars": "grammars"},
    package_data={
        "guided": ["_fast.pyi", "py.typed", "models/tiny_model/*"],
        "guided.grammars": ["*.lark"],
    },
    ext_modules=cythonize(
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
)
