"""From hints and walks to rows: which files there are, and which of them are to be read."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from facewatchd import logs
from facewatchd.errors import NotFoundError, RootError
from facewatchd.model import FileState
from facewatchd.pipeline.removing import Removing
from facewatchd.pipeline.roots import Roots
from facewatchd.pipeline.walker import Broken, Ended
from facewatchd.scan import STOP_FILES, Listing, diff, is_folder, is_picture, kind, look
from facewatchd.settle import QUIET, Settling
from facewatchd.watch import Hint

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from facewatchd.config import Settings
    from facewatchd.model import FileStat
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.pipeline.root import Root
    from facewatchd.store import Store

log = logging.getLogger(__name__)


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
        self.roots = Roots(settings, store, clock, wake)
        self._settling = Settling([root.path for root in self.roots.all])
        self._removing = Removing(store, clock, self._update_presence)
        self._to_confirm: dict[bytes, FileStat] = {}

    def start(self) -> None:
        """Leave the roots that are named no more, and `watch`."""
        self.leave_former_roots()
        self.watch()

    def watch(self) -> None:
        """Begin to watch and to list every root."""
        self.roots.walk_all()

    def check(self) -> None:
        """Raise RootError when no root can be read.

        One that is not the disk that it was waits for the user, who asks the running daemon.
        """
        if all(root.offline and not root.is_readable for root in self.roots.all):
            raise RootError(
                "No root can be read:\n"
                + "\n".join(f"  {os.fsdecode(r.path)}: {r.offline}" for r in self.roots.all),
                "Mount the disk, mend the path (roots), or let facewatchd's user read it.",
            )

    def leave_former_roots(self) -> None:
        """Remove files of folders that the configuration does not name any more."""
        former = self._store.files.outside(root.path for root in self.roots.all)
        if former:
            log.info("%d files lie in no root any more; their links go.", len(former))
        with self._store.transaction():
            self._removing.remove(former)

    def accept(self, root: bytes) -> None:
        """Take what is missing below ``root`` for deleted; NotFoundError if it is no root."""
        if not self.roots.accept(root):
            raise no_such_root(root, self.roots.all)

    @property
    def busy(self) -> bool:
        """Whether files may be there that have no row yet."""
        return self.roots.walking or len(self._settling) > 0 or self._removing.waits

    @property
    def settling(self) -> int:
        """How many paths changed lately and are not looked at yet."""
        return len(self._settling)

    def next_due(self) -> float | None:
        """Return when the next path may have settled, or a root is due."""
        times = (self._settling.next_due(), self.roots.next_due(), self._removing.next_due())
        return min((due for due in times if due is not None), default=None)

    def is_settling(self, path: bytes) -> bool:
        """Whether ``path``, or a folder above it, changed lately."""
        return any(above in self._settling for above in _upwards(path))

    def look_again(self, path: bytes) -> None:
        """A file changed while it was being read: let it settle."""
        root = self.roots.of(path)
        if root is not None:
            stat = None if root.may_hang(path) else _glimpse(path)
            self._settling.touch(path, self._clock.monotonic(), complete=False, stat=stat)

    def step(self) -> None:
        """Take the hints, deal with what has settled, and enter what the walks saw."""
        now = self._clock.monotonic()
        latest: dict[bytes, tuple[Root, bool]] = {}
        seen: list[tuple[Root, Listing | Ended | Broken]] = []
        for root, news in self.roots.step():
            if isinstance(news, Hint):
                latest[news.path] = root, news.complete
            else:
                seen.append((root, news))
        if seen:
            self._take_in(seen)
        for path, (root, complete) in latest.items():
            self._touch(root, path, now, complete=complete)
        for path in self._settling.due(now):
            try:
                self._deal_with(path, now)
            except OSError as error:
                self._settling.drop(path)
                log.warning(
                    "%s is left to the next scan: %s", logs.photo(path), logs.error(error.strerror)
                )
        self._removing.step(self.roots.all)

    def _take_in(self, seen: list[tuple[Root, Listing | Ended | Broken]]) -> None:
        """Enter what walks saw, all that has come in one transaction: each costs a disk a turn."""
        with self._store.transaction():
            for root, news in seen:
                match news:
                    case Listing():
                        self._enter(root, news)
                    case Broken():
                        self._removing.break_walk(root)
                    case Ended():
                        self._end_walk(root, news)

    def close(self) -> None:
        """Stop watching and walking."""
        self.roots.close()

    def _touch(self, root: Root, path: bytes, now: float, *, complete: bool) -> None:
        if root.ignore.rule_above(path, folder=False) is None:
            stat = _glimpse(path)
            self._settling.touch(path, now, complete=complete or stat is None, stat=stat)

    def _deal_with(self, path: bytes, now: float) -> None:
        """Enter what is at a settled path: a file, a folder to walk, or nothing any more."""
        root = self.roots.of(path)
        if root is None or root.offline:
            self._settling.drop(path)
            return
        if root.may_hang(path):
            self._have_walked(root, path)
            return
        stat = look(path)
        if stat is not None and not self._settling.is_ready(path, stat, now):
            return
        self._settling.drop(path)
        folder, name = os.path.split(path)
        if name in STOP_FILES:
            root.walker.request(folder)
        elif stat is None and not is_folder(path):
            self._removing.add(root, path)
        elif root.ignore.hides(path, folder=stat is None):
            return
        elif stat is None:
            root.walker.request(path)
        elif (known := self._store.files.at(path)) is None or known.stat != stat:
            with self._store.transaction():
                self._put(stat, _Disk())
            self._removing.is_back(root, path)

    def _have_walked(self, root: Root, path: bytes) -> None:
        """Have a scout see what is at a settled path, which may hang."""
        stat = self._settling.stat_of(path)
        self._settling.drop(path)
        if stat is None:  # a folder; or nothing any more, and then the walk sees nothing
            root.walker.request(path)
        else:
            self._to_confirm[path] = stat
        if path != root.path:
            root.walker.request(os.path.dirname(path), deep=False)

    def _enter(self, root: Root, listing: Listing) -> None:
        """Make the rows of a folder what a walk saw."""
        known = self._store.files.in_folder(listing.folder)
        changes = diff(listing.files, {path: file.stat for path, file in known.items()})
        there = frozenset(stat.path for stat in listing.files)
        whole = not changes.gone
        for stat in (*changes.new, *changes.changed):
            if self._is_settled(stat):
                self._put(stat, there)
            else:
                whole = False
        self._removing.note(root, [known[path] for path in changes.gone])
        if whole:
            self._store.folders.set_digest(listing.folder, listing.digest)

    def _is_settled(self, stat: FileStat) -> bool:
        """Whether nobody is still writing a file; if somebody may be, it is let rest."""
        confirmed = self._to_confirm.pop(stat.path, None) == stat
        young = abs(self._clock.time() - stat.mtime_ns / 1e9) < QUIET
        if confirmed or not (young or stat.path in self._settling):
            return True
        is_known = stat.path in self._settling
        if not is_known or self._settling.stat_of(stat.path) != stat:
            self._settling.touch(stat.path, self._clock.monotonic(), complete=False, stat=stat)
        return False

    def _end_walk(self, root: Root, ended: Ended) -> None:
        walked = ended.walked
        self._removing.end_walk(root, ended)
        if walked.deep and walked.top == root.path:
            self.roots.settle(root, ended)
            self._to_confirm = {
                path: stat
                for path, stat in self._to_confirm.items()
                if self.roots.of(path) is not root
            }

    def _put(self, stat: FileStat, beside: Container[bytes]) -> None:
        files = self._store.files
        guess = stat.mtime_ns / 1e9
        before = files.at(stat.path)
        if not is_picture(stat.path):
            files.put(stat, FileState.UNSUPPORTED, guess, kind=kind(stat.path, beside))
        elif (photo := files.same_content(stat)) is not None:
            files.put(stat, FileState.DONE, guess, photo=photo)
            if before is not None and before.photo not in {None, photo}:
                self._store.successions.note(before.photo, photo, stat.path)
            self._update_presence(photo)
        else:
            # Until it is read again, a changed file goes on showing what it showed.
            files.put(stat, FileState.PENDING, guess, photo=before.photo if before else None)
            return
        if before is not None and before.photo is not None:
            self._update_presence(before.photo)

    def _update_presence(self, photo: int) -> None:
        self._store.photos.set_presence(photo, self._clock.time())
        self._publishing.touch(self._store.faces.people_near(photo))


class _Disk:
    """What is on the disk, looked for when it is asked for."""

    def __contains__(self, path: object) -> bool:
        return isinstance(path, bytes) and os.path.lexists(path)


def no_such_root(path: bytes, roots: Iterable[Root]) -> NotFoundError:
    """Return the error that names the roots there are."""
    names = ", ".join(os.fsdecode(root.path) for root in roots)
    return NotFoundError(
        f"{os.fsdecode(path)!r} is no watched root.", f"Name one of these: {names}"
    )


def _glimpse(path: bytes) -> FileStat | None:
    """Return what ``path`` looks like now, None also when that cannot be told yet."""
    try:
        return look(path)
    except OSError:
        return None  # it is looked at again when it has settled, and then the reason is told


def _upwards(path: bytes) -> Iterable[bytes]:
    while path not in {b"", b"/"}:
        yield path
        path = os.path.dirname(path)
