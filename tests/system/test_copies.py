"""Photos are copied by a process of their own: the daemon opens none, and none holds it up."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.hanging import Share
from tests.support.mounts import needs_root
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemon import Daemon

pytestmark = [pytest.mark.system, pytest.mark.timeout(200), *WHOLE]

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"


@pytest.fixture
def share(daemon: Daemon, tmp_path: Path) -> Iterator[Share]:
    needs_root()
    made = Share(tmp_path)
    yield made
    made.go_on()
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.kill()
    made.close()


def copies(daemon: Daemon) -> dict[str, set[str]]:
    """Return the names of the photos in each person's folder."""
    folders = daemon.output.glob("person_*")
    names = {f.name: {p.name for p in f.iterdir()} - {"cover.jpg"} for f in folders}
    return {folder: found for folder, found in names.items() if found}


def test_dead_storage_stops_no_copy_of_other_photos_and_the_daemon_opens_none(
    daemon: Daemon, share: Share, photos: Path
) -> None:
    amy = sorted((photos / "bbt" / "amy").iterdir())
    for number, photo in enumerate(amy):
        shutil.copyfile(photo, (share.behind if number < 2 else daemon.photos) / photo.name)
    here, all_of_her = {photo.name for photo in amy[2:]}, {photo.name for photo in amy}
    daemon.settings = {
        "roots": [{"path": str(daemon.photos)}, {"path": str(share.root)}],
        "output": {"path": str(daemon.output), "link": "copy"},
    }
    notes = daemon.home / "opens"
    daemon.environment = {
        "PYTHONPATH": f"{PLUGINS / 'opens'}:{PLUGINS.parents[1]}",
        "OPENS_BELOW": str(daemon.home),
        "OPENS": str(notes),
    }
    daemon.start()
    daemon.wait_for(lambda: daemon.status()["photos"] == len(amy), 60)
    daemon.recluster()
    daemon.wait_for(lambda: list(copies(daemon).values()) == [all_of_her], 30)
    (person,) = daemon.client.people()
    pid = daemon.status()["pid"]
    daemon.wait_for(lambda: daemon.family() == [psutil.Process(pid)], 60)

    assert daemon.ctl("people", "hide", person["id"]).returncode == 0
    daemon.wait_for(lambda: not copies(daemon), 30)
    share.hang()
    assert daemon.ctl("people", "unhide", person["id"]).returncode == 0
    began = time.monotonic()
    daemon.wait_for(lambda: daemon.root(share.root)["state"] == "offline", 60)
    assert "does not answer" in daemon.root(share.root)["reason"]
    daemon.wait_for(lambda: list(copies(daemon).values()) == [here], 30)
    assert time.monotonic() - began < 25
    assert daemon.root(daemon.photos)["state"] == "watched"
    asked = time.monotonic()
    daemon.status()
    assert time.monotonic() - asked < 2

    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 25
    below = (os.fsencode(daemon.photos), os.fsencode(share.root))
    opened = [line.split(b" ", 1) for line in notes.read_bytes().splitlines()]
    readers = {module for module, path in opened if path.startswith(below)}
    assert readers == {b"facewatchd.worker", b"facewatchd.copier"}
