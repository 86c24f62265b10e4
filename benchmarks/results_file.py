"""One dated line of JSON for one run of a benchmark: when, the command, the machine, the versions, the figures."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.run import machine


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
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as results:
        results.write(json.dumps(line) + "\n")
