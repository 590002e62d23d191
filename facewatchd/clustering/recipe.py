"""The recipe: pure cores by DBSCAN, joined by average linkage, one face a photo, then leftovers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.dbscan import dbscan
from facewatchd.clustering.labels import (
    by_first_face,
    means,
    nearest_of_photo,
    without_singles,
)
from facewatchd.clustering.linkage import average_linkage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 1024


def group(
    encodings: NDArray[np.float32],
    photos: NDArray[np.int64],
    *,
    eps: float,
    min_samples: int,
    merge: float,
    reach: float,
) -> NDArray[np.int64]:
    """Return the cluster of each face, int64 (N,), numbered from 0 by first face; -1 is none.

    ``encodings`` is float32 (N, D); ``photos`` (N,) numbers the photo of each face.  L2 distances
    are ``eps`` (DBSCAN's radius), ``merge`` (the root of the mean squared distance up to which
    groups are joined) and ``reach`` (how far from its centroid a leftover face joins a cluster).
    No cluster has two faces of one photo, or one face alone.  The result depends on the input
    alone; exact ties go to the earlier face, so callers order faces by something lasting.
    ValueError when shapes differ or an encoding is not finite.
    """
    _check(encodings, photos)
    cores = dbscan(encodings, eps, min_samples)
    joined = average_linkage(encodings, cores, merge)
    clusters = without_singles(_one_face_a_photo(encodings, joined, photos))
    return by_first_face(_with_leftovers(encodings, clusters, photos, reach))


class Recipe:
    """Clusterer "recipe"."""

    protocol = 1
    name = "recipe"
    version = "1"
    group = staticmethod(group)


def _check(encodings: NDArray[np.float32], photos: NDArray[np.int64]) -> None:
    if encodings.ndim != 2 or photos.shape != encodings.shape[:1]:  # noqa: PLR2004 - a matrix
        raise ValueError(
            f"encodings must be (N, D) and photos (N,), not {encodings.shape} and {photos.shape}"
        )
    if not np.isfinite(encodings).all():
        bad = np.flatnonzero(~np.isfinite(encodings).all(axis=1))
        raise ValueError(f"{len(bad)} encodings are not finite, the first is number {bad[0]}")


def _one_face_a_photo(
    encodings: NDArray[np.float32], labels: NDArray[np.int64], photos: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Release all faces of a photo but the one nearest to the centroid of their cluster."""
    numbers, cluster = np.unique(labels, return_inverse=True)
    centroids = means(encodings, cluster, len(numbers))
    distances = np.linalg.norm(encodings - centroids[cluster], axis=1)
    return np.where(nearest_of_photo(cluster, photos, distances), cluster, -1)


def _with_leftovers(
    encodings: NDArray[np.float32],
    labels: NDArray[np.int64],
    photos: NDArray[np.int64],
    distance: float,
) -> NDArray[np.int64]:
    """Give each face that is in no cluster to the nearest centroid, without moving it.

    It must be within ``distance``, the photo must have no face there, and of several left over
    from one photo the nearest goes.
    """
    left = np.flatnonzero(labels < 0)
    if len(left) in (0, len(labels)):
        return labels
    members = labels >= 0
    centroids = means(encodings[members], labels[members], int(labels.max()) + 1)
    nearest, away = _nearest_centroid(encodings[left], centroids)
    asked = labels.copy()
    asked[left[away <= distance]] = nearest[away <= distance]
    rank = np.full(len(labels), -1.0)  # members come before everyone who asks
    rank[left] = away
    return np.where(nearest_of_photo(asked, photos, rank), asked, -1)


def _nearest_centroid(
    encodings: NDArray[np.float32], centroids: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each face the number of the nearest centroid and the distance to it."""
    squares = np.einsum("ld,ld->l", centroids, centroids)
    nearest = np.empty(len(encodings), dtype=np.int64)
    for start in range(0, len(encodings), _BLOCK):
        block = encodings[start : start + _BLOCK].astype(np.float64)
        nearest[start : start + _BLOCK] = (squares - 2.0 * (block @ centroids.T)).argmin(axis=1)
    return nearest, np.linalg.norm(encodings - centroids[nearest], axis=1)
