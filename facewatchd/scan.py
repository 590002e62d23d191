"""Walking a root, and the pure difference between what is there and what is known."""

from __future__ import annotations

import fnmatch
import os
import re
import stat as stat_bits
from typing import TYPE_CHECKING, NamedTuple

import pathspec

from facewatchd.model import FileStat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PICTURE_SUFFIXES = frozenset(
    (
        *(b".jpg", b".jpeg", b".jpe", b".jfif", b".mpo", b".png", b".webp", b".gif", b".bmp"),
        *(b".tif", b".tiff", b".heic", b".heif", b".hif", b".avif"),
    )
)

# Temporary names of sync tools and editors, thumbnails and trash of NAS systems.
IGNORED_NAMES = (
    *(".syncthing.*", "~syncthing~*", ".stversions", ".stfolder"),
    *(".~tmp~", ".rsync-partial", ".*." + "[A-Za-z0-9]" * 6),  # the last is rsync's .NAME.XXXXXX
    *("*.part", "*.partial", "*.ocTransferId*", "*.crdownload", "*.tmp", ".goutputstream-*"),
    *(".nfs*", ".fuse_hidden*", ".smbdelete*", "._*", ".DS_Store", "Thumbs.db", "desktop.ini"),
    *("@eaDir", "#recycle", "#snapshot", ".@__thumb", ".Trash*", ".snapshots", ".zfs"),
)
_IGNORED_NAME = re.compile("|".join(fnmatch.translate(name) for name in IGNORED_NAMES))

# A folder that holds one of these is left out, with all below it.
STOP_FILES = frozenset((b".nomedia", b".facewatchignore"))


class Listing(NamedTuple):
    """What a walk saw directly in one folder: its regular files that are not ignored."""

    folder: bytes
    files: list[FileStat]


class Unreadable(NamedTuple):
    """A folder that could not be listed; nothing is known about what is in it."""

    folder: bytes
    reason: str


class Changes(NamedTuple):
    """The difference between a listing and what is known of that folder."""

    new: list[FileStat]
    changed: list[FileStat]
    gone: list[bytes]


class Ignore:
    """What is left out below one root.

    ``patterns`` are gitignore's, relative to the root; ``folders`` are whole trees elsewhere
    (OUTPUT, the state folder), by their absolute paths.
    """

    def __init__(self, root: bytes, patterns: Iterable[str], folders: Iterable[bytes]) -> None:
        self._root = root
        self._spec = pathspec.GitIgnoreSpec.from_lines(patterns)
        self._folders = tuple(folders)

    def __call__(self, path: bytes, *, folder: bool) -> bool:
        """Whether ``path``, a folder or a file below the root, is left out."""
        if any(path == each or path.startswith(each + b"/") for each in self._folders):
            return True
        if _IGNORED_NAME.match(os.fsdecode(path.rpartition(b"/")[2])):
            return True
        if not self._spec.patterns:
            return False
        inside = os.fsdecode(path[len(self._root) :].lstrip(b"/"))
        return self._spec.match_file(inside + "/" if folder else inside)

    def hides(self, path: bytes, *, folder: bool) -> bool:
        """Whether ``path``, the root, or any folder between them is left out."""
        inside = path[len(self._root) :].lstrip(b"/").split(b"/")
        above = self._root.rstrip(b"/")
        if is_stopped(above):
            return True
        for name in inside[:-1]:
            above += b"/" + name
            if self(above, folder=True) or is_stopped(above):
                return True
        return self(path, folder=folder)


def is_stopped(folder: bytes) -> bool:
    """Whether ``folder`` holds a file that says to leave it alone."""
    return any(os.path.lexists(folder + b"/" + name) for name in STOP_FILES)


def is_picture(path: bytes) -> bool:
    """Whether the name says that this may be a picture."""
    return os.path.splitext(path)[1].lower() in PICTURE_SUFFIXES


def walk(top: bytes, ignore: Ignore) -> Iterator[Listing | Unreadable]:
    """List ``top`` and all folders below it, in order of name; symlinks are never followed."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            files, folders = _list(folder, ignore)
        except OSError as error:
            yield Unreadable(folder, error.strerror or str(error))
            continue
        waiting.extend(sorted(folders, reverse=True))
        yield Listing(folder, files)


def _list(folder: bytes, ignore: Ignore) -> tuple[list[FileStat], list[bytes]]:
    with os.scandir(folder) as entries:
        found = list(entries)
    if any(entry.name in STOP_FILES for entry in found):
        return [], []
    files = []
    folders = []
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if not ignore(entry.path, folder=True):
                folders.append(entry.path)
        elif entry.is_file(follow_symlinks=False) and not ignore(entry.path, folder=False):
            try:
                files.append(FileStat.of(entry.path, entry.stat(follow_symlinks=False)))
            except FileNotFoundError:
                continue  # gone between listing and looking: the same as never listed
    return files, folders


def look(path: bytes) -> FileStat | None:
    """Return the FileStat of a regular file, None for all else and for nothing.

    OSError when that cannot be told (no permission, a failing disk).
    """
    try:
        stat = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return FileStat.of(path, stat) if stat_bits.S_ISREG(stat.st_mode) else None


def is_folder(path: bytes) -> bool:
    """Whether ``path`` is a folder, and no link to one."""
    return os.path.isdir(path) and not os.path.islink(path)


def diff(seen: Iterable[FileStat], known: Mapping[bytes, FileStat]) -> Changes:
    """Compare one folder's listing with what is known of it.  Pure."""
    new = []
    changed = []
    there = set()
    for stat in seen:
        there.add(stat.path)
        before = known.get(stat.path)
        if before is None:
            new.append(stat)
        elif before != stat:
            changed.append(stat)
    return Changes(new, changed, [path for path in known if path not in there])
