"""Photos as files of their own in the output tree: known again.

A copy is ours as long as nobody wrote to it since we made it, which its ctime tells, or its bytes,
or as long as it is byte for byte the photo, so that nothing is lost with it.  Its size and time
alone would not do: programs that edit pictures can keep both.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from facewatchd.model import LARGEST_INTEGER, Copy, Stamp, Way
from facewatchd.organise.photos import PhotoAwayError

if TYPE_CHECKING:
    from facewatchd.organise.photos import Photos

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def stamp_of(found: os.stat_result) -> Stamp:
    """Return what a file is known by; the inode is cut to SQLite's 63 bits."""
    inode = found.st_ino & LARGEST_INTEGER
    return Stamp(inode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def is_ours(folder: int, name: bytes, copy: Copy, photos: Photos, *, at_a_glance: bool) -> bool:
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
    return found.st_size == copy.size and _holds_photo(folder, name, copy, photos)


def is_hardlink(found: os.stat_result, copy: Copy) -> bool:
    """Say whether a file is the photo itself, or was when the photo was there.

    Its ctime changes whenever a link to it is made or removed, so that tells nothing.
    """
    with suppress(OSError):
        if os.path.samestat(found, os.lstat(copy.source)):
            return True
    return copy.stamp is not None and stamp_of(found)[:3] == copy.stamp[:3]


def _holds_photo(folder: int, name: bytes, copy: Copy, photos: Photos) -> bool:
    """Say whether a file holds what the photo did when it was copied, or does now."""
    with open(os.open(name, _READ, dir_fd=folder), "rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    if digest == copy.digest:
        return True
    try:
        return digest == photos.digest(copy)
    except PhotoAwayError:
        return False
