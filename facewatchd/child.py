"""A process of our own with a connection to it, and the child's side of that connection.

The child is ``python -m facewatchd.child MODULE FD PARENT LEVEL args…``: it arranges to die with
its parent before it imports anything slow, then calls MODULE's ``main(connection, *args)``.  What
it logs, from LEVEL on, and what it prints goes into the log of the parent (`facewatchd.chatter`).
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from facewatchd import chatter

_PR_SET_PDEATHSIG = 1
_FOR_THE_DAEMON_ONLY = {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}
_CRASHES = {
    signal.SIGSEGV,
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGILL,
    signal.SIGFPE,
    signal.SIGSYS,
}
_HEARD_WITHIN = 1.0  # seconds; what the child started and left behind may still hold the pipe

log = logging.getLogger("facewatchd.child")  # in the child this module is __main__


class Child:
    """A process that runs ``main(connection, *args)`` of ``module``.

    The thread that constructs it must live as long as the child may: Linux sends the child its
    parent-death signal when that thread ends, not when the process does.

    ``threads`` bounds the threads of numerical libraries; None lets them use every core.  What a
    ``silent`` child logs and prints is dropped.
    """

    def __init__(
        self, module: str, *args: str, threads: int | None = 1, silent: bool = False
    ) -> None:
        level = logging.getLogger("facewatchd").getEffectiveLevel()
        ours, theirs = socket.socketpair()
        heard, chatter_to = os.pipe()
        with ours, theirs, open(heard, "rb") as listening, open(chatter_to, "wb") as printed:
            fd = theirs.fileno()
            own = [__name__, module, str(fd), str(os.getpid()), str(level)]
            # -P: a module in the current folder must not stand in for one of ours.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", *own, *args],
                pass_fds=[fd],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                env=_environment(threads),
            )
            self.connection: Connection[Any, Any] = Connection(ours.detach())
            heard = os.dup(listening.fileno())
        who = f"{module.rpartition('.')[2]} {self.pid}"
        self._ended_by_us = False
        self._listener = chatter.Listener(heard, who, self._bad_end, silent=silent)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs; reaps it when it has ended."""
        return self._process.poll() is None

    def send(self, message: object) -> None:
        """Send ``message``; OSError when the child has gone."""
        self.connection.send(message)

    def end_in_words(self) -> str:
        """Say how the process ended, as the end of a sentence that starts with its name.

        The connection closes a moment before the process can be reaped, so this waits up to 1 s,
        and as long for its last words to be logged.
        """
        code = self._code()
        if code is None:
            return "closed its connection and still runs"
        self._listener.join(_HEARD_WITHIN)
        return _in_words(code)

    def kill(self) -> None:
        """Send SIGKILL; returns at once."""
        self._ended_by_us |= self.alive
        self._process.kill()

    def close(self, timeout: float) -> bool:
        """Close the connection, which ends an idle child, and kill it when it has not ended.

        Waits at most ``timeout`` seconds altogether and returns whether the process has ended: one
        that hangs on dead storage outlives SIGKILL, and is left behind.
        """
        self.connection.close()
        deadline = time.monotonic() + timeout
        for patience in (timeout / 2, None):
            left = deadline - time.monotonic() if patience is None else patience
            try:
                self._process.wait(max(0.0, left))
            except subprocess.TimeoutExpired:
                self.kill()
            else:
                self._listener.join(_HEARD_WITHIN)
                return True
        return False

    def _bad_end(self) -> str | None:
        """Return how the process ended, if neither we nor it wanted that."""
        code = self._code()
        return _in_words(code) if code and not self._ended_by_us else None

    def _code(self) -> int | None:
        """Return the code that the process ended with, None if it has not after 1 s."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        return self._process.returncode


def _in_words(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name
    if -code in _CRASHES:
        return f"crashed ({name})"
    why = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
    return f"was killed ({name}){why}"


def main(module: str, fd: str, parent: str, level: str, *args: str) -> None:
    """Run ``main`` of ``module`` over ``fd``; end silently when ``parent`` has gone.

    The child dies with its parent, from here on.  The signals that stop a daemon (Ctrl-C reaches
    the whole process group, systemd's SIGTERM the whole unit) are the daemon's to handle: it then
    ends its children.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        return  # it was gone before that was arranged
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    chatter.speak(level)
    faulthandler.enable()  # where it crashed, among its last words
    connection: Connection[Any, Any] = Connection(int(fd))
    try:
        with connection, suppress(EOFError, ConnectionError):
            importlib.import_module(module).main(connection, *args)
    except Exception:
        log.exception("It ends by an error that it did not expect.")
        sys.exit(1)


def _environment(threads: int | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _FOR_THE_DAEMON_ONLY}
    kept["ORT_DISABLE_TELEMETRY"] = "1"  # whoever loads ONNX Runtime there, a plugin too
    if threads is not None:
        kept |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    return kept


if __name__ == "__main__":
    main(*sys.argv[1:])
