"""The joining rule of Nextcloud's Face Recognition.

Its encoder is dlib's, so that its default, an L2 distance below 0.4
(github.com/matiasdelellis/facerecognition/wiki/Clustering-threshold), holds here as it is.  As its
``CreateClustersTask.php`` has it: when 25 faces or more have no person, Chinese Whispers runs on
all faces, and every face is in a cluster, alone if need be.  A cluster goes on to be the person it
shares most faces with: all pairs of a cluster and a person, and of a cluster and its new faces, go
by the number of faces shared, the largest first, and a cluster whose first pair is with its new
faces, or with somebody who is taken, is somebody new.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.chinese_whispers import ChineseWhispers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.peers.rule import Numbers

DISTANCE = 0.4  # L2
NEW_FACES = 25


class Nextcloud:
    """Joins faces of ``encodings`` (N, D) up to ``distance`` (L2)."""

    def __init__(self, encodings: NDArray[np.float32], distance: float) -> None:
        self.groups = np.full(len(encodings), -1)
        self._encodings = encodings
        self._whispers = ChineseWhispers(distance=distance)
        self._come = 0
        self._clustered = 0

    def take(self, photo: range) -> None:
        """Cluster everything if enough faces have come since the last time."""
        self._come = photo.stop
        if self._come - self._clustered >= NEW_FACES:
            self.finish()

    def finish(self) -> None:
        """Cluster everything: a few new faces wait two hours at most."""
        found = self._whispers.group(
            self._encodings[: self._come], np.arange(self._come), eps=0.0, merge=0.0
        )
        self.groups[: self._come] = persons_of(with_singles(found), self.groups[: self._come])
        self._clustered = self._come


def with_singles(clusters: Numbers) -> Numbers:
    """Return the clusters with everybody who is in none (-1) in one of its own."""
    free = int(clusters.max(initial=-1)) + 1
    return np.where(clusters < 0, free + np.arange(len(clusters)), clusters)


def persons_of(clusters: Numbers, persons: Numbers) -> Numbers:
    """Return the person of each face after a run that found ``clusters`` (n,).

    ``persons`` (n,) are those before it, -1 for new faces; who is new is numbered from there on.
    """
    shared = Counter(zip(clusters.tolist(), persons.tolist(), strict=True))
    goes_on: dict[int, int] = {}
    taken: set[int] = set()
    for (cluster, person), _ in sorted(shared.items(), key=lambda each: (-each[1], each[0])):
        if cluster not in goes_on:
            goes_on[cluster] = -1 if person in taken else person
            if person >= 0:
                taken.add(person)
    free = int(persons.max(initial=-1)) + 1
    for cluster in sorted(goes_on):
        if goes_on[cluster] < 0:
            goes_on[cluster] = free
            free += 1
    return np.array([goes_on[cluster] for cluster in clusters.tolist()], dtype=np.int64)
