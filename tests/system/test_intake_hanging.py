"""A file system that hangs stops its root alone, and keeps nobody from stopping the daemon."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.mounts import Mounts, needs_root
from tests.support.pictures import QUICK, aged, noise
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.daemon import Daemon

    Shown = Callable[[str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]

MANY = 60


@dataclass
class Share:
    """A second root on a FUSE file system, and the program behind it."""

    daemon: Daemon
    behind: Path
    root: Path
    program: psutil.Process

    def hang(self) -> None:
        """From now on nothing below the root answers, and who asks cannot even be killed."""
        self.program.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.program.send_signal(signal.SIGCONT)

    def state(self) -> str:
        return str(self.daemon.root(self.root)["state"])

    def wait_until_it_hangs(self) -> None:
        """Wait until the status says so: of this root, and not of the other."""
        self.daemon.wait_for(lambda: self.state() in {"degraded", "offline"}, 60)
        assert self.daemon.root(self.root)["reason"]
        assert self.daemon.root(self.daemon.photos)["state"] == "watched"

    def check_other_root_goes_on(self, photos: Path, person: str) -> None:
        """Three photos of a new person come, and are linked."""
        folder = self.daemon.photos / person
        shutil.copytree(photos / "bbt" / person, folder)
        new = {str(path) for path in folder.iterdir()}
        self.daemon.wait_for(lambda: self._done(folder) == len(new), 30)
        self.daemon.client.recluster()
        self.daemon.wait_for(lambda: self._linked() >= new, 30)

    def _done(self, folder: Path) -> int:
        return list(self.daemon.files(folder).values()).count("done")

    def _linked(self) -> set[str]:
        return set().union(*self.daemon.folders().values())


@pytest.fixture
def share(daemon: Daemon, tmp_path: Path) -> Iterator[Share]:
    needs_root()
    mounts = Mounts(tmp_path)
    behind, root = tmp_path / "behind", tmp_path / "share"
    made = Share(daemon, behind, root, mounts.fuse(behind, root))
    daemon.settings = QUICK | {
        "roots": [{"path": str(daemon.photos)}, {"path": str(root)}],
        "watching": {"poll": "2s"},
        "limits": {"seconds": 10},
        "workers": 2,
    }
    yield made
    children = psutil.Process().children(recursive=True)
    made.go_on()
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.kill()
    mounts.close()
    _, left = psutil.wait_procs([child for child in children if child.is_running()], 10)
    assert not left, "processes of the daemon outlive the file system that held them"


def fill(share: Share, count: int) -> None:
    """Put photos behind the share that nobody can take for unfinished."""
    for number in range(count):
        path = share.behind / f"{number}.jpg"
        path.write_bytes(noise(number, 480, 360))
        aged([path])


@WHOLE[0]
@WHOLE[1]
def test_a_walk_that_hangs_stops_its_root_alone(share: Share, photos: Path, shown: Shown) -> None:
    fill(share, 3)
    share.daemon.start()
    share.daemon.wait_until_idle()
    assert share.state() == "polled"
    share.hang()
    share.wait_until_it_hangs()
    share.check_other_root_goes_on(photos, "amy")
    assert len(share.daemon.files(share.root)) == 3
    started = time.monotonic()
    assert share.daemon.stop() == 0
    assert time.monotonic() - started < 30
    shown(
        "a FUSE file system that hangs while it is listed",
        "the other root goes on; its own is named; the daemon stops within 30 s",
    )


def test_readers_that_hang_stop_their_root_alone(share: Share, photos: Path, shown: Shown) -> None:
    fill(share, MANY)
    share.daemon.start()
    share.daemon.wait_for(lambda: "done" in share.daemon.files(share.root).values(), 60)
    share.hang()
    assert "pending" in share.daemon.files(share.root).values(), "nothing was left to be read"
    share.check_other_root_goes_on(photos, "raj")
    share.wait_until_it_hangs()
    started = time.monotonic()
    assert share.daemon.stop() == 0
    assert time.monotonic() - started < 30
    shown(
        "a FUSE file system that hangs while its photos are read",
        "the other root goes on; its own is named; the daemon stops within 30 s",
    )


@WHOLE[0]
@WHOLE[1]
def test_a_root_that_hung_comes_back_by_itself(share: Share, photos: Path, shown: Shown) -> None:
    fill(share, MANY)
    share.daemon.start()
    share.daemon.wait_for(lambda: "done" in share.daemon.files(share.root).values(), 60)
    share.hang()
    share.wait_until_it_hangs()
    (share.behind / "late.jpg").write_bytes(noise(MANY, 480, 360))
    share.go_on()
    share.daemon.wait_for(lambda: _all_done(share), 90)
    assert share.state() == "polled"
    assert share.daemon.status()["files"]["failed"] == 0
    share.check_other_root_goes_on(photos, "penny")
    assert share.daemon.stop() == 0
    shown("a FUSE file system that hangs and goes on", "its photos are read, the new ones too")


def _all_done(share: Share) -> bool:
    return list(share.daemon.files(share.root).values()) == ["done"] * (MANY + 1)
