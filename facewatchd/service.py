"""The service manager: what we tell it, see sd_notify(3).

That needs systemd-python, an extra.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from facewatchd.errors import StartError
from facewatchd.logs import systemd

if TYPE_CHECKING:
    from types import ModuleType

_LONGEST_START = 15 * 60.0  # seconds, as TimeoutStartSec= of the unit
_EXTENSION = 120.0  # seconds; for so long a start may take that went on just now
_BREATHES_EVERY = 10.0

log = logging.getLogger(__name__)


class Service:
    """Tells the service manager how we are; does nothing when there is none.

    ``watchdog_seconds`` is how often ``watchdog`` should be called, None for never.
    """

    def __init__(self) -> None:
        """Raise StartError when a service manager waits for messages that cannot be sent."""
        self.watchdog_seconds = _watchdog_seconds()
        self._notify = _daemon().notify if "NOTIFY_SOCKET" in os.environ else None
        self._warned = False
        self._started = False
        self._breathed = -_BREATHES_EVERY

    def ready(self, text: str) -> None:
        """Say that the start is complete, and show ``text`` from that moment on."""
        self._started = True
        usual = 2 * (self.watchdog_seconds or 0)
        self._say(f"READY=1\n{_status(text)}" + self._watchdog_of(usual))

    def status(self, text: str) -> None:
        """Show ``text`` in ``systemctl status``."""
        self._say(_status(text))

    def reloading(self) -> None:
        """Say that the configuration is read again; `ready` says the end of it.

        The watchdog waits for as long as a start may take, because it is one.
        """
        words = f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
        self._say(words + self._watchdog_of(_LONGEST_START))

    def stopping(self) -> None:
        """Say that we are about to end."""
        self._say("STOPPING=1")

    def watchdog(self) -> None:
        """Say that we are alive."""
        self._say("WATCHDOG=1")

    def breathe(self) -> None:
        """Say, in the midst of what can take minutes, that something was done just now.

        The start may then take two minutes more, however long it took so far; later it is the
        watchdog that waits.  Whoever works calls it as often as he likes.
        """
        now = time.monotonic()
        if now - self._breathed < min(_BREATHES_EVERY, self.watchdog_seconds or _BREATHES_EVERY):
            return
        self._breathed = now
        if self._started:
            self.watchdog()
        else:
            self._say(f"EXTEND_TIMEOUT_USEC={_EXTENSION * 1e6:.0f}")

    def _watchdog_of(self, seconds: float) -> str:
        """Return the line that sets the watchdog's time, see sd_notify(3), where there is one."""
        return f"\nWATCHDOG_USEC={seconds * 1e6:.0f}" if self.watchdog_seconds else ""

    def _say(self, message: str) -> None:
        if self._notify is None:
            return
        try:
            self._notify(message)
        except OSError as error:  # a socket that nobody reads any more is no reason to end
            if not self._warned:
                log.warning("The service manager does not listen: %s.", error)
            self._warned = True


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.splitlines())}"  # a line is a message of its own


def _watchdog_seconds() -> float | None:
    """Return half of the time after which systemd takes us for dead, see sd_watchdog_enabled(3)."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    process = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or process != str(os.getpid()):
        return None
    return int(microseconds) / 1e6 / 2 or None


def _daemon() -> ModuleType:
    daemon = systemd("daemon")
    if daemon is None:
        raise StartError(
            "The service manager waits for messages (NOTIFY_SOCKET is set), "
            "and systemd-python, which sends them, is not installed.",
            "Install it: pip install 'facewatchd[systemd]' (that needs a C compiler, pkg-config "
            "and libsystemd-dev), or start facewatchd in a unit of Type=exec.",
        )
    return daemon
