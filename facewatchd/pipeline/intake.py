"""From hints and walks to rows: which files there are, and which of them are to be read."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd.errors import RootError
from facewatchd.model import FileState
from facewatchd.pipeline.walker import Walk, Walked, Walker
from facewatchd.scan import STOP_FILES, Ignore, diff, is_folder, is_picture, look
from facewatchd.settle import QUIET, Settling
from facewatchd.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.config import Settings
    from facewatchd.model import FileStat
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.scan import Listing
    from facewatchd.store import Store
    from facewatchd.store.files import KnownFile

MANY = 50  # so many files do not vanish at once without a reason
EMPTY = (
    "nothing is in it, and many photos were. Is its disk mounted?"
    " If they were deleted, put any file into it."
)
_LISTINGS_A_STEP = 32

log = logging.getLogger(__name__)


@dataclass(slots=True)
class RootState:
    """A watched root, and how it is doing."""

    path: bytes
    ignore: Ignore
    state: str = "unreadable"
    reason: str | None = None
    said: str | None = None  # what the log was told last

    def give_up(self, reason: str) -> None:
        """It cannot be read; say so in the log once."""
        self.state, self.reason = "unreadable", reason
        if reason != self.said:
            log.error("A root cannot be read and is looked for every minute: %s", reason)
        self.said = reason


class Intake:
    """Keeps the table of files equal to what is in the roots."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        publishing: Publishing,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._publishing = publishing
        self._clock = clock
        self._wake = wake
        own = [os.fsencode(settings.output), os.fsencode(settings.state)]
        self.roots = [
            RootState(path, Ignore(path, root.ignore, own))
            for root in settings.roots
            for path in [os.fsencode(root.path)]
        ]
        self._settling = Settling([root.path for root in self.roots])
        self._gone: set[bytes] = set()
        self._watcher = Watcher(wake)
        self._walker = Walker(wake)

    def start(self) -> None:
        """Watch every root, then list it: what appears in between is seen by one or the other.

        Raises RootError when no root can be read.
        """
        self._leave_former_roots()
        self.look_for_roots()
        if all(root.state == "unreadable" for root in self.roots):
            raise RootError(
                "No root can be read:\n" + "\n".join(f"  {root.reason}" for root in self.roots),
                "Mount the disk, mend the path (roots), or let facewatchd's user read it.",
            )

    def scan(self) -> None:
        """List every root anew."""
        self.look_for_roots()
        for root in self.roots:
            if root.state == "watched":
                self._list(root)

    def look_for_roots(self) -> None:
        """Watch and list every root that could not be read until now."""
        for root in self.roots:
            if root.state == "unreadable":
                self._watch(root)
                if root.state == "watched":
                    self._list(root)

    @property
    def busy(self) -> bool:
        """Whether files may be there that have no row yet."""
        return self._walker.busy or len(self._settling) > 0 or len(self._gone) > 0

    @property
    def alive(self) -> bool:
        """Whether the watcher still watches."""
        return self._watcher.alive

    def next_due(self) -> float | None:
        """Return when the next changed path may have settled."""
        return self._settling.next_due()

    def look_again(self, path: bytes) -> None:
        """A file changed while it was being read: let it settle."""
        self._settling.touch(path, self._clock.monotonic(), complete=False, stat=_glimpse(path))

    def step(self) -> None:
        """Take the hints, deal with what has settled, and enter what the walker saw."""
        now = self._clock.monotonic()
        self._take_hints(now)
        for path in self._settling.due(now):
            try:
                self._deal_with(path, now)
            except OSError as error:
                self._settling.drop(path)
                log.warning("%r is left to the next scan: %s", os.fsdecode(path), error.strerror)
        if self._gone:
            self._remove_gone()
        for _ in range(_LISTINGS_A_STEP):
            seen = self._walker.take()
            if seen is None:
                return
            with self._store.transaction():
                if isinstance(seen, Walked):
                    self._end_walk(seen)
                else:
                    self._enter(seen)
        self._wake()  # there may be more

    def close(self) -> None:
        """Stop watching and walking."""
        self._watcher.close()
        self._walker.close()

    def _leave_former_roots(self) -> None:
        """Remove files of folders that the configuration does not name any more."""
        former = self._store.files.outside(root.path for root in self.roots)
        if former:
            log.info("%d files lie in no root any more; their links go.", len(former))
        with self._store.transaction():
            for known in former:
                self._remove(known)

    def _watch(self, root: RootState) -> None:
        reason = None
        try:
            os.scandir(root.path).close()
            self._watcher.watch(root.path)
        except OSError as error:
            reason = _words(root.path, error.strerror or str(error))
        if reason:
            root.give_up(reason)
        else:
            root.state, root.reason = "watched", None

    def _list(self, root: RootState) -> None:
        root.state = "scanning"
        self._walker.request(Walk(root.path, root.ignore))

    def _root_of(self, path: bytes) -> RootState | None:
        return next(
            (r for r in self.roots if path == r.path or path.startswith(r.path + b"/")), None
        )

    def _take_hints(self, now: float) -> None:
        latest: dict[bytes, bool] = {}
        for hint in self._watcher.take():
            latest[hint.path] = hint.complete
        for path, complete in latest.items():
            root = self._root_of(path)
            if root is None or root.ignore(path, folder=False):
                continue
            stat = _glimpse(path)
            self._settling.touch(path, now, complete=complete or stat is None, stat=stat)

    def _deal_with(self, path: bytes, now: float) -> None:
        """Enter what is at a settled path: a file, a folder to walk, or nothing any more."""
        root = self._root_of(path)
        stat = look(path)
        if stat is not None and not self._settling.is_ready(path, stat, now):
            return
        self._settling.drop(path)
        if root is None:
            return
        if path.rpartition(b"/")[2] in STOP_FILES:
            self._walker.request(Walk(path.rpartition(b"/")[0], root.ignore))
        elif stat is None and not is_folder(path):
            self._gone.add(path)
        elif root.ignore.hides(path, folder=stat is None):
            return
        elif stat is None:
            self._walker.request(Walk(path, root.ignore))
        else:
            known_file = self._store.files.at(path)
            if known_file is None or known_file.stat != stat:
                with self._store.transaction():
                    self._put(stat)

    def _remove_gone(self) -> None:
        """Remove files and folders that are gone, once what they may have become is entered."""
        if self._walker.busy:
            return
        with self._store.transaction():
            for path in self._gone:
                root = self._root_of(path)
                if root is not None and path == root.path:
                    self._watch(root)  # its photos are not gone: nothing is known of them now
                    continue
                for known in self._store.files.at_or_below(path):
                    self._remove_unless_back(known)
        self._gone.clear()

    def _enter(self, listing: Listing) -> None:
        known = self._store.files.in_folder(listing.folder)
        changes = diff(listing.files, {path: file.stat for path, file in known.items()})
        for stat in (*changes.new, *changes.changed):
            if self._is_young(stat):
                now = self._clock.monotonic()
                self._settling.touch(stat.path, now, complete=False, stat=stat)
            else:
                self._put(stat)
        for path in changes.gone:
            self._remove_unless_back(known[path])

    def _is_young(self, stat: FileStat) -> bool:
        """Whether a file was written so lately that somebody may still be writing it."""
        return abs(self._clock.time() - stat.mtime_ns / 1e9) < QUIET

    def _end_walk(self, walked: Walked) -> None:
        """Remove what was known of folders that hold no file now; keep what could not be seen."""
        unseen = tuple(u.folder for u in walked.unreadable)
        root = self._root_of(walked.top)
        if root is not None and walked.top == root.path:
            root.state = "unreadable" if root.path in unseen else "watched"
            root.reason = "; ".join(_words(u.folder, u.reason) for u in walked.unreadable) or None
            if not walked.filled and self._store.files.count_below(root.path) >= MANY:
                root.give_up(_words(root.path, EMPTY))
                return
        for folder in self._store.files.folders_below(walked.top):
            if folder not in walked.filled and not _is_at_or_below(folder, unseen):
                for known in self._store.files.in_folder(folder).values():
                    self._remove_unless_back(known)

    def _remove_unless_back(self, known: KnownFile) -> None:
        """Remove a file that a walk did not see, unless it came after the walk had passed."""
        path = known.stat.path
        root = self._root_of(path)
        try:
            gone = root is None or look(path) is None or root.ignore.hides(path, folder=False)
        except OSError as error:
            log.warning("%r is kept, gone or not: %s", os.fsdecode(path), error.strerror)
            return
        if gone:
            self._remove(known)

    def _put(self, stat: FileStat) -> None:
        files = self._store.files
        guess = stat.mtime_ns / 1e9
        before = files.at(stat.path)
        if not is_picture(stat.path):
            files.put(stat, FileState.UNSUPPORTED, guess)
        elif (photo := files.same_content(stat)) is not None:
            files.put(stat, FileState.DONE, guess, photo)
            self._update_presence(photo)
        else:
            # Until it is read again, a changed file goes on showing what it showed.
            files.put(stat, FileState.PENDING, guess, before.photo if before else None)
            return
        if before is not None and before.photo is not None:
            self._update_presence(before.photo)

    def _remove(self, known: KnownFile) -> None:
        self._store.files.remove(known.id)
        if known.photo is not None:
            self._update_presence(known.photo)

    def _update_presence(self, photo: int) -> None:
        self._store.faces.set_presence(photo, self._clock.time())
        self._publishing.touch(self._store.faces.people_near(photo))


def _glimpse(path: bytes) -> FileStat | None:
    """Return what ``path`` looks like now, None also when that cannot be told yet."""
    try:
        return look(path)
    except OSError:
        return None  # it is looked at again when it has settled, and then the reason is told


def _is_at_or_below(folder: bytes, tops: tuple[bytes, ...]) -> bool:
    return any(folder == top or folder.startswith(top + b"/") for top in tops)


def _words(folder: bytes, reason: str) -> str:
    return f"{os.fsdecode(folder)}: {reason}"
