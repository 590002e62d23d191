"""Storms: very many files and folders at once, more than the kernel tells or allows to watch."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import missing
from tests.support.pictures import QUICK
from tests.support.soak import WHOLE
from tests.support.storms import below, fill, nested, storm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.daemon import Daemon

    Note = Callable[[str], None]
    Shown = Callable[[str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SEED = 20261122
STORMS = 20
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
WATCHES = 50
SIZES = [
    pytest.param(10, id="tenth"),
    pytest.param(1, id="full", marks=[*WHOLE, pytest.mark.timeout(900)]),
]


@pytest.fixture
def watching(daemon: Daemon) -> Daemon:
    """Return a daemon that watches an empty root and does nothing."""
    daemon.settings = QUICK
    daemon.start()
    daemon.wait_until_idle()
    return daemon


def missed(daemon: Daemon) -> set[bytes]:
    return below(daemon.photos) - daemon.files(daemon.photos).keys()


def wait_for_all(daemon: Daemon, files: int, seconds: float) -> None:
    """Wait until so many files are entered, and check that they are the ones that are there."""
    daemon.wait_for(lambda: daemon.rows("SELECT count(*) FROM files") == [(files,)], seconds)
    assert missed(daemon) == set()


def seconds_until_quiet(daemon: Daemon, since: float, within: float) -> float:
    """Return when the daemon is idle and uses no processor, in seconds from ``since`` on."""

    def is_quiet() -> bool:
        if not daemon.is_idle():
            return False
        before = daemon.cpu_seconds()
        time.sleep(1.0)  # the time over which the use is measured; to be asked is work, too
        return daemon.cpu_seconds() - before <= 0.02

    daemon.wait_for(is_quiet, within)
    return time.monotonic() - since


def test_no_file_of_twenty_storms_is_missed(watching: Daemon, shown: Shown) -> None:
    """In every second one the files are moved into place, which tells of one folder only."""
    pauses = random.Random(SEED)
    away = watching.home / "away"
    for number in range(STORMS):
        if number % 2:
            storm(away, number)
            away.rename(watching.photos / f"storm {number}")
        else:
            storm(watching.photos / f"storm {number}", number)
        time.sleep(pauses.uniform(0, 1))  # storms meet the daemon at whatever it does just then
    wait_for_all(watching, STORMS * 900 + STORMS, 120)
    status = watching.wait_until_idle()
    assert status["files"] == {
        "pending": 0,
        "done": STORMS,
        "failed": 0,
        "unsupported": STORMS * 900,
    }
    shown(f"900 files in nested folders at once, {STORMS} times", "none missed")


@pytest.fixture
def short_queue() -> Iterator[None]:
    """Let the kernel keep 64 events for a reader, who then hears of an overflow."""
    before = QUEUE.read_text()
    if not os.access(QUEUE, os.W_OK):
        missing(f"root, to write {QUEUE}")
    QUEUE.write_text("64")
    yield
    QUEUE.write_text(before)


@pytest.mark.usefixtures("short_queue")
@pytest.mark.parametrize("part", SIZES)
def test_nothing_is_missed_when_the_queue_overflows(
    watching: Daemon, part: int, shown: Shown, measured: Note
) -> None:
    files = fill(nested(watching.photos, 1000 // part, 1)[1:], 100)
    made = time.monotonic()
    wait_for_all(watching, files, 120)
    found = time.monotonic() - made
    quiet = seconds_until_quiet(watching, made, 60)
    measured(f"overflow: {files:,} files found after {found:.0f} s, quiet after {quiet:.0f} s")
    assert "max_queued_events" in watching.log(), "there was no overflow"
    assert quiet <= 30
    late = nested(watching.photos, 1000 // part, 1)[1::100]
    fill((folder / "late" for folder in late), 1)
    wait_for_all(watching, files + len(late), 45)
    shown(f"{files:,} files with an overflow", "none missed; the processor idle within 30 s")


@pytest.mark.parametrize("part", SIZES)
def test_very_many_folders_cost_little_memory(
    watching: Daemon, part: int, shown: Shown, measured: Note
) -> None:
    before = watching.memory()
    folders = nested(watching.photos, 500 // part, 1)[1:]
    folders = [deeper for folder in folders for deeper in nested(folder, 99, 1)]
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda folder: folder.mkdir(parents=True, exist_ok=True), folders))
    made = time.monotonic()
    watching.wait_for(lambda: len(_watches(watching)) > len(folders), 120)
    quiet = seconds_until_quiet(watching, made, 60)
    more = (watching.memory() - before) / 1e6
    measured(f"{len(folders):,} folders: {more:.1f} MB more, quiet after {quiet:.0f} s")
    assert watching.root(watching.photos)["unwatched_count"] == 0
    assert more <= 30
    assert quiet <= 30
    some = random.Random(SEED).sample(folders, 300)
    fill(some, 1)
    wait_for_all(watching, len(some), 30)
    shown(f"{len(folders):,} folders", "none missed; at most 30 MB more memory")


def _watches(daemon: Daemon) -> list[int]:
    """Return the inodes of the folders that the daemon watches, see proc_pid_fdinfo(5)."""
    assert daemon.process is not None
    texts = map(_text, Path(f"/proc/{daemon.process.pid}/fdinfo").iterdir())
    found = (number for text in texts for number in re.findall(r"inotify wd:\S+ ino:(\S+)", text))
    return [int(number, 16) for number in found]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""  # closed meanwhile


def test_folders_that_cannot_be_watched_are_polled_and_named(daemon: Daemon, shown: Shown) -> None:
    """In a user namespace, which has limits of its own."""
    limit = "/proc/sys/user/max_inotify_watches"
    lower = f'echo {WATCHES} > {limit} && exec "$@"'
    daemon.launcher = ["unshare", "--user", "--map-root-user", "sh", "-c", lower, "sh"]
    if shutil.which("unshare") is None or _fails([*daemon.launcher, "true"]):
        missing("user namespaces with limits of their own")
    daemon.settings = QUICK | {"watching": {"share": 1, "poll": "3s"}}
    folders = nested(daemon.photos, 10, 2)[1:]
    folders = folders[-100:]
    files = fill(folders, 2)
    daemon.start()
    wait_for_all(daemon, files, 60)
    daemon.wait_until_idle()
    root = daemon.root(daemon.photos)
    assert len(_watches(daemon)) == WATCHES
    assert root["state"] == "degraded"
    assert re.search(r"sysctl \S+=\d+", root["reason"]), "how to allow more is not said"
    watched = set(_watches(daemon))
    unwatched = {p for p in nested(daemon.photos, 10, 2) if p.stat().st_ino not in watched}
    assert set(root["unwatched"]) == set(map(str, unwatched))
    assert root["unwatched_count"] == len(unwatched)
    assert sum(word in daemon.ctl("status").stdout.decode() for word in root["unwatched"]) > 0
    fill((folder / "late" for folder in folders), 1)
    wait_for_all(daemon, files + len(folders), 60)
    shown(f"{WATCHES} watches for 100 folders", "all files found; the unwatched ones named")


def _fails(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode != 0
