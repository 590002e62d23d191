"""The daemon's own way, without the store: faces are assigned, and all are clustered now and then.

A face goes to the person of its nearest look at the default similarity, at most one of a photo to
one person, and is nobody's otherwise.  All is clustered anew when as many faces are new as
``recluster.new_faces`` or `grouping.GROWTH` ask for, and when the first backlog ends, which is here
after the last photo.  What such a run takes does not hold the next one up, as it would in the
daemon.  Nobody is named, so that people follow the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.encodings import SCALE
from facewatchd.assign import Looks, assign
from facewatchd.clustering.matching import Before
from facewatchd.config import Recluster
from facewatchd.model import Look
from facewatchd.pipeline.grouping import GROWTH, MIN_SAMPLES
from facewatchd.regroup import Grouped, Task, cluster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.peers.rule import Numbers

_NEW_FACES = Recluster().new_faces


class Ours:
    """Joins faces of ``encodings`` (N, D) of ``photos`` (N,) as the daemon does by default."""

    def __init__(self, encodings: NDArray[np.float32], photos: Numbers) -> None:
        self.groups = np.full(len(encodings), -1)
        self._encodings = encodings
        self._photos = photos
        self._looks = Looks()
        self._people = 0
        self._come = 0
        self._clustered = 0

    def take(self, photo: range) -> None:
        """Assign the faces of a photo, and cluster everything if enough are new."""
        encodings = self._encodings[photo.start : photo.stop]
        for face, where in zip(photo, assign(encodings, self._looks, SCALE), strict=True):
            if where.look is not None and where.person is not None:
                self.groups[face] = int(where.person)
                self._looks.add(where.look, self._encodings[face])
        self._come = photo.stop
        if self._come - self._clustered >= max(_NEW_FACES, GROWTH * self._clustered):
            self.finish()

    def finish(self) -> None:
        """Cluster everything."""
        encodings = self._encodings[: self._come]
        found = cluster(
            Task(
                encodings=encodings,
                photos=self._photos[: self._come],
                eps=SCALE.eps,
                min_samples=MIN_SAMPLES,
                merge=SCALE.merge,
                reach=SCALE.distance_at(SCALE.similarity),
                before=self._before(),
            )
        )
        if not isinstance(found, Grouped):
            raise RuntimeError(f"Re-clustering {found.reason}")  # noqa: TRY004 - no wrong type
        self.groups[: self._come] = found.owners
        self._people = len(found.looks)
        self._looks = Looks()
        for person, looks in enumerate(found.looks):
            for members in looks:
                mean = encodings[members].mean(axis=0, dtype=np.float64)
                self._looks.put(Look(len(self._looks), str(person), mean, len(members), 0.0))
        self._clustered = self._come

    def _before(self) -> Before:
        """Return that all people so far are known and unnamed."""
        return Before(
            owners=self.groups[: self._come].copy(),
            persons=np.arange(self._people),
            kept=np.zeros(self._people, dtype=np.bool_),
            refused=np.empty((0, 2), dtype=np.int64),
            confirmed=np.zeros(self._come, dtype=np.bool_),
            looks=np.empty(0, dtype=np.int64),
            centroids=np.empty((0, self._encodings.shape[1])),
        )
