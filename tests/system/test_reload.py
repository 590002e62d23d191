"""The daemon reads its configuration again while it runs."""

from __future__ import annotations

import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from facewatchd.errors import Exit
from tests.support.pictures import QUICK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import Daemon

pytestmark = pytest.mark.system


@pytest.fixture
def running(daemon: Daemon) -> Iterator[Daemon]:
    """Have a daemon that has read its configuration from a file, and that ends well."""
    configure(daemon)
    daemon.start()
    daemon.wait_until_idle()
    yield daemon
    assert daemon.stop() == 0, daemon.log()


def configure(daemon: Daemon, **settings: Any) -> None:
    """Write a configuration with ``settings``, which need not be valid."""
    daemon.settings = {**QUICK, "roots": [{"path": str(daemon.photos)}], **settings}
    daemon.configure()


def test_a_new_root_and_new_settings_hold_without_another_start(
    running: Daemon, photos: Path, shown: Any
) -> None:
    assert running.process is not None
    shutil.copytree(photos / "bbt" / "amy", running.photos / "amy")
    running.wait_for(lambda: running.status()["files"]["done"] == 5, 60)
    running.wait_for(running.folders, 60)
    more = running.home / "more"
    shutil.copytree(photos / "bbt" / "raj", more)
    configure(
        running,
        roots=[{"path": str(running.photos)}, {"path": str(more)}],
        people={"min_photos": 11},
        workers=3,
    )
    started = time.monotonic()
    told = running.ctl("reload")
    took = time.monotonic() - started
    shown("Reload that adds a root, with facewatchctl", f"{took:.2f} s")
    assert (told.returncode, told.stderr) == (0, b"")
    assert told.stdout == (
        b"The daemon goes by the new configuration: roots, workers, people.min_photos changed.\n"
    )
    assert running.process.poll() is None
    running.wait_for(lambda: running.status()["files"]["done"] == 10, 60)
    assert {root["path"]: root["state"] for root in running.status()["roots"]} == {
        str(running.photos): "watched",
        str(more): "watched",
    }
    assert running.log().count("Watching ") == 2
    running.wait_for(lambda: not running.folders(), 60)  # ten photos are not enough any more

    configure(running)
    assert running.ctl("reload").returncode == 0
    assert [root["path"] for root in running.status()["roots"]] == [str(running.photos)]


def test_a_bad_configuration_is_refused_and_the_former_one_stays(running: Daemon) -> None:
    before = running.status()
    configure(running, similarity=7, people={"min_fotos": 2})
    told = running.ctl("reload")
    assert told.returncode == Exit.CONFIG
    assert b"similarity = 7: Input should be less than 1" in told.stderr
    assert b"people.min_fotos: there is no such setting" in told.stderr
    after = running.status()
    assert after["pid"] == before["pid"]
    assert after["roots"] == before["roots"]
    assert after["state"] == "idle"
    assert "The former configuration stays. " in running.log()


def test_roots_of_which_none_can_be_read_are_refused_and_the_former_stay(
    running: Daemon, photos: Path
) -> None:
    shutil.copy(photos / "bbt" / "amy" / "amy2.png", running.photos)
    running.wait_for(lambda: running.status()["files"]["done"] == 1, 60)
    configure(running, roots=[{"path": str(running.home / "gone")}])
    told = running.ctl("reload")
    assert told.returncode == Exit.FAILED
    assert b"it cannot be read: No such file or directory" in told.stderr
    assert [root["path"] for root in running.status()["roots"]] == [str(running.photos)]
    shutil.copy(photos / "bbt" / "amy" / "amy1.png", running.photos)
    running.wait_for(lambda: running.status()["files"]["done"] == 2, 60)
    assert "lie in no root any more" not in running.log()


def test_what_cannot_change_in_a_daemon_that_runs_is_said(running: Daemon) -> None:
    configure(running, socket=str(running.home / "other.sock"))
    told = running.ctl("reload")
    assert told.returncode == Exit.CONFIG
    assert b"A daemon that runs keeps its socket; all goes on as before." in told.stderr
    assert b"systemctl restart facewatchd" in told.stderr
    assert running.status()["state"] == "idle"


def test_the_hangup_signal_reloads_and_the_log_tells_of_it(running: Daemon) -> None:
    assert running.process is not None
    configure(running, people={"min_photos": 6})
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(lambda: "read again; changed: people.min_photos." in running.log(), 30)
    configure(running, workers=0)
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(lambda: "The former configuration stays. " in running.log(), 30)
    running.wait_until_idle()


def test_many_reloads_leave_nothing_open_behind(running: Daemon) -> None:
    assert running.process is not None
    daemon = psutil.Process(running.process.pid)

    def reload(least: int) -> None:
        configure(running, people={"min_photos": least})
        running.client.reload()
        running.wait_until_idle()

    reload(2)
    files, threads = daemon.num_fds(), daemon.num_threads()
    for least in range(4, 10):
        reload(least)
    # SQLite keeps the file of a connection that was closed until nobody holds a lock on the store.
    running.wait_for(lambda: daemon.num_fds() <= files + 1, 10)
    running.wait_for(lambda: daemon.num_threads() <= threads, 10)


def test_a_daemon_that_is_asked_to_stop_during_a_reload_stops(daemon: Daemon) -> None:
    configure(daemon)
    daemon.start()
    assert daemon.process is not None
    configure(daemon, people={"min_photos": 2})
    daemon.process.send_signal(signal.SIGHUP)
    assert daemon.stop() == 0
    assert daemon.log().endswith("Stopped.\n")
