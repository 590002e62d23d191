"""Whether two groups are one person: that depends on how much is known of both.

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

# The limit is less by this share for two single faces, and by that over the root of n for n faces.
_SINGLE = 1 / 6
# From so many faces on a group's spread is known well enough to judge by.
_SEVERAL = 4
# The squared distance of two groups of one person is at most so many times what lies within both,
# and by that over n more when the smaller has n faces, as its mean and spread are uncertain.
_WIDER, _UNCERTAIN = 1.25, 2.0
# What lies within a group is estimated as if so many more faces of it had been seen, with the usual
# variance, which is this share of the squared limit.  Copies of one photo, or the frames of a
# burst, are many faces without any variance, and say nothing of how far their person reaches.
_USUAL_FACES, _USUAL = 8.0, 0.3


def limits(counts: NDArray[np.float64], merge: float) -> NDArray[np.float64]:
    """Return how far (L2 of directions) a group may be from one of ``counts`` faces, if smaller.

    ``merge`` is the limit that many faces come near to.
    """
    return np.asarray(merge * (1.0 - _SINGLE / np.sqrt(counts)))


def one_person(
    counts: NDArray[np.int64],
    spreads: NDArray[np.float64],
    heights: NDArray[np.float64],
    merge: float,
) -> NDArray[np.bool_]:
    """Say of pairs of groups whether each is one person, bool (n,).

    ``counts`` and ``spreads``, both (n, 2), are the faces of the two and the mean squared distance
    of their directions from their mean, ``heights`` (n,) the mean squared distance between them.
    """
    faces = counts.astype(np.float64)
    near = heights <= limits(faces.max(axis=1, initial=1.0), merge) ** 2
    return near & _explained(faces, spreads, heights, _USUAL * merge**2)


def _explained(
    counts: NDArray[np.float64],
    spreads: NDArray[np.float64],
    heights: NDArray[np.float64],
    usual: float,
) -> NDArray[np.bool_]:
    """Whether the distance between two groups is explained by what lies within them.

    Within each it is the variance, n / (n - 1) times the spread, drawn to the ``usual`` one, the
    more so the fewer the faces.  Both count alike: a narrow group inside a wide one is somebody
    else, however many faces the wide one has.
    """
    smaller = counts.min(axis=1, initial=np.inf)
    squares = spreads * counts + _USUAL_FACES * usual
    within = (squares / (counts - 1.0 + _USUAL_FACES)).sum(axis=1)
    return np.asarray((smaller < _SEVERAL) | (heights <= (_WIDER + _UNCERTAIN / smaller) * within))
