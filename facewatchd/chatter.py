r"""What a child process logs and prints, on its way to the log of its parent.

All of it goes one way, through the pipe that is the child's stdout and stderr, and so stays in
order: text as libraries print it, and between it what the child itself says, ``\0{JSON}\0`` each:
a log record, or what it speaks of from now on, the photo that it reads or the root that it lists.

Records are logged by the parent at once, by its own handlers and at its pace.  What is printed
comes as one record when the child goes on to something else, or has ended: then, if it ended badly,
these are its last words.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import re
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from facewatchd import logs
from facewatchd.logs import About

if TYPE_CHECKING:
    from collections.abc import Callable

_STDERR = 2
_LINE_BUFFERED = 1  # _IOLBF of stdio.h
_MESSAGE = re.compile(rb"\0(\{[^\0]*\})\0")
_BEGINS = b"\0{"
_LONGEST_MESSAGE = 1 << 20  # bytes in the pipe; what seems to be a longer one is text
_LONGEST_RECORD = 16_000  # characters
_LONGEST_LINE = 1_000  # characters
_LINES = 40  # that are told of what was printed
_CHUNK = 1 << 16  # bytes; as many as a pipe holds

log = logging.getLogger(__name__)


# -- the child's side


def speak(level: str) -> None:
    """Have all that this process logs and prints reach its parent; see `logs.setup_logging`."""
    handler = ToParent(os.dup(_STDERR))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("facewatchd").setLevel(int(level))
    # A line that is printed must not wait in a buffer: what dies of a signal does not write it.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a TextIOWrapper
    libc = ctypes.CDLL(None)
    libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, _LINE_BUFFERED, 0)


def at(about: About | None) -> None:
    """Say what all that comes from now on is about; nothing where there is no parent to hear it."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, ToParent):
            handler.at(about)


class ToParent(logging.Handler):
    """Writes records into the pipe ``fd``."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("{message}", style="{"))
        self._fd = fd
        self._at: About | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Send ``record``: its words with names and without, its place in the code, its fields."""
        try:
            named, discreet = (logs.told(record, names=names) for names in (True, False))
            fields = dict(getattr(named, "fields", {}))
            if record.exc_info and record.exc_info[1] is not None:
                fields.setdefault("ERROR", str(record.exc_info[1]))
            self._send(
                {
                    "name": record.name,
                    "level": record.levelno,
                    "place": (record.pathname, record.lineno, record.funcName),
                    "words": _cut(self.format(named)),
                    "discreet": _cut(_without_path(self.format(discreet), self._at)),
                    "fields": [(name, *_packed(value)) for name, value in fields.items()],
                }
            )
        except Exception:  # noqa: BLE001 - as in all handlers: a bad log line must not end us
            self.handleError(record)

    def at(self, about: About | None) -> None:
        """Say what all that comes from now on is about."""
        packed = about and (about.field, *_packed(about.value), about.words, about.discreet)
        self.acquire()
        try:
            self._at = about
            self._send({"at": packed})
        finally:
            self.release()

    def _send(self, message: dict[str, Any]) -> None:
        left = b"\0" + json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self._fd, left) :]


def _packed(value: bytes | str) -> tuple[bool, str]:
    """Return ``value`` as JSON can have it, after whether it is bytes."""
    return (True, value.decode("latin-1")) if isinstance(value, bytes) else (False, value)


def _unpacked(is_bytes: bool, value: str) -> bytes | str:  # noqa: FBT001 -- as it was packed
    return value.encode("latin-1") if is_bytes else value


def _cut(words: str) -> str:
    """Return ``words``, without the middle if they are too many: a traceback tells at its end."""
    if len(words) <= _LONGEST_RECORD:
        return words
    half = _LONGEST_RECORD // 2
    return f"{words[:half]} … {words[-half:]}"


# -- the parent's side


class Listener(threading.Thread):
    """Reads the pipe ``fd`` to its end, which it closes, and logs what comes out of it.

    ``who`` are the words for the child.  ``bad_end`` is asked when the pipe has ended, and returns
    how the child did, as the end of a sentence, if that is what nobody wanted.  Of a ``silent``
    child nothing is logged.

    A thread, so that a child never waits for a parent that has something else to do.
    """

    def __init__(
        self, fd: int, who: str, bad_end: Callable[[], str | None], *, silent: bool = False
    ) -> None:
        super().__init__(name=f"listens to {who}", daemon=True)
        self._silent = silent
        self._fd = fd
        self._said = Said(who)
        self._bad_end = bad_end

    def run(self) -> None:
        """Listen until nobody has the other end of the pipe any more."""
        with open(self._fd, "rb", buffering=0) as pipe:
            while data := pipe.read(_CHUNK):
                if not self._silent:
                    self._said.hear(data)
        self._said.end(self._bad_end)


