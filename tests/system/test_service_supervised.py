"""The installed service when a part of it hangs, a start takes long, or its store's disk fails."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import missing
from tests.support.booted import CTL, DAEMON, PHOTOS, PYTHON, SOCKET, STATE
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.booted import Machine

    Shown = Callable[[str, str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(300), *WHOLE]

FEW = Path("/srv/few")  # a root with few photos
BREAKING = Path("/srv/breaking")
SLOWLY = 4_000_000  # bytes a second: an old stick
BLKIO = Path("/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device")  # of cgroup v1

# Python imports it in each of its processes; the daemon itself breaks when a file says so that is
# newer than it is: it is broken once, not the one that is started in its place.
SITECUSTOMIZE = f"""
import sys, threading, time
from pathlib import Path

if sys.orig_argv[1:2] == [{str(DAEMON)!r}]:
    from facewatchd.pipeline.intake import Intake
    from facewatchd.watch.emitter import InotifyEmitter

    began, take, step = time.time(), InotifyEmitter._take, Intake.step
    hangs = Path("{FEW}/pipeline-hangs")

    def take_or_end(self, event):
        if event.name == b"watcher-ends":
            raise RuntimeError("the watcher ends")
        take(self, event)

    def step_or_hang(self):
        if hangs.exists() and hangs.stat().st_mtime > began:
            threading.Event().wait()
        step(self)

    InotifyEmitter._take, Intake.step = take_or_end, step_or_hang
