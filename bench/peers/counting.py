"""What a user would have to do about the groups that a system made, counted from the truth.

*Questions* are the least number of single steps that bring every person's faces into one group of
their own, whatever the system calls them.  A step is one of

- merging two groups,
- moving one face: out of a group into another, to somebody new or to nobody, or from nobody to
  somebody.

A face that is in no group counts as a group of one, so that systems that show single faces and
systems that hide them are counted alike: one face of somebody costs nothing where it is all there
is of them, and one step else.  So when it is settled whose each group is, it takes a step for every
face in a group of somebody else, and for each person as many as they own groups beyond the first;
whose a group is must be settled so that the sum is least.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from bench.peers.nextcloud import with_singles
from bench.scoring import scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.peers.rule import Numbers

FOUND_FACES = 3
FOUND_SHARE = 0.5


class Counts(NamedTuple):
    """What is wrong with groups, and what they are good for.

    ``wrong`` faces are in a group of which somebody else has the most.  ``joined`` are the pairs
    of people with faces in one group.  ``found`` is the share, 0 to 1, of people with three faces
    or more of whom a group has at least half of the faces, and that group is mostly theirs: more
    than half.  ``questions`` are the steps above.  ``f1`` is BCubed's.
    """

    wrong: int
    joined: int
    found: float
    questions: int
    f1: float


def count(groups: Numbers, people: Numbers) -> Counts:
    """Count for ``groups`` (n,) of faces of ``people`` (n,); whose is -1 is left out."""
    known = people >= 0
    groups, people = groups[known], people[known]
    held = _held(groups, people)
    return Counts(
        wrong=int((held.sum(axis=1) - held.max(axis=1)).sum()),
        joined=len(_joined(held)),
        found=_found(held),
        questions=_questions(held),
        f1=scores(groups, people)["bcubed F1"],
    )


def _held(groups: Numbers, people: Numbers) -> NDArray[np.int64]:
    """Return how many faces of each person each group holds, (groups, people); nobody is left."""
    group = np.unique(with_singles(groups), return_inverse=True)[1]
    person = np.unique(people, return_inverse=True)[1]
    held = np.zeros((int(group.max()) + 1, int(person.max()) + 1), dtype=np.int64)
    np.add.at(held, (group, person), 1)
    return held


def _joined(held: NDArray[np.int64]) -> set[tuple[int, int]]:
    mixed = held[np.count_nonzero(held, axis=1) > 1]
    return {pair for row in mixed for pair in combinations(np.flatnonzero(row).tolist(), 2)}


def _found(held: NDArray[np.int64]) -> float:
    faces = held.sum(axis=0)
    mostly = 2 * held > held.sum(axis=1, keepdims=True)
    found = (mostly & (held >= FOUND_SHARE * faces)).any(axis=0)
    several = faces >= FOUND_FACES
    return float(found[several].mean()) if several.any() else 1.0


def _questions(held: NDArray[np.int64]) -> int:
    """Return the least number of steps.

    They are the faces that are not the owner's, and the groups less the people who own one.  To
    give a group to somebody who has fewer than the most faces there moves a face more and saves one
    merge at best; so the owner is always one who has the most, and of equals as many people as
    possible are to own one: a matching.
    """
    most = held.max(axis=1)
    may_own = csr_array(held == most[:, None])
    owners = np.count_nonzero(maximum_bipartite_matching(may_own, perm_type="column") >= 0)
    return int((held.sum(axis=1) - most).sum() + len(held) - owners)
