"""The pipeline: intake, encoding, grouping, publishing, in this order, again and again."""

from __future__ import annotations

from dataclasses import replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, TypeVar

from facewatchd import checked
from facewatchd.errors import LoadError
from facewatchd.pipeline.commands import Commands
from facewatchd.pipeline.live import Unwritten, look
from facewatchd.pipeline.parts import assembled, opened
from facewatchd.pipeline.pausing import Pause, Wanted
from facewatchd.pipeline.proposing import told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facewatchd.config import Settings
    from facewatchd.errors import StoreWriteError
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.live import Live
    from facewatchd.plugins import Scale
    from facewatchd.watch import Hint

_PURGE = 3600.0
_MEND = 900.0  # seconds; a disk with a copy of the journal may be back
_LOOKS_EVERY = 10.0  # seconds; while something is under way, its limits of time are enforced

T = TypeVar("T")


class Pipeline:
    """The one thread that decides and writes.  Other threads leave commands and wake it."""

    def __init__(
        self, settings: Settings, clock: Clock, breathe: Callable[[], None] = lambda: None
    ) -> None:
        """Open the store and get ready; StoreError or PluginError when that is not possible.

        ``breathe`` is called during a step that can take minutes, to say that it goes on.
        """
        self._settings = settings
        self._clock = clock
        self._breathe = breathe
        self._watches = False
        checked.clusterer(settings.recluster.clusterer, settings.recluster.options)
        store = opened(settings, self._goes_on)
        self._commands = Commands()
        self._closed = False
        parts = assembled(settings, store, clock, wake=self.wake, breathe=self._goes_on)
        self._parts = parts
        self._store = parts.store
        self._space = parts.space
        self.pausing = parts.pausing
        self._publishing = parts.publishing
        self.intake = parts.intake
        self._placing = parts.placing
        self.deciding = parts.deciding
        self.saying = parts.saying
        self.adding = parts.adding
        self._inheriting = parts.inheriting
        self._encoding = parts.encoding
        self.replanning = parts.replanning
        self.grouping = parts.grouping
        self.switching = parts.switching
        self._backups = parts.backups
        self.traces = parts.traces
        self.forgetting = parts.forgetting
        self.noticing = parts.noticing
        now = clock.monotonic()
        self._timers = {
            self._purge: (_PURGE, now + _PURGE),
            self.deciding.mend: (_MEND, now + _MEND),
        }
        self.live = look(parts, "starting")

    def start(self, stopped: Callable[[], object]) -> None:
        """Watch the roots; RootError when none can be read.

        Returns when each root that sends events is watched: from then on nothing is missed.  On a
        slow disk that takes long, so it also returns when ``stopped`` says so.
        """
        self.deciding.start()
        self.forgetting.start()
        self._publishing.start(self._goes_on)
        self.deciding.mend()  # OUTPUT, which holds a copy, may be there only now
        self.intake.watch()
        watches = 0
        while self.intake.roots.undecided and not stopped():
            self.intake.step()
            if self.intake.roots.watches > watches:
                watches = self.intake.roots.watches
                self._goes_on()
            self.wait(self._clock.monotonic() + _LOOKS_EVERY)
        self.intake.check()
        self.intake.leave_former_roots()  # not before it is sure that these roots will do
        self._watches = True

    @property
    def alive(self) -> bool:
        """Whether watcher and store answer; the pipeline itself does so by stepping."""
        return self.intake.roots.alive and self._store.answers

    @property
    def at_rest(self) -> bool:
        """Whether no work is under way, and no process of ours is left that did some."""
        parts = (self.intake.roots, self._encoding, self._publishing)
        busy = self.intake.busy or self.grouping.running or self.switching.measuring
        return all(p.at_rest for p in parts) and not busy

    @property
    def changes(self) -> tuple[Live, int]:
        """What a status tells of; equal to an earlier value when nothing changed since."""
        return self.live, self._store.changes

    @property
    def scale(self) -> Scale:
        """The similarity scale that faces are given to people by."""
        return self._placing.scale

    def do(self, command: Callable[[], None]) -> None:
        """Have ``command`` run in the pipeline's thread; any thread may call this.

        ApiError once the pipeline has closed.
        """
        self._commands.do(command)

    def ask(self, question: Callable[[], T]) -> T:
        """Have ``question`` answered in the pipeline's thread; not from that thread.

        ApiError when the pipeline does not come to it, or closes.
        """
        return self._commands.ask(question)

    def wake(self) -> None:
        """End the present or next ``wait`` at once; safe in threads and signal handlers."""
        self._commands.wake()

    def waker(self) -> int:
        """Return a descriptor of the caller's own; what is written to it wakes as well."""
        return self._commands.waker()

    def step(self) -> None:
        """Do all that can be done now, without waiting for anything.

        Raises what kept a decision from being carried over: the next start does that.
        """
        self._commands.run()
        if self.deciding.failure is not None:
            raise self.deciding.failure
        self._run_timers()
        self.intake.step()
        self._publishing.step()  # it may want covers from the workers
        self._encoding.block(self.intake.roots.offline())
        self._space.step()
        has_room = self._space.lack is None
        pausing = self.pausing
        pausing.step(self._wanted(), self._encoding.has_few)
        held = pausing.again is not None
        self.switching.allow(self.intake.roots.unreachable(), paused=held)
        self._encode(paused=pausing.photos is not None)
        if has_room:
            self._inheriting.step()
        backlog = self.intake.busy or not self._encoding.idle
        waits = pausing.clustering is not None
        self.grouping.step(backlog=backlog, paused=not has_room, held=waits)
        self.switching.step(paused=held)
        if self._publishing.held and not (backlog or self.grouping.busy):
            self._publishing.release()
        self._backups.step()
        self.traces.step()
        if self._space.lack is None:
            self.noticing.step(settled=not (backlog or self.grouping.busy))
        self.live = look(self._parts)

    def wait(self, until: float | None = None) -> None:
        """Wait until there is something to do, or until ``until`` (monotonic) if that is sooner.

        At rest nothing is looked at before its time: processors and disks may sleep.
        """
        now = self._clock.monotonic()
        clustering_waits = self.pausing.shown_clustering is not None
        times = [
            until,
            self.intake.next_due(),
            None if self.pausing.photos else self._encoding.next_due(),
            self._publishing.next_due(),
            self._backups.next_due(),
            self.traces.next_due(),
            self._space.next_due(),
            self.pausing.next_due(),
            None if self._space.lack or clustering_waits else self.grouping.next_due(),
            None if self.at_rest else now + _LOOKS_EVERY,
            *(due for _, due in self._timers.values()),
        ]
        timeout = min(max(0.0, due - now) for due in times if due is not None)
        parts = (self.intake.roots, self._encoding, self.grouping, self.switching)
        wait([self._commands.awake, *(c for part in parts for c in part.connections())], timeout)
        self._commands.sleep()

    def rest(self, until: float) -> None:
        """Do nothing until ``until`` (monotonic), or until somebody wakes it."""
        wait([self._commands.awake], max(0.0, until - self._clock.monotonic()))
        self._commands.sleep()

    def halt(self, error: StoreWriteError) -> None:
        """Tell that the store takes no changes; whoever wants one is refused from now on.

        What is in memory may be ahead of the store, so that only another pipeline goes on.
        """
        self._commands.refuse(lambda: type(error)(error.title, error.remedy))
        self.live = replace(
            look(self._parts, "paused"),
            paused=Pause("store", "the store cannot be written"),
            unwritten=Unwritten(error.title, self._clock.time()),
        )

    def takes_changes(self) -> bool:
        """Whether the store can be written."""
        return self._store.takes_changes()

    def hint(self, hint: Hint) -> None:
        """Take in what another watcher than ours saw; any thread may call this."""
        self.intake.roots.hint(hint)

    def scan(self) -> None:
        """List all roots anew."""
        self.do(self.intake.roots.walk_all)

    def accept(self, root: bytes) -> None:
        """Take what is missing below ``root`` for deleted; NotFoundError if it is no root."""
        self.ask(lambda: self.intake.accept(root))

    def recluster(self, *, dry: bool) -> None:
        """Cluster all faces anew; with ``dry`` for a plan that waits."""
        self.do(lambda: self.grouping.request(dry=dry))

    def proposed(self) -> dict[str, Any]:
        """Return the plan that waits, in the pipeline's thread; NotFoundError if none does."""
        return told(self.replanning.waiting, self._store)

    def back_up(self, path: Path, *, force: bool) -> None:
        """Begin to copy the store to ``path``; BackupError if it cannot be there."""

        def begin() -> None:
            self._backups.order(path, force=force)
            self.live = look(self._parts)  # whoever asks next is told that it is being made

        self.ask(begin)

    def retry(self) -> None:
        """Try every failed photo again."""
        self.do(self._retry)

    def pause(self, seconds: float | None) -> Pause | None:
        """Begin no work for so long, or until `resume`; return why it pauses from now on."""
        return self.ask(lambda: self._put_off(lambda: self.pausing.pause(seconds)))

    def resume(self) -> Pause | None:
        """Take `pause` back; return why work pauses all the same."""
        return self.ask(lambda: self._put_off(self.pausing.resume))

    def close(self) -> None:
        """Stop everything, once; what was being read stays pending."""
        if self._closed:
            return
        self._closed = True
        self._watches = False
        self.live = look(self._parts, "stopping")
        self.intake.close()
        self.switching.close()
        self._encoding.close()
        self._publishing.close()
        self.grouping.close()
        self._backups.close()
        self._store.close()
        self._commands.close()
        self.noticing.bell.close()

    def _goes_on(self) -> None:
        """Breathe; without a watcher that should live, no work is a sign of life."""
        if not self._watches or self.intake.roots.alive:
            self._breathe()

    def _wanted(self) -> Wanted:
        backlog = self.intake.busy or not self._encoding.idle
        return Wanted(
            photos=not self._encoding.idle,
            again=self.switching.reads_again,
            clustering=self.grouping.is_due(backlog=backlog),
        )

    def _put_off(self, change: Callable[[], None]) -> Pause | None:
        change()
        self.pausing.step(self._wanted(), self._encoding.has_few)
        self.live = look(self._parts)  # whoever asks next is told
        return self.pausing.shown

    def _encode(self, *, paused: bool) -> None:
        try:
            self._encoding.step(paused=paused)
        except LoadError as error:
            if not self.switching.halt(error):
                raise
            self._encoding.step(paused=paused)

    def _run_timers(self) -> None:
        now = self._clock.monotonic()
        for action, (interval, due) in self._timers.items():
            if now >= due:
                self._timers[action] = (interval, now + interval)
                action()

    def _retry(self) -> None:
        with self._store.transaction():
            self._store.files.retry_failed()
            self._store.engines.retry()
        self.adding.retry()

    def _purge(self) -> None:
        """Forget photos that have been gone for longer than the time of grace."""
        if self.grouping.running:
            return
        grace = self._settings.watching.grace
        with self._store.transaction():
            for photo in self._store.photos.missing_before(self._clock.time() - grace):
                self._placing.forget(photo)
