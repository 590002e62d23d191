"""The pure cores of people: DBSCAN (Ester, Kriegel, Sander, Xu 1996)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def dbscan(encodings: NDArray[np.float32], eps: float, min_samples: int) -> NDArray[np.int64]:
    """Return the cluster of each of ``encodings`` (N, D), int64 (N,); -1 is noise.

    ``eps`` is an L2 distance; ``min_samples`` counts the face itself.  With at most 2 there are no
    border points, and the partition does not depend on the order of the faces.
    """
    # The daemon imports this module, and leaves scikit-learn to the process that clusters.
    from sklearn.cluster import DBSCAN  # noqa: PLC0415

    if len(encodings) == 0:
        return np.empty(0, dtype=np.int64)
    # In 128 dimensions a tree visits every leaf; comparing all pairs by blocks is faster.
    found = DBSCAN(eps=eps, min_samples=min_samples, algorithm="brute").fit(
        encodings.astype(np.float64)
    )
    return np.asarray(found.labels_, dtype=np.int64)
