"""Which face of a photo a cluster keeps, and where faces go that are in no cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.directions import mean_directions, units
from facewatchd.clustering.judge import limits
from facewatchd.clustering.labels import nearest_of_photo
from facewatchd.clustering.progress import Progress, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

# So many products of faces and clusters, or faces, are held at a time.
_PRODUCTS = 2**22
# A face too far from a cluster as a whole, but within _REACH · merge, goes there all the same when
# _COMPANY of its faces are within _CLOSE · merge: a bad picture is like a few others of its person,
# taken that day or from that side, and like nobody's mean (docs/adr/0016).
_REACH = 1.05
_COMPANY, _CLOSE = 2, 6 / 7


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
    clusters, own = np.unique(labels[rivals], return_inverse=True)
    numbers = np.full(labels.max() + 2, -1)  # the last is for -1
    numbers[clusters] = np.arange(len(clusters))
    means, _ = mean_directions(encodings, numbers[labels])
    away = -np.einsum("nd,nd->n", units(encodings[rivals]), means[own])
    stays = nearest_of_photo(labels[rivals], photos[rivals], away)
    released = labels.copy()
    released[rivals[~stays]] = -1
    return released


def with_leftovers(
    encodings: NDArray[np.float32],
    labels: NDArray[np.int64],
    photos: NDArray[np.int64],
    merge: float,
    progress: Progress = silent,
) -> NDArray[np.int64]:
    """Give each face that is in no cluster to the nearest one, without moving it.

    It must be within the limit of that cluster's size (`judge.limits`) or have company there, the
    photo must have no face there, and of several left over from one photo the nearest goes.
    """
    left = np.flatnonzero(labels < 0)
    if len(left) in (0, len(labels)):
        return labels
    means, counts = mean_directions(encodings, labels)
    nearest, away = _nearest(encodings, left, means, progress)
    fits = away <= limits(counts[nearest].astype(np.float64), merge) ** 2
    asking = np.flatnonzero(~fits & (away <= (_REACH * merge) ** 2))
    fits[asking] = _in_company(encodings, labels, left[asking], nearest[asking], merge)
    asked = labels.copy()
    asked[left[fits]] = nearest[fits]
    rank = np.full(len(labels), -1.0)  # members come before everyone who asks
    rank[left] = away
    return np.where(nearest_of_photo(asked, photos, rank), asked, -1)


def _nearest(
    encodings: NDArray[np.float32],
    faces: NDArray[np.int64],
    means: NDArray[np.float64],
    progress: Progress,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each of ``faces`` the cluster whose mean squared distance is least, and that."""
    nearest = np.empty(len(faces), dtype=np.int64)
    away = np.empty(len(faces))
    block = max(1, _PRODUCTS // len(means))
    for start in range(0, len(faces), block):
        part = slice(start, start + block)
        directions = units(encodings[faces[part]])
        found = (directions @ means.T).argmax(axis=1)
        nearest[part] = found
        away[part] = 2.0 - 2.0 * np.einsum("nd,nd->n", directions, means[found])
        progress(min(1.0, (start + block) / len(faces)))
    return nearest, away


def _in_company(
    encodings: NDArray[np.float32],
    labels: NDArray[np.int64],
    faces: NDArray[np.int64],
    clusters: NDArray[np.int64],
    merge: float,
) -> NDArray[np.bool_]:
    """Say of each of ``faces`` whether enough faces of its one of ``clusters`` are close to it."""
    least = 1.0 - (_CLOSE * merge) ** 2 / 2.0  # the product of directions that far from each other
    close = np.zeros(len(faces), dtype=np.int64)
    by_cluster = np.argsort(labels, kind="stable")
    for cluster in np.unique(clusters):
        asking = np.flatnonzero(clusters == cluster)
        directions = units(encodings[faces[asking]])
        start, end = np.searchsorted(labels, (cluster, cluster + 1), sorter=by_cluster)
        block = max(1, _PRODUCTS // len(asking))
        for first in range(start, end, block):
            members = by_cluster[first : min(end, first + block)]
            close[asking] += (directions @ units(encodings[members]).T >= least).sum(axis=1)
    return close >= _COMPANY
