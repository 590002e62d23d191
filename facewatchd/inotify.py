"""The kernel's inotify: records of bytes -> events; see inotify(7).

Called through ctypes, as the standard library has no inotify.  Nothing is known here of what is
watched, or why.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import threading
from enum import IntFlag
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECORD = struct.Struct("iIII")  # struct inotify_event: wd, mask, cookie, len; then the name
_READ = 65_536  # bytes at once: a thousand events and more
_INSTANCES = "/proc/sys/fs/inotify/max_user_instances"


class Mask(IntFlag):
    """Bits of linux/inotify.h: those that are asked for, those that are told, or both."""

    ATTRIB = 0x4
    CLOSE_WRITE = 0x8
    MOVED_FROM = 0x40
    MOVED_TO = 0x80
    CREATE = 0x100
    DELETE = 0x200
    DELETE_SELF = 0x400
    MOVE_SELF = 0x800
    UNMOUNT = 0x2000
    Q_OVERFLOW = 0x4000
    IGNORED = 0x8000
    ONLYDIR = 0x0100_0000
    DONT_FOLLOW = 0x0200_0000
    EXCL_UNLINK = 0x0400_0000
    ISDIR = 0x4000_0000


class Event(NamedTuple):
    """What happened: to ``name`` in the folder of the watch ``wd``, or (no name) to that itself.

    ``mask`` is of Mask's bits, kept a plain int because there may be very many events.
    """

    wd: int
    mask: int
    cookie: int
    name: bytes


def parse(records: bytes) -> Iterator[Event]:
    """Read what the kernel wrote: whole records, each with its name padded by zeros."""
    start = 0
    while start < len(records):
        wd, mask, cookie, length = _RECORD.unpack_from(records, start)
        start += _RECORD.size
        yield Event(wd, mask, cookie, records[start : start + length].rstrip(b"\0"))
        start += length


class Inotify:
    """One inotify instance, and a bell that ends the waiting for it."""

    def __init__(self) -> None:
        """Raise OSError when the system grants no instance, with what to do in its words."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
        self._closing = threading.Lock()
        self._closed = False
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._fd = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            os.close(self._bell)
            raise _refused(ctypes.get_errno())
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._bell, select.POLLIN)

    def add(self, path: bytes, mask: int) -> int:
        """Watch what ``path`` names, and return its number, the one it has if it is watched.

        Raises OSError.
        """
        wd: int = self._libc.inotify_add_watch(self._fd, path, mask)
        if wd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
        return wd

    def remove(self, wd: int) -> None:
        """Watch it no longer; nothing happens where the kernel has already ended the watch."""
        self._libc.inotify_rm_watch(self._fd, wd)

    def wait(self, seconds: float | None) -> bool:
        """Sleep until there are events, the bell rings or (not None) so much time has passed.

        Returns whether anything woke it before its time.
        """
        return bool(self._poll.poll(None if seconds is None else seconds * 1000))

    def read(self) -> list[Event]:
        """Return events that are there, in their order; maybe not all."""
        try:
            return list(parse(os.read(self._fd, _READ)))
        except BlockingIOError:
            return []

    def ring(self) -> None:
        """End this and all further waiting.  For any thread, at any time."""
        with self._closing:
            if not self._closed:
                os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """End all watches."""
        with self._closing:
            if not self._closed:
                self._closed = True
                os.close(self._fd)
                os.close(self._bell)


def _refused(code: int) -> OSError:
    if code != errno.EMFILE:
        return OSError(code, os.strerror(code))
    with open(_INSTANCES, encoding="ascii") as file:
        now = int(file.read())
    return OSError(
        code,
        f"this user's programs use all {now} inotify instances that the system allows;"
        f" allow more with: sysctl fs.inotify.max_user_instances={2 * now}",
    )
