"""What the service manager hears, on a real socket."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import types
from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from facewatchd.errors import Exit, StartError
from facewatchd.service import Service
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


FOLDERS = {"root": "photos", "output": "people", "state": "state"}


@pytest.fixture(autouse=True)
def _no_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def _systemd_python() -> None:
    try:
        import_module("systemd.journal")
    except ImportError:
        missing("systemd-python (make installs it where libsystemd-dev is)")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Listen as a service manager does."""
    path = tmp_path / "notify"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(str(path))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listening


@pytest.mark.usefixtures("_systemd_python")
def test_during_a_reload_the_watchdog_waits_as_long_as_a_start_may_take(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "120000000")
    service = Service()
    before = time.monotonic_ns() // 1000
    service.reloading()
    first, moment, patience = manager.recv(1000).decode().splitlines()
    assert first == "RELOADING=1"
    assert before <= int(moment.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    assert patience == "WATCHDOG_USEC=900000000"
    service.ready("watching")
    assert manager.recv(1000) == b"READY=1\nSTATUS=watching\nWATCHDOG_USEC=120000000"


@pytest.mark.usefixtures("_systemd_python")
def test_the_service_manager_hears_how_we_are(manager: socket.socket) -> None:
    service = Service()
    service.ready("watching\nREADY=0")
    service.status("3 photos to read\nREADY=0")
    service.watchdog()
    service.stopping()
    assert [manager.recv(1000) for _ in range(4)] == [
        b"READY=1\nSTATUS=watching READY=0",  # one message: who waits for READY sees a status
        b"STATUS=3 photos to read READY=0",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


@pytest.mark.usefixtures("_systemd_python")
def test_a_service_manager_that_went_away_is_told_of_once_and_does_not_end_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    service = Service()
    service.ready("watching")
    service.watchdog()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "does not listen" in caplog.text


def test_without_a_service_manager_nothing_is_said() -> None:
    service = Service()
    assert service.watchdog_seconds is None
    service.ready("watching")
    service.status("idle")
    service.watchdog()
    service.stopping()


@pytest.mark.parametrize("package", [None, types.ModuleType("systemd")])
def test_a_service_manager_without_systemd_python_is_a_clear_error(
    package: types.ModuleType | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if package is not None:
        package.__path__ = []  # what Python makes of any folder named systemd
    for name in [name for name in sys.modules if name.partition(".")[0] == "systemd"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "systemd", package)  # None: cannot be imported
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    with pytest.raises(StartError, match="systemd-python") as caught:
        Service()
    assert caught.value.exit_code == Exit.CONFIG
    assert "facewatchd[systemd]" in caught.value.remedy


@pytest.mark.parametrize(
    ("usec", "pid_beyond_ours", "seconds"),
    [
        ("60000000", None, 30.0),
        ("60000000", 0, 30.0),
        ("60000000", 1, None),
        ("0", None, None),
        ("soon", None, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_bites(
    usec: str,
    pid_beyond_ours: int | None,
    seconds: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid_beyond_ours is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + pid_beyond_ours))
    assert Service().watchdog_seconds == seconds


@pytest.mark.usefixtures("_systemd_python")
def test_a_start_that_goes_on_gets_more_time_and_later_the_watchdog_waits(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    service = Service()
    service.breathe()
    service.breathe()  # told a moment ago
    now += 10
    service.breathe()
    service.ready("watching")
    now += 10
    service.breathe()
    manager.settimeout(0)
    told = []
    with contextlib.suppress(BlockingIOError):
        while True:
            told.append(manager.recv(1000))
    assert told == [
        b"EXTEND_TIMEOUT_USEC=120000000",
        b"EXTEND_TIMEOUT_USEC=120000000",
        b"READY=1\nSTATUS=watching",
        b"WATCHDOG=1",
    ]


def test_the_daemon_ends_at_once_when_it_cannot_tell_the_manager_that_waits(
    tmp_path: Path,
) -> None:
    """As a process: what stands for systemd-python is a folder that is empty, as many are."""
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd" / "__init__.py").touch()
    (tmp_path / "photos").mkdir()
    folders = [f"--{name}={tmp_path / place}" for name, place in FOLDERS.items()]
    ended = subprocess.run(
        [sys.executable, "-m", "facewatchd", *folders],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "NOTIFY_SOCKET": str(tmp_path / "notify")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == Exit.CONFIG
    assert "NOTIFY_SOCKET is set" in ended.stderr
    assert "pip install 'facewatchd[systemd]'" in ended.stderr
    assert not (tmp_path / "state").exists()
