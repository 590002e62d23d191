"""A thread that walks folders, so that a slow disk does not keep the pipeline from its work."""

from __future__ import annotations

from queue import Empty, Full, Queue, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.scan import Listing, Unreadable, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.scan import Ignore

_LISTINGS_AHEAD = 64
_LOOKS_UP = 0.2  # seconds after which a walker that waits notices that it shall stop


class Walk(NamedTuple):
    """A request: list ``top`` and all below it."""

    top: bytes
    ignore: Ignore


class Walked(NamedTuple):
    """A walk came to its end; ``filled`` are the folders in which it found files."""

    top: bytes
    filled: frozenset[bytes]
    unreadable: tuple[Unreadable, ...]


class Walker:
    """Walks one request after the other; what it sees comes back through ``take``."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._requests: SimpleQueue[Walk | None] = SimpleQueue()
        self._seen: Queue[Listing | Walked | Exception] = Queue(_LISTINGS_AHEAD)
        self._stop = Event()
        self._waiting: set[bytes] = set()
        self._thread = Thread(target=self._run, name="walker")
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a walk is under way or waiting."""
        return bool(self._waiting)

    def request(self, walk: Walk) -> None:
        """Ask for a walk; one that waits already is not asked for twice."""
        if walk.top not in self._waiting:
            self._waiting.add(walk.top)
            self._requests.put(walk)

    def take(self) -> Listing | Walked | None:
        """Return the next thing seen, or None when there is none yet."""
        try:
            seen = self._seen.get_nowait()
        except Empty:
            return None
        if isinstance(seen, Exception):
            raise seen
        if isinstance(seen, Walked):
            self._waiting.discard(seen.top)
        return seen

    def close(self) -> None:
        """End the walk under way and the thread."""
        self._stop.set()
        self._requests.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (request := self._requests.get()) is not None and not self._stop.is_set():
                self._walk(request)
        except Exception as error:  # noqa: BLE001 - raised again by take(), in its caller's thread
            self._put(error)

    def _walk(self, request: Walk) -> None:
        filled = set()
        unreadable = []
        for seen in walk(request.top, request.ignore):
            if self._stop.is_set():
                return
            if isinstance(seen, Unreadable):
                unreadable.append(seen)
            elif seen.files:
                filled.add(seen.folder)
                self._put(seen)
        self._put(Walked(request.top, frozenset(filled), tuple(unreadable)))

    def _put(self, seen: Listing | Walked | Exception) -> None:
        while not self._stop.is_set():
            try:
                self._seen.put(seen, timeout=_LOOKS_UP)
            except Full:
                continue
            self._wake()
            return
