"""The pipeline: intake, encoding, grouping, publishing, in this order, again and again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from multiprocessing.connection import wait
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from facewatchd import plugins
from facewatchd.model import WorkerSettings
from facewatchd.pipeline.encoding import Encoding
from facewatchd.pipeline.grouping import Grouping
from facewatchd.pipeline.intake import Intake
from facewatchd.pipeline.publishing import Publishing
from facewatchd.pool import Pool
from facewatchd.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.config import Settings
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.intake import RootState

RESCAN = 24 * 3600.0
LOOK_FOR_ROOTS = 60.0  # seconds between looks for a root that could not be read
GRACE = 7 * 24 * 3600.0  # a vanished photo keeps its faces so long
_PURGE = 3600.0
_LONGEST_WAIT = 10.0  # the supervisor hears from us at least this often


@dataclass(frozen=True, slots=True)
class Live:
    """What the pipeline is doing at this moment; replaced as a whole at every step."""

    state: str
    roots: tuple[tuple[bytes, str, str | None], ...]
    rate: float | None
    workers: int
    clustering: bool
    clusterings: int
    clustering_error: str | None
    clustered_at: float | None
    clustered_seconds: float | None
    next_clustering: float
    new_faces: int
    conflicts: tuple[bytes, ...]
    output_error: str | None


class Pipeline:
    """The one thread that decides and writes.  Other threads leave commands and wake it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Open the store and get ready; StoreError or PluginError when that is not possible."""
        self._settings = settings
        self._clock = clock
        encoder = plugins.encoder(settings.engine.encoder)
        plugins.detector(settings.engine.detector)
        engine = f"{encoder.name}/{encoder.version}"
        self._store = Store(settings.database, engine)
        self._wake_in, self._wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._publishing = Publishing(settings, self._store, clock)
        self.intake = Intake(settings, self._store, self._publishing, clock, self.wake)
        self._encoding = Encoding(
            self._store,
            Pool(settings.workers, _worker_settings(settings), settings.limits.seconds),
            self._publishing,
            clock,
            engine=engine,
            scale=encoder.scale,
            similarity=settings.similarity,
            look_again=self.intake.look_again,
        )
        self._grouping = Grouping(
            settings, self._store, self._encoding, self._publishing, clock, encoder.scale
        )
        now = clock.monotonic()
        self._timers = {
            self.intake.scan: (RESCAN, now + RESCAN),
            self.intake.look_for_roots: (LOOK_FOR_ROOTS, now + LOOK_FOR_ROOTS),
            self._purge: (_PURGE, now + _PURGE),
        }
        self.live = self._look("starting")

    def start(self) -> None:
        """Watch the roots and begin to list them."""
        self._publishing.start()
        self.intake.start()

    @property
    def alive(self) -> bool:
        """Whether the watcher still watches; the pipeline itself answers by stepping."""
        return self.intake.alive

    def do(self, command: Callable[[], None]) -> None:
        """Have ``command`` run in the pipeline's thread; any thread may call this."""
        self._commands.put(command)
        self.wake()

    def wake(self) -> None:
        """End the present or next ``wait`` at once; safe in threads and signal handlers."""
        try:
            os.write(self._wake_out, b"\0")
        except BlockingIOError:
            return  # the pipe is full of wake-ups already

    def step(self) -> None:
        """Do all that can be done now, without waiting for anything."""
        self._run_commands()
        self._run_timers()
        self.intake.step()
        self._publishing.step()  # it may want covers from the workers
        self._encoding.step()
        self._grouping.step(backlog=self.intake.busy or not self._encoding.idle)
        self.live = self._look(self._state())

    def wait(self) -> None:
        """Wait until there is something to do."""
        now = self._clock.monotonic()
        parts = (self.intake, self._encoding, self._publishing)
        times = [due for part in parts if (due := part.next_due()) is not None]
        timeout = min([_LONGEST_WAIT, *(max(0.0, due - now) for due in times)])
        wait([self._wake_in, *self._encoding.connections(), *self._grouping.connections()], timeout)
        while self._drained():
            pass

    def scan(self) -> None:
        """List all roots anew."""
        self.do(self.intake.scan)

    def recluster(self) -> None:
        """Cluster all faces anew."""
        self.do(self._grouping.request)

    def retry(self) -> None:
        """Try every failed photo again."""
        self.do(self._retry)

    def close(self) -> None:
        """Stop everything; what was being read stays pending."""
        self.live = self._look("stopping")
        self.intake.close()
        self._encoding.close()
        self._grouping.close()
        self._store.close()
        os.close(self._wake_in)
        os.close(self._wake_out)

    def _drained(self) -> bool:
        try:
            return bool(os.read(self._wake_in, 4096))
        except BlockingIOError:
            return False

    def _run_commands(self) -> None:
        while True:
            try:
                command = self._commands.get_nowait()
            except Empty:
                return
            command()

    def _run_timers(self) -> None:
        now = self._clock.monotonic()
        for action, (interval, due) in self._timers.items():
            if now >= due:
                self._timers[action] = (interval, now + interval)
                action()

    def _retry(self) -> None:
        with self._store.transaction():
            self._store.files.retry_failed()

    def _purge(self) -> None:
        """Forget photos that have been gone for longer than the time of grace."""
        if self._grouping.running:
            return
        with self._store.transaction():
            for photo in self._store.faces.missing_before(self._clock.time() - GRACE):
                self._encoding.forget(photo)

    def _state(self) -> str:
        if self.intake.busy:
            return "scanning"
        if not self._encoding.idle:
            return "encoding"
        if self._grouping.busy:
            return "clustering"
        return "idle" if self._publishing.idle else "organising"

    def _look(self, state: str) -> Live:
        grouping, publishing = self._grouping, self._publishing
        return Live(
            state=state,
            roots=tuple(_root(root) for root in self.intake.roots),
            rate=self._encoding.rate(),
            workers=self._encoding.workers,
            clustering=grouping.busy,
            clusterings=grouping.runs,
            clustering_error=grouping.error,
            clustered_at=grouping.last,
            clustered_seconds=grouping.last_seconds,
            next_clustering=grouping.next,
            new_faces=self._encoding.new_faces,
            conflicts=tuple(publishing.conflicts),
            output_error=str(publishing.error) if publishing.error else None,
        )


def _worker_settings(settings: Settings) -> WorkerSettings:
    engine, limits = settings.engine, settings.limits
    return WorkerSettings(
        detector=engine.detector,
        encoder=engine.encoder,
        longest_side=engine.longest_side,
        megapixels=limits.megapixels,
        file_mb=limits.file_mb,
        memory_mb=limits.memory_mb,
    )


def _root(root: RootState) -> tuple[bytes, str, str | None]:
    return root.path, root.state, root.reason
