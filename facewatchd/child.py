"""A process of our own with a connection to it, and the child's side of that connection.

The child is ``python -m facewatchd.child MODULE FD PARENT args…``: it arranges to die with its
parent before it imports anything slow, then calls MODULE's ``main(connection, *args)``.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

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


class Child:
    """A process that runs ``main(connection, *args)`` of ``module``.

    The thread that constructs it must live as long as the child may: Linux sends the child its
    parent-death signal when that thread ends, not when the process does.

    ``threads`` bounds the threads of numerical libraries; None lets them use every core.
    """

    def __init__(self, module: str, *args: str, threads: int | None = 1) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            fd = theirs.fileno()
            own = [__name__, module, str(fd), str(os.getpid())]
            # -P: a module in the current folder must not stand in for one of ours.
            # stdout goes to stderr, where a library's chatter spoils nobody's output.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", *own, *args],
                pass_fds=[fd],
                stdin=subprocess.DEVNULL,
                stdout=2,
                env=_environment(threads),
            )
            self.connection: Connection[Any, Any] = Connection(ours.detach())

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

        The connection closes a moment before the process can be reaped, so this waits up to 1 s.
        """
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        code = self._process.returncode
        if code is None:
            return "closed its connection and still runs"
        if code >= 0:
            return f"ended with code {code}"
        name = signal.Signals(-code).name
        if -code in _CRASHES:
            return f"crashed ({name})"
        why = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
        return f"was killed ({name}){why}"

    def kill(self) -> None:
        """Send SIGKILL; returns at once."""
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
                return True
        return False


def main(module: str, fd: str, parent: str, *args: str) -> None:
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
    connection: Connection[Any, Any] = Connection(int(fd))
    with connection, suppress(EOFError, ConnectionError):
        importlib.import_module(module).main(connection, *args)


def _environment(threads: int | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _FOR_THE_DAEMON_ONLY}
    kept["ORT_DISABLE_TELEMETRY"] = "1"  # whoever loads ONNX Runtime there, a plugin too
    if threads is not None:
        kept |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    return kept


if __name__ == "__main__":
    main(*sys.argv[1:])
