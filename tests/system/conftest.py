"""Fixtures of the tests that run the program as a user does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Return a daemon that is not started yet; at the end none is left."""
    made = Daemon(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()
