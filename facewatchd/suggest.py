"""Pure: which two people may be one, and what the user gains by saying so.

A pair is worth the faces that a yes settles times the chance that the answer is yes.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Look
    from facewatchd.plugins import Scale

    Numbers = NDArray[np.float64]
    Apart = Callable[[str, str], bool]

# Of the logistic function in `chance`: of distances in units of the scale's merge distance, and of
# the logarithm of the faces of the smaller person.
_AT_ONCE, _BY_DISTANCE, _BY_ROOM, _BY_FACES = 12.38, -47.28, 26.65, -2.926
_ROOMIEST = 1.23  # the most room, in the same units, that was seen when they were fitted
_NEIGHBOUR = 3  # the third nearest person: the two nearest may be parts of the same one
_BLOCK = 256  # looks that are compared with all others at once


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person as suggestions see it: ``photos`` has the photo of each face."""

    photos: Sequence[int]
    named: bool


class Suggestion(NamedTuple):
    """That ``other`` is ``one``, who has the name, or has more faces.

    ``similarity`` is that of their nearest looks, ``settles`` the faces that a yes brings to
    ``one``, ``chance`` (0 to 1) how often such a pair was one person.
    """

    one: str
    other: str
    similarity: float
    settles: int
    chance: float

    @property
    def worth(self) -> float:
        """How many faces an answer can be expected to settle."""
        return self.settles * self.chance


def suggest(
    looks: Sequence[Look],
    people: Mapping[str, Somebody],
    scale: Scale,
    apart: Apart,
    most: int = 100,
) -> list[Suggestion]:
    """Return at most ``most`` pairs of ``people``, worth most first.

    ``looks`` are those of one engine; looks of people who are not in ``people`` (hidden ones, for
    example) are left out.  Two people are never suggested when both have a name, when they share a
    photo, when no looks of theirs reach ``scale.floor``, or when ``apart`` is true of them: the
    user said so, or refused the suggestion before.  All pairs are compared, in memory linear in
    the number of looks.
    """
    near = Neighbours([look for look in looks if look.person in people], people, scale)
    best: list[Suggestion] = []
    for pairs in near.pairs():
        least = best[-1].worth if len(best) == most else 0.0
        allowed = (pair for pair in near.ranked(pairs, least) if _may_be_one(pair, people, apart))
        best = list(islice(heapq.merge(best, islice(allowed, most), key=_rank), most))
    return best


def chance(distance: Numbers, room: Numbers, faces: Numbers, scale: Scale) -> Numbers:
    """Return how often two people were one, 0 to 1, of whom the smaller has so many ``faces``.

    ``distance`` (L2) is that of their nearest looks, ``room`` the distance from a person to the
    third nearest other one, as the mean of the two.  The less room, the less a distance says: an
    encoder takes some kinds of faces for more alike than others, and there strangers are as near as
    parts of one person are elsewhere (without it, of the first ten pairs on LFW nine were two
    people).  At equal distance few faces speak for one person more than many do, whose centroids
    are known better.

    The coefficients are those of a logistic regression on half of the people of LFW, clustered by
    the default engine and clusterer; ``python -m bench.suggest --fit`` prints them.  More room than
    there was then counts as that much.  Which terms there are was chosen on all people.
    """
    floor = scale.distance_at(scale.floor)
    roomy = np.minimum(room / floor, _ROOMIEST)
    odds = _AT_ONCE + _BY_DISTANCE * distance / floor + _BY_ROOM * roomy
    return np.asarray(1.0 / (1.0 + np.exp(-odds - _BY_FACES * np.log(faces))))


def _may_be_one(pair: Suggestion, people: Mapping[str, Somebody], apart: Apart) -> bool:
    photos = set(people[pair.one].photos)
    return photos.isdisjoint(people[pair.other].photos) and not apart(pair.one, pair.other)


def _rank(pair: Suggestion) -> tuple[float | str, ...]:
    return -pair.worth, -pair.chance, *sorted((pair.one, pair.other))


class Pairs(NamedTuple):
    """Pairs of people by their numbers, with the ``distances`` and ``room`` that `chance` asks."""

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    distances: Numbers
    room: Numbers


def _room(squared: Numbers) -> Numbers:
    """Return of squared distances (n, people) how far the third nearest is; infinite if nobody."""
    if squared.shape[1] < _NEIGHBOUR:
        return np.full(len(squared), np.inf)
    return np.asarray(np.sqrt(np.partition(squared, _NEIGHBOUR - 1, axis=1)[:, _NEIGHBOUR - 1]))


class Neighbours:
    """All looks, person after person, so that pairs of people who are near are found by blocks.

    ``ids`` are the people by their numbers.
    """

    def __init__(self, looks: Sequence[Look], people: Mapping[str, Somebody], scale: Scale) -> None:
        ordered = sorted(looks, key=lambda look: look.person)
        self.ids = sorted({look.person for look in ordered})
        of_person = np.searchsorted(self.ids, [look.person for look in ordered])
        self._starts = np.searchsorted(of_person, np.arange(len(self.ids) + 1))
        self._centroids = np.array([look.centroid for look in ordered])
        self._squares = np.array([look.centroid @ look.centroid for look in ordered])
        self._faces = np.array([len(people[person].photos) for person in self.ids], np.float64)
        self._named = np.array([people[person].named for person in self.ids], np.bool_)
        self._scale = scale

    def pairs(self) -> Iterator[Pairs]:
        """Yield all pairs that are near enough and not both named, some people at a time."""
        room = np.concatenate([_room(squared) for _, squared in self._blocks()] or [np.empty(0)])
        within = self._scale.distance_at(self._scale.floor)
        for people, squared in self._blocks():
            squared[self._named[people, None] & self._named] = np.inf
            squared[np.arange(len(self.ids)) < people[:, None]] = np.inf
            row, other = np.nonzero(squared <= within**2)
            one, distances = people[row], np.sqrt(squared[row, other])
            yield Pairs(one, other, distances, (room[one] + room[other]) / 2.0)

    def _blocks(self) -> Iterator[tuple[NDArray[np.int64], Numbers]]:
        """Yield some people at a time, and their squared distances to everyone but themselves."""
        first = 0
        while first < len(self.ids):
            space = self._starts[first] + _BLOCK
            end = max(first + 1, int(np.searchsorted(self._starts, space, side="right")) - 1)
            people = np.arange(first, end)
            squared = self._squared(first, end)
            squared[people - first, people] = np.inf
            yield people, squared
            first = end

    def _squared(self, first: int, end: int) -> Numbers:
        """Return the squared distances of the nearest looks of some people to those of all."""
        rows = slice(self._starts[first], self._starts[end])
        squared: Numbers = self._centroids[rows] @ self._centroids.T
        squared *= -2.0
        squared += self._squares
        squared += self._squares[rows, None]
        squared = np.minimum.reduceat(squared, self._starts[:-1], axis=1)
        squared = np.minimum.reduceat(squared, self._starts[first:end] - rows.start, axis=0)
        return np.maximum(squared, 0.0)

    def ranked(self, pairs: Pairs, least: float) -> Iterator[Suggestion]:
        """Yield those of ``pairs`` that are worth at least so much, worth most first."""
        one, other = self._faces[pairs.one], self._faces[pairs.other]
        smaller = np.minimum(one, other)
        chances = chance(pairs.distances, pairs.room, smaller, self._scale)
        settles = np.where(
            self._named[pairs.one], other, np.where(self._named[pairs.other], one, smaller)
        )
        # People are numbered in the order of their ids, and of equal pairs the first stays first.
        worth = settles * chances
        for pair in np.lexsort((-chances, -worth)).tolist():
            if worth[pair] < least:
                return
            a, b = int(pairs.one[pair]), int(pairs.other[pair])
            if (self._named[b], self._faces[b]) > (self._named[a], self._faces[a]):
                a, b = b, a
            yield Suggestion(
                self.ids[a],
                self.ids[b],
                float(self._scale.similarity_at(float(pairs.distances[pair]))),
                int(settles[pair]),
                float(chances[pair]),
            )
