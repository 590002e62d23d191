"""Fixtures that every kind of test shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def missing(what: str) -> None:
    """Skip, saying why; with CI=true a missing facility is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with the shared photos and models."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("FACEWATCHD_SHARED", default))
    if not (folder / "photos").is_dir():
        missing(f"the shared photos at {folder} (set FACEWATCHD_SHARED)")
    return folder


@pytest.fixture(scope="session")
def photos(shared: Path) -> Path:
    """Return the folder of real photos, for reading only."""
    return shared / "photos"
