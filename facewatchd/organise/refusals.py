"""What the output's disk refuses, as an error that says what to do."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from facewatchd.errors import OutputError
from facewatchd.organise.manner import RightsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_REMEDIES = {
    errno.ENOSPC: "Make room on its disk.",
    errno.EDQUOT: "Raise the quota of the user that facewatchd runs as, or make room.",
    errno.EROFS: "Mount its disk for writing; if it was, look into the kernel log for disk errors.",
    errno.EACCES: "Give the user that facewatchd runs as the right to write there.",
    errno.EPERM: "Let output.link be auto or copy, or choose an output on a file system that takes"
    " the links that are configured, and give facewatchd's user the right to write there.",
    errno.EOPNOTSUPP: "Let output.link be auto, or choose an output on another file system.",
    errno.ENOSYS: "Let output.link be auto, or choose an output on another file system.",
    errno.EXDEV: "Hard links need photos and output on one file system, and below one mount of it:"
    " let output.link be auto.",
    errno.ENOENT: "Create the folder that it lies in, or mount its disk.",
    errno.ENOTDIR: "Move what is there away, or name another folder as output.",
}


@contextmanager
def output_errors(output: bytes) -> Iterator[None]:
    """Turn what the disk refuses into an OutputError that says what to do."""
    try:
        yield
    except RightsError as error:
        raise OutputError(
            f"In the output tree {shown(output)} the group or the mode that is configured cannot be"
            f" set: {error.strerror}.",
            "Let facewatchd's user be in that group (output.group) and own the output; on a disk"
            " without owners (FAT, exFAT) leave output.group and output.mode null.",
        ) from error
    except OSError as error:
        where = error.filename if isinstance(error.filename, bytes) else output
        remedy = _REMEDIES.get(error.errno or 0, "Look into the kernel log for errors of its disk.")
        raise OutputError(
            f"The output tree {shown(output)} cannot be written"
            f"{'' if where == output else f' at {shown(where)}'}: {error.strerror}.",
            f"{remedy} What is missing is then made by itself.",
            nameless=f"The output tree {shown(output)} cannot be written: {error.strerror}.",
        ) from error


def shown(path: bytes) -> str:
    """Return ``path`` for people to read, on one line, whatever bytes it holds."""
    return repr(path.decode(errors="backslashreplace"))
