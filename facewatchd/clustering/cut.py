"""Which joins of the tree are of one person: that depends on how much is known of both sides.

A single face says little of where its person is, a group of many says it well.  So the larger of
two groups decides how far apart they may be, and two groups that both have several faces must
besides be no further from each other than their own spread explains.  That keeps a stranger out of
a pair of strangers, lets a bad picture into a group of hundred, and parts two siblings, whose
groups are near but narrow.

The constants were chosen on people of LFW, in random halves, with dlib's encodings, and hold for
those of a MobileFaceNet too: ``python -m bench.clustering --compare``, docs/clustering.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.clustering.tree import Tree

# The limit is less by this share for two single faces, and by that over the root of n for n faces.
_SINGLE = 1 / 6
# From so many faces on a group's spread is known well enough to judge by.
_SEVERAL = 4
# The squared distance of two groups of one person is at most so many times what lies within both,
# and by that over n more when the smaller has n faces, as its mean and spread are uncertain.
_WIDER, _UNCERTAIN = 1.25, 2.0


def limits(counts: NDArray[np.float64], merge: float) -> NDArray[np.float64]:
    """Return how far (L2 of directions) a group may be from one of ``counts`` faces, if smaller.

    ``merge`` is the limit that many faces come near to.
    """
    return np.asarray(merge * (1.0 - _SINGLE / np.sqrt(counts)))


def one_person(tree: Tree, merge: float) -> NDArray[np.bool_]:
    """Say of each join of ``tree``, bool (M,), whether both sides are one person.

    A join above one of two people is never of one person.
    """
    counts = tree.counts[tree.joins].astype(np.float64)
    near = tree.heights <= limits(counts.max(axis=1, initial=1.0), merge) ** 2
    fits: list[bool] = (near & _explained(tree, counts)).tolist()
    groups = len(tree.counts) - len(tree.joins)
    whole = [True] * groups
    for (one, other), fit in zip(tree.joins.tolist(), fits, strict=True):
        whole.append(fit and whole[one] and whole[other])
    return np.array(whole[groups:], dtype=np.bool_)


def _explained(tree: Tree, counts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the distance between the sides of a join is explained by what lies within them.

    Within each it is the variance, n / (n - 1) times the spread.  Both count alike: a narrow group
    inside a wide one is somebody else, however many faces the wide one has.
    """
    smaller = counts.min(axis=1, initial=np.inf)
    within = (tree.spreads[tree.joins] * counts / np.maximum(counts - 1.0, 1.0)).sum(axis=1)
    return np.asarray(
        (smaller < _SEVERAL) | (tree.heights <= (_WIDER + _UNCERTAIN / smaller) * within)
    )


def groups_of(tree: Tree, joined: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each of the groups that ``tree`` began with the node that it ends up in.

    ``joined`` bool (M,) are the joins that are made; none of them above one that is not.
    """
    groups = len(tree.counts) - len(tree.joins)
    into = np.arange(len(tree.counts))
    into[tree.joins[joined].ravel()] = np.repeat(groups + np.flatnonzero(joined), 2)
    while not np.array_equal(into, into[into]):
        into = into[into]
    return into[:groups]
