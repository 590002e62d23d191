"""HDBSCAN (Campello, Moulavi, Sander 2013): DBSCAN at every radius, and the clusters that last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from facewatchd.clustering.checks import check
from facewatchd.clustering.labels import by_first_face
from facewatchd.clustering.options import check_choice, check_switch, check_whole
from facewatchd.clustering.progress import Progress, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Hdbscan:
    """Clusterer "hdbscan": scikit-learn's, in its mode that makes no N x N matrix.

    ``min_cluster_size`` is the fewest faces of a cluster.  Of 2 to 8, 3 does best on the faces of
    LFW: pairwise F1 0.954 with all of them and with an album (5: 0.890 and 0.954).  ``min_samples``
    is how many faces, itself included, must be near a face for it to be in the dense part of a
    cluster; None is ``min_cluster_size``.  ``cluster_selection_method`` takes the clusters that
    last longest ("eom") or the smallest ones ("leaf"); all faces as one only with
    ``allow_single_cluster``.  (scikit-learn's cluster_selection_epsilon is not offered: with NumPy
    2.4, version 1.9.1 raises a TypeError where it matters.)
    """

    min_cluster_size: int = 3
    min_samples: int | None = None
    cluster_selection_method: Literal["eom", "leaf"] = "eom"
    allow_single_cluster: bool = False
    protocol: ClassVar[int] = 1
    name: ClassVar[str] = "hdbscan"
    version: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        check_whole("min_cluster_size", self.min_cluster_size, 2)
        if self.min_samples is not None:
            check_whole("min_samples", self.min_samples, 1)
        check_choice("cluster_selection_method", self.cluster_selection_method, ("eom", "leaf"))
        check_switch("allow_single_cluster", self.allow_single_cluster)

    def group(
        self,
        encodings: NDArray[np.float32],
        photos: NDArray[np.int64],
        *,
        progress: Progress = silent,
        **_distances: float,
    ) -> NDArray[np.int64]:
        """Return the cluster of each face, int64 (N,), numbered from 0 by first face; -1 is none.

        ``encodings`` is float32 (N, D), ``photos`` (N,); a cluster may have two faces of one photo.
        Memory is linear in N; time grows with its square, most of it in one thread: 80 s of a
        processor for 20,000 faces, so half an hour for 100,000.  scikit-learn says nothing
        meanwhile: ``progress`` is called before and after, and only there can a run be cancelled.
        The same faces in the same order have the same clusters.  Fewer faces than
        ``min_cluster_size`` or ``min_samples`` have none.  ValueError when shapes differ or an
        encoding is not finite.
        """
        check(encodings, photos)
        progress(0.0)
        if len(encodings) < max(self.min_cluster_size, self.min_samples or 0):
            progress(1.0)
            return np.full(len(encodings), -1, dtype=np.int64)
        # The daemon imports this module, and leaves scikit-learn to the process that clusters.
        from sklearn.cluster import HDBSCAN  # noqa: PLC0415

        found = HDBSCAN(
            min_cluster_size=self.min_cluster_size,
            min_samples=self.min_samples,
            cluster_selection_method=self.cluster_selection_method,
            allow_single_cluster=self.allow_single_cluster,
            algorithm="kd_tree",
            n_jobs=-1,
            copy=True,
        ).fit(encodings.astype(np.float64))
        progress(1.0)
        return by_first_face(found.labels_.astype(np.int64))
