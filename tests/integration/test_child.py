"""Child processes: how they start, how they end, and what is said about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from facewatchd.child import Child

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"


@pytest.fixture(autouse=True)
def _echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS))


def asked(child: Child, expression: str) -> Any:
    child.send(expression)
    assert child.connection.poll(20)
    return child.connection.recv()


def test_a_child_answers_and_ends_silently_when_the_connection_closes(
    capfd: pytest.CaptureFixture[str],
) -> None:
    child = Child("echo_child", "more")
    assert asked(child, "args") == ("more",)
    assert child.alive
    assert child.close(10)
    assert child.end_in_words() == "ended with code 0"
    assert capfd.readouterr() == ("", "")


def test_a_child_does_not_inherit_what_is_for_the_daemon_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    child, free = Child("echo_child"), Child("echo_child", threads=None)
    names = asked(child, "dict(__import__('os').environ)")
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & names.keys()
    assert (names["OMP_NUM_THREADS"], names["OPENBLAS_NUM_THREADS"]) == ("1", "1")
    assert "OMP_NUM_THREADS" not in asked(free, "dict(__import__('os').environ)")
    assert child.close(10)
    assert free.close(10)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("__import__('ctypes').string_at(0)", "crashed (SIGSEGV)"),
        ("__import__('os').abort()", "crashed (SIGABRT)"),
        ("__import__('os')._exit(3)", "ended with code 3"),
        ("__import__('os').kill(__import__('os').getpid(), 9)", "was killed (SIGKILL)"),
    ],
)
def test_the_end_is_said_in_words(expression: str, words: str) -> None:
    child = Child("echo_child")
    child.send(expression)
    with pytest.raises((EOFError, ConnectionError)):
        child.connection.recv()
    assert child.end_in_words().startswith(words)
    assert not child.alive
    assert child.close(1)


def test_a_busy_child_is_killed_when_closed() -> None:
    child = Child("echo_child")
    assert asked(child, "1 + 1") == 2
    child.send("__import__('time').sleep(3600)")
    started = time.monotonic()
    assert child.close(2)
    assert time.monotonic() - started < 2
    assert child.end_in_words().startswith("was killed (SIGKILL)")


def test_a_child_that_does_not_die_is_left_behind_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child("echo_child")
    assert asked(child, "1 + 1") == 2
    child.send("__import__('time').sleep(3600)")
    with monkeypatch.context() as patch:
        patch.setattr(child._process, "kill", lambda: None)  # as if it were stuck in the kernel
        started = time.monotonic()
        assert not child.close(0.4)
        assert time.monotonic() - started < 1
    child.kill()
    assert child.close(10)


def test_signals_that_stop_the_daemon_do_not_end_a_child() -> None:
    child = Child("echo_child")
    asked(child, "1 + 1")
    os.kill(child.pid, signal.SIGINT)
    os.kill(child.pid, signal.SIGTERM)
    assert asked(child, "1 + 1") == 2
    assert child.close(10)


def test_a_child_dies_with_its_parent_even_in_the_middle_of_work() -> None:
    code = (
        "from facewatchd.child import Child; child = Child('echo_child')\n"
        "child.send('1 + 1'); child.connection.recv()\n"
        "child.send('__import__(\"time\").sleep(3600)'); print(child.pid, flush=True)\n"
        "child.connection.recv()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        orphan = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    psutil.wait_procs([orphan], timeout=10)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_a_child_dies_with_its_parent_even_before_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = tmp_path / "importing"
    os.mkfifo(importing)
    monkeypatch.setenv("IMPORTING", str(importing))
    code = (
        "from facewatchd.child import Child; child = Child('slow_child')\n"
        "print(child.pid, flush=True); child.connection.recv()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        orphan = psutil.Process(int(parent.stdout.readline()))
        assert importing.read_text() == "importing\n"
        parent.kill()
    psutil.wait_procs([orphan], timeout=10)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_a_child_whose_parent_is_already_gone_ends_at_once() -> None:
    other = str(psutil.Process().ppid())  # any process but this one
    command = [sys.executable, "-P", "-m", "facewatchd.child", "slow_child", "0", other, "20"]
    ended = subprocess.run(command, capture_output=True, timeout=20, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
