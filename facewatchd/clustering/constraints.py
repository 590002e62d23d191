"""What the user said, as a second step after any clusterer: which faces are never together.

No cluster holds settled faces of two people, nor a face with a settled face of a person whom it
refuses, nor two faces of one photo unless both are settled in one person.  A cluster that breaks
none of this stays as it is.  One that does is taken apart: the settled faces of each person are one
group, every other face is one of its own, and groups are joined again by average linkage, nearest
first, but never two that may not be together.

So a face that refuses a person keeps out with it whatever is nearer to it than to the person.  That
is right where many of a group refuse: they are somebody else.  Where no more than half do, the
others are joined without them, and those who refuse come last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.labels import by_first_face, members
from facewatchd.clustering.linkage import average_linkage
from facewatchd.clustering.looks import TIGHTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# So many single faces are joined at once, as its time grows with the square of their number.
BLOCK = 2048
# A group is somebody else than whom more than this share of its faces refuse.
MOST = 0.5


def constrained(
    encodings: NDArray[np.float32],
    photos: NDArray[np.int64],
    labels: NDArray[np.int64],
    *,
    settled: NDArray[np.int64],
    refused: Sequence[tuple[int, int]],
    merge: float,
) -> NDArray[np.int64]:
    """Return the clusters ``labels`` (N,) with every broken one taken apart and joined anew.

    ``encodings`` is float32 (N, D), ``photos`` (N,) the photo of each face; ``settled`` (N,) the
    number, from 0, of the person in whom a face is settled, -1 for none; ``refused`` are (face,
    person) that the user said are not each other.  ``merge`` is the distance of directions up to
    which groups are joined.  The result is numbered from 0 without gaps, -1 is none; a face that is
    left alone of a broken cluster is in none.  Without a broken cluster it is ``labels``.

    Of a broken cluster with more than 2048 other faces these are first joined in blocks of so
    many, in their order, up to 3/4 of ``merge``; so time grows with the square of a block and of
    the number of tight groups, and memory with the number of faces.
    """
    start = _groups_at_start(labels, settled)
    apart = _marks(photos, labels, start, settled, refused)
    broken = _broken(labels, start, apart)
    if len(broken) == 0:
        return labels
    result = labels.copy()
    free = int(labels.max()) + 1
    clusters = members(labels)
    apart = apart[np.argsort(labels[apart[:, 0]], kind="stable")]
    marked = labels[apart[:, 0]]
    for label in broken:
        faces = clusters[label]
        own = apart[np.searchsorted(marked, label) : np.searchsorted(marked, label, "right")]
        parts = _joined_anew(encodings[faces], settled[faces], _of(faces, own), merge)
        sizes = np.bincount(parts)
        result[faces] = np.where(sizes[parts] > 1, free + parts, -1)
        free += len(sizes)
    return by_first_face(result)


def _groups_at_start(labels: NDArray[np.int64], settled: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number what stays together: the settled faces of one person in one cluster, or one face."""
    people = int(settled.max(initial=-1)) + 1
    own = np.where((settled >= 0) & (labels >= 0), settled, people + np.arange(len(labels)))
    keys = (labels + 1) * (people + len(labels)) + own
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _marks(
    photos: NDArray[np.int64],
    labels: NDArray[np.int64],
    start: NDArray[np.int64],
    settled: NDArray[np.int64],
    refused: Sequence[tuple[int, int]],
) -> NDArray[np.int64]:
    """Say what may not be together as marks (face, mark), which no two groups may share.

    A photo is a mark of its faces, and one mark is that of everyone settled.  Each refusal is a
    mark of the face, and of the settled faces of that person in the same cluster; it is below 0.
    """
    every = np.arange(len(labels))
    photo = np.unique(photos, return_inverse=True)[1]
    anyone = int(photo.max(initial=-1)) + 1
    here = np.flatnonzero((settled >= 0) & (labels >= 0))
    one_of = {
        (label, person): face
        for label, person, face in zip(
            labels[here].tolist(), settled[here].tolist(), here.tolist(), strict=True
        )
    }
    refusals = [
        pair
        for number, (face, person) in enumerate(refused, start=1)
        if (other := one_of.get((int(labels[face]), person))) is not None
        if start[face] != start[other]
        for pair in ((face, -number), (other, -number))
    ]
    return np.concatenate(
        [
            np.stack([every, photo], axis=1),
            np.stack([here, np.full(len(here), anyone)], axis=1),
            np.array(refusals, dtype=np.int64).reshape(-1, 2),
        ]
    )


def _broken(
    labels: NDArray[np.int64], start: NDArray[np.int64], apart: NDArray[np.int64]
) -> list[int]:
    """Return the clusters in which two groups share a mark, ascending."""
    faces, marks = apart[labels[apart[:, 0]] >= 0].T
    held = np.unique(np.stack([labels[faces], marks, start[faces]], axis=1), axis=0)
    again = (held[1:, :2] == held[:-1, :2]).all(axis=1)
    return sorted(set(held[1:][again, 0].tolist()))


def _of(faces: NDArray[np.int64], apart: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the marks of ``faces``, ascending, which are numbered 0, 1, … in the answer."""
    rows = np.searchsorted(faces, apart[:, 0])
    rows[rows == len(faces)] = 0
    own = faces[rows] == apart[:, 0]
    return np.stack([rows[own], apart[own, 1]], axis=1)


def _joined_anew(
    encodings: NDArray[np.float32],
    settled: NDArray[np.int64],
    apart: NDArray[np.int64],
    merge: float,
) -> NDArray[np.int64]:
    """Return the groups of the faces of one cluster, joined from settled groups and others."""
    groups = settled.copy()
    others = np.flatnonzero(settled < 0)
    if len(others) > BLOCK:
        for start in range(0, len(others), BLOCK):
            block = others[start : start + BLOCK]
            tight = average_linkage(
                encodings[block], np.full(len(block), -1), TIGHTER * merge, _of(block, apart)
            )
            groups[block] = groups.max() + 1 + tight
    groups = average_linkage(encodings, groups, merge, apart)
    strays = _strays(groups, settled, apart)
    if not strays.any():
        return groups
    rest = np.flatnonzero(~strays)
    groups[rest] = average_linkage(encodings[rest], groups[rest], merge, _of(rest, apart))
    return average_linkage(encodings, np.where(strays, -1, groups), merge, apart)


def _strays(
    groups: NDArray[np.int64], settled: NDArray[np.int64], apart: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mark who refuses somebody, among as many or more who do not, in a group of nobody settled."""
    refusing = np.zeros(len(groups), dtype=np.bool_)
    refusing[apart[apart[:, 1] < 0, 0]] = True
    share = np.bincount(groups, weights=refusing) / np.maximum(np.bincount(groups), 1)
    somebody = np.bincount(groups, weights=settled >= 0) > 0
    strays: NDArray[np.bool_] = refusing & (share[groups] <= MOST) & ~somebody[groups]
    return strays
