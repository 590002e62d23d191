"""A watchdog trick: the daemon inside ``watchmedo tricks-from``, which tells it what changes."""

from __future__ import annotations

import _thread
import logging
import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from watchdog.tricks import Trick

from facewatchd import config
from facewatchd.daemon import run
from facewatchd.errors import FacewatchError
from facewatchd.watch import Hint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchdog.events import FileSystemEvent

    from facewatchd.config import Settings
    from facewatchd.pipeline import Pipeline

# Watchdog watches some time after its tricks are made, and tells nobody since when: the root is
# listed again after each of these seconds, until a first event has come.
_UNTIL_IT_WATCHES = (1.0, 4.0, 15.0)

log = logging.getLogger(__name__)


class FaceWatchTrick(Trick):
    """Runs the daemon's pipeline, its API included, in a thread of the process that watches.

    Events of watchdog go in as hints where those of our own watcher do.  As watchdog may lose some,
    the root counts as one that is polled: it is also listed every ``watching.poll``.  All ends
    when the main thread does.
    """

    def __init__(
        self,
        *,
        source_directory: str,
        output: str,
        ignore: Sequence[str] = (),
        patterns: list[str] | None = None,
        ignore_patterns: list[str] | None = None,
        **settings: Any,
    ) -> None:
        """Begin; SystemExit, with the reason, when that is not possible.

        ``source_directory`` is the root and ``ignore`` what is left out in it; ``settings`` are
        others of the configuration file.  Events can be left out by ``patterns`` and
        ``ignore_patterns``, but a walk finds what they were about.
        """
        super().__init__(patterns=patterns, ignore_patterns=ignore_patterns)
        root = {"path": source_directory, "ignore": ignore, "watch": "poll"}
        self._lock = threading.Lock()
        self._stop: list[int] = []
        self._seen = False
        try:
            checked = config.load(None, {**settings, "roots": [root], "output": output})
            self.source_directory = str(checked.roots[0].path)  # the names that the daemon knows
            self._pipeline = self._start(checked)
        except FacewatchError as error:
            raise SystemExit(f"facewatchd: {error}") from error

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Have the root listed once more at the first event: from now on none is missed."""
        del event
        if not self._seen:
            self._seen = True
            self._pipeline.scan()

    def on_created(self, event: FileSystemEvent) -> None:
        """Something is there, and may still be written."""
        self._hint(event.src_path, complete=event.is_directory)

    def on_modified(self, event: FileSystemEvent) -> None:
        """A file is being written; of a folder, the events in it tell more."""
        if not event.is_directory:
            self._hint(event.src_path, complete=False)

    def on_attrib(self, event: FileSystemEvent) -> None:
        """It may be readable now."""
        self._hint(event.src_path, complete=event.is_directory)

    def on_closed(self, event: FileSystemEvent) -> None:
        """A file was written."""
        self._hint(event.src_path, complete=True)

    def on_moved(self, event: FileSystemEvent) -> None:
        """Something went from one place to another."""
        self._hint(event.src_path, complete=True)
        self._hint(event.dest_path, complete=True)

    def on_deleted(self, event: FileSystemEvent) -> None:
        """Something is gone."""
        self._hint(event.src_path, complete=True)

    def _hint(self, path: bytes | str, *, complete: bool) -> None:
        with self._lock:
            if not self._stop:
                self._pipeline.hint(Hint(os.fsencode(path), complete))

    def _start(self, settings: Settings) -> Pipeline:
        """Start the daemon in a thread of its own; raises what keeps it from starting."""
        began: Future[Pipeline] = Future()
        threading.Thread(target=self._run, args=(settings, began), name="facewatchd").start()
        pipeline = began.result()
        threading.Thread(target=self._end_with_the_main_thread, args=(pipeline,)).start()
        return pipeline

    def _run(self, settings: Settings, began: Future[Pipeline]) -> None:
        def stops(pipeline: Pipeline) -> list[int]:
            began.set_result(pipeline)
            return self._stop

        try:
            run(settings, stops)
        except Exception as error:
            if not began.done():
                began.set_exception(error)
                return
            if isinstance(error, FacewatchError):
                log.error("%s", error)  # noqa: TRY400 - it says all there is to say
            else:
                log.exception("facewatchd has ended.")
            with self._lock:
                self._stop.append(0)
            _thread.interrupt_main()

    def _end_with_the_main_thread(self, pipeline: Pipeline) -> None:
        main = threading.main_thread()
        for seconds in _UNTIL_IT_WATCHES:
            main.join(seconds)
            if main.is_alive() and not self._seen:
                pipeline.scan()
        main.join()
        with self._lock:
            if not self._stop:
                self._stop.append(0)
                pipeline.wake()
