"""A disk that fills up: reading photos pauses, everything else goes on."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.mounts import Mounts, needs_root
from tests.support.pictures import QUICK, album

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.daemon import Daemon

    Shown = Callable[[str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]

NEEDED = 32  # megabytes
DISK = 64


@pytest.fixture
def ballast(daemon: Daemon, tmp_path: Path) -> Iterator[Path]:
    """Put the state folder on a small disk, and return a file that may fill it."""
    needs_root()
    mounts = Mounts(tmp_path)
    mounts.mount(daemon.state, "-t", "tmpfs", "-o", f"size={DISK}m", "state")
    daemon.settings = QUICK | {"limits": {"free_mb": NEEDED}}
    yield daemon.state / "ballast"
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.kill()
    mounts.close()


def fill(ballast: Path) -> None:
    free = shutil.disk_usage(ballast.parent).free
    ballast.write_bytes(bytes(free - (NEEDED - 8) * 10**6))


def test_without_room_nothing_is_read_and_decisions_still_work(
    daemon: Daemon, ballast: Path, shown: Shown
) -> None:
    fill(ballast)
    album(daemon.photos, 3)
    daemon.start()
    paused = daemon.wait_for(lambda: daemon.status()["paused"], 30)
    assert paused.endswith(
        f" MB are free on the state folder's disk; {NEEDED} are needed (limits.free_mb)"
    )
    daemon.wait_for(lambda: daemon.status()["files"]["pending"] == 3, 30)
    told = daemon.ctl("status")
    assert told.returncode == 0
    assert b"are needed (limits.free_mb)" in told.stdout
    assert json.loads(daemon.ctl("status", "--json").stdout)["paused"] == paused
    assert daemon.ctl("people").returncode == 0
    assert daemon.ctl("errors").returncode == 0
    album(daemon.photos, 1, first=3)  # what comes is entered, and waits
    (daemon.photos / "0000.jpg").unlink()
    daemon.wait_for(lambda: sorted(daemon.files(daemon.photos)) == names(daemon, 1, 4), 30)
    assert set(daemon.files(daemon.photos).values()) == {"pending"}
    assert daemon.status()["workers"] == 0
    ballast.unlink()
    daemon.wait_for(lambda: set(daemon.files(daemon.photos).values()) == {"done"}, 60)
    assert daemon.wait_until_idle()["paused"] is None
    assert daemon.log().count("work goes on") == 1
    assert daemon.log().count("No photo is read") == 1
    assert daemon.stop() == 0
    shown(
        "the state folder's disk has less than limits.free_mb free, and then more again",
        "no photo is read, the status says why, commands and changes are dealt with; then all are",
    )


def test_a_disk_that_fills_while_photos_are_read_pauses_them(daemon: Daemon, ballast: Path) -> None:
    daemon.start()
    daemon.wait_until_idle()
    fill(ballast)
    daemon.client.recluster()
    album(daemon.photos, 2)
    daemon.wait_for(lambda: daemon.status()["paused"], 30)
    daemon.wait_for(lambda: daemon.status()["state"] != "scanning", 60)
    before = daemon.status()["recluster"]["runs"]
    ballast.unlink()
    daemon.client.recluster()
    daemon.wait_for(lambda: daemon.status()["recluster"]["runs"] > before, 60)
    daemon.wait_for(lambda: set(daemon.files(daemon.photos).values()) == {"done"}, 60)
    assert daemon.stop() == 0


def names(daemon: Daemon, first: int, after: int) -> list[bytes]:
    return [bytes(daemon.photos / f"{number:04}.jpg") for number in range(first, after)]
