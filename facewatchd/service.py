"""The service manager: what we tell it, and where log lines go.

Both need systemd-python, an extra.  ``import systemd`` alone proves nothing: it succeeds as an
empty namespace wherever a folder of that name is on the path.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from facewatchd.errors import StartError

if TYPE_CHECKING:
    from types import ModuleType

_STDERR = 2
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))  # as in syslog(3)
_DEBUG = 7
_LONGEST_START = 15 * 60.0  # seconds, as TimeoutStartSec= of the unit

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

    def ready(self, text: str) -> None:
        """Say that the start is complete, and show ``text`` from that moment on."""
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


def setup_logging(level: str) -> None:
    """Send log lines of ``level`` ("debug", "info", "warning") and above to where they are read.

    That is the journal, with fields, when stderr is connected to it, and else stderr.  Of other
    packages only warnings are logged, Python's own among them.
    """
    journal = _optional("journal") if _stderr_is_journal() else None
    handler = _JournalHandler(journal) if journal else logging.StreamHandler(sys.stderr)
    line = "{message}" if journal else "{asctime} {levelname:7} {name}: {message}"
    handler.setFormatter(logging.Formatter(line, "%F %T", style="{"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("facewatchd").setLevel(level.upper())


class _JournalHandler(logging.Handler):
    """Sends records to the journal, with the level, the logger and the place in the code."""

    def __init__(self, journal: ModuleType) -> None:
        super().__init__()
        self._send: Any = journal.send

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # A path that is not Unicode must not cost the line.
            message = self.format(record).encode(errors="backslashreplace").decode()
            self._send(
                message,
                PRIORITY=_priority(record.levelno),
                SYSLOG_IDENTIFIER="facewatchd",
                LOGGER=record.name,
                CODE_FILE=record.pathname,
                CODE_LINE=record.lineno,
                CODE_FUNC=record.funcName,
            )
        except Exception:  # noqa: BLE001 - as in all handlers: a bad log line must not end us
            self.handleError(record)


def _priority(level: int) -> int:
    return next((priority for least, priority in _PRIORITIES if level >= least), _DEBUG)


def _stderr_is_journal() -> bool:
    """Compare stderr with the stream that systemd.exec(5) says it connected to the journal."""
    try:
        stream = os.fstat(_STDERR)
    except OSError:
        return False  # there is no stderr
    return os.environ.get("JOURNAL_STREAM") == f"{stream.st_dev}:{stream.st_ino}"


def _watchdog_seconds() -> float | None:
    """Return half of the time after which systemd takes us for dead, see sd_watchdog_enabled(3)."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    process = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or process != str(os.getpid()):
        return None
    return int(microseconds) / 1e6 / 2 or None


def _daemon() -> ModuleType:
    daemon = _optional("daemon")
    if daemon is None:
        raise StartError(
            "The service manager waits for messages (NOTIFY_SOCKET is set), "
            "and systemd-python, which sends them, is not installed.",
            "Install it: pip install 'facewatchd[systemd]' (that needs a C compiler, pkg-config "
            "and libsystemd-dev), or start facewatchd in a unit of Type=exec.",
        )
    return daemon


def _optional(module: str) -> ModuleType | None:
    try:
        return import_module(f"systemd.{module}")
    except ImportError:
        return None
