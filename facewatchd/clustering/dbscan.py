"""The pure cores of people: DBSCAN (Ester, Kriegel, Sander, Xu 1996)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from facewatchd.clustering.checks import check
from facewatchd.clustering.cores import Border, Cores
from facewatchd.clustering.options import check_whole
from facewatchd.clustering.progress import Progress, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def dbscan(
    encodings: NDArray[np.float32],
    eps: float,
    min_samples: int,
    progress: Progress = silent,
    border: Border = "nearest",
) -> NDArray[np.int64]:
    """Return the cluster of each of ``encodings`` (N, D), int64 (N,); -1 is noise.

    ``eps`` is an L2 distance; ``min_samples`` counts the face itself.  With at most 2 there are no
    border faces, and the partition does not depend on the order of the faces; with more, a face
    that is no core but within ``eps`` of some goes with the nearest of them or, when ``border`` is
    "first", with the first cluster that has one.  Clusters are numbered in the order of their first
    cores.  ValueError when ``eps`` is not above 0, ``min_samples`` below 1, or an encoding is not
    finite.
    """
    return Cores.of(encodings, eps, min_samples, progress).labels(encodings, border)


@dataclass(frozen=True)
class Dbscan:
    """Clusterer "dbscan": the labels of scikit-learn's DBSCAN on the same faces in float64.

    ``min_samples`` replaces the one that `group` is told, which is 2 in a library.
    """

    min_samples: int | None = None

    protocol: ClassVar[int] = 1
    name: ClassVar[str] = "dbscan"
    version: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        if self.min_samples is not None:
            check_whole("min_samples", self.min_samples, 1)

    def group(
        self,
        encodings: NDArray[np.float32],
        photos: NDArray[np.int64],
        *,
        eps: float,
        min_samples: int,
        merge: float,  # noqa: ARG002 - what the protocol hands to every clusterer
        reach: float,  # noqa: ARG002 - see merge
        progress: Progress = silent,
    ) -> NDArray[np.int64]:
        """Return the cluster of each face, int64 (N,), as `plugins.Clusterer.group` has it."""
        check(encodings, photos)
        least = min_samples if self.min_samples is None else self.min_samples
        return dbscan(encodings, eps, least, progress, border="first")
