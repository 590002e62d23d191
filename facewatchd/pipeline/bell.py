"""Wakes those who wait for events, without a thread or a look of theirs meanwhile."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from facewatchd.pipeline.commands import closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Bell:
    """Rung by the pipeline; any thread may listen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], object]] = []
        self._closed = False

    @contextmanager
    def listening(self, call: Callable[[], object]) -> Iterator[None]:
        """Have ``call`` called, in the pipeline's thread, each time that the bell is rung.

        ApiError once the pipeline has closed.
        """
        with self._lock:
            if self._closed:
                raise closing()
            self._listeners.append(call)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(call)

    def ring(self) -> None:
        """Call everyone who listens."""
        with self._lock:
            for call in self._listeners:
                call()

    def close(self) -> None:
        """Ring for the last time: nobody shall wait for what does not come any more."""
        self.ring()
        with self._lock:
            self._closed = True
