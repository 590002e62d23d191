"""The joining rule of PhotoPrism.

As its documentation has it (docs.photoprism.app/developer-guide/vision/face-recognition, and
internal/ai/face/README.md in github.com/photoprism/photoprism): all vectors have length 1 and
distances are L2.  When twice the *cluster core* (4) of faces without a cluster have come, DBSCAN
with *cluster dist* (0.64) looks for new clusters among all faces without one; nothing else is ever
clustered again.  A cluster is the normalised mean of its faces and a radius, how far the farthest
of them is, at most *cluster radius* (0.42).  A face belongs to the nearest cluster that is no
farther than its radius and *match dist* (0.40) together, which may widen the radius, up to the
same limit; a face goes over to a new cluster that is nearer.  The defaults are those for FaceNet
since December 2025 (issue 4669 there).

Its rule for conflicts shrinks the reach of a cluster when a face in reach was named somebody else.
Here nobody names anybody, so that there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.peers.rule import Neighbours, units

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CORE = 4  # faces within cluster dist of each other, with the face itself
SAMPLES = 2 * CORE
CLUSTER_DIST = 0.64  # this and the next two for the encodings of its own model, FaceNet
CLUSTER_RADIUS = 0.42
MATCH_DIST = 0.40


@dataclass(slots=True)
class _Cluster:
    middle: NDArray[np.float32]
    radius: float


class PhotoPrism:
    """Joins faces of ``encodings`` (N, D) with ``distance`` (L2) as cluster dist.

    Cluster radius keeps its documented proportion to it; match dist is ``match`` times as much.
    """

    def __init__(
        self,
        encodings: NDArray[np.float32],
        distance: float,
        match: float = MATCH_DIST / CLUSTER_DIST,
    ) -> None:
        self.groups = np.full(len(encodings), -1)
        self._units = units(encodings)
        # Of unit vectors, 1 - cosine is half the square of the distance.
        self._near = Neighbours(self._units, distance**2 / 2.0)
        self._widest = distance * CLUSTER_RADIUS / CLUSTER_DIST
        self._match = distance * match
        self._clusters: list[_Cluster] = []
        self._away = np.full(len(encodings), np.inf)  # how far the middle of the own cluster is
        self._new = 0

    def take(self, photo: range) -> None:
        """Match the faces of a photo, and look for new clusters when enough are without one."""
        self._near.add(photo)
        if self._new + len(photo) >= SAMPLES:
            self._find_clusters(photo.stop)
            self._new = 0
        for face in photo:
            self._match_face(face)
        self._new += int(np.count_nonzero(self.groups[photo.start : photo.stop] < 0))

    def finish(self) -> None:
        """Nothing waits for the night: faces too few to look for clusters wait for more."""

    def _find_clusters(self, stop: int) -> None:
        without = {int(face) for face in np.flatnonzero(self.groups[:stop] < 0)}
        for faces in self._dense(without):
            middle = self._units[faces].mean(axis=0)
            middle /= np.linalg.norm(middle)
            farthest = float(np.linalg.norm(self._units[faces] - middle, axis=1).max())
            self._clusters.append(_Cluster(middle, min(farthest, self._widest)))
            self._match_cluster(len(self._clusters) - 1, stop)

    def _dense(self, without: set[int]) -> Iterator[list[int]]:
        """Yield the clusters of DBSCAN; a face that two of them reach is the first one's."""
        near = {face: [n.face for n in self._near[face] if n.face in without] for face in without}
        cores = {face for face, others in near.items() if len(others) + 1 >= CORE}
        taken: set[int] = set()
        for seed in sorted(cores):
            if seed in taken:
                continue
            cluster, reached = [], [seed]
            taken.add(seed)
            while reached:
                face = reached.pop()
                cluster.append(face)
                if face in cores:
                    new = [other for other in near[face] if other not in taken]
                    taken.update(new)
                    reached += new
            yield sorted(cluster)

    def _match_cluster(self, number: int, stop: int) -> None:
        """Give a new cluster all faces that it reaches and that have none, or a farther one."""
        cluster = self._clusters[number]
        away = np.linalg.norm(self._units[:stop] - cluster.middle, axis=1)
        theirs = np.flatnonzero((away <= cluster.radius + self._match) & (away < self._away[:stop]))
        for face in theirs.tolist():
            self._give(face, number, float(away[face]))

    def _match_face(self, face: int) -> None:
        """Give a face without a cluster to the nearest one that reaches it."""
        if self.groups[face] >= 0 or not self._clusters:
            return
        middles = np.stack([cluster.middle for cluster in self._clusters])
        away = np.linalg.norm(middles - self._units[face], axis=1)
        reach = np.array([cluster.radius for cluster in self._clusters]) + self._match
        away[away > reach] = np.inf
        nearest = int(away.argmin())
        if np.isfinite(away[nearest]):
            self._give(face, nearest, float(away[nearest]))

    def _give(self, face: int, number: int, away: float) -> None:
        cluster = self._clusters[number]
        self.groups[face] = number
        self._away[face] = away
        cluster.radius = max(cluster.radius, min(away, self._widest))
