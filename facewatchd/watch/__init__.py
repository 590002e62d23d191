"""Watched roots -> "this path may have changed".

Events are hints: they say where to look, never what is there.  The scan is the truth.  What could
not be seen is news of its own: events that were lost, a root that is gone, a folder without a
watch.  watchdog's observer is the frame, with an emitter of our own (``emitter``).
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver, ObservedWatch

from facewatchd.watch.budget import Budget, WatchLimit
from facewatchd.watch.emitter import InotifyEmitter, Told
from facewatchd.watch.news import Gone, Hint, Lost, News, Unwatched, Watched
from facewatchd.watch.watches import Terms

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDS_WITHIN = 3.0  # seconds for each of two threads

__all__ = ["Gone", "Hint", "Lost", "News", "Unwatched", "WatchLimit", "Watched", "Watcher"]


class Inbox(FileSystemEventHandler):
    """Where the observer's thread puts the news, and the pipeline's takes them."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._hints: dict[bytes, bool] = {}
        self._signals: list[tuple[Terms | None, News]] = []

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take in the emitter's news; of several hints about one path the last one holds."""
        if not isinstance(event, Told):
            return
        with self._lock:
            for news in event.news:
                if isinstance(news, Hint):
                    self._hints[news.path] = news.complete
                else:
                    self._signals.append((event.terms, news))
        self._wake()

    def put(self, hint: Hint) -> None:
        """Take in a hint that is not the emitter's."""
        with self._lock:
            self._hints[hint.path] = hint.complete
        self._wake()

    def empty(self) -> tuple[dict[bytes, bool], list[tuple[Terms | None, News]]]:
        """Return what has come in: for each path whether it is complete, and all other news."""
        with self._lock:
            hints, self._hints = self._hints, {}
            signals, self._signals = self._signals, []
        return hints, signals


class Watcher:
    """Watches roots on local disks; calls ``wake``, from a thread of its own, when there is news.

    ``share`` (0 to 1) of the watches that the system allows are used, over all roots together.
    Below a folder that holds one of ``stop_files`` nothing is watched.
    """

    def __init__(
        self, wake: Callable[[], None], *, share: float, stop_files: frozenset[bytes]
    ) -> None:
        self._stop_files = stop_files
        self._inbox = Inbox(wake)
        self._budget = Budget(share)
        self._terms: dict[str, Terms] = {}
        self._watches: dict[bytes, ObservedWatch] = {}
        self._observer = BaseObserver(InotifyEmitter, terms=self._terms, budget=self._budget)
        self._observer.start()

    def watch(
        self,
        root: bytes,
        *,
        ignored: Callable[[bytes], bool],
        refused: Callable[[bytes], str | None],
    ) -> None:
        """Begin to watch ``root`` and all below it, anew if it was watched.

        Returns at once; when all that can be watched is, there is a Watched.  No watch is spent on
        a folder that is ``ignored``, nor on one that is ``refused`` for a reason, which is told as
        Unwatched; both are asked in another thread.  OSError when the root itself cannot be.
        """
        self.unwatch(root)
        name = os.fsdecode(root)
        self._terms[name] = Terms(root, self._stop_files, ignored, refused)
        try:
            self._watches[root] = self._observer.schedule(self._inbox, name, recursive=True)
        except OSError:
            del self._terms[name]
            raise

    def unwatch(self, root: bytes) -> None:
        """Watch ``root`` no longer, if it was."""
        if root in self._watches:
            self._observer.unschedule(self._watches.pop(root))
            del self._terms[os.fsdecode(root)]

    def hint(self, hint: Hint) -> None:
        """Take in what somebody else saw; any thread may call this."""
        self._inbox.put(hint)

    def take(self) -> list[News]:
        """Return the news since the last call: hints, then all else in its order."""
        hints, signals = self._inbox.empty()
        current = {id(terms) for terms in self._terms.values()}
        return [
            *(Hint(path, complete) for path, complete in hints.items()),
            *(news for terms, news in signals if id(terms) in current),
        ]

    @property
    def alive(self) -> bool:
        """Whether every thread runs that should."""
        return self._observer.is_alive() and all(
            emitter.is_alive() or not emitter.should_keep_running()
            for emitter in self._observer.emitters
        )

    @property
    def limit(self) -> WatchLimit:
        """How many watches may be used, are used, and are allowed by the system."""
        return self._budget.limit

    def close(self) -> None:
        """Stop watching; threads that hang on dead storage are left behind after a while."""
        ending = threading.Thread(target=self._observer.stop, name="end of watching", daemon=True)
        ending.start()
        for thread in (ending, self._observer):
            thread.join(_ENDS_WITHIN)
