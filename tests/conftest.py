"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

# Test models are tiny: threads that wait for each other cost more than they bring, by far on a busy machine.
# Set before torch is imported; programs that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data: $GUIDED_DATA, else the folder beside the repository.  Its tests are marked `data`."""
    folder = Path(os.environ.get("GUIDED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"the development data is not at {folder}; set GUIDED_DATA to its folder")
    return folder


def pytest_configure() -> None:
    """Refuse to test modules that were compiled before their sources changed."""
    package = Path(__file__).resolve().parents[1] / "guided"
    for built in package.rglob("*.so"):
        source = built.with_name(built.name.split(".")[0] + ".py")
        if source.exists() and source.stat().st_mtime > built.stat().st_mtime:
            raise pytest.UsageError(f"{source} has changed since it was compiled: run `make build`")
