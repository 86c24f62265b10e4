"""Builds the compiled core, one extension `guided._fast`; everything else is in pyproject.toml.

GUIDED_DEBUG=1 turns bounds checks, overflow checks and line tracing back on.
"""

import os

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("GUIDED_DEBUG") == "1"

setup(
    ext_modules=cythonize(
        [
            Extension(
                "guided._fast",
                ["_fast/_fast.pyx"],
                depends=sorted(f"_fast/{name}" for name in os.listdir("_fast") if name.endswith((".pyx", ".pxi"))),
                extra_compile_args=["-O0", "-g"] if DEBUG else ["-O3", "-fno-math-errno"],
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
    )
)
