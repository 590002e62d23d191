"""The watches of one root: adding them within the limit, and saying why there is none."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.inotify import Mask
from facewatchd.watch.news import News, Unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facewatchd.inotify import Inotify
    from facewatchd.watch.budget import Budget
    from facewatchd.watch.tree import Tree

_MASK = int(
    Mask.CREATE
    | Mask.CLOSE_WRITE
    | Mask.MOVED_FROM
    | Mask.MOVED_TO
    | Mask.DELETE
    | Mask.MOVE_SELF
    | Mask.DELETE_SELF
    | Mask.ATTRIB
    | Mask.ONLYDIR
    | Mask.DONT_FOLLOW
    | Mask.EXCL_UNLINK
)
_ABOVE_MASK = int(Mask.MOVE_SELF | Mask.DELETE_SELF | Mask.ONLYDIR | Mask.DONT_FOLLOW)
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR)  # gone again, or no folder any more


class Terms(NamedTuple):
    """What one call of ``Watcher.watch`` asked for."""

    root: bytes
    stop_files: frozenset[bytes]
    ignored: Callable[[bytes], bool]
    refused: Callable[[bytes], str | None]


class Watches:
    """Asks the kernel; knows paths and limits, and of the tree only which watches it has."""

    def __init__(
        self,
        terms: Terms,
        inotify: Inotify,
        budget: Budget,
        tell: Callable[[News], None],
        going: Callable[[], bool],
    ) -> None:
        """Long work ends early when ``going`` says no."""
        self._terms = terms
        self._inotify = inotify
        self._budget = budget
        self._tell = tell
        self._going = going
        self._over: list[bytes] = []  # folders for which no watch was left
        self._missing = 0

    def begin(self) -> int:
        """Watch the root alone.  Raises OSError."""
        if not self._budget.take():
            raise OSError(errno.ENOSPC, self._budget.words)
        try:
            return self._inotify.add(self._terms.root, _MASK)
        except OSError as error:
            self._budget.give_back(1)
            if error.errno == errno.ENOSPC:
                raise OSError(errno.ENOSPC, self._budget.words) from error
            raise

    def watch_above(self) -> frozenset[int]:
        """Watch whether a folder above the root is moved, as far as we may: it takes the root."""
        above = set()
        folder = os.path.dirname(self._terms.root)
        while folder != os.path.dirname(folder) and self._budget.take():
            try:
                above.add(self._inotify.add(folder, _ABOVE_MASK))
            except OSError:  # the owner of the machine may well keep it from us
                self._budget.give_back(1)
            folder = os.path.dirname(folder)
        return frozenset(above)

    def add(self, path: bytes, tree: Tree, *, anew: bool) -> int | None:
        """Watch ``path``, and return the watch's number; None, after saying why, without one.

        A folder that is watched already, under whatever name, keeps its number.  Raises
        FileNotFoundError or NotADirectoryError when no folder is there.
        """
        if self._terms.ignored(path):
            return None
        reason = self._terms.refused(path)
        if reason is not None:
            self._say(path, reason)
        # What is adrift may be found again here, and costs no further watch.
        elif anew and self._budget.spent and not tree.adrift:
            self._over.append(path)
        else:
            wd = self._ask_for(path)
            if wd is None or tree.get(wd) is not None or self._budget.take():
                return wd
            self._inotify.remove(wd)
            self._over.append(path)
        return None

    def number_at(self, path: bytes, tree: Tree) -> int | None:
        """Return the number of the folder at ``path`` if ``tree`` has it.  OSError: see there."""
        wd = self._inotify.add(path, _MASK)
        if tree.get(wd) is not None:
            return wd
        self._inotify.remove(wd)  # it was not to be watched, only to be recognised
        return None

    def folders_in(self, path: bytes) -> list[bytes] | None:
        """Return the names of the folders in ``path``; None, after saying why, if unreadable."""
        try:
            return self._names(path)
        except OSError as error:
            if error.errno not in _NOTHING_THERE:
                self._say(path, os.strerror(error.errno or 0))
            return None

    def is_stopped(self, path: bytes) -> bool:
        """Whether a file in ``path`` says to leave alone what is below."""
        return any(os.path.lexists(join(path, name)) for name in self._terms.stop_files)

    def count_anew(self) -> None:
        """All folders are gone over again: what was missing so far counts no more."""
        self._budget.read_limits()
        self._missing = 0
        self._budget.miss(self._terms.root, 0)

    def say_what_is_over(self) -> None:
        """Name the folders for which no watch was left, and the limit with which there would be."""
        over, self._over = self._over, []
        if over:
            self._missing += sum(self._count(path) for path in over)
            self._budget.miss(self._terms.root, self._missing)
            words = self._budget.words
            for path in over:
                self._say(path, words)

    def end(self, wds: Sequence[int]) -> None:
        """End watches."""
        for wd in wds:
            self._inotify.remove(wd)
        self._budget.give_back(len(wds))

    def has_ended(self) -> None:
        """The kernel has ended a watch."""
        self._budget.give_back(1)

    def close(self, number: int) -> None:
        """All watches, so many, go; the kernel ends them with the instance."""
        self._budget.miss(self._terms.root, 0)
        self._budget.give_back(number)

    def _ask_for(self, path: bytes) -> int | None:
        try:
            return self._inotify.add(path, _MASK)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._over.append(path)
            elif error.errno in _NOTHING_THERE:
                raise
            else:
                self._say(path, os.strerror(error.errno or 0))
            return None

    def _say(self, path: bytes, reason: str) -> None:
        self._tell(Unwatched(self._terms.root, path, reason))

    def _names(self, path: bytes) -> list[bytes]:
        names = []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name in self._terms.stop_files:
                    return []
                if entry.is_dir(follow_symlinks=False):
                    names.append(entry.name)
        return names

    def _count(self, top: bytes) -> int:
        """Return how many folders would be watched from ``top`` down."""
        count = 0
        waiting = [top]
        while waiting and self._going():
            path = waiting.pop()
            count += 1
            try:
                names = self._names(path)
            except OSError:  # it is counted itself, and more cannot be known
                continue
            waiting.extend(
                below
                for below in (join(path, name) for name in names)
                if not self._terms.ignored(below) and self._terms.refused(below) is None
            )
        return count


def join(folder: bytes, name: bytes) -> bytes:
    """Return the path of ``name`` in ``folder``."""
    return folder.rstrip(b"/") + b"/" + name
