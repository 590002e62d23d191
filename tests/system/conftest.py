"""Fixtures of the tests that run the program as a user does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.booted import booted
from tests.support.daemon import Daemon
from tests.support.installed import installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.booted import Machine


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Return a daemon that is not started yet; at the end none is left."""
    made = Daemon(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


@pytest.fixture(scope="session")
def system() -> Iterator[Path]:
    """Return a folder that stands for a system's ``/``, in which ``make install`` was run."""
    with installed() as folder:
        yield folder


@pytest.fixture(scope="module")
def machine(
    tmp_path_factory: pytest.TempPathFactory, shared: Path, system: Path
) -> Iterator[Machine]:
    """Return a booted systemd with the program installed, see tests/support/booted.py."""
    place = tmp_path_factory.mktemp("systemd") / f"boot{os.getpid()}"
    with booted(place, shared, system) as machine:
        yield machine
