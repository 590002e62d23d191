"""A daemon that leaves the machine alone: told so by the user, or by its hours."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.pictures import QUICK, album

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def files(daemon: Daemon) -> dict[str, int]:
    return {state: n for state, n in daemon.status()["files"].items() if n}


def line(daemon: Daemon, head: str) -> str:
    """Return what ``facewatchctl status`` says behind ``head``."""
    shown = daemon.ctl("status").stdout.decode().splitlines()
    return next((text.removeprefix(f"{head}: ") for text in shown if text.startswith(head)), "")


def test_a_pause_outlives_a_kill_and_what_the_user_asks_for_is_done_meanwhile(
    daemon: Daemon,
) -> None:
    daemon.settings = QUICK | {"roots": [{"path": str(daemon.photos)}]}
    daemon.start()
    before = time.time()
    told = daemon.ctl("pause", "--for", "2h")
    assert told.stdout.startswith(b"Paused: by you (facewatchctl resume), until ")
    album(daemon.photos, 3)
    daemon.wait_for(lambda: files(daemon) == {"pending": 3}, 30)
    daemon.kill()
    daemon.start()
    status = daemon.status()
    assert status["paused"] == "by you (facewatchctl resume)"
    assert before + 7200 <= status["paused_until"] <= time.time() + 7200
    daemon.wait_for(lambda: daemon.status()["state"] == "paused", 30)
    until = datetime.fromtimestamp(status["paused_until"], UTC).astimezone()
    assert line(daemon, "Paused").endswith(f"{until:%H:%M}")
    assert line(daemon, "State").startswith("paused (for ")
    assert daemon.ctl("recluster", "--wait").returncode == 0
    assert b"Photos wait: by you" in daemon.ctl("why", daemon.photos / "0000.jpg").stdout
    assert (files(daemon), daemon.status()["workers"]) == ({"pending": 3}, 0)
    assert json.loads(daemon.ctl("resume", "--json").stdout) == {
        "paused": None,
        "paused_until": None,
    }
    daemon.wait_for(lambda: files(daemon) == {"done": 3}, 60)
    assert line(daemon, "Paused") == ""
    assert daemon.ctl("resume").stdout == b"Work goes on.\n"  # it did
    assert daemon.stop() == 0
    assert daemon.log().count("Photos wait: by you") == 2


def in_hours(hours: int) -> dict[str, Any]:
    """Return the setting of three hours a day, of which the first one is in so many hours."""
    begin = datetime.now(UTC).astimezone().replace(minute=0) + timedelta(hours=hours)
    return {"encode": f"{begin:%H:%M}-{begin + timedelta(hours=3):%H:%M}", "at_once": 0}


def test_outside_its_hours_it_waits_and_a_reload_sets_others(daemon: Daemon) -> None:
    settings = QUICK | {"roots": [{"path": str(daemon.photos)}]}
    daemon.settings = settings | {"work": in_hours(6)}
    album(daemon.photos, 2)
    daemon.start()
    daemon.wait_for(lambda: files(daemon) == {"pending": 2}, 30)
    assert daemon.wait_for(lambda: daemon.status()["paused"], 30) == (
        "outside the hours of work.encode"
    )
    assert line(daemon, "Paused").startswith("outside the hours of work.encode, until ")
    assert daemon.ctl("resume").stdout.startswith(b"Paused: outside the hours of work.encode")
    assert daemon.status()["workers"] == 0
    daemon.settings = settings | {"work": in_hours(-1)}
    daemon.configure()
    reloaded = daemon.ctl("reload")
    assert b"work.encode changed" in reloaded.stdout
    daemon.wait_for(lambda: files(daemon) == {"done": 2}, 60)
    assert daemon.status()["paused"] is None
    assert daemon.stop() == 0
