"""What a run thinks wrong in kept people, whose faces it does not move."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.clustering.labels import members

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.clustering.matching import Before


class Question(NamedTuple):
    """Is ``face``, which is settled in ``owner``, not rather ``other``?

    ``other`` is the owner that most of its cluster belong to, ``distance`` (L2) how far the face
    is from their centroid.
    """

    face: int
    owner: int
    other: int
    distance: float


def questions(
    encodings: NDArray[np.float32],
    labels: NDArray[np.int64],
    owners: NDArray[np.int64],
    before: Before,
    looks: Sequence[Sequence[NDArray[np.int64]]],
) -> list[Question]:
    """Return what to ask about the clusters ``labels`` (N,) as a clusterer made them.

    ``owners`` (N,) is whose each face is after the run and ``looks`` holds by owner the faces of
    each look.  A face is asked about when more than half of its cluster are one other person, and
    it is nearer to their centroid than to every look of its own person, counted without itself.
    Faces that the user confirmed, or that refuse the other person, are not asked about.
    """
    persons = before.persons_of(owners)
    refusals = set(before.refusals())
    settled = (before.settled >= 0) & ~before.confirmed
    own = _Looks(encodings, before.persons, looks)
    asked = []
    for faces in members(labels):
        most = _majority(persons[faces])
        if most is None:
            continue
        others = faces[persons[faces] == most]
        centroid = encodings[others].mean(axis=0, dtype=np.float64)
        other = int(np.bincount(owners[others]).argmax())
        for face in faces[settled[faces] & (persons[faces] != most)].tolist():
            away = float(np.linalg.norm(encodings[face] - centroid))
            nearer = away < own.distance(face, int(persons[face]))
            if nearer and (face, most) not in refusals:
                asked.append(Question(face, int(owners[face]), other, away))
    return sorted(asked)


def _majority(persons: NDArray[np.int64]) -> int | None:
    """Return the person of more than half of the faces, if it is somebody."""
    numbers, counts = np.unique(persons, return_counts=True)
    most = int(counts.argmax())
    is_most = 2 * int(counts[most]) > len(persons) and numbers[most] >= 0
    return int(numbers[most]) if is_most else None


class _Looks:
    """The looks of each person, measured when they are asked for."""

    def __init__(
        self,
        encodings: NDArray[np.float32],
        persons: NDArray[np.int64],
        looks: Sequence[Sequence[NDArray[np.int64]]],
    ) -> None:
        self._encodings = encodings
        self._persons = persons
        self._looks = looks
        self._known: dict[int, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}

    def distance(self, face: int, person: int) -> float:
        """Return how far a face is from the nearest look of a person, without the face itself.

        Without it, the mean of a look of n is n / (n - 1) times as far from it as with it.
        """
        if person not in self._known:
            self._known[person] = self._measured(person)
        nearest = float("inf")
        for faces, centroid in self._known[person]:
            away = float(np.linalg.norm(self._encodings[face] - centroid))
            if face not in faces:
                nearest = min(nearest, away)
            elif len(faces) > 1:
                nearest = min(nearest, away * len(faces) / (len(faces) - 1))
        return nearest

    def _measured(self, person: int) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        return [
            (faces, self._encodings[faces].mean(axis=0, dtype=np.float64))
            for owner in np.flatnonzero(self._persons == person).tolist()
            for faces in self._looks[owner]
        ]
