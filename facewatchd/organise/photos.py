"""Photos are opened here and nowhere else of the output tree, for what is made of them there.

Whoever is given to the tree as its ``Photos`` may do so in this process (``Direct``), or ask
another one.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO, Protocol

from facewatchd.model import Copy, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FICLONE = 0x40049409  # _IOW(0x94, 9, int) of linux/fs.h; ioctl_ficlone(2)
_NO_REFLINK = {
    *(errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS, errno.EINVAL),  # not on this file system
    *(errno.EXDEV, errno.EPERM, errno.ETXTBSY),  # not between these two files
}
_PIECE = 1 << 18
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class PhotoAwayError(Exception):
    """The photo cannot be read now, or is not the one that was planned for: try again later."""


class NoReflinkError(OSError):
    """This photo and OUTPUT cannot share what they hold."""


class Photos(Protocol):
    """Opens photos for the tree.

    PhotoAwayError where a photo cannot be read, or is not as it was when its copy was planned.
    """

    def check(self, copy: Copy) -> None:
        """Find out whether the photo can be read, and is as planned."""
        ...

    def fill(self, copy: Copy, target: int, before_bytes: Callable[[int], None]) -> bytes | None:
        """Let the new file ``target`` hold what the photo does, with its time, on the disk.

        Returns the SHA-256 of its bytes, None if none were read.

        ``before_bytes`` is called with the size before bytes are copied, and may refuse (OSError).
        NoReflinkError where only a reflink would do, OSError for what the disk of ``target``
        refuses.
        """
        ...

    def digest(self, copy: Copy) -> bytes:
        """Return the SHA-256 of the photo's bytes."""
        ...


class Disk(Enum):
    """Whose answer is waited for."""

    PHOTO = "the photo's"
    OUTPUT = "that of the output"


class Direct:
    """Opens photos in this process; ``asks`` is told before a disk is asked for anything."""

    def __init__(self, asks: Callable[[Disk], None] = lambda _: None) -> None:
        self._asks = asks

    def check(self, copy: Copy) -> None:
        """See Photos."""
        self._open(copy).close()

    def fill(self, copy: Copy, target: int, before_bytes: Callable[[int], None]) -> bytes | None:
        """See Photos."""
        digest = None
        with self._open(copy) as source:
            self._asks(Disk.OUTPUT)
            if not (copy.way in {Way.REFLINK, Way.EITHER} and clone(source.fileno(), target)):
                if copy.way is Way.REFLINK:
                    raise NoReflinkError(
                        errno.EOPNOTSUPP,
                        "this disk shares no blocks with that of the photo (no reflink)",
                    )
                before_bytes(copy.size)
                digest = self._copy_bytes(source, target)
            self._asks(Disk.PHOTO)
            _check_unchanged(source, copy, "it changed while it was copied")
        self._asks(Disk.OUTPUT)
        os.utime(target, ns=(copy.mtime_ns, copy.mtime_ns))
        os.fsync(target)
        return digest

    def digest(self, copy: Copy) -> bytes:
        """See Photos."""
        digest = hashlib.sha256()
        with self._open(copy) as source:
            for piece in self._pieces(source):
                digest.update(piece)
        return digest.digest()

    def _open(self, copy: Copy) -> BinaryIO:
        self._asks(Disk.PHOTO)
        try:
            file = os.fdopen(os.open(copy.source, _READ), "rb", buffering=0)
        except OSError as error:
            raise PhotoAwayError(error.strerror) from error
        try:
            _check_unchanged(file, copy, "it has changed")
        except PhotoAwayError:
            file.close()
            raise
        return file

    def _copy_bytes(self, source: BinaryIO, target: int) -> bytes:
        digest = hashlib.sha256()
        for piece in self._pieces(source):
            self._asks(Disk.OUTPUT)
            digest.update(piece)
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(target, rest) :]
        return digest.digest()

    def _pieces(self, source: BinaryIO) -> Iterator[bytes]:
        """Yield what a photo holds; what its disk refuses is no error of OUTPUT."""
        while True:
            self._asks(Disk.PHOTO)
            try:
                piece = source.read(_PIECE)
            except OSError as error:
                raise PhotoAwayError(error.strerror) from error
            if not piece:
                return
            yield piece


def clone(source: int, target: int) -> bool:
    """Let ``target`` share all blocks of ``source``; False where that cannot be."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in _NO_REFLINK:
            return False
        raise
    return True


def _check_unchanged(file: BinaryIO, copy: Copy, otherwise: str) -> None:
    try:
        found = os.fstat(file.fileno())
    except OSError as error:  # on a network share whose server knows it no longer
        raise PhotoAwayError(error.strerror) from error
    known = (found.st_size, found.st_mtime_ns) == (copy.size, copy.mtime_ns)
    if not (known and stat.S_ISREG(found.st_mode)):
        raise PhotoAwayError(otherwise)
