"""The joining rule of Ente.

Each face is compared with all that came before it, and joins the cluster of the nearest when their
cosine is more than 0.76 (distance below 0.24: ``kRecommendedDistanceThreshold`` of
``face_clustering_service.dart``, ``cluster.ts`` of the web client, github.com/ente-io/ente), else
it begins a cluster.  Clusters are never joined again but by the user.  Where either face is of low
quality the cosine must be above 0.84.  How good a face is the encodings do not say, and those of
LFW are sharp: all count as good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.peers.rule import units

if TYPE_CHECKING:
    from numpy.typing import NDArray

DISTANCE = 0.24  # 1 - cosine, for the encodings of its own model, MobileFaceNet


class Ente:
    """Joins faces of ``encodings`` (N, D) below ``distance``, 1 - cosine."""

    def __init__(self, encodings: NDArray[np.float32], distance: float) -> None:
        self.groups = np.full(len(encodings), -1)
        self._units = units(encodings)
        self._distance = distance
        self._clusters = 0

    def take(self, photo: range) -> None:
        """Give each face to the cluster of the nearest earlier one, or to a new cluster."""
        for face in photo:
            away = 1.0 - self._units[:face] @ self._units[face]
            if face and away.min() < self._distance:
                self.groups[face] = self.groups[away.argmin()]
            else:
                self.groups[face] = self._clusters
                self._clusters += 1

    def finish(self) -> None:
        """Nothing waits for the night."""
