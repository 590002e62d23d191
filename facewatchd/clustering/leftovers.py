"""Which face of a photo a cluster keeps, and where faces go that are in no cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.directions import mean_directions, units
from facewatchd.clustering.judge import limits
from facewatchd.clustering.labels import nearest_of_photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

# So many products of faces and clusters are held at a time.
_PRODUCTS = 2**22


def one_face_a_photo(
    encodings: NDArray[np.float32], labels: NDArray[np.int64], photos: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Release all faces of a photo but the one nearest to the mean direction of their cluster.

    ``labels`` (N,) are numbered from 0 without gaps, -1 is none; ``photos`` (N,) numbers the photo
    of each face.
    """
    grouped = np.flatnonzero(labels >= 0)
    pairs = np.stack([labels[grouped], photos[grouped]], axis=1)
    _, pair, times = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    rivals = grouped[times[pair.reshape(-1)] > 1]
    if len(rivals) == 0:
        return labels
    held = np.flatnonzero(np.isin(labels, np.unique(labels[rivals])))
    numbers, of_held = np.unique(labels[held], return_inverse=True)
    means, _ = mean_directions(encodings[held], of_held.astype(np.int64))
    own = means[np.searchsorted(numbers, labels[rivals])]
    away = -np.einsum("nd,nd->n", units(encodings[rivals]), own)
    stays = nearest_of_photo(labels[rivals], photos[rivals], away)
    released = labels.copy()
    released[rivals[~stays]] = -1
    return released


def with_leftovers(
    encodings: NDArray[np.float32],
    labels: NDArray[np.int64],
    photos: NDArray[np.int64],
    merge: float,
) -> NDArray[np.int64]:
    """Give each face that is in no cluster to the nearest one, without moving it.

    It must be within the limit of that cluster's size (`judge.limits`), the photo must have no face
    there, and of several left over from one photo the nearest goes.
    """
    left = np.flatnonzero(labels < 0)
    if len(left) in (0, len(labels)):
        return labels
    grouped = labels >= 0
    means, counts = mean_directions(encodings[grouped], labels[grouped])
    nearest, away = _nearest(encodings[left], means)
    fits = away <= limits(counts[nearest].astype(np.float64), merge) ** 2
    asked = labels.copy()
    asked[left[fits]] = nearest[fits]
    rank = np.full(len(labels), -1.0)  # members come before everyone who asks
    rank[left] = away
    return np.where(nearest_of_photo(asked, photos, rank), asked, -1)


def _nearest(
    encodings: NDArray[np.float32], means: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each face the cluster whose mean squared distance is least, and that distance."""
    nearest = np.empty(len(encodings), dtype=np.int64)
    away = np.empty(len(encodings))
    block = max(1, _PRODUCTS // len(means))
    for start in range(0, len(encodings), block):
        directions = units(encodings[start : start + block])
        found = (directions @ means.T).argmax(axis=1)
        nearest[start : start + block] = found
        products = np.einsum("nd,nd->n", directions, means[found])
        away[start : start + block] = 2.0 - 2.0 * products
    return nearest, away
