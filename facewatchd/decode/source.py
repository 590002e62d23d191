"""Opening a photo's file: once, for reading only, leaving no trace, and never hanging on a pipe."""

from __future__ import annotations

import os
import stat
from io import FileIO

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_photo(path: bytes) -> FileIO:
    """Open the regular file at ``path``, unbuffered; OSError when it cannot be, or is none."""
    try:
        fd = os.open(path, _FLAGS | os.O_NOATIME)
    except PermissionError:  # only a file's owner may leave its access time alone
        fd = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(f"{os.fsdecode(path)} is not a regular file")
    return FileIO(fd)
