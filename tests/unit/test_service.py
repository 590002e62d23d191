"""What the service manager hears, on a real socket, and where log lines go."""

from __future__ import annotations

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


_LOG = """
import logging, sys
from facewatchd.service import setup_logging
setup_logging(sys.argv[1])
log = logging.getLogger("facewatchd.test")
log.debug("not interesting")
log.info("watching %s", "/p/\\udcff.jpg")
logging.getLogger("somebody.else").info("chatter")
logging.getLogger("somebody.else").warning("trouble")
"""


def log_lines(stderr: Path, level: str) -> list[str]:
    """Log from a process whose stderr is ``stderr``; return what it wrote, without the time."""
    with stderr.open("wb") as file:
        subprocess.run([sys.executable, "-c", _LOG, level], stderr=file, check=True)
    return [line.split(" ", 2)[2] for line in stderr.read_text().splitlines()]


def test_log_lines_are_readable_on_stderr(tmp_path: Path) -> None:
    assert log_lines(tmp_path / "stderr", "info") == [
        r"INFO    facewatchd.test: watching /p/\udcff.jpg",
        "WARNING somebody.else: trouble",
    ]
    assert "DEBUG   facewatchd.test: not interesting" in log_lines(tmp_path / "stderr", "debug")
    assert log_lines(tmp_path / "stderr", "warning") == ["WARNING somebody.else: trouble"]


def test_a_journal_that_stderr_is_not_connected_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    assert len(log_lines(tmp_path / "stderr", "info")) == 2


@pytest.mark.usefixtures("_systemd_python")
def test_lines_for_the_journal_are_not_written_to_stderr_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = tmp_path / "stderr"
    stderr.touch()
    monkeypatch.setenv("JOURNAL_STREAM", f"{stderr.stat().st_dev}:{stderr.stat().st_ino}")
    assert log_lines(stderr, "info") == []
