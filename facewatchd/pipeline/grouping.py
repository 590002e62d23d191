"""Re-clustering: when it is due, and the process that does it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd import logs
from facewatchd.child import Child
from facewatchd.regroup import Grouped, Refused, Task
from facewatchd.remembering import Memory

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from facewatchd.config import Settings
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.outset import Outset
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.replanning import Applied, Replanning
    from facewatchd.plugins import Scale
    from facewatchd.store import Store

MIN_SAMPLES = 2
GROWTH = 0.05  # a run is due when this share of all faces is new
MOST_OF_THE_TIME = 0.1  # runs that new faces ask for take at most this share of the time
_CLOSES_WITHIN = 5.0
_REST_AFTER_ERROR = 600.0
_ANY_CHURN = 1.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    child: Child
    outset: Outset
    stored: int  # faces in the store, those of too low a quality among them
    new_faces: int
    backlog: bool  # whether photos were still waiting to be read when it began
    dry: bool  # whether its plan waits in any case


class Grouping:
    """Runs the clustering in a process of its own, and has its result made a plan."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        placing: Placing,
        replanning: Replanning,
        clock: Clock,
        scale: Scale,
    ) -> None:
        self._settings = settings
        self._store = store
        self._placing = placing
        self._replanning = replanning
        self._clock = clock
        self._scale = scale
        self._run: _Run | None = None
        self._requested = False
        self._asked_dry = False
        self._began = clock.time()
        self._not_before = clock.monotonic()
        at, seconds = store.fact("clustered_at"), store.fact("clustered_seconds")
        self.last = float(at) if at else None
        self.last_seconds = float(seconds) if seconds else None
        self.runs = 0
        self.error: str | None = None
        self.clustered = int(store.fact("clustered_faces") or 0)  # faces that the last run had
        self._first_backlog = store.fact("first_backlog") is None
        placing.new_faces = max(0, store.faces.count() - self.clustered)

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    @property
    def busy(self) -> bool:
        """Whether a run is under way or has been asked for."""
        return self.running or self._requested or self._asked_dry

    @property
    def next(self) -> float:
        """Return when the next run is due, as wall time: after a rest, or after the interval."""
        if not self._enough_are_new and not self._first_is_due:
            return self._interval_ends
        rest = max(0.0, self._not_before - self._clock.monotonic())
        return min(self._interval_ends, self._clock.time() + rest)

    def use(self, scale: Scale) -> None:
        """The library is encoded by another engine from now on: all of it is clustered anew.

        While no run is under way, in the caller's transaction: a kill after it changes nothing.
        """
        self._scale = scale
        self._store.forget_fact("first_backlog")
        self._first_backlog = True
        self._requested = True
        self._replanning.forget()

    def request(self, *, dry: bool = False) -> None:
        """Ask for a run as soon as none is under way; the plan of a ``dry`` one waits."""
        if dry:
            self._asked_dry = True
        else:
            self._requested = True

    def apply(self, which: str | None = None) -> Applied:
        """Carry out the plan that waits, or ask for a run if too little of it still holds."""
        applied = self._replanning.apply(which)
        if applied.again:
            self.request()
        return applied

    def next_due(self) -> float | None:
        """Return when the next run is due if nothing else happens."""
        if self._run is not None:
            return None
        if self._enough_are_new:
            return self._not_before
        if self.last is None:
            return None
        until = self._interval_ends - self._clock.time()
        return max(self._not_before, self._clock.monotonic() + until)

    def connections(self) -> list[Connection]:
        """Return what to wait on for the end of a run."""
        return [self._run.child.connection] if self._run else []

    def step(self, *, backlog: bool, paused: bool = False, held: bool = False) -> None:
        """Start a run when one is due and not ``paused``, and take in the result of one's end.

        While ``held`` only a run is started that was asked for.
        """
        if self._run is None:
            asked = self._requested or self._asked_dry
            if not paused and (asked or (not held and self.is_due(backlog=backlog))):
                self._start(backlog=backlog)
        elif self._run.child.connection.poll():
            self._finish(self._run)

    def begin_anew(self) -> None:
        """End a run under way, which knows what has been forgotten, and ask for another one.

        What runs left for the next one goes too.
        """
        if self._run is not None:
            dry = self._run.dry
            self.close()
            self.request(dry=dry)
        self._memory().forget()

    def close(self) -> None:
        """End a run under way; what it would have said is lost, nothing else."""
        if self._run is not None:
            self._run.child.kill()
            self._run.child.close(_CLOSES_WITHIN)
            self._run = None

    def is_due(self, *, backlog: bool) -> bool:
        """Whether a run is due that nobody asked for, and none is under way."""
        if self._run is not None or self._clock.monotonic() < self._not_before:
            return False
        if self._first_is_due and not backlog:
            return True
        if self._enough_are_new:
            return True
        return self.last is not None and self._clock.time() >= self._interval_ends

    @property
    def _interval_ends(self) -> float:
        return (self.last or self._began) + self._settings.recluster.interval

    @property
    def _first_is_due(self) -> bool:
        """Whether all is to be clustered once the first backlog has been read."""
        return self._first_backlog and bool(self.clustered + self._placing.new_faces)

    @property
    def _enough_are_new(self) -> bool:
        enough = max(self._settings.recluster.new_faces, GROWTH * self.clustered)
        return self._placing.new_faces >= enough

    def _start(self, *, backlog: bool) -> None:
        dry = self._asked_dry and not self._requested
        self._requested, self._asked_dry = False, self._asked_dry and not dry
        settings = self._settings
        start = self._replanning.outset()
        child = Child("facewatchd.regroup", threads=None)
        child.send(
            Task(
                clusterer=settings.recluster.clusterer,
                options=settings.recluster.options,
                encodings=start.faces.encodings,
                photos=start.faces.photos,
                eps=self._scale.eps,
                min_samples=MIN_SAMPLES,
                merge=self._scale.merge,
                reach=self._scale.distance_at(self._scale.similarity),
                before=start.before,
                faces=start.faces.ids,
                memory=self._memory(),
            )
        )
        self._run = _Run(
            child,
            start,
            self._store.faces.count(),
            self._placing.new_faces,
            backlog=backlog,
            dry=dry,
        )

    def _memory(self) -> Memory:
        """Return where a run leaves for the next what it found out."""
        return Memory(
            self._settings.state / "clustering.npz",
            self._store.engines.current.encodings,
            self._scale.eps,
            MIN_SAMPLES,
            self._scale.merge,
        )

    def _finish(self, run: _Run) -> None:
        try:
            result = run.child.connection.recv()
        except (EOFError, ConnectionError):
            result = None
        run.child.close(_CLOSES_WITHIN)
        self._run = None
        self.runs += 1
        self.error = None
        if isinstance(result, Grouped):
            self._not_before = self._clock.monotonic() + result.seconds / MOST_OF_THE_TIME
            with self._store.transaction():
                done = self._replanning.take_in(run.outset, result, self._most(run))
                if done and not run.dry:
                    self._remember(run, result.seconds)
            if not done:
                self.request(dry=run.dry)
        else:
            reason = result.reason if isinstance(result, Refused) else run.child.end_in_words()
            self.error = f"Re-clustering {reason}; it is tried again after a while."
            log.error("%s", logs.error(self.error))
            self._not_before = self._clock.monotonic() + _REST_AFTER_ERROR

    def _most(self, run: _Run) -> float | None:
        """Return up to which churn the plan of a run is carried out at once, None for never.

        While a first backlog runs nothing waits.
        """
        if run.dry:
            return None
        return _ANY_CHURN if self._first_backlog else self._settings.recluster.max_churn

    def _remember(self, run: _Run, seconds: float) -> None:
        self.last, self.last_seconds = self._clock.time(), seconds
        self.clustered = run.stored
        self._placing.new_faces -= run.new_faces
        self._store.set_fact("clustered_at", str(self.last))
        if not run.backlog:  # not before it is applied: a kill until then must have it run again
            self._first_backlog = False
            self._store.set_fact("first_backlog", "done")
        self._store.set_fact("clustered_seconds", str(seconds))
        self._store.set_fact("clustered_faces", str(self.clustered))