class Said:
    """What one child says, as it comes out of the pipe, and as it is logged."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._rest = b""
        self._at: About | None = None
        self._printed = 0  # lines
        self._last: deque[str] = deque(maxlen=_LINES)  # of these

    def hear(self, data: bytes) -> None:
        """Take in what came next, whole lines and messages or not."""
        *whole, tail = _MESSAGE.split(self._rest + data)
        for text, message in zip(whole[::2], whole[1::2], strict=True):
            self._print(text)
            self._take(message)
        if len(tail) > _LONGEST_MESSAGE:
            begins = len(tail)
        elif (begins := tail.find(_BEGINS)) < 0:  # the last line may go on, or a message begin
            begins = tail.rfind(b"\n") + 1
        self._print(tail[:begins])
        self._rest = tail[begins:]

    def end(self, bad_end: Callable[[], str | None]) -> None:
        """The child has ended: tell its last words."""
        self._print(self._rest)
        self._rest = b""
        if not self._printed:
            return
        if (how := bad_end()) is None:
            self._tell_printed()
            return
        said = self._last_lines()
        speaker, fields = self._speaker({"ERROR": said.words})
        log.warning("%s %s; its last words:\n%s", speaker, how, said, extra={"fields": fields})

    def _take(self, message: bytes) -> None:
        """Do what the child says, which is text like any other if it cannot be understood."""
        try:
            said = json.loads(message)
            if "at" in said:
                self._turn_to(said["at"])
            else:
                self._log(said)
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
            self._print(message)

    def _turn_to(self, packed: list[Any] | None) -> None:
        about = None
        if packed is not None:
            field, is_bytes, value, words, discreet = packed
            about = About(field, _unpacked(is_bytes, value), words, discreet)
        self._tell_printed()
        self._at = about

    def _log(self, said: dict[str, Any]) -> None:
        logger = logging.getLogger(said["name"])
        if not logger.isEnabledFor(said["level"]):
            return
        file, line, function = said["place"]
        own = {name: _unpacked(is_bytes, value) for name, is_bytes, value in said["fields"]}
        speaker, fields = self._speaker(own)
        words = logs.text(said["words"], said["discreet"])
        record = logger.makeRecord(
            logger.name,
            said["level"],
            file,
            line,
            "%s: %s",
            (speaker, words),
            None,
            function,
            {"fields": fields},
        )
        logger.handle(record)

    def _speaker(self, own: dict[str, bytes | str]) -> tuple[About, dict[str, bytes | str]]:
        """Return the words for the child, and the fields of what it says, ``own`` among them."""
        if self._at is None or self._at.field in own:
            return logs.text(self._who, self._who), own
        words, discreet = f"{self._who} at {self._at.words}", f"{self._who} at {self._at.discreet}"
        return logs.text(words, discreet), {self._at.field: self._at.value, **own}

    def _print(self, text: bytes) -> None:
        lines = [line for line in text.splitlines() if line.strip()]
        self._printed += len(lines)
        kept = (line[:_LONGEST_RECORD] for line in lines[-_LINES:])
        self._last += (line.decode(errors="backslashreplace") for line in kept)

    def _tell_printed(self) -> None:
        if self._printed:
            said = self._last_lines()
            speaker, fields = self._speaker({})
            log.info("%s printed:\n%s", speaker, said, extra={"fields": fields})

    def _last_lines(self) -> About:
        """Return the last lines that were printed, after how many there were before; forget."""
        left_out = self._printed - len(self._last)
        before = [f"({left_out:,} lines)"] if left_out else []
        named = [line[:_LONGEST_LINE] for line in self._last]
        discreet = [_without_path(line, self._at)[:_LONGEST_LINE] for line in self._last]
        self._printed = 0
        self._last.clear()
        return logs.text("\n".join(before + named), "\n".join(before + discreet))


def _without_path(words: str, about: About | None) -> str:
    """Return ``words`` without the path of the photo, or paths below the root, that they are about.

    They may come from a library, or be a traceback: these have nothing of `logs.About`.
    """
    if about is None or not isinstance(about.value, bytes):
        return words
    path, name = about.value, os.fsdecode(about.value)
    as_printed = path.decode(errors="backslashreplace")
    for form in {name, as_printed, repr(path)[2:-1], repr(name)[1:-1]}:
        if about.field == "ROOT":
            words = re.sub(f"({re.escape(form)}/).*", r"\1…", words)
        else:
            words = words.replace(form, "…")
    return words
