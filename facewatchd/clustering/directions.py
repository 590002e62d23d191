"""Groups of faces as mean directions: the mean cosine of two groups is the product of these.

A direction is an encoding divided by its norm; that of a zero vector is zero.  With m and m' the
means of the directions of two groups, the mean cosine of all pairs is m.m', and the mean squared
distance between their directions is 2 - 2 m.m'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# So many faces of a group are added up at a time, and about so many faces altogether.
_PIECE, _BLOCK = 4096, 8192


def numbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the group of each face, int64 (N,), from 0 without gaps.

    Faces with the same label (N,) are one group, in the order of the labels; each face with -1 is
    one of its own, and they come last, in the order of the faces.
    """
    single = labels < 0
    filled = labels.copy()
    filled[single] = labels.max(initial=-1) + 1 + np.arange(np.count_nonzero(single))
    return np.unique(filled, return_inverse=True)[1].astype(np.int64)


def mean_directions(
    encodings: NDArray[np.float32], groups: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean direction (G, D) and the number of faces (G,) of each group.

    ``groups`` (N,) are numbered from 0 without gaps, -1 is none.  The mean of a group depends on
    its faces alone, to the last bit.
    """
    counts = np.bincount(groups[groups >= 0])
    order = np.argsort(groups, kind="stable")
    order = order[len(groups) - counts.sum() :]
    starts = np.cumsum(counts) - counts
    # Each group is cut into pieces from its own first face on, so that neither its mean nor the
    # memory depends on where it lies.
    place = np.arange(len(order)) - np.repeat(starts, counts)
    pieces = np.flatnonzero(place % _PIECE == 0)
    ends = np.append(pieces[1:], len(order))
    sums = np.zeros((len(counts), encodings.shape[1]))
    first = 0
    while first < len(pieces):
        last = max(first + 1, int(np.searchsorted(ends, pieces[first] + _BLOCK, "right")))
        faces = order[pieces[first] : ends[last - 1]]
        parts = np.add.reduceat(units(encodings[faces]), pieces[first:last] - pieces[first])
        np.add.at(sums, groups[order[pieces[first:last]]], parts)
        first = last
    sums /= counts[:, None]
    return sums, counts.astype(np.int64)


def units(encodings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the direction of each of ``encodings`` (N, D); that of a zero vector is zero."""
    exact = encodings.astype(np.float64)
    norms = np.sqrt(np.einsum("nd,nd->n", exact, exact))
    norms[norms == 0] = 1.0
    exact /= norms[:, None]
    return exact
