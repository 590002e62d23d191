"""What the daemon does while nothing happens: nothing."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from bench.idle import cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.daemon import Daemon

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

LEFT_ALONE = 20.0  # seconds
# A loop that looks ten times a second takes 0.06 s of a processor in that time, and wakes up 200
# times.
MOST_CPU = 0.03
MOST_WAKINGS = 60


def wakings(pid: int) -> int:
    """Return how often the threads of a process have gone to sleep so far."""
    tasks = psutil.Process(pid).threads()
    return sum(psutil.Process(task.id).num_ctx_switches().voluntary for task in tasks)


def last_told(daemon: Daemon) -> str:
    """Return the state that ``status.json`` tells."""
    return str(json.loads((daemon.state / "status.json").read_text())["state"])


def test_an_idle_daemon_sleeps_and_is_awake_at_once(
    daemon: Daemon, measured: Callable[[str], None]
) -> None:
    for name in ("notes.txt", "film.mp4"):
        (daemon.photos / name).write_text("no picture")
    daemon.start()
    daemon.wait_for(lambda: daemon.status()["files"]["unsupported"] == 2, 30)
    pid = daemon.wait_until_idle()["pid"]
    daemon.wait_for(lambda: last_told(daemon) == "idle", 60)
    daemon.wait_for(lambda: daemon.family() == [psutil.Process(pid)], 60)
    threading.Event().wait(2)  # it gives memory back when the last of its children has ended
    told = daemon.state / "status.json"
    written, before, slept = told.stat().st_mtime_ns, cost(pid), wakings(pid)
    assert not threading.Event().wait(LEFT_ALONE)  # the time in which nothing may happen
    after, woken = cost(pid), wakings(pid) - slept
    used = after.cpu_seconds - before.cpu_seconds
    measured(f"idle for {LEFT_ALONE:.0f} s: {used * 1000:.1f} ms of a processor, {woken} wakings")
    assert used <= MOST_CPU
    assert woken <= MOST_WAKINGS
    assert told.stat().st_mtime_ns == written
    asked = time.monotonic()
    assert daemon.status()["state"] == "idle"
    assert time.monotonic() - asked < 1
    (daemon.photos / "more.txt").write_text("no picture either")
    daemon.wait_for(lambda: daemon.status()["files"]["unsupported"] == 3, 20)
    stopped = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - stopped < 5
