"""Which person each cluster goes on to be, so that people outlive a clustering run.

Kept people are those of whom the user has spoken: nobody but the user takes a face from them.  The
others follow the run.  People are merged by giving several owners one person, and a face belongs to
an owner, so that a merge can be undone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from facewatchd.clustering.constraints import MOST
from facewatchd.clustering.labels import means, members, nearest_of_photo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Person = TypeVar("Person", str, int)

_BLOCK = 1024
# The product formula for squared distances is off by rounding; what it finds is measured again.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """Whose the N faces of a run are when it begins, by P owners, numbered in the order of ids.

    ``owners`` int64 (N,) is the owner of each face, -1 for none; ``persons`` int64 (P,) the number
    of the owner who stands for the person that each owner is part of, after merges; ``kept`` bool
    (P,) whether the program must leave this person alone.  ``refused`` int64 (R, 2) are (face,
    owner) that the user said are not each other.  ``confirmed`` bool (N,): the user looked at this
    face and said who it is.  ``looks`` int64 (L,) and ``centroids`` float64 (L, D) are the kept
    owners' looks, each by its owner and centroid.
    """

    owners: NDArray[np.int64]
    persons: NDArray[np.int64]
    kept: NDArray[np.bool_]
    refused: NDArray[np.int64]
    confirmed: NDArray[np.bool_]
    looks: NDArray[np.int64]
    centroids: NDArray[np.float64]

    @classmethod
    def nobody(cls, faces: int, dimensions: int) -> Before:
        """Return that no person is known, and every one of ``faces`` is nobody's."""
        none = np.empty(0, dtype=np.int64)
        return cls(
            owners=np.full(faces, -1),
            persons=none,
            kept=none.astype(np.bool_),
            refused=none.reshape(0, 2),
            confirmed=np.zeros(faces, dtype=np.bool_),
            looks=none,
            centroids=np.empty((0, dimensions)),
        )

    @property
    def settled(self) -> NDArray[np.int64]:
        """Return the kept owner of each face, -1 where it has none."""
        known = np.append(self.kept, False)  # so that -1 is not kept
        return np.where(known[self.owners], self.owners, -1)

    def persons_of(self, owners: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the person of each of ``owners``; -1 stays, and who is new is one of its own."""
        persons = owners.copy()
        known = (owners >= 0) & (owners < len(self.persons))
        persons[known] = self.persons[owners[known]]
        return persons

    def refusals(self) -> list[tuple[int, int]]:
        """Return what is refused as (face, person)."""
        persons = self.persons_of(self.refused[:, 1])
        return list(zip(self.refused[:, 0].tolist(), persons.tolist(), strict=True))


def match(labels: NDArray[np.int64], persons: Sequence[Person | None]) -> dict[int, Person]:
    """Return the person that each cluster keeps; a cluster that is somebody new is absent.

    ``labels`` (N,) are the faces' clusters, -1 for none; ``persons`` (N) the people they belonged
    to before, or None.  The pair that shares most faces is taken first, then the next of those
    whose cluster and person are both still free.  Of equal overlaps the one that is the larger
    share of its cluster goes first, then the lower label, then the lower person id.
    """
    clusters = labels.tolist()
    sizes = Counter(clusters)
    shared = Counter(
        (cluster, person)
        for cluster, person in zip(clusters, persons, strict=True)
        if cluster >= 0 and person is not None
    )
    ranked = sorted(
        (-overlap, sizes[cluster], cluster, person) for (cluster, person), overlap in shared.items()
    )
    kept: dict[int, Person] = {}
    taken: set[Person] = set()
    for _, _, cluster, person in ranked:
        if cluster not in kept and person not in taken:
            kept[cluster] = person
            taken.add(person)
    return kept


def owners_after(
    encodings: NDArray[np.float32],
    photos: NDArray[np.int64],
    labels: NDArray[np.int64],
    before: Before,
    reach: float,
) -> NDArray[np.int64]:
    """Return the owner of each face, int64 (N,), by the clusters ``labels`` (N,) of a run.

    Settled faces stay.  A cluster with settled faces goes to the owner of most of them, unless they
    may be there by mistake (`_may_lead`).  Another one, and a face in none, goes to the owner of
    the nearest look of a kept person within ``reach`` (L2, from the centroid), unless more than
    half of its faces refuse that person or are in photos that show the person already; those that
    refuse are nobody's then.  What is left goes by overlap to people who are not kept (`match`),
    and who is new then is numbered from P on, in the order of labels.  -1 is nobody.

    No person gets two faces of a photo: the settled ones stay, of the others the one nearest to a
    look of the person, if none is settled; the rest are nobody's.
    """
    clusters = members(labels)
    owners = _with_the_settled(clusters, before)
    joined = _join_looks(owners, encodings, photos, labels, before, reach)
    rest = np.where(joined | (owners >= 0), -1, labels)
    owners = np.where(_one_a_photo(owners, encodings, photos, before), owners, -1)
    kept = match(rest, [owner if owner >= 0 else None for owner in before.owners.tolist()])
    new = len(before.persons)
    for label in np.unique(rest[rest >= 0]).tolist():
        owner = kept.get(label)
        faces = clusters[label]
        owners[faces[rest[faces] == label]] = new if owner is None else owner
        new += owner is None
    return owners


def _with_the_settled(clusters: list[NDArray[np.int64]], before: Before) -> NDArray[np.int64]:
    """Leave settled faces where they are, and let the rest of their clusters follow most of them.

    The owners of the settled faces of one cluster are one person; of as many the lower is followed.
    """
    settled = before.settled
    owners = settled.copy()
    for faces in clusters:
        held = settled[faces]
        if (held >= 0).any() and _may_lead(faces, held, before):
            owners[faces[held < 0]] = np.bincount(held[held >= 0]).argmax()
    return owners


def _may_lead(faces: NDArray[np.int64], held: NDArray[np.int64], before: Before) -> bool:
    """Whether the settled ones of ``faces`` can say whose all of them are.

    They can when the user looked at one of them, or when nobody else had more of these faces until
    now.  Else one face that came to the wrong person would take somebody whole there, unseen.
    """
    others = before.owners[faces[held < 0]]
    most = np.bincount(others[others >= 0]).max(initial=0)
    confirmed = before.confirmed[faces[held >= 0]].any()
    return bool(confirmed or np.count_nonzero(held >= 0) >= most)


def _join_looks(
    owners: NDArray[np.int64],
    encodings: NDArray[np.float32],
    photos: NDArray[np.int64],
    labels: NDArray[np.int64],
    before: Before,
    reach: float,
) -> NDArray[np.bool_]:
    """Give what has no owner yet to kept people whose look it matches, the nearest first.

    Returns which faces are in what was given so, those of them that refuse the person too.
    """
    groups, centroids = _free(owners, encodings, labels)
    taken = set(zip(before.persons_of(owners).tolist(), photos.tolist(), strict=True))
    refused: dict[int, set[int]] = {}
    for face, person in before.refusals():
        refused.setdefault(face, set()).add(person)
    joined = np.zeros(len(labels), dtype=np.bool_)
    for group, look in _near(centroids, before.centroids, reach):
        person = int(before.persons[before.looks[look]])
        faces = groups[group]
        if joined[faces[0]]:
            continue
        refuse = np.array([person in refused.get(face, ()) for face in faces.tolist()])
        shown = [(person, photo) for photo in photos[faces].tolist()]
        beside = np.array([each in taken for each in shown])
        if (refuse | beside).mean() <= MOST:
            owners[faces[~refuse]] = before.looks[look]
            taken.update(shown)
            joined[faces] = True
    return joined


def _free(
    owners: NDArray[np.int64], encodings: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[list[NDArray[np.int64]], NDArray[np.float64]]:
    """Return the clusters and the single faces that have no owner, and their centroids."""
    free = np.flatnonzero(owners < 0)
    own = np.where(labels[free] >= 0, labels[free], int(labels.max(initial=-1)) + 1 + free)
    numbers, group = np.unique(own, return_inverse=True)
    if len(numbers) == 0:
        return [], np.empty((0, encodings.shape[1]))
    return (
        [free[faces] for faces in members(group.astype(np.int64))],
        means(encodings[free], group.astype(np.int64), len(numbers)),
    )


def _near(
    groups: NDArray[np.float64], looks: NDArray[np.float64], reach: float
) -> Iterator[tuple[int, int]]:
    """Yield (group, look) within ``reach``, the nearest first, then the lower numbers."""
    found = []
    for start in range(0, len(groups) if len(looks) else 0, _BLOCK):
        block = groups[start : start + _BLOCK]
        squared = np.einsum("ld,ld->l", looks, looks) - 2.0 * (block @ looks.T)
        squared += np.einsum("gd,gd->g", block, block)[:, None]
        for group, look in np.argwhere(squared <= reach**2 + _SLACK).tolist():
            away = float(np.linalg.norm(block[group] - looks[look]))
            if away <= reach:
                found.append((away, start + group, look))
    for _, group, look in sorted(found):
        yield group, look


def _one_a_photo(
    owners: NDArray[np.int64],
    encodings: NDArray[np.float32],
    photos: NDArray[np.int64],
    before: Before,
) -> NDArray[np.bool_]:
    """Mark the faces that may stay: all that are settled, else the nearest of person and photo."""
    persons = before.persons_of(owners)
    settled = before.settled >= 0
    ranks = np.where(settled, -1.0, np.inf)
    _, shows, times = np.unique(
        np.stack([persons, photos], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    look_persons = before.persons_of(before.looks)
    for face in np.flatnonzero((times[shows.reshape(-1)] > 1) & (owners >= 0) & ~settled).tolist():
        own = before.centroids[look_persons == persons[face]]
        ranks[face] = np.linalg.norm(own - encodings[face], axis=1).min(initial=np.inf)
    return settled | nearest_of_photo(persons, photos, ranks)
