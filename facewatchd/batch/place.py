"""A folder that a command fills: what it wrote there, and how that is replaced.

What is new is made aside first.  Then the manifest names what was there and what will be, what was
there is removed, and what is new is moved into its place: whenever that is interrupted, the
manifest names at least what is there, and the next run replaces it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

OWN = ".facewatchd"
_LOCK = "lock"
# It shows who is in whose photos: the umask decides on the group, and nobody else reads it.
_FOLDER = 0o770
_NAMED = 3  # files of others that an error names
_TICK = 2  # seconds: FAT keeps times no finer


class Made(NamedTuple):
    """What was made: a folder, a link, or a file; another one has another ``mark``."""

    kind: str
    mark: str


class Place:
    """The folder ``output`` of ``command``, whose hidden folder ``own`` holds the manifest.

    Each command has a manifest of another name, so that none replaces what another one made.
    """

    def __init__(self, output: Path, command: str) -> None:
        self.output = output
        self.own = output / OWN
        self._manifest = self.own / f"{command}.json"
        self._fresh = self.own / f"{command}.new"
        self._aside = self.own / "new"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the folder, or take one that is empty or ours; FacewatchError for any other.

        One run at a time: FacewatchError for a second one.
        """
        with self._told():
            there = sorted(os.listdir(self.output)) if self.output.exists() else []
            if there and not self._manifest.is_file() and not self._is_begun(there):
                raise self._foreign(there)
            self.output.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
            self.own.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(self.own / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock(lock)
            with self._told():
                if not self._manifest.is_file():
                    self._write([])
            yield
        finally:
            os.close(lock)

    def _is_begun(self, there: list[str]) -> bool:
        """Whether a run made no more than this: it was stopped, or its disk was full."""
        return there == [OWN] and {*os.listdir(self.own)} <= {_LOCK, self._fresh.name}

    def _lock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FacewatchError(
                f"Another facewatchctl fills {self.output}.",
                "Wait for its end, or name another folder.",
            ) from error

    @contextmanager
    def renewed(self) -> Iterator[Path]:
        """Yield an empty folder for what is to be there; at the end it replaces what was.

        FacewatchError, and nothing is changed, where somebody else's file is in the way.
        """
        with self._told():
            shutil.rmtree(self._aside, ignore_errors=True)
            self._aside.mkdir()
            yield self._aside
            self._replace()

    def _replace(self) -> None:
        fresh, before = _found(self._aside), self._read()
        ours = {
            path: there
            for path, made in before.items()
            if not self._leads_away(path) and (there := _look_or_none(self.output / path)) in made
        }
        self._refuse_others(fresh, ours)
        both = [*ours.items(), *fresh.items()]
        self._write(both)
        for path, made in sorted(ours.items(), reverse=True):  # what is in a folder before it
            _remove(self.output / path, made)
        for path, made in sorted(fresh.items()):
            if made.kind == "folder":
                (self.output / path).mkdir(mode=_FOLDER, exist_ok=True)
            else:
                os.rename(self._aside / path, self.output / path)
        self._write(fresh.items())
        shutil.rmtree(self._aside)

    def _leads_away(self, path: str) -> bool:
        """Whether somebody put a link in the place of a folder: what is there lies elsewhere."""
        above = PurePath(path).parents[:-1]
        return any((self.output / folder).is_symlink() for folder in above)

    def _refuse_others(self, fresh: Mapping[str, Made], ours: Mapping[str, Made]) -> None:
        def is_in_the_way(path: str) -> bool:
            place = self.output / path
            if fresh[path].kind == "folder" and place.is_dir() and not place.is_symlink():
                return False
            return path not in ours and os.path.lexists(place)

        if others := [path for path in sorted(fresh) if is_in_the_way(path)]:
            raise self._foreign(others)

    def _foreign(self, names: list[str]) -> FacewatchError:
        named = ", ".join(names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return FacewatchError(
            f"{self.output} holds what this command did not make: {named}{more}.",
            "Name a new or an empty folder, or move these away. Nothing was changed.",
        )

    def _read(self) -> dict[str, list[Made]]:
        """Return what may have been made, by its path; of some two kinds, of which one is there."""
        made: dict[str, list[Made]] = {}
        try:
            for path, kind, mark in json.loads(self._manifest.read_bytes()):
                made.setdefault(path, []).append(Made(kind, mark))
        except (ValueError, TypeError) as error:
            raise FacewatchError(
                f"{self._manifest} is damaged: {error}.",
                "It names what may be replaced in this folder. Name another folder.",
            ) from error
        return made

    def _write(self, made: Iterable[tuple[str, Made]]) -> None:
        with self._fresh.open("w", encoding="ascii") as file:
            json.dump([(path, *each) for path, each in made], file)
            file.flush()
            os.fsync(file.fileno())
        self._fresh.replace(self._manifest)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FacewatchError(
                f"{self.output} cannot be written: {error}.",
                "Make room or mend the rights there, or name another folder; then type the same"
                " command: it goes on.",
            ) from error


def _found(folder: Path) -> dict[str, Made]:
    """Return all that is below ``folder``, by its path from there."""
    found = {}
    for top, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(top, name)
            found[os.path.relpath(path, folder)] = _look(path)
    return found


def _look(path: str | Path) -> Made:
    there = os.lstat(path)
    if stat.S_ISLNK(there.st_mode):
        return Made("link", os.readlink(path))
    if stat.S_ISDIR(there.st_mode):
        return Made("folder", "")
    return Made("file", f"{there.st_size} {int(there.st_mtime) // _TICK}")


def _look_or_none(path: Path) -> Made | None:
    try:
        return _look(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _remove(path: Path, made: Made) -> None:
    if made.kind != "folder":
        path.unlink()
    elif not any(path.iterdir()):  # what somebody has put into it stays
        path.rmdir()
