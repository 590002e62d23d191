"""What is done with labels: numbering, means, and which face of a photo a cluster keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def by_first_face(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number clusters 0, 1, … in the order of their first faces; -1 stays."""
    found, first, member = np.unique(labels, return_index=True, return_inverse=True)
    named = found >= 0
    numbers = np.full(len(found), -1)
    numbers[np.flatnonzero(named)[np.argsort(first[named])]] = np.arange(np.count_nonzero(named))
    return numbers[member]


def without_singles(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Release every face that is alone in its cluster, and close the gaps in the numbers."""
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    return by_first_face(np.where((labels >= 0) & (sizes[labels] > 1), labels, -1))


def members(labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the faces of each of the clusters 0, 1, … in ascending order; every label occurs."""
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels + 1, minlength=1)
    return np.split(order, np.cumsum(sizes)[:-1])[1:]


def means(
    encodings: NDArray[np.float32], labels: NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    """Return the means (count, D) of the faces labelled 0, 1, …; every label occurs."""
    faces = encodings[np.argsort(labels, kind="stable")].astype(np.float64)
    sizes = np.bincount(labels, minlength=count)
    return np.asarray(np.add.reduceat(faces, np.cumsum(sizes) - sizes) / sizes[:, None])


def nearest_of_photo(
    labels: NDArray[np.int64], photos: NDArray[np.int64], distances: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Mark of all faces with equal label and photo the nearest, the first one on a tie."""
    order = np.lexsort((distances, photos, labels))
    same = (np.diff(labels[order]) == 0) & (np.diff(photos[order]) == 0)
    marks = np.ones(len(labels), dtype=np.bool_)
    marks[order[1:][same]] = False
    return marks
