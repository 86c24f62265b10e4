"""One dated line of JSON for one run of a benchmark: when, the command, the machine, the versions, the figures."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, cores, system, Python."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def write_line(path: Path, line: dict[str, Any]) -> None:
    """Add a line to a file of results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as results:
        results.write(json.dumps(line) + "\n")


def append(path: Path, name: str, figures: dict[str, Any]) -> None:
    """Add a line to a file of results.

    name : of the benchmark's module.  Of folders on the command line the last part is written.
    """
    arguments = [os.path.basename(one) if os.sep in one else one for one in sys.argv[1:]]
    line = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "command": " ".join(["python", "-m", f"benchmarks.{name}", *arguments]),
        "machine": machine(),
        "versions": {one: version(one) for one in ("torch", "transformers", "tokenizers", "numpy")},
        **figures,
    }
    write_line(path, line)
