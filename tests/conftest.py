"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data: $GUIDED_DATA, else the folder beside the repository.  Its tests are marked `data`."""
    folder = Path(os.environ.get("GUIDED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"the development data is not at {folder}; set GUIDED_DATA to its folder")
    return folder
