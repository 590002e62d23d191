"""Average linkage as the default did it before: of L2 distances, up to one fixed limit.

It makes matrices, so it is for some thousand faces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.directions import numbered

if TYPE_CHECKING:
    from numpy.typing import NDArray


def average_linkage(
    encodings: NDArray[np.float32], labels: NDArray[np.int64], limit: float
) -> NDArray[np.int64]:
    """Return the group of each face, int64 (N,), when no two can be joined any more.

    Always the two with the least mean squared distance are, if it is at most ``limit`` squared.
    ``labels`` (N,) are the groups to start from; a face with -1 is a group of one.
    """
    groups = numbered(labels)
    faces = encodings.astype(np.float64)
    counts = np.bincount(groups).astype(np.float64)
    means = np.zeros((len(counts), faces.shape[1]))
    np.add.at(means, groups, faces)
    means /= counts[:, None]
    squares = np.bincount(groups, weights=np.einsum("nd,nd->n", faces, faces)) / counts
    away = squares[:, None] + squares - 2.0 * means @ means.T
    np.fill_diagonal(away, np.inf)
    into = np.arange(len(counts))
    nearest = away.argmin(axis=1)
    least = away[into, nearest]
    while len(least) and least.min() <= limit**2:
        one = int(least.argmin())
        other = int(nearest[one])
        row = (counts[one] * away[one] + counts[other] * away[other]) / (
            counts[one] + counts[other]
        )
        row[[one, other]] = np.inf
        counts[one] += counts[other]
        into[other] = one
        away[one] = away[:, one] = row
        away[other] = away[:, other] = np.inf
        least[other] = np.inf
        for stale in {one, *np.flatnonzero(np.isin(nearest, (one, other))).tolist()} - {other}:
            nearest[stale] = away[stale].argmin()
            least[stale] = away[stale, nearest[stale]]
    while not np.array_equal(into, into[into]):
        into = into[into]
    return into[groups]
