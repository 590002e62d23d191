"""The output tree on disk, reached through folder descriptors that never follow a link.

Every call names one entry of an open folder, and a folder is opened step by step from OUTPUT with
O_NOFOLLOW.  A link that somebody put in the place of one of our folders is therefore an error and
never a way out of OUTPUT.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Self

from facewatchd.model import Copy, Entry, File, Folder, Link, Way
from facewatchd.organise.copies import is_hardlink, is_ours, stamp_of
from facewatchd.organise.manner import PLAIN, Manner, RightsError
from facewatchd.organise.names import is_temporary
from facewatchd.organise.refusals import shown

if TYPE_CHECKING:
    from facewatchd.organise.photos import Photos

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LARGEST_COVER = 16 * 2**20  # bytes; ours are some 50 KiB, a larger file is somebody else's


class State(Enum):
    """What is found at a path of the manifest."""

    OURS = "what we made"
    MISSING = "nothing"
    FOREIGN = "something else"


class Tree:
    """An open output folder.  Paths are relative to it; its methods raise OSError."""

    def __init__(self, output: bytes, photos: Photos, manner: Manner = PLAIN) -> None:
        """Open ``output``, an absolute path without links; ``photos`` opens those of copies."""
        self._photos = photos
        self._manner = manner
        self._root = os.open(output, _OPEN_FOLDER)
        self._path, self._folder = b"", os.dup(self._root)  # the folder that was entered last
        self._unsynced: set[bytes] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)
        os.close(self._root)

    def state(self, path: bytes, entry: Entry | None, *, at_a_glance: bool = False) -> State:
        """Compare what is at ``path`` with ``entry`` (None: nothing was made there).

        A glance is not enough before something is removed or replaced.
        """
        try:
            folder, name = self._at(path)
            ours = _is_temporary_file(folder, name) or self._is(
                folder, name, entry, at_a_glance=at_a_glance
            )
        except FileNotFoundError:
            return State.MISSING
        except NotADirectoryError:
            return State.MISSING  # the folder that it was in has made place for something else
        return State.OURS if ours else State.FOREIGN

    def describe(self, path: bytes) -> str:
        """Say in words what is at ``path``."""
        try:
            folder, name = self._at(path)
            mode = os.lstat(name, dir_fd=folder).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return "nothing"
        if stat.S_ISLNK(mode):
            return f"a link to {shown(os.readlink(name, dir_fd=folder))}"
        return "a folder" if stat.S_ISDIR(mode) else "a file"

    def make_folder(self, path: bytes) -> None:
        """Make a folder; FileExistsError if the name is taken."""
        folder, name = self._at(path)
        os.mkdir(name, dir_fd=folder)
        try:
            self._set_right(folder, name)
        except RightsError:
            os.rmdir(name, dir_fd=folder)
            raise

    def make_link(self, path: bytes, target: bytes) -> None:
        """Make a link; FileExistsError if the name is taken."""
        folder, name = self._at(path)
        os.symlink(target, name, dir_fd=folder)

    def make_file(self, path: bytes, content: bytes) -> None:
        """Write a file to the disk; FileExistsError if the name is taken."""
        folder, name = self._at(path)
        file = os.open(name, _NEW_FILE, 0o666, dir_fd=folder)
        try:
            self._manner.set_right(folder, file)
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        finally:
            os.close(file)

    def make_copy(self, path: bytes, copy: Copy) -> Copy:
        """Make a photo's file and write it to the disk; FileExistsError if the name is taken.

        Returns ``copy`` with the digest of what was written.

        PhotoAwayError if the photo is not there as planned, NoReflinkError where that is the way
        and cannot be.
        """
        folder, name = self._at(path)
        self._photos.check(copy)
        if copy.way is Way.HARDLINK:
            os.link(copy.source, name, dst_dir_fd=folder, follow_symlinks=False)
            return copy
        file = os.open(name, _NEW_FILE, 0o666, dir_fd=folder)
        try:
            self._manner.set_right(folder, file)
            digest = self._photos.fill(
                copy, file, lambda size: self._manner.leave_room(folder, size)
            )
        finally:
            os.close(file)
        return replace(copy, digest=digest)

    def is_linked(self, path: bytes, copy: Copy) -> bool:
        """Whether ``path`` is a hard link to the photo already."""
        folder, name = self._at(path)
        with suppress(FileNotFoundError):
            found = os.lstat(name, dir_fd=folder)
            return copy.way is Way.HARDLINK and is_hardlink(found, replace(copy, stamp=None))
        return False

    def stamped(self, path: bytes, entry: Entry) -> Entry:
        """Return ``entry``, which is at ``path``, with what it is known by from now on."""
        if not isinstance(entry, Copy):
            return entry
        folder, name = self._at(path)
        return replace(entry, stamp=stamp_of(os.lstat(name, dir_fd=folder)))

    def set_right(self, path: bytes, entry: Entry) -> None:
        """Give what we made at ``path`` (empty: OUTPUT itself) its group and mode."""
        if isinstance(entry, Link) or (isinstance(entry, Copy) and entry.way is Way.HARDLINK):
            return  # a link has none, and a hard link has those of the photo
        self._set_right(*self._at(path)) if path else self._manner.set_right(self._root, self._root)

    def _set_right(self, folder: int, name: bytes) -> None:
        opened = os.open(name, _OPEN_FILE, dir_fd=folder)
        try:
            self._manner.set_right(folder, opened)
        finally:
            os.close(opened)

    def rename(self, path: bytes, to: bytes) -> None:
        """Put ``path`` in the place of ``to``, which is in the same folder."""
        folder, name = self._at(path)
        os.rename(name, os.path.basename(to), src_dir_fd=folder, dst_dir_fd=folder)
        self._unsynced.add(os.path.dirname(path))

    def rename_folder(self, path: bytes, to: bytes) -> None:
        """Change the case of a folder's name; FileExistsError if something else has the new one.

        Where a disk ignores case Linux may leave the name as it is; both then lead there.
        """
        folder, name = self._at(path)
        new = os.path.basename(to)
        ours = os.lstat(name, dir_fd=folder)
        if not stat.S_ISDIR(ours.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        with suppress(FileNotFoundError):
            if not os.path.samestat(ours, os.lstat(new, dir_fd=folder)):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), to)
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=folder)
        self._unsynced.add(os.path.dirname(path))

    def remove(self, path: bytes) -> None:
        """Remove a link or file."""
        folder, name = self._at(path)
        os.unlink(name, dir_fd=folder)
        self._unsynced.add(os.path.dirname(path))

    def remove_folder(self, path: bytes) -> None:
        """Remove an empty folder."""
        folder, name = self._at(path)
        os.rmdir(name, dir_fd=folder)
        self._unsynced.add(os.path.dirname(path))

    def sync(self) -> None:
        """Make what was renamed and removed survive a power cut, so that it may be forgotten."""
        for path in sorted(self._unsynced):
            try:
                os.fsync(self._enter(path))
            except (FileNotFoundError, NotADirectoryError):
                pass  # the folder itself is gone
            except OSError as error:
                if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
                    raise
        self._unsynced.clear()

    def _is(self, folder: int, name: bytes, entry: Entry | None, *, at_a_glance: bool) -> bool:
        mode = os.lstat(name, dir_fd=folder).st_mode
        match entry:
            case Link(target):
                return stat.S_ISLNK(mode) and os.readlink(name, dir_fd=folder) == target
            case Copy():
                return is_ours(folder, name, entry, self._photos, at_a_glance=at_a_glance)
            case File(_, digest):
                return stat.S_ISREG(mode) and _digest(folder, name) == digest
            case Folder():
                return stat.S_ISDIR(mode)
            case None:
                return False

    def _at(self, path: bytes) -> tuple[int, bytes]:
        """Return the descriptor of the folder that ``path`` is in, and its name there."""
        place, name = os.path.split(path)
        return self._enter(place), name

    def _enter(self, path: bytes) -> int:
        """Open a folder.  The last one stays open, because operations come sorted by path."""
        if path == self._path:
            return self._folder
        folder = self._open(path)
        os.close(self._folder)
        self._path, self._folder = path, folder
        return folder

    def _open(self, path: bytes) -> int:
        names = path.split(b"/") if path else []
        if not {b"", b".", b".."}.isdisjoint(names):
            raise ValueError(f"{path!r} is no path in the output tree")
        folder = os.dup(self._root)
        for name in names:
            try:
                deeper = os.open(name, _OPEN_FOLDER, dir_fd=folder)
            finally:
                os.close(folder)
            folder = deeper
        return folder


def open_output(output: bytes, photos: Photos, manner: Manner = PLAIN) -> Tree:
    """Open the output folder, making it (not its parents) if it is missing."""
    try:
        return Tree(output, photos, manner)
    except FileNotFoundError:
        os.mkdir(output)
        tree = Tree(output, photos, manner)
        tree.set_right(b"", Folder())
        return tree


def _is_temporary_file(folder: int, name: bytes) -> bool:
    """Temporary names of the manifest are ours however much of them was written."""
    return is_temporary(name) and not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode)


def _digest(folder: int, name: bytes) -> bytes | None:
    """Return SHA-256 of a file's content, None for one that is too large to be a cover."""
    with open(os.open(name, _OPEN_FILE, dir_fd=folder), "rb") as file:
        content = file.read(_LARGEST_COVER + 1)
    return hashlib.sha256(content).digest() if len(content) <= _LARGEST_COVER else None
