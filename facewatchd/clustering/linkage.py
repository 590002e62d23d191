"""Joining groups of faces by average linkage: the mean squared distance between their directions.

With m and m' the mean directions of two groups, their height is 2 - 2 m.m', the mean of |u - v|^2
over all pairs.  Of a joined group the mean, and so every height, is the weighted mean of those of
its parts.

This is UPGMA on squared distances, which is reducible: a joined group is no nearer to a third than
the nearer of its parts was.  Three things follow.  Groups that are each other's nearest can be
joined at once, whatever happens elsewhere, which is what nearest-neighbour chains do (Benzecri
1982; Murtagh 1983); here they are followed from all groups at once.  A group whose nearest is
beyond the limit will never have one within it: it is final.  And who is not on the short list of a
group is no nearer than its bound, however they are joined; so the nearest is looked for on the list
alone as long as somebody there is nearer than the bound (`near`).

A cannot-link is an infinite distance, also to whatever one of the two is part of.  It makes no
group nearer to a third than its parts were, so all three still hold, and what comes out is what
joining the nearest two that may be joined, again and again, comes to.

Heights are rounded to 2^-40, so that equal ones are equal however they were computed; of equally
near pairs that with the lower numbers comes first, a joined group having that of its lowest part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.clustering.apart import Apart
from facewatchd.clustering.comparing import alone_on_a_core
from facewatchd.clustering.directions import mean_directions, numbered
from facewatchd.clustering.heights import within
from facewatchd.clustering.merging import Merging
from facewatchd.clustering.near import Near, unchanged
from facewatchd.clustering.progress import Progress, part, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facewatchd.clustering.merging import Judge
    from facewatchd.clustering.tree import Tree

# How much of the time goes into comparing all groups, about.
_COMPARING = 0.8


def grow(
    encodings: NDArray[np.float32],
    labels: NDArray[np.int64],
    limit: float,
    *,
    apart: NDArray[np.int64] | None = None,
    near: Near | None = None,
    judge: Judge | None = None,
    progress: Progress = silent,
) -> Tree:
    """Join groups while the mean squared distance of two directions is at most ``limit`` squared.

    ``labels`` (N,) are the groups to start from; a face of ``encodings`` (N, D) with -1 is a group
    of one; `directions.numbered` says how the tree numbers them.  ``apart`` (M, 2) are marks (face,
    mark): two groups with the same mark are never joined.  ``near`` are the lists of these groups
    for ``limit``, if they are known.  The tree is the same with and without.  ``judge`` says of two
    that are each other's nearest whether they are joined; two that are not take no more part.
    Faces that are the same are joined unasked.
    """
    groups = numbered(labels)
    means, counts = mean_directions(encodings, groups)
    share = _COMPARING if near is None else 0.0
    if near is None:
        near = Near.of(means, within(limit), progress=part(progress, 0.0, share))
    elif near.limit != within(limit):
        raise ValueError(f"these lists are up to {near.limit}, not {within(limit)}")
    merging = Merging(means, counts, near, Apart(groups, apart), limit, judge)
    with alone_on_a_core(len(counts)):
        return merging.tree(part(progress, share, 1.0))


def average_linkage(
    encodings: NDArray[np.float32],
    labels: NDArray[np.int64],
    limit: float,
    apart: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Return the group of each face, int64 (N,), when no two can be joined any more, as `grow`.

    None of them is -1; numbers have gaps.
    """
    return grow(encodings, labels, limit, apart=apart).roots()[numbered(labels)]


def near_groups(
    encodings: NDArray[np.float32],
    labels: NDArray[np.int64],
    limit: float,
    progress: Progress = silent,
) -> Near:
    """Return for `grow` the lists of the groups ``labels`` (N,), to be kept for the next run."""
    return Near.of(
        mean_directions(encodings, numbered(labels))[0], within(limit), progress=progress
    )


def near_groups_after(
    near: Near,
    encodings: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    before: NDArray[np.int64],
    was: NDArray[np.int64],
    progress: Progress = silent,
) -> Near:
    """Return the lists of the groups ``labels`` (N,), where ``near`` are those of ``before``.

    ``before`` are the labels of the old faces, and ``was`` (N,) is which of them each face is, with
    the same encoding, -1 for a new one.  See `Near.after`.
    """
    groups = numbered(labels)
    same = unchanged(numbered(before), groups, was)
    return near.after(mean_directions(encodings, groups)[0], same, progress)
