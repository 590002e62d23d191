"""K-Means (Lloyd 1957, 1982): so many people as the user says, each face with the nearest mean."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from facewatchd.clustering.checks import check
from facewatchd.clustering.labels import by_first_face
from facewatchd.clustering.options import check_whole
from facewatchd.clustering.progress import Progress, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RUNS = 10  # from different starts; the best one counts


@dataclass(frozen=True)
class KMeans:
    """Clusterer "kmeans": scikit-learn's, from ten starts by k-means++ (Arthur et al. 2007).

    ``clusters`` is how many there are, which nobody can guess; ``seed`` decides the starts.  Every
    face is in a cluster, strangers too, and a cluster may have two faces of one photo.
    """

    clusters: int
    seed: int = 0
    protocol: ClassVar[int] = 1
    name: ClassVar[str] = "kmeans"
    version: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        check_whole("clusters", self.clusters, 1)
        check_whole("seed", self.seed, 0)

    def group(
        self,
        encodings: NDArray[np.float32],
        photos: NDArray[np.int64],
        *,
        progress: Progress = silent,
        **_distances: float,
    ) -> NDArray[np.int64]:
        """Return the cluster of each face, int64 (N,), numbered from 0 by first face.

        ``encodings`` is float32 (N, D), ``photos`` (N,).  The runs share the cores, one thread
        each, so that no sum depends on how threads divide it: on one machine the result is the
        same every time.  Memory is linear in N for each core.  ``progress`` is called after each
        of the ten runs; runs under way cannot be cancelled, those that wait are.  No faces have no
        cluster; ValueError when more clusters are asked for than there are different faces, when
        shapes differ, or an encoding is not finite.
        """
        check(encodings, photos)
        if len(encodings) == 0:
            return np.empty(0, dtype=np.int64)
        different = len(np.unique(encodings, axis=0))
        if self.clusters > different:
            raise ValueError(
                f"clusters is {self.clusters}, but there are only {different} different faces"
            )
        # The daemon imports this module, and leaves scikit-learn to the process that clusters.
        from threadpoolctl import threadpool_limits  # noqa: PLC0415

        seeds = np.random.SeedSequence(self.seed).generate_state(_RUNS).tolist()
        best: dict[int, tuple[float, NDArray[np.int64]]] = {}
        with threadpool_limits(1), ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            runs = {pool.submit(self._run, encodings, seed): n for n, seed in enumerate(seeds)}
            try:
                for done, run in enumerate(as_completed(runs), start=1):
                    best[runs[run]] = run.result()
                    progress(done / _RUNS)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        return by_first_face(min(sorted(best.items()), key=lambda item: item[1][0])[1][1])

    def _run(self, encodings: NDArray[np.float32], seed: int) -> tuple[float, NDArray[np.int64]]:
        """Return the sum of squared distances to the means, and the labels, of one start."""
        from sklearn.cluster import KMeans as Lloyd  # noqa: PLC0415 - as above
        from threadpoolctl import threadpool_limits  # noqa: PLC0415

        with threadpool_limits(1):  # OpenMP's is a thread's own
            found = Lloyd(self.clusters, n_init=1, random_state=seed).fit(encodings)
        return float(found.inertia_), found.labels_.astype(np.int64)
