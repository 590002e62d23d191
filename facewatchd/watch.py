"""Watched roots -> "this path may have changed".

Events are hints: they say where to look, never what is there.  The scan is the truth.
"""

from __future__ import annotations

import os
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchdog.observers.api import ObservedWatch

# Opening and reading a file changes nothing; a folder's own "modified" only repeats its children.
_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]


class Hint(NamedTuple):
    """A path that may have changed; ``complete``: closed after writing, or moved into place."""

    path: bytes
    complete: bool


class Watcher(FileSystemEventHandler):
    """Collects hints from every watched root, and calls ``wake`` when there is a first one."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._hints: SimpleQueue[Hint] = SimpleQueue()
        self._observer = Observer()
        self._watches: dict[bytes, ObservedWatch] = {}
        self._observer.start()

    def watch(self, root: bytes) -> None:
        """Watch ``root`` and all below it, anew if it was; OSError when that is not possible."""
        if root in self._watches:
            self._observer.unschedule(self._watches.pop(root))
        self._watches[root] = self._observer.schedule(
            self, os.fsdecode(root), recursive=True, event_filter=_EVENTS
        )

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take an event from the observer's thread."""
        complete = isinstance(event, FileClosedEvent | FileMovedEvent | DirMovedEvent)
        for path in (event.src_path, event.dest_path):
            if path:
                self._hints.put(Hint(os.fsencode(path), complete))
        self._wake()

    def take(self) -> list[Hint]:
        """Return the hints since the last call."""
        hints = []
        while True:
            try:
                hints.append(self._hints.get_nowait())
            except Empty:
                return hints

    @property
    def alive(self) -> bool:
        """Whether the thread that hands out the events still runs."""
        return self._observer.is_alive()

    def close(self) -> None:
        """Stop watching."""
        self._observer.stop()
        self._observer.join()
