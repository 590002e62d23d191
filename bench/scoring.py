"""How well clusters agree with the people who are known: the measures that every bench reports.

A face in no cluster (-1) counts as a cluster of its own, as the rules of scoring have it.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

ALBUM_FACES = 20
ALBUM_STRANGERS = 1000
# Somebody is in a cluster who has more than a stray face there: so many, and this share of theirs.
PRESENT_FACES = 5
PRESENT_SHARE = 0.05


def scores(clusters: Numbers, people: Numbers) -> dict[str, float]:
    """Return precision, recall and F1 over pairs, and BCubed's (Amigo et al. 2009).

    ``clusters`` and ``people`` are int64 (n,), n > 0, of which no person is -1.  Where no pair was
    put together none is wrong, and where there is none to find none is missed: both are 1 then.
    """
    shared, cluster, person = _sizes(clusters, people)
    pairs, in_cluster, in_person = (
        float((counts * (counts - 1)).sum()) for _, counts in (shared, cluster, person)
    )
    common = shared.counts[shared.of]
    found = {
        "pairwise": (
            pairs / in_cluster if in_cluster else 1.0,
            pairs / in_person if in_person else 1.0,
        ),
        "bcubed": (
            float((common / cluster.counts[cluster.of]).mean()),
            float((common / person.counts[person.of]).mean()),
        ),
    }
    return {
        f"{measure} {name}": value
        for measure, (precision, recall) in found.items()
        for name, value in (
            ("precision", precision),
            ("recall", recall),
            ("F1", 2 * precision * recall / (precision + recall) if precision + recall else 0.0),
        )
    }


def wrong_pairs(clusters: Numbers, people: Numbers) -> int:
    """Count the pairs of faces of different people that are in one cluster."""
    shared, cluster, _ = _sizes(clusters, people)
    together, right = (int((of.counts * (of.counts - 1)).sum()) // 2 for of in (cluster, shared))
    return together - right


def album(people: Numbers) -> Mask:
    """Mark the faces of the album setting; those of nobody known are left out.

    It is everyone with 20 faces or more, together with 1,000 people who appear once.
    """
    numbers, counts = np.unique(people[people >= 0], return_counts=True)
    strangers = numbers[counts == 1][:ALBUM_STRANGERS]
    return np.isin(people, np.concatenate([numbers[counts >= ALBUM_FACES], strangers]))


def has_album(people: Numbers) -> bool:
    """Whether anybody has the faces that the album setting asks for."""
    return bool(np.bincount(people[people >= 0], minlength=1).max() >= ALBUM_FACES)


def joined_people(clusters: Numbers, people: Numbers) -> list[tuple[int, int]]:
    """Return the pairs (lower, higher) of people with 20 faces or more who were made one.

    Two people are joined where one cluster holds at least 5 faces and 5 % of the faces of each.
    ``clusters`` and ``people`` are int64 (n,); faces of nobody known (-1) do not count.
    """
    there = (clusters >= 0) & (people >= 0)
    sizes = np.bincount(people[people >= 0], minlength=1)
    held, counts = np.unique(
        np.stack([clusters[there], people[there]], axis=1), axis=0, return_counts=True
    )
    of = sizes[held[:, 1]]
    present = (
        (of >= ALBUM_FACES) & (counts >= PRESENT_FACES) & (counts >= np.ceil(PRESENT_SHARE * of))
    )
    pairs: set[tuple[int, int]] = set()
    held = held[present]
    for group in np.split(held[:, 1], np.flatnonzero(np.diff(held[:, 0])) + 1):
        pairs.update(combinations(group.tolist(), 2))
    return sorted(pairs)


class _Sizes(NamedTuple):
    """The set that each face is in, and how many faces each set has."""

    of: Numbers
    counts: Numbers


def _sizes(clusters: Numbers, people: Numbers) -> tuple[_Sizes, _Sizes, _Sizes]:
    """Return the sizes of what both have together, of the clusters, and of the people."""
    alone = clusters < 0
    clusters = clusters.copy()
    clusters[alone] = clusters.max(initial=-1) + 1 + np.arange(np.count_nonzero(alone))
    cluster, person = (
        _Sizes(*np.unique(of, return_inverse=True, return_counts=True)[1:])
        for of in (clusters, people)
    )
    both = cluster.of * np.int64(len(person.counts)) + person.of
    return _Sizes(*np.unique(both, return_inverse=True, return_counts=True)[1:]), cluster, person
