"""Re-clustering: when it is due, the process that does it, and what its result changes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.assign import candidates
from facewatchd.child import Child
from facewatchd.clustering.matching import match
from facewatchd.pipeline.looks import fill
from facewatchd.regroup import Grouped, Refused, Task

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray

    from facewatchd.config import Settings
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.plugins import Scale
    from facewatchd.store import Store
    from facewatchd.store.faces import AllFaces

MIN_SAMPLES = 2
GROWTH = 0.05  # a run is due when this share of all faces is new
MOST_OF_THE_TIME = 0.1  # runs that new faces ask for take at most this share of the time
_BLOCK = 1024
_CLOSES_WITHIN = 5.0
_REST_AFTER_ERROR = 600.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    child: Child
    faces: AllFaces
    stored: int  # faces in the store, those of too low a quality among them
    new_faces: int
    backlog: bool  # whether photos were still waiting to be read when it began


class Grouping:
    """Runs the clustering in a process of its own and gives its clusters to people."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        placing: Placing,
        publishing: Publishing,
        clock: Clock,
        scale: Scale,
    ) -> None:
        self._settings = settings
        self._store = store
        self._placing = placing
        self._publishing = publishing
        self._clock = clock
        self._scale = scale
        self._run: _Run | None = None
        self._requested = False
        self._began = clock.time()
        self._not_before = clock.monotonic()
        at, seconds = store.fact("clustered_at"), store.fact("clustered_seconds")
        self.last = float(at) if at else None
        self.last_seconds = float(seconds) if seconds else None
        self.runs = 0
        self.error: str | None = None
        self._clustered = int(store.fact("clustered_faces") or 0)
        self._first_backlog = store.fact("first_backlog") is None
        placing.new_faces = max(0, store.faces.count() - self._clustered)

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    @property
    def busy(self) -> bool:
        """Whether a run is under way or has been asked for."""
        return self.running or self._requested

    @property
    def next(self) -> float:
        """Return when the interval's next run is due, as wall time."""
        return (self.last or self._began) + self._settings.recluster.interval

    def use(self, scale: Scale) -> None:
        """The library is encoded by another engine from now on: all of it is clustered anew.

        While no run is under way, in the caller's transaction: a kill after it changes nothing.
        """
        self._scale = scale
        self._store.forget_fact("first_backlog")
        self._first_backlog = True
        self._requested = True

    def request(self) -> None:
        """Ask for a run as soon as none is under way."""
        self._requested = True

    def next_due(self) -> float | None:
        """Return when the next run is due if nothing else happens."""
        if self._run is not None:
            return None
        if self._enough_are_new:
            return self._not_before
        if self.last is None:
            return None
        until = self.next - self._clock.time()
        return max(self._not_before, self._clock.monotonic() + until)

    def connections(self) -> list[Connection]:
        """Return what to wait on for the end of a run."""
        return [self._run.child.connection] if self._run else []

    def step(self, *, backlog: bool, paused: bool = False) -> None:
        """Start a run when one is due and not ``paused``, and take in the result of one's end."""
        if self._run is None:
            if not paused and self._is_due(backlog=backlog):
                self._start(backlog=backlog)
        elif self._run.child.connection.poll():
            self._finish(self._run)

    def close(self) -> None:
        """End a run under way; what it would have said is lost, nothing else."""
        if self._run is not None:
            self._run.child.kill()
            self._run.child.close(_CLOSES_WITHIN)
            self._run = None

    def _is_due(self, *, backlog: bool) -> bool:
        if self._requested:
            return True
        if self._clock.monotonic() < self._not_before:
            return False
        if self._first_backlog and not backlog and self._clustered + self._placing.new_faces:
            return True
        if self._enough_are_new:
            return True
        return self.last is not None and self._clock.time() >= self.next

    @property
    def _enough_are_new(self) -> bool:
        enough = max(self._settings.recluster.new_faces, GROWTH * self._clustered)
        return self._placing.new_faces >= enough

    def _start(self, *, backlog: bool) -> None:
        self._requested = False
        settings = self._settings
        faces = self._store.faces.all(settings.engine.min_quality)
        child = Child("facewatchd.regroup", threads=None)
        child.send(
            Task(
                clusterer=settings.recluster.clusterer,
                encodings=faces.encodings,
                photos=faces.photos,
                eps=self._scale.eps,
                min_samples=MIN_SAMPLES,
                merge=self._scale.merge,
                reach=self._scale.distance_at(self._scale.similarity),
            )
        )
        self._run = _Run(
            child, faces, self._store.faces.count(), self._placing.new_faces, backlog=backlog
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
                self._apply(run.faces, result)
                self._remember(run, result.seconds)
            self._placing.new_faces -= run.new_faces
            self._publishing.touch_all()
        else:
            reason = result.reason if isinstance(result, Refused) else run.child.end_in_words()
            self.error = f"Re-clustering {reason}; it is tried again after a while."
            log.error("%s", self.error)
            self._not_before = self._clock.monotonic() + _REST_AFTER_ERROR

    def _remember(self, run: _Run, seconds: float) -> None:
        self.last, self.last_seconds = self._clock.time(), seconds
        self._clustered = run.stored
        self._store.set_fact("clustered_at", str(self.last))
        if not run.backlog:  # not before it is applied: a kill until then must have it run again
            self._first_backlog = False
            self._store.set_fact("first_backlog", "done")
        self._store.set_fact("clustered_seconds", str(seconds))
        self._store.set_fact("clustered_faces", str(self._clustered))

    def _apply(self, faces: AllFaces, result: Grouped) -> None:
        """Make the people what the run found, each keeping id and folder where it overlaps."""
        labels = result.labels
        kept = match(labels, faces.persons)
        gate = self._settings.engine.min_quality
        later = self._store.faces.added_after(faces.ids, gate)
        self._store.faces.doubt_all(self._store.faces.below(gate))
        for face in (face for added in later.values() for face, _ in added):
            self._store.faces.doubt(face, ())
        self._store.faces.doubt_all(faces.ids[labels < 0].tolist())
        for label, looks in enumerate(result.looks):
            person = kept.get(label) or self._store.people.create()
            fill(self._store, self._scale, person, faces.ids, faces.encodings, looks)
        self._remove_others(faces, kept)
        self._placing.read_looks()
        self._find_candidates(faces, labels)
        for added in later.values():
            numbers, encodings = zip(*added, strict=True)
            self._placing.place(list(numbers), np.stack(encodings))
        self._store.people.forget_covers()

    def _remove_others(self, faces: AllFaces, kept: dict[int, str]) -> None:
        """Remove who has no face any more; faces that wait for the engine keep their person."""
        for person in {p for p in faces.persons if p} - set(kept.values()):
            if self._store.faces.has_faces(person):
                for look in self._store.people.looks_of(person):
                    self._store.people.remove_look(look)
            else:
                self._store.people.remove(person)

    def _find_candidates(self, faces: AllFaces, labels: NDArray[np.int64]) -> None:
        doubtful = np.flatnonzero(labels < 0)
        for start in range(0, len(doubtful), _BLOCK):
            block = doubtful[start : start + _BLOCK]
            found = candidates(faces.encodings[block], self._placing.looks, self._scale)
            for face, nearest in zip(faces.ids[block].tolist(), found, strict=True):
                if nearest:
                    self._store.faces.doubt(face, nearest)
