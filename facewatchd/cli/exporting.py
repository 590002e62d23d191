"""Making links to photos, or copies of them, in a folder that is the user's."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from facewatchd.errors import FacewatchError
from facewatchd.organise.names import Photo, link_names, temporary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARKER = b".facewatchd-export"
_SAYS = b"facewatchctl export made this folder, and may add to it as long as this file is here.\n"
_TICK = 2.0  # seconds: FAT keeps times no finer


@dataclass(slots=True)
class Exported:
    """How many photos were exported now, how many were before, and which cannot be read."""

    made: int = 0
    there: int = 0
    unreadable: list[str] = field(default_factory=list)


def fill(folder: bytes, photos: Iterable[dict[str, Any]], *, copy: bool) -> Exported:
    """Make a link in ``folder`` to each photo (as the API tells of it) that has none there.

    With ``copy`` a copy with the photo's times.  The folder is new, empty, or was made by this.
    What is in it stays as it is; a photo whose name is taken gets digits of its hash behind it.
    """
    folder = os.path.realpath(folder)
    _claim(folder)
    exported = Exported()
    there = _Entries(folder)
    wanted = []
    for each in photos:
        photo = Photo(bytes.fromhex(each["photo"]), os.fsencode(each["path"]))
        try:
            before = there.shows(photo.path, copy=copy)
        except OSError:
            exported.unreadable.append(each["path"])
            continue
        if before is None:
            wanted.append(photo)
        else:
            exported.there += 1
    taken = [Photo(b"entry " + name, os.path.join(folder, name)) for name in there.names]
    names = link_names([*wanted, *taken])
    with _told(folder):
        for photo in wanted:
            _make(photo.path, os.path.join(folder, names[photo.path]), copy=copy)
            exported.made += 1
    return exported


class _Entries:
    """What lies in the folder that is filled."""

    def __init__(self, folder: bytes) -> None:
        self._folder = folder
        with os.scandir(folder) as entries:
            found = list(entries)
        self.names = [entry.name for entry in found]
        self._links = {
            os.path.normpath(os.path.join(folder, os.readlink(entry.path))): entry.name
            for entry in found
            if entry.is_symlink()
        }
        self._copies: dict[int, list[os.DirEntry[bytes]]] = {}
        for entry in found:
            if entry.is_file(follow_symlinks=False):
                self._copies.setdefault(entry.stat().st_size, []).append(entry)

    def shows(self, path: bytes, *, copy: bool) -> bytes | None:
        """Return the entry that is the photo at ``path`` already; OSError if it is not there.

        A copy has its size and time, and its name, maybe with digits behind it.
        """
        photo = os.stat(path)
        if not copy:
            return self._links.get(os.path.normpath(path))
        stem, extension = os.path.splitext(os.path.basename(path))
        for entry in self._copies.get(photo.st_size, ()):
            same_time = abs(entry.stat().st_mtime - photo.st_mtime) <= _TICK
            other, its_extension = os.path.splitext(entry.name)
            same_name = other == stem or other.startswith(stem + b"~")
            if same_time and same_name and its_extension == extension:
                return entry.name
        return None


def _claim(folder: bytes) -> None:
    """Make ``folder``, if need be, and mark it as one of ours."""
    with _told(folder):
        os.makedirs(folder, exist_ok=True)
        names = os.listdir(folder)
        if names and MARKER not in names:
            raise FacewatchError(
                f"{os.fsdecode(folder)} is not empty, and no export made it.",
                "Name a new or an empty folder.",
            )
        with open(os.path.join(folder, MARKER), "wb") as marker:
            marker.write(_SAYS)


def _make(photo: bytes, name: bytes, *, copy: bool) -> None:
    if not copy:
        os.symlink(os.path.relpath(photo, os.path.dirname(name)), name)
        return
    part = temporary(name)
    try:
        shutil.copy2(photo, part)
        _rename(part, name)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise


def _rename(part: bytes, name: bytes) -> None:
    if os.path.lexists(name):  # somebody else has made it since the folder was listed
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(name))
    os.rename(part, name)


@contextmanager
def _told(folder: bytes) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FacewatchError(
            f"The export into {os.fsdecode(folder)} failed: {error}.",
            "Mend that and export again: what is there stays. A disk without symbolic links"
            " (FAT, exFAT) takes --copy.",
        ) from error
