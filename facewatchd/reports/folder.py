"""The folder that a report is written into, and what was made in it."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, TYPE_CHECKING, NamedTuple

from facewatchd.errors import ReportError
from facewatchd.reports.text import shown_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A report shows who is in whose photos: the umask decides on the group, and nobody else reads it.
_FILE, _FOLDER = 0o660, 0o770


class Kind(StrEnum):
    """What a file is, for whoever lists them."""

    TABLE = "table"
    MONTAGE = "montage"
    THUMBNAILS = "thumbnails"
    CROP = "crop"
    PLOT = "plot"
    DARK_PLOT = "dark plot"
    PAGE = "page"
    INDEX = "index"


class Made(NamedTuple):
    """A file: its path in the folder, what it shows (in words), and the group that it is about.

    ``light`` is, for a DARK_PLOT, the path of the same plot on white.
    """

    path: bytes
    kind: Kind
    says: str
    group: int | None = None
    light: bytes | None = None


class LeftOut(NamedTuple):
    """A report that was asked for and not made, and why."""

    report: str
    reason: str


@dataclass(slots=True)
class Folder:
    """A folder that the caller owns.  ``making`` is told each path in it before it is made.

    Files and folders can be read by the user and, where the umask lets it, by the group, never by
    others.  A file that is there is replaced, in one step; OSErrors become ReportErrors.
    """

    path: bytes
    making: Callable[[bytes], None]
    made: list[Made] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def write(self, what: Made, content: bytes | str) -> None:
        """Make the file ``what`` with ``content``."""
        with self.new(what) as file:
            file.write(content.encode() if isinstance(content, str) else content)

    @contextmanager
    def new(self, what: Made) -> Iterator[IO[bytes]]:
        """Give the file ``what`` to be written; it is there when the block ends without error."""
        self.making(what.path)
        whole = os.path.join(self.path, what.path)
        parent, name = os.path.split(whole)
        # Named as organise names its temporary files, which the daemon never takes for photos.
        digest = hashlib.blake2b(name, digest_size=8).hexdigest()
        part = os.path.join(parent, b".%s.facewatchd-tmp" % digest.encode())
        try:
            _make_folders(self.path, os.path.dirname(what.path))
            with suppress(FileNotFoundError):
                os.unlink(part)  # of a run that was killed
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE)
            with open(fd, "wb") as file:
                yield file
            os.rename(part, whole)
        except BaseException as error:
            with suppress(OSError):
                os.unlink(part)
            if isinstance(error, OSError):
                raise _cannot(whole, error) from error
            raise
        self.made.append(what)

    def leave_out(self, report: str, reason: str) -> None:
        """Remember that ``report`` cannot be made of this material."""
        self.left_out.append(LeftOut(report, reason))


def _make_folders(base: bytes, below: bytes) -> None:
    if below:
        _make_folders(base, os.path.dirname(below))
    with suppress(FileExistsError):
        os.mkdir(os.path.join(base, below), _FOLDER)


def _cannot(path: bytes, error: OSError) -> ReportError:
    return ReportError(
        f"{shown_path(path)} cannot be written: {error.strerror}.",
        "Make room, or let this account write there, and ask for the report again.",
    )