"""

GROW = """
import sqlite3, sys
store = sqlite3.connect(sys.argv[1])
rows = ((f"made larger {n}", f"{n:04000}") for n in range(20_000))
store.executemany("INSERT INTO facts VALUES (?, ?)", rows)
store.commit()
store.close()
"""


@pytest.fixture
def few(machine: Machine) -> Iterator[Path]:
    """Return a root with the photos of one person."""
    machine.stop()
    machine.run("cp", "-r", PHOTOS / "bbt" / "amy", FEW)
    yield FEW
    machine.stop()
    machine.run("rm", "-r", FEW)


@dataclass(frozen=True)
class Disk:
    """An ext4 of its own, in a file, that holds the state folder."""

    machine: Machine
    device: Path

    def mount(self) -> None:
        self.machine.run("mkdir", "-p", STATE)
        self.machine.run("mount", "-o", "errors=remount-ro", self.device, STATE)

    def unmount(self) -> None:
        self.machine.run("umount", STATE)

    def fail(self) -> None:
        """Have the kernel come upon an error in it, and make it read-only."""
        Path("/sys/fs/ext4", self.device.name, "trigger_fs_error").write_text("by a test")

    def mend(self) -> None:
        """Unmount, check and mount it."""
        self.unmount()
        done = subprocess.run(["fsck.ext4", "-fy", self.device], capture_output=True, check=False)
        assert done.returncode in {0, 1}, done  # 1: it was mended
        self.mount()

    def read_slowly(self) -> str:
        """Have no more than SLOWLY bytes a second be read from it; return a line for the unit."""
        if not BLKIO.exists():
            return f"IOReadBandwidthMax={self.device} {SLOWLY}"
        self._throttle(SLOWLY)
        return ""

    def read_fast(self) -> None:
        """Take `read_slowly` back."""
        if BLKIO.exists():
            self._throttle(0)

    def _throttle(self, speed: int) -> None:
        BLKIO.write_text(f"7:{self.device.name.removeprefix('loop')} {speed}")


@pytest.fixture
def disk(machine: Machine, few: Path, tmp_path: Path) -> Iterator[Disk]:
    """Have the daemon watch ``few``, with its state on a disk of its own."""
    machine.configure(roots=[{"path": str(few)}], limits={"free_mb": 0})
    machine.forget_everything()
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    attach = ["losetup", "--find", "--show", str(image)]
    done = subprocess.run(attach, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        missing(f"a loop device: {done.stderr}")
    device = Path(done.stdout.strip())
    machine.run("mknod", device, "b", 7, device.name.removeprefix("loop"))
    made = Disk(machine, device)
    try:
        made.mount()
        yield made
    finally:
        machine.stop()
        made.read_fast()
        made.unmount()
        machine.run("rm", device)
        subprocess.run(["losetup", "--detach", device], check=True)


def is_there_again(machine: Machine, pid: int) -> bool:
    running = machine.show("ActiveState", "MainPID")
    return running["ActiveState"] == "active" and running["MainPID"] not in {"0", str(pid)}


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("watcher-ends", "the thread that watches a root ends by an error"),
        ("pipeline-hangs", "the main loop hangs, all other threads live"),
    ],
)
def test_a_part_that_does_nothing_more_is_noticed_and_all_is_started_anew(
    machine: Machine, few: Path, shown: Shown, file: str, what: str
) -> None:
    machine.configure(roots=[{"path": str(few)}])
    machine.forget_everything()
    machine.path(BREAKING).mkdir(exist_ok=True)
    machine.path(BREAKING / "sitecustomize.py").write_text(SITECUSTOMIZE)
    machine.adapt(f"Environment=PYTHONPATH={BREAKING}", "RestartSec=100ms", "WatchdogSec=3s")
    pid = machine.start()
    machine.wait_until_read(5)
    machine.run("touch", few / file)
    started = time.monotonic()
    machine.run("cp", "-r", PHOTOS / "bbt" / "howard", few / "howard")
    assert machine.status()["photos"] == 5  # it answers
    machine.wait_for(lambda: is_there_again(machine, pid), 60)
    took = f"ended and served again after {time.monotonic() - started:.0f} s"
    machine.wait_until_read(10, 60)
    log = machine.run(
        "journalctl", "-u", "facewatchd", f"_PID={pid}", "+", "UNIT=facewatchd.service"
    )
    assert "Watchdog timeout" in log
    if file == "watcher-ends":
        assert "the watcher ends" in log
        assert "The watcher has ended" in log
    shown(
        what,
        "it is noticed, the watchdog ends it, and photos that came meanwhile are read",
        f"{took} (WatchdogSec=3s; the unit: 2 min), then all photos were read",
    )


def test_a_start_that_goes_on_takes_as_long_as_it_needs_and_one_that_does_not_is_ended(
    machine: Machine, disk: Disk, shown: Shown
) -> None:
    machine.start()
    machine.wait_until_read(5)
    machine.stop()
    machine.run(PYTHON, "-c", GROW, STATE / "store.db")
    disk.unmount()  # what is mounted anew is read anew
    disk.mount()
    machine.adapt("TimeoutStartSec=4s", "Restart=no", disk.read_slowly())
    started = time.monotonic()
    machine.run("systemctl", "start", "facewatchd", seconds=120)
    took = time.monotonic() - started
    assert took > 10
    assert machine.show("ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "0"}
    assert machine.status()["photos"] == 5
    machine.stop()
    shown(
        "systemctl start, with a store that takes longer to be checked than TimeoutStartSec=",
        "the time is extended as long as it goes on; it is started",
        f"active after {took:.0f} s (TimeoutStartSec=4s; 80 MB at 4 MB/s)",
    )

    machine.run("fsfreeze", "--freeze", STATE)
    try:
        started = time.monotonic()
        machine.run("systemctl", "start", "--no-block", "facewatchd")
        machine.wait_for(lambda: "start operation timed out" in machine.log(), 60)
        took = time.monotonic() - started
    finally:
        machine.run("fsfreeze", "--unfreeze", STATE)
    machine.wait_for(lambda: machine.show("ActiveState")["ActiveState"] == "failed", 60)
    assert machine.show("Result")["Result"] == "timeout"
    shown(
        "systemctl start, while the state folder's disk is frozen (fsfreeze)",
        "a start that does nothing is ended when TimeoutStartSec= is over",
        f"given up after {took:.0f} s (TimeoutStartSec=4s; the unit: 15 min)",
    )


def test_a_disk_of_the_state_folder_that_becomes_read_only_is_outlived(
    machine: Machine, few: Path, disk: Disk, shown: Shown
) -> None:
    machine.adapt("WatchdogSec=3s")
    pid = machine.start()
    machine.wait_until_read(5)
    ask = (CTL, "--socket", SOCKET)
    disk.fail()
    machine.run("cp", "-r", PHOTOS / "bbt" / "howard", few / "howard")
    machine.wait_for(lambda: machine.status()["store"]["error"] is not None, 60)
    status = machine.status()
    assert (status["state"], status["photos"]) == ("paused", 5)
    assert machine.show("StatusText")["StatusText"].startswith("The store cannot be written")
    assert "Store: The store cannot be written" in machine.run(*ask, "status")
    assert "facewatchd_store_failed 1" in machine.run(*ask, "metrics")
    started = time.monotonic()
    person = json.loads(machine.run(*ask, "people", "--json"))[0]["id"]
    told = machine.fails(*ask, "people", "name", person, "Amy")
    assert "The store cannot be written" in told
    assert time.monotonic() - started < 10
    machine.wait_for(lambda: "It is tried again." in machine.log(), 10)
    time.sleep(7)  # more than twice the time of the watchdog
    same = machine.show("MainPID", "NRestarts") == {"MainPID": str(pid), "NRestarts": "0"}
    assert same, machine.log()
    machine.stop()
    assert machine.show("Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    machine.run("systemctl", "start", "facewatchd", check=False)
    assert machine.show("ActiveState", "ExecMainStatus", "NRestarts") == {
        "ActiveState": "failed",
        "ExecMainStatus": "78",
        "NRestarts": "0",
    }
    assert "Read-only file system" in machine.log()
    disk.mend()
    machine.start()
    machine.wait_until_read(10, 60)
    assert machine.status()["store"]["error"] is None
    shown(
        "the disk of the state folder becomes read-only by an error, while photos come",
        "nothing is lost, requests are answered, the status says what to do",
        "all photos after stop, umount, fsck, mount, start: the kernel takes no changes before",
    )
