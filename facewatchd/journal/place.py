"""One file of the journal, reached without following a link that somebody put in its place."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "decisions.jsonl"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class ChangedError(Exception):
    """The file is not as it was left."""


class Place:
    """The file in ``folder``; its methods raise OSError.

    ``size`` is how many bytes of the journal are known to be in it, and nothing beyond.
    """

    def __init__(self, folder: Path, name: str = NAME) -> None:
        self.file = folder / name
        self.size = 0
        self._folder = folder
        self._name = name
        self._new_name = f"{name}.new"  # what is not complete yet

    def read(self, start: int = 0) -> bytes:
        """Return what is in the file from byte ``start`` on; nothing if there is none."""
        try:
            with self._open_folder() as folder, _opened(folder, self._name, _READ) as file:
                os.lseek(file, start, os.SEEK_SET)
                with open(file, "rb", closefd=False) as stream:
                    return stream.read()
        except FileNotFoundError:
            return b""

    def append(self, data: bytes) -> None:
        """Write ``data`` after the ``size`` bytes that are there, to the disk.

        ChangedError if other than these are there.  After an OSError nothing of ``data`` is left,
        as far as the disk still allows to take it back.
        """
        try:
            with self._open_folder() as folder, _opened(folder, self._name, _APPEND) as file:
                if os.fstat(file).st_size != self.size:
                    raise ChangedError(self.file)
                try:
                    _write(file, data)
                except OSError:
                    with suppress(OSError):  # then the torn line is cut when it is read again
                        os.ftruncate(file, self.size)
                        os.fsync(file)
                    raise
        except FileNotFoundError as error:
            raise ChangedError(self.file) from error
        self.size += len(data)

    def replace(self, data: bytes) -> None:
        """Put a file with ``data`` in its place, at once; make its folder if there is none."""
        self.size = 0  # until it is done, nobody knows
        self._make_folder()
        with self._open_folder() as folder:
            _refuse_foreign(folder, self._name)
            _remove(folder, self._new_name)
            try:
                with _opened(folder, self._new_name, _NEW) as file:
                    _write(file, data)
                os.rename(self._new_name, self._name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with suppress(OSError):
                    _remove(folder, self._new_name)
                raise
            _sync_folder(folder)
        self.size = len(data)

    def tidy(self) -> None:
        """Remove what a crash left unfinished: it may hold what was to be forgotten."""
        with suppress(OSError), self._open_folder() as folder:
            _remove(folder, self._new_name)

    def _make_folder(self) -> None:
        try:
            os.mkdir(self._folder, 0o700)
        except FileExistsError:
            return
        parent = os.open(self._folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sync_folder(parent)
        finally:
            os.close(parent)

    @contextmanager
    def _open_folder(self) -> Iterator[int]:
        folder = os.open(self._folder, _FOLDER)
        try:
            yield folder
        finally:
            os.close(folder)


def why(error: OSError | ChangedError) -> str:
    """Say in words why a place cannot be used."""
    if isinstance(error, ChangedError):
        return "something else has changed it"
    if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.ENXIO}:  # links, files, pipes
        return "something that is not ours, perhaps a link, stands in its place"
    return error.strerror or str(error)


@contextmanager
def _opened(folder: int, name: str, flags: int) -> Iterator[int]:
    file = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        yield file
    finally:
        os.close(file)


def _refuse_foreign(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _remove(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.fsync(file)


def _sync_folder(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise
