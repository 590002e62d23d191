"""The ground the rules are compared on, and how a threshold is carried over to its encodings.

People are divided in two halves at random.  Thresholds are chosen on one half, and what is reported
is measured on the other one.  Nobody whose face has no label is known to be somebody else than the
labelled, so such a face stays with the labelled one of its photo, and does not count.

A threshold for another encoder means nothing here: with dlib nearly all pairs of different people
have a cosine above 0.68.  What it means is the share of such pairs that it takes in.
"""

from __future__ import annotations

from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from bench.peers.counting import count
from bench.peers.rule import units
from bench.scales import Faces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from bench.peers.rule import Make, Numbers, Rule

# The best distance is looked for among these parts of the one that takes in three in a thousand
# pairs of different people: with dlib, L2 from 0.26 to 0.57.
LOOSEST = 0.003
STEPS = tuple(step / 20 for step in range(9, 21))


class Ground:
    """Faces in the order in which their photos come, those of one photo together."""

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        first = np.flatnonzero(np.diff(faces.photos, prepend=-1))
        stops = [*first[1:].tolist(), len(faces.photos)]
        self.photos = [range(*each) for each in zip(first.tolist(), stops, strict=True)]

    @cached_property
    def cosine_distances(self) -> NDArray[np.float64]:
        """Return 1 - cosine of all pairs of different people, sorted."""
        return np.sort(1.0 - self._pairs(lambda own, others: others @ own, unit=True))

    @cached_property
    def distances(self) -> NDArray[np.float64]:
        """Return the L2 distance of all pairs of different people, sorted."""
        return np.sort(self._pairs(lambda own, others: np.linalg.norm(others - own, axis=1)))

    def _pairs(
        self, measure: Callable[..., NDArray[np.float64]], *, unit: bool = False
    ) -> NDArray[np.float64]:
        known = self.faces.people >= 0
        people = self.faces.people[known]
        encodings = self.faces.encodings[known]
        vectors = (units(encodings) if unit else encodings).astype(np.float64)
        return np.concatenate(
            [
                measure(vectors[face], vectors[:face])[people[:face] != people[face]]
                for face in range(len(vectors))
            ]
        )


def at_share(distances: NDArray[np.float64], share: float) -> float:
    """Return the distance that takes in this share, 0 to 1, of the sorted ``distances``."""
    return float(np.quantile(distances, share))


def halves(faces: Faces, seed: int) -> Iterator[Ground]:
    """Yield the faces of each half of the people, in a random order of their photos."""
    choice = np.random.default_rng(seed)
    photos = np.unique(faces.photos, return_inverse=True)[1]
    people = np.unique(faces.people[faces.people >= 0])
    of_person = choice.permutation(len(people)) % 2
    of_photo = choice.integers(0, 2, int(photos.max()) + 1)
    known = faces.people >= 0
    half = of_photo[photos]
    half[known] = of_person[np.searchsorted(people, faces.people[known])]
    of_photo[photos[known]] = half[known]
    half[~known] = of_photo[photos[~known]]
    comes = choice.permutation(len(of_photo))[photos]
    for each in range(2):
        own = np.flatnonzero(half == each)
        own = own[np.argsort(comes[own], kind="stable")]
        yield Ground(Faces(faces.encodings[own], comes[own], faces.people[own]))


def all_taken(rule: Rule, photos: Iterable[range]) -> Numbers:
    """Return the groups that a rule ends with."""
    for photo in photos:
        rule.take(photo)
    rule.finish()
    return rule.groups


def best(
    makes: Iterable[Make],
    distances: NDArray[np.float64],
    ground: Ground,
    *,
    at_once: bool = False,
) -> tuple[Make, float]:
    """Return which rule reaches the best BCubed F1, and with which distance.

    ``distances`` are those of all pairs of different people, sorted.  With ``at_once`` all faces
    come as one photo, which is faster where the groups at the end are the same.
    """
    loosest = at_share(distances, LOOSEST)
    photos = [range(len(ground.faces.people))] if at_once else ground.photos

    def f1(choice: tuple[Make, float]) -> float:
        make, distance = choice
        groups = all_taken(make(ground.faces.encodings, distance), photos)
        return count(groups, ground.faces.people).f1

    return max(product(makes, [step * loosest for step in STEPS]), key=f1)
