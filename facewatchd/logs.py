"""Log lines: where they go, what fields they have, and how many of one kind are told.

What a line speaks of is an argument of its own kind::

    log.warning("%s could not be read: %s", photo(path, file), error(reason))

In the journal each of these is a field too (PHOTO, ROOT, PERSON, OUTPUT, ERROR), which holds the
whole path as bytes.  A message travels: to syslog, into mails.  So names of people, and paths of
photos, stand in it only with the setting ``log.names``, and else their ids.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from facewatchd.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_STDERR = 2
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))  # as in syslog(3)
_DEBUG = 7
_MOST = 100  # records of one kind in `_MINUTE`
_MINUTE = 60.0  # seconds

# The logger and the place in the code.  Not the message: whoever makes that with an f-string, as
# libraries do, has each be one of its own.
Kind = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class About:
    """What a line speaks of: ``words`` with names, ``discreet`` without them, which is usual.

    Without a ``field`` it is in the line alone.
    """

    field: str
    value: bytes | str
    words: str
    discreet: str

    def __str__(self) -> str:
        return self.discreet


def photo(path: bytes, number: int | None = None) -> About:
    """Return how a line speaks of the photo at ``path``; ``number`` is its row's."""
    discreet = "a photo" if number is None else f"photo {number}"
    return About("PHOTO", path, repr(os.fsdecode(path)), discreet)


def entry(path: bytes) -> About:
    """Return how a line speaks of what lies at ``path`` in the output, where people are folders."""
    return About("OUTPUT", path, repr(os.fsdecode(path)), "an entry")


def person(lasting_id: str, name: str | None) -> About:
    """Return how a line speaks of a person."""
    return About("PERSON", lasting_id, name or lasting_id, lasting_id)


def root(path: bytes) -> About:
    """Return how a line speaks of a root, or a folder in it, which somebody has to look after."""
    words = repr(os.fsdecode(path))
    return About("ROOT", path, words, words)


def error(reason: object) -> About:
    """Return how a line speaks of what went wrong."""
    words = str(reason)
    if isinstance(reason, OutputError):
        return About("ERROR", words, words, f"{reason.nameless}\n  {reason.remedy}")
    return About("ERROR", words, words, words)


def text(words: str, discreet: str) -> About:
    """Return a part of a line that is in no field."""
    return About("", words, words, discreet)


