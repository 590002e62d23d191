"""The default: DBSCAN's pure cores, joined by average linkage as `judge` says, then leftovers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from facewatchd.clustering.checks import check
from facewatchd.clustering.cores import Cores
from facewatchd.clustering.directions import numbered
from facewatchd.clustering.judge import one_person
from facewatchd.clustering.labels import by_first_face, without_singles
from facewatchd.clustering.leftovers import one_face_a_photo, with_leftovers
from facewatchd.clustering.linkage import grow, near_groups, near_groups_after
from facewatchd.clustering.progress import Progress, part, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.clustering.near import Near

# How much of the time has gone when each stage ends, about.
_CORES, _NEAR, _TREE = 0.5, 0.8, 0.9


@dataclass(frozen=True, eq=False)
class Known:
    """What a run has found out of N faces that the next one need not find out again.

    ``cores`` are DBSCAN's, ``groups`` int64 (N,) the groups that the tree begins with, ``near``
    who is near to each of them.
    """

    cores: Cores
    groups: NDArray[np.int64]
    near: Near


def group(
    encodings: NDArray[np.float32],
    photos: NDArray[np.int64],
    *,
    eps: float,
    min_samples: int,
    merge: float,
    progress: Progress = silent,
) -> NDArray[np.int64]:
    """Return the cluster of each face, int64 (N,), numbered from 0 by first face; -1 is none.

    ``encodings`` is float32 (N, D); ``photos`` (N,) numbers the photo of each face.  ``eps`` is
    DBSCAN's radius (L2), ``merge`` how far apart the directions of two groups of one person may be
    (the root of the mean squared distance, see `judge`).  No cluster has two faces of one photo, or
    one face alone.  The result depends on the input alone; exact ties go to the earlier face, so
    callers order faces by something lasting.  ValueError when shapes differ or an encoding is not
    finite.
    """
    known = learn(encodings, eps=eps, min_samples=min_samples, merge=merge, progress=progress)
    return group_known(encodings, photos, known, merge=merge, progress=progress)


def learn(
    encodings: NDArray[np.float32],
    *,
    eps: float,
    min_samples: int,
    merge: float,
    before: Known | None = None,
    was: NDArray[np.int64] | None = None,
    progress: Progress = silent,
) -> Known:
    """Find out what `group_known` needs; the first and longest part of `group`.

    With ``before``, what was known of other faces at the same ``eps``, ``min_samples`` and
    ``merge``, and ``was`` int64 (N,), which of them each face is (with the same encoding; those
    that stay keep their order), -1 for a new one, it costs what changed, and comes to the same.
    """
    check(encodings, np.arange(len(encodings)))
    first, second = part(progress, 0.0, _CORES), part(progress, _CORES, _NEAR)
    if before is None or was is None:
        cores = Cores.of(encodings, eps, min_samples, first)
        groups = cores.labels(encodings)
        near = near_groups(encodings, groups, merge, second)
    else:
        cores = before.cores.after(encodings, was, first)
        groups = cores.labels(encodings)
        near = near_groups_after(
            before.near, encodings, groups, before=before.groups, was=was, progress=second
        )
    return Known(cores, groups, near)


def group_known(
    encodings: NDArray[np.float32],
    photos: NDArray[np.int64],
    known: Known,
    *,
    merge: float,
    progress: Progress = silent,
) -> NDArray[np.int64]:
    """Return the clusters as `group` has them, of faces that ``known`` is about."""
    check(encodings, photos)
    tree = grow(
        encodings,
        known.groups,
        merge,
        near=known.near,
        judge=partial(one_person, merge=merge),
        progress=part(progress, _NEAR, _TREE),
    )
    joined = tree.roots()[numbered(known.groups)]
    whole = one_face_a_photo(encodings, without_singles(joined), photos)
    clusters = without_singles(whole)
    last = part(progress, _TREE, 1.0)
    found = by_first_face(with_leftovers(encodings, clusters, photos, merge, last))
    progress(1.0)
    return found


@dataclass(frozen=True)
class Recipe:
    """Clusterer "dbscan+merge"."""

    protocol: ClassVar[int] = 1
    name: ClassVar[str] = "dbscan+merge"
    version: ClassVar[str] = "2"

    def group(
        self,
        encodings: NDArray[np.float32],
        photos: NDArray[np.int64],
        *,
        eps: float,
        min_samples: int,
        merge: float,
        reach: float,  # noqa: ARG002 - what the protocol hands to every clusterer
        progress: Progress = silent,
    ) -> NDArray[np.int64]:
        """Return the cluster of each face, as `group` has it."""
        return group(
            encodings, photos, eps=eps, min_samples=min_samples, merge=merge, progress=progress
        )
