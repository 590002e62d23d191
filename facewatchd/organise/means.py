"""How photos are to be shown in OUTPUT: what is wished, and what its file system can.

What a file system can is found out by trying it in OUTPUT itself, in the process that will do the
work: neither its type nor a look from elsewhere tells what a confined service, a network share or a
user without rights may do there.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import NamedTuple

from facewatchd.errors import OutputError
from facewatchd.model import Way
from facewatchd.organise.names import temporary
from facewatchd.organise.photos import clone
from facewatchd.organise.refusals import output_errors, shown
from facewatchd.scan import is_within

_TARGET = b"../trial"
_NO_SYMLINK = {
    *(errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOTTY),
    *(errno.EACCES, errno.EIO),  # what servers and FUSE programs answer instead
}
# What Windows takes in no name.  A disk that refuses one of these gets no name with any of them.
_REFUSED = b' "*:<>?\\|. '
_NO_SUCH_NAME = _NO_SYMLINK | {errno.EILSEQ, errno.ENOENT}  # the last is what exfat-fuse says


class Trial(NamedTuple):
    """What was found by trying; why symbolic links cannot be made there, None if they can.

    ``any_name`` says whether names may hold what Windows does not take.
    """

    no_symlink: str | None
    reflinks: bool
    any_name: bool = True


class Means(NamedTuple):
    """How photos are shown: by ``way``, outside ``share`` (None: nowhere) by files of their own.

    ``reason`` says in words why so; ``reflinks`` whether the file system of OUTPUT has them;
    ``portable`` that all names are to be such as Windows takes.
    """

    way: Way
    share: bytes | None
    reason: str
    reflinks: bool
    portable: bool


def try_out(output: bytes) -> Trial:
    """Try in the folder ``output``, which is made if it is missing; raises OutputError."""
    first, second = (temporary(os.path.join(output, name)) for name in (b"trial 1", b"trial 2"))
    with output_errors(output):
        with suppress(FileExistsError):
            os.mkdir(output)
        try:
            _clear(first, second)  # of a run that was killed just then
            reflinks = _has_reflinks(first, second)  # and that files can be made at all
            _clear(first, second)
            return Trial(_no_symlink(first), reflinks, _takes(first + _REFUSED))
        finally:
            _clear(first, second)


def decided(link: str, audience: str, share: bytes | None, output: bytes, trial: Trial) -> Means:
    """Decide between what is wished (output.link, output.for, output.share) and what is possible.

    Pure.  OutputError where symbolic links are wished for by name and cannot be made.
    """
    if link == Way.SYMLINK.value and trial.no_symlink is not None:
        raise OutputError(
            f"The output tree {shown(output)} cannot be made of symbolic links, which output.link"
            f" names: its file system takes none ({trial.no_symlink}).",
            "Let output.link be auto or copy, or choose an output on another file system.",
        )
    way, within, why = _way(link, audience, share, output, trial)
    portable = audience == "smb" or not trial.any_name
    if portable:
        why += "; names are such as Windows takes"
    return Means(way, within, why, trial.reflinks, portable)


def _way(
    link: str, audience: str, share: bytes | None, output: bytes, trial: Trial
) -> tuple[Way, bytes | None, str]:
    if link != "auto":
        return Way(link), None, f"output.link: {link}"
    if trial.no_symlink is not None:
        return Way.EITHER, None, f"its file system takes no symbolic links ({trial.no_symlink})"
    if audience != "smb":
        return Way.SYMLINK, None, "its file system takes symbolic links"
    if share is None:
        why = "output.for: smb, and no output.share says what lies in the same share"
        return Way.EITHER, None, why
    if not is_within(output, [share]):
        return Way.EITHER, None, "output.for: smb, and the output lies outside output.share"
    why = "output.for: smb; photos outside output.share are files of their own"
    return Way.SYMLINK, share, why


def _takes(path: bytes) -> bool:
    """Try this name in a folder where others can be made."""
    try:
        _clear(path)  # of a run that was killed
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
        os.unlink(path)
    except OSError as error:
        if error.errno in _NO_SUCH_NAME:
            return False
        raise
    return True


def _no_symlink(path: bytes) -> str | None:
    try:
        os.symlink(_TARGET, path)
        kept = os.readlink(path)
    except OSError as error:
        if error.errno in _NO_SYMLINK:
            return error.strerror
        raise
    return None if kept == _TARGET else "what they hold is changed"


def _has_reflinks(first: bytes, second: bytes) -> bool:
    with open(first, "x+b") as source, open(second, "xb") as target:
        try:
            os.write(source.fileno(), b"\0" * 65536)  # whole blocks, of whatever size
            return clone(source.fileno(), target.fileno())
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                return False  # a full disk may still take links
            raise


def _clear(*paths: bytes) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            os.unlink(path)
