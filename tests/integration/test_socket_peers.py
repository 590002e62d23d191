"""The socket with real peers: this process asks as other users, which only root can."""

from __future__ import annotations

import grp
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd.api import Access, ApiServer
from facewatchd.client import Client
from facewatchd.errors import ApiError
from tests.support.mounts import needs_root
from tests.support.scripted import Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
GROUP = "games"
GAMES = grp.getgrnam(GROUP).gr_gid


@pytest.fixture
def place() -> Iterator[Path]:
    needs_root()
    folder = Path(tempfile.mkdtemp())  # those of pytest are closed to others
    folder.chmod(0o755)
    yield folder / "api.sock"
    shutil.rmtree(folder)


@contextmanager
def serving(place: Path, access: Access) -> Iterator[ApiServer]:
    server = ApiServer(Scripted(), place, access)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def somebody(*groups: int) -> Iterator[None]:
    """Be a user who is in these groups, and in no others."""
    mine = os.getgroups(), os.getegid()
    os.setgroups(groups)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(mine[1])
        os.setgroups(mine[0])


def test_a_member_of_the_group_asks_and_changes(place: Path) -> None:
    with serving(place, Access(GAMES)):
        assert (stat.S_IMODE(place.stat().st_mode), place.group()) == (0o660, GROUP)
        with somebody(GAMES):
            assert Client(place).status()["state"] == "idle"
            assert Client(place).retry() == 3
        with somebody(), pytest.raises(ApiError, match="You may not use the daemon's socket"):
            Client(place).status()


def test_a_member_who_may_read_asks_and_changes_nothing(place: Path) -> None:
    with serving(place, Access(GAMES, full=False)), somebody(GAMES):
        assert Client(place).status()["state"] == "idle"
        assert len(Client(place).people()) == 2
        with pytest.raises(ApiError, match=r"may ask this daemon and change nothing \(api.may: r"):
            Client(place).retry()
        with pytest.raises(ApiError, match="GET /v1/report takes more than that"):
            list(Client(place).report())


def test_a_socket_that_somebody_opened_to_all_is_still_for_those_who_may(place: Path) -> None:
    with serving(place, Access()):
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        place.chmod(0o666)
        with somebody(GAMES), pytest.raises(ApiError, match="only root may") as refused:
            Client(place).status()
        assert refused.value.remedy == "Type the same command with: sudo"
        assert Client(place).status()["state"] == "idle"
    with serving(place, Access(GAMES)):
        place.chmod(0o666)
        with somebody(), pytest.raises(ApiError, match=f"root and the group {GROUP} may"):
            Client(place).status()


def test_who_is_in_very_many_groups_is_known_by_each(place: Path) -> None:
    many = range(100_000, 100_000 + 2000)
    with serving(place, Access(GAMES)), somebody(*many, GAMES):
        assert Client(place).status()["state"] == "idle"


def test_a_reload_lets_in_and_shuts_out(place: Path) -> None:
    with serving(place, Access()) as server:
        server.admit(Access(GAMES))
        with somebody(GAMES):
            assert Client(place).retry() == 3
        server.admit(Access(GAMES, full=False))
        with somebody(GAMES), pytest.raises(ApiError, match="change nothing"):
            Client(place).retry()
        server.admit(Access())
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        with somebody(GAMES), pytest.raises(ApiError, match="only root may"):
            Client(place).status()
