"""Photos as files of their own in the output tree: made, and known again.

A copy is ours as long as nobody wrote to it since we made it, which its ctime tells, or its bytes,
or as long as it is byte for byte the photo, so that nothing is lost with it.  Its size and time
alone would not do: programs that edit pictures can keep both.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from facewatchd.model import LARGEST_INTEGER, Copy, Stamp, Way

if TYPE_CHECKING:
    from collections.abc import Callable

_FICLONE = 0x40049409  # _IOW(0x94, 9, int) of linux/fs.h; ioctl_ficlone(2)
_NO_REFLINK = {
    *(errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS, errno.EINVAL),  # not on this file system
    *(errno.EXDEV, errno.EPERM, errno.ETXTBSY),  # not between these two files
}
_PIECE = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class PhotoAwayError(Exception):
    """The photo cannot be read now, or is not the one that was planned for: try again later."""


class NoReflinkError(OSError):
    """This photo and OUTPUT cannot share what they hold."""


def stamp_of(found: os.stat_result) -> Stamp:
    """Return what a file is known by; the inode is cut to SQLite's 63 bits."""
    inode = found.st_ino & LARGEST_INTEGER
    return Stamp(inode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def open_source(copy: Copy) -> BinaryIO:
    """Open the photo; PhotoAwayError if it is not as it was when the copy was planned."""
    try:
        file = os.fdopen(os.open(copy.source, _READ), "rb")
    except OSError as error:
        raise PhotoAwayError(error.strerror) from error
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode) or not _is_as_planned(found, copy):
        file.close()
        raise PhotoAwayError("it has changed")
    return file


def fill(
    source: BinaryIO, copy: Copy, target: int, before_bytes: Callable[[int], None]
) -> bytes | None:
    """Let the new file ``target`` hold what ``source`` does, with its time, on the disk.

    Returns the SHA-256 of its bytes, None if none were read.

    ``before_bytes`` is called with the size before bytes are copied, and may refuse.
    NoReflinkError where only a reflink would do.
    """
    digest = None
    if not (copy.way in {Way.REFLINK, Way.EITHER} and clone(source.fileno(), target)):
        if copy.way is Way.REFLINK:
            raise NoReflinkError(
                errno.EOPNOTSUPP, "this disk shares no blocks with that of the photo (no reflink)"
            )
        before_bytes(copy.size)
        digest = _copy_bytes(source, target)
    if not _is_as_planned(os.fstat(source.fileno()), copy):
        raise PhotoAwayError("it changed while it was copied")
    os.utime(target, ns=(copy.mtime_ns, copy.mtime_ns))
    os.fsync(target)
    return digest


def clone(source: int, target: int) -> bool:
    """Let ``target`` share all blocks of ``source``; False where that cannot be."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in _NO_REFLINK:
            return False
        raise
    return True


def is_ours(folder: int, name: bytes, copy: Copy, *, at_a_glance: bool) -> bool:
    """Say whether what is at ``name`` is the copy that we made, and nobody's work is in it.

    Some disks keep no ctime and show another time for it: of a file that seems unchanged there
    the bytes are read, unless a glance is to do.
    """
    found = os.lstat(name, dir_fd=folder)
    if not stat.S_ISREG(found.st_mode):
        return False
    if copy.way is Way.HARDLINK:
        return is_hardlink(found, copy)
    seems = copy.stamp is not None and stamp_of(found)[1:] == copy.stamp[1:]  # FAT: new inodes
    if seems and (at_a_glance or found.st_ctime_ns != found.st_mtime_ns):
        return True
    if found.st_size != copy.size:
        return False
    if copy.digest is not None and _digest(folder, name) == copy.digest:
        return True
    return _shows_photo(folder, name, copy)


def is_hardlink(found: os.stat_result, copy: Copy) -> bool:
    """Say whether a file is the photo itself, or was when the photo was there.

    Its ctime changes whenever a link to it is made or removed, so that tells nothing.
    """
    with suppress(OSError):
        if os.path.samestat(found, os.lstat(copy.source)):
            return True
    return copy.stamp is not None and stamp_of(found)[:3] == copy.stamp[:3]


def _digest(folder: int, name: bytes) -> bytes:
    with open(os.open(name, _READ, dir_fd=folder), "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _shows_photo(folder: int, name: bytes, copy: Copy) -> bool:
    """Say whether a file holds the very bytes of its photo."""
    try:
        source = open_source(copy)
    except PhotoAwayError:
        return False
    with source, open(os.open(name, _READ, dir_fd=folder), "rb") as file:
        while (piece := _read(source)) == file.read(_PIECE):
            if not piece:
                return True
    return False


def _is_as_planned(found: os.stat_result, copy: Copy) -> bool:
    return (found.st_size, found.st_mtime_ns) == (copy.size, copy.mtime_ns)


def _copy_bytes(source: BinaryIO, target: int) -> bytes:
    digest = hashlib.sha256()
    while piece := _read(source):
        digest.update(piece)
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(target, rest) :]
    return digest.digest()


def _read(source: BinaryIO) -> bytes:
    """Return the next bytes of a photo; what its disk refuses is no error of OUTPUT."""
    try:
        return source.read(_PIECE)
    except OSError as error:
        raise PhotoAwayError(error.strerror) from error