def setup_logging(level: str, program: str = "facewatchd") -> None:
    """Send log lines of ``level`` ("debug", "info", "warning") and above to where they are read.

    That is the journal, with fields and as lines of ``program``, when stderr is connected to it,
    and else stderr.  Of other packages only warnings are logged, Python's own among them.
    """
    journal = systemd("journal") if _stderr_is_journal() else None
    handler = Journal(journal.send, program) if journal else logging.StreamHandler(sys.stderr)
    line = "{message}" if journal else "{asctime} {levelname:7} {name}: {message}"
    handler.setFormatter(logging.Formatter(line, "%F %T", style="{"))
    logging.basicConfig(level=logging.WARNING, handlers=[Paced(handler)], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("facewatchd").setLevel(level.upper())


def show_names(names: bool) -> None:  # noqa: FBT001 -- one setting, one word
    """Have names of people and paths of photos stand in messages from now on, or their ids."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Paced):
            handler.names = names


def systemd(module: str) -> ModuleType | None:
    """Return a module of systemd-python; None where that is not installed.

    ``import systemd`` alone proves nothing: it succeeds as an empty namespace wherever a folder of
    that name is on the path.
    """
    try:
        return import_module(f"systemd.{module}")
    except ImportError:
        return None


class Journal(logging.Handler):
    """Sends records to the journal, with the level, the logger and the place in the code.

    ``send`` is systemd.journal's.
    """

    def __init__(self, send: Callable[..., None], program: str) -> None:
        super().__init__()
        self._send = send
        self._program = program

    def emit(self, record: logging.LogRecord) -> None:
        """Send ``record``."""
        try:
            # A path that is not Unicode must not cost the line.
            message = self.format(record).encode(errors="backslashreplace").decode()
            self._send(
                message,
                PRIORITY=_priority(record.levelno),
                SYSLOG_IDENTIFIER=self._program,
                LOGGER=record.name,
                CODE_FILE=record.pathname,
                CODE_LINE=record.lineno,
                CODE_FUNC=record.funcName,
                **getattr(record, "fields", {}),
            )
        except Exception:  # noqa: BLE001 - as in all handlers: a bad log line must not end us
            self.handleError(record)


class Paced(logging.Handler):
    """Hands records on to ``handler``, at most 100 of one kind a minute; the rest it counts.

    At the end of that minute, and when it is closed, one more record tells how many there were.
    Those of ``--log-level debug`` are all handed on.
    """

    def __init__(
        self, handler: logging.Handler, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self.names = False
        self._handler = handler
        self._clock = clock
        self._pace = Pace()
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Hand ``record`` on, or count it."""
        now = self._clock()
        self._tell(self._pace.over(now))
        # Whoever asks for all there is to say gets it.
        if record.levelno <= logging.DEBUG or self._pace.admits(record, now):
            self._handler.handle(told(record, names=self.names))
        self._set_timer(now)

    def tell(self) -> None:
        """Tell what was left out in the minutes that are over."""
        self.acquire()
        try:
            now = self._clock()
            self._timer = None
            self._tell(self._pace.over(now))
            self._set_timer(now)
        finally:
            self.release()

    def flush(self) -> None:
        """Have all written that was handed on."""
        self._handler.flush()

    def close(self) -> None:
        """Tell what was left out; nothing more is logged."""
        self.acquire()
        try:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._tell(self._pace.over(float("inf")))
        finally:
            self.release()
        self._handler.close()
        super().close()

    def _set_timer(self, now: float) -> None:
        """Only while something is left out: at rest nothing ticks."""
        due = self._pace.due()
        if self._timer is None and due is not None:
            self._timer = threading.Timer(max(0.0, due - now), self.tell)
            self._timer.daemon = True
            self._timer.start()

    def _tell(self, left_out: list[LeftOut]) -> None:
        for each in left_out:
            last = told(each.last, names=self.names)
            last.msg = f"{each.count} more like this were left out: {last.getMessage()}"
            last.args = last.exc_info = last.exc_text = None
            self._handler.handle(last)


@dataclass(slots=True)
class LeftOut:
    """How many records of a kind were not told, and the last of them."""

    last: logging.LogRecord
    count: int


@dataclass(slots=True)
class _Minute:
    began: float
    told: int = 0
    left_out: LeftOut | None = None


@dataclass(slots=True)
class Pace:
    """Which records are told.  The minute of a kind begins with its first record."""

    _kinds: dict[Kind, _Minute] = field(default_factory=dict)  # in the order of their beginnings

    def admits(self, record: logging.LogRecord, now: float) -> bool:
        """Whether ``record`` is told; else it is counted.  ``now`` never goes back."""
        place = record.name, record.pathname, record.lineno
        minute = self._kinds.setdefault(place, _Minute(now))
        if minute.told < _MOST:
            minute.told += 1
            return True
        before = 0 if minute.left_out is None else minute.left_out.count
        minute.left_out = LeftOut(record, before + 1)
        return False

    def over(self, now: float) -> list[LeftOut]:
        """End the minutes that are over; return what was left out in these."""
        left_out = []
        while self._kinds:
            kind, minute = next(iter(self._kinds.items()))
            if now - minute.began < _MINUTE:
                break
            del self._kinds[kind]
            if minute.left_out is not None:
                left_out.append(minute.left_out)
        return left_out

    def due(self) -> float | None:
        """Return when the first minute ends in which something was left out."""
        ends = (m.began + _MINUTE for m in self._kinds.values() if m.left_out is not None)
        return next(ends, None)


def told(record: logging.LogRecord, *, names: bool) -> logging.LogRecord:
    """Return ``record`` as it is told, with its ``fields``: those it has already, and its own."""
    copy = logging.makeLogRecord(record.__dict__)
    arguments = record.args if isinstance(record.args, tuple) else ()
    abouts = [each for each in arguments if isinstance(each, About)]
    if abouts:
        copy.args = tuple(
            (each.words if names else each.discreet) if isinstance(each, About) else each
            for each in arguments
        )
        fields = {each.field: each.value for each in abouts if each.field}
        copy.__dict__["fields"] = getattr(record, "fields", {}) | fields
    return copy


def _priority(level: int) -> int:
    return next((priority for least, priority in _PRIORITIES if level >= least), _DEBUG)


def _stderr_is_journal() -> bool:
    """Compare stderr with the stream that systemd.exec(5) says it connected to the journal."""
    try:
        stream = os.fstat(_STDERR)
    except OSError:
        return False  # there is no stderr
    return os.environ.get("JOURNAL_STREAM") == f"{stream.st_dev}:{stream.st_ino}"
