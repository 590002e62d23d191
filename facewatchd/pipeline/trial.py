"""What another engine would take: measured by a real worker on some of the user's own photos."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facewatchd import plugins
from facewatchd.errors import FacewatchError
from facewatchd.model import (
    DatePhotos,
    Lost,
    PhotoChanged,
    PhotoFailed,
    PhotoReadAgain,
    PhotoUnsupported,
)
from facewatchd.pool import Pool
from facewatchd.store.rereading import ROW

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from facewatchd.model import EngineId, Setup, Task, WorkerSettings
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pool import Outcome

PHOTOS = 6
_TIMES = 3.5  # what is found is written once more in the one step, and taken away where it was
_CLOSES_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a trial found: seconds for a photo (the median), and faces in one (the mean)."""

    photos: int
    seconds: float
    faces: float


class Trial:
    """A worker with the engine ``to`` that reads some photos, one after the other.

    First it is asked for nothing, so that loading the weights does not count.
    """

    def __init__(
        self, to: EngineId, settings: WorkerSettings, photos: list[Task], seconds: float
    ) -> None:
        self.to = to
        self._pool = Pool(1, settings, seconds)
        self._left: list[Task] = [DatePhotos(()), *photos]
        self._began = 0.0
        self._seconds: list[float] = []
        self._faces: list[int] = []
        self._refused = ""
        self.error: FacewatchError | None = None
        self.measured: Measured | None = None

    @property
    def running(self) -> bool:
        """Whether it has not come to its end yet."""
        return self.error is None and self.measured is None

    def connections(self) -> list[Connection[Any, Any]]:
        """Return what to wait on for news from the worker."""
        return self._pool.connections()

    def step(self, clock: Clock) -> None:
        """Take what the worker says, and give it the next photo."""
        if not self.running:
            return
        now = clock.monotonic()
        try:
            for outcome in self._pool.step(now):
                self._take(outcome, now - self._began)
            if self._pool.busy:
                return
            if self._left:
                self._began = now
                self._pool.submit(self._left.pop(0), now)
                return
        except FacewatchError as error:
            self.error = error
        else:
            self._finish()
        self.close()

    def close(self) -> None:
        """End the worker."""
        self._pool.close(_CLOSES_WITHIN)

    def _take(self, outcome: Outcome, seconds: float) -> None:
        match outcome.answer:
            case PhotoReadAgain(photo):
                self._seconds.append(seconds)
                self._faces.append(len(photo.faces))
            case PhotoFailed(reason) | PhotoUnsupported(_, reason) | Lost(reason):
                self._refused = reason
            case PhotoChanged():
                self._refused = "The files have changed."

    def _finish(self) -> None:
        if self._refused and not self._seconds:
            self.error = FacewatchError(
                f"{self.to.name} could read none of the photos that it was tried on:"
                f" {self._refused}",
                "See the daemon's log, or choose another engine: facewatchctl models list",
            )
            return
        self.measured = Measured(
            len(self._seconds),
            statistics.median(self._seconds) if self._seconds else 0.0,
            statistics.mean(self._faces) if self._faces else 0.0,
        )


def cost(
    trial: Trial, setup: Setup, *, photos: int, unreachable: int, faces: int, workers: int
) -> dict[str, Any]:
    """Return what reading ``photos`` again takes, by what ``trial`` has measured.

    The space is for as many faces as the sample had, or as the library has, whichever are more,
    and for the one step that takes them over.
    """
    if trial.measured is None:
        raise AssertionError("the trial is not over")
    _, scale = plugins.identity(plugins.encoder(trial.to.encoder), setup)
    expected = max(trial.measured.faces * photos, faces)
    return {
        "photos": photos,
        "unreachable": unreachable,
        "measured": trial.measured.photos,
        "seconds_a_photo": trial.measured.seconds,
        "workers": workers,
        "seconds": photos * trial.measured.seconds / workers,
        "bytes": round(_TIMES * expected * (4 * scale.dimensions + ROW)),
    }
