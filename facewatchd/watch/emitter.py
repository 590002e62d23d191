"""A root's thread: inotify's events -> news, as an emitter of watchdog's observer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchdog.events import FileSystemEvent
from watchdog.observers.api import EventEmitter

from facewatchd.inotify import Inotify, Mask
from facewatchd.watch.folders import Folders
from facewatchd.watch.news import Gone, Hint, Lost, News, Unwatched, Watched
from facewatchd.watch.watches import join

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchdog.observers.api import EventQueue, ObservedWatch

    from facewatchd.inotify import Event
    from facewatchd.watch.budget import Budget
    from facewatchd.watch.tree import Folder
    from facewatchd.watch.watches import Terms

QUIET = 0.05  # seconds without an event: they have come to rest
PATIENCE = 10.0  # seconds after which it is done even though they have not
REMEMBERED = 4096  # files that were created and not yet closed

_CAME = int(Mask.CREATE | Mask.MOVED_TO | Mask.ATTRIB)  # the last: it may be readable now
_ENDS = {  # the first that is told of a root counts
    Mask.UNMOUNT: "its file system was unmounted",
    Mask.MOVE_SELF: "it was moved away",
    Mask.DELETE_SELF: "it was deleted",
    Mask.IGNORED: "the system watches it no longer",
}
_END = int(Mask.UNMOUNT | Mask.MOVE_SELF | Mask.DELETE_SELF | Mask.IGNORED)
_LOST = "more happened at once than the system remembers (fs.inotify.max_queued_events)"


@dataclass(unsafe_hash=True)
class Told(FileSystemEvent):
    """News in the envelope that watchdog carries, with the terms of the watch they are about."""

    terms: Terms | None = None
    news: tuple[News, ...] = ()


class InotifyEmitter(EventEmitter):
    """Watches one root until it is stopped or the root is gone."""

    def __init__(
        self,
        event_queue: EventQueue,
        watch: ObservedWatch,
        *,
        timeout: float,
        event_filter: list[type[FileSystemEvent]] | None = None,
        terms: Mapping[str, Terms],
        budget: Budget,
    ) -> None:
        """Watch the root alone; raises OSError.  ``terms`` has those of this root by its path."""
        super().__init__(event_queue, watch, timeout=timeout, event_filter=event_filter)
        self._terms = terms[watch.path]
        self._told: list[News] = []
        self._overflowed = False
        self._restless_since: float | None = None
        self._unclosed: dict[tuple[int, bytes], None] = {}
        self._inotify = Inotify()
        try:
            self._folders = Folders(
                self._terms, self._inotify, budget, self._told.append, self.should_keep_running
            )
        except OSError:
            self._inotify.close()
            raise

    def run(self) -> None:
        """Watch all below the root, then tell what happens there."""
        try:
            self._folders.watch_all()
            self._told.append(Watched(self._terms.root, len(self._folders.tree)))
            self._check_root()
            self._flush()
            super().run()
        finally:
            self._folders.close()
            self._inotify.close()

    def on_thread_stop(self) -> None:
        """End the waiting."""
        self._inotify.ring()

    def queue_events(self, timeout: float) -> None:  # noqa: ARG002 - watchdog's; nothing ticks here
        """Wait for events, as long as it takes, and tell what they say."""
        restless = self._overflowed or self._folders.restless
        self._inotify.wait(QUIET if restless else None)
        events = self._inotify.read()
        for event in events:
            if self.should_keep_running():
                self._take(event)
        if restless and (not events or self._patience_ends()):
            self._restless_since = None
            self._settle()
        self._flush()

    def _patience_ends(self) -> bool:
        now = time.monotonic()
        if self._restless_since is None:
            self._restless_since = now
        return now - self._restless_since > PATIENCE

    def _settle(self) -> None:
        """Do what waited until no more events come."""
        self._check_root()
        self._folders.settle()
        if self._overflowed:
            self._overflowed = False
            before = len(self._told)
            self._folders.watch_all()
            found = self._told[before:]
            self._told[before:] = [
                *(news for news in found if not isinstance(news, Unwatched)),
                Lost(self._terms.root, _LOST),
                *(news for news in found if isinstance(news, Unwatched)),
            ]

    def _take(self, event: Event) -> None:
        folder = self._folders.tree.get(event.wd)
        if event.mask & Mask.Q_OVERFLOW:
            self._overflowed = True
        elif self._folders.is_above(event.wd):
            self._check_root()
        elif folder is None:
            return  # its watch has ended, and this was still under way
        elif event.name:
            self._take_inside(event, folder)
        elif folder is self._folders.tree.root and event.mask & _END:
            self._gone(next(words for mask, words in _ENDS.items() if event.mask & mask))
        elif event.mask & Mask.IGNORED:
            self._folders.ended(folder)
        elif event.mask & Mask.UNMOUNT:
            if folder.parent is not None:
                self._folders.doubt(folder.parent)  # what was hidden below the mount is there now
        elif event.mask & Mask.ATTRIB:
            self._folders.doubt(folder)  # what is in it may have become readable
            self._hint(folder, b"", complete=True)

    def _take_inside(self, event: Event, folder: Folder) -> None:
        """Something happened to a file or a folder in ``folder``."""
        if event.name in self._terms.stop_files:
            self._folders.relist(folder)
        elif event.mask & Mask.ISDIR:
            if event.mask & Mask.MOVED_FROM:
                self._folders.left(folder, event.name)
            elif event.mask & _CAME:
                self._folders.appeared(folder, event.name)
        complete = bool(event.mask & Mask.ISDIR) or self._is_complete(event)
        self._hint(folder, event.name, complete=complete)

    def _is_complete(self, event: Event) -> bool:
        """Whether a file is not just being written, as far as its events say."""
        file = (event.wd, event.name)
        if event.mask & Mask.CREATE:
            self._unclosed[file] = None
            if len(self._unclosed) > REMEMBERED:
                del self._unclosed[next(iter(self._unclosed))]
        elif not event.mask & Mask.ATTRIB:
            self._unclosed.pop(file, None)
        return file not in self._unclosed

    def _hint(self, folder: Folder, name: bytes, *, complete: bool) -> None:
        path = self._folders.tree.path(folder)
        if path is not None:  # what is adrift is hinted at where it is found again
            self._told.append(Hint(join(path, name) if name else path, complete))

    def _check_root(self) -> None:
        reason = self._folders.misplaced(self._folders.tree.root)
        if reason is not None:
            self._gone(f"it is not where it was: {reason}")

    def _gone(self, reason: str) -> None:
        if self.should_keep_running():
            self._told.append(Gone(self._terms.root, reason))
            self.stop()

    def _flush(self) -> None:
        if self._told:
            self.queue_event(
                Told(self._terms.root, terms=self._terms, news=tuple(self._told)),
            )
            self._told.clear()
