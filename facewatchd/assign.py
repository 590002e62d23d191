"""Pure: which person each face of a photo belongs to.

A face goes to the person of its nearest look, if that look is similar enough and the same photo
did not give that person a nearer face.  Every other face is doubtful and keeps its best
candidates.  What similarity a distance is, the engine's scale says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.model import Candidate, Look

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Encoding
    from facewatchd.plugins import Scale

_CANDIDATES = 3
# The product formula for squared distances is off by rounding; what it finds is measured again.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where one face goes: to ``look`` of ``person`` at ``similarity``, or nowhere (all None).

    A doubtful face has its ``candidates``, nearest first; a face that was given to a person has
    none.
    """

    look: int | None
    person: str | None
    similarity: float | None
    candidates: tuple[Candidate, ...]


class Near(NamedTuple):
    """A look near a face; these sort by distance (L2), then by the look's id."""

    distance: float
    look: int
    person: str


class Looks:
    """All looks of one engine, held so that a photo's faces are compared with them at once.

    Faces join without the matrix being built again, and it has room to grow.
    """

    def __init__(self, looks: Iterable[Look] = ()) -> None:
        self._centroids = np.empty((0, 0))
        self._squares = np.empty(0)  # squared norms of the centroids
        self._looks: list[Look] = []  # one a row
        self._rows: dict[int, int] = {}
        for look in looks:
            self.put(look)

    def __len__(self) -> int:
        return len(self._looks)

    def __contains__(self, look_id: int) -> bool:
        return look_id in self._rows

    def __getitem__(self, look_id: int) -> Look:
        return self._looks[self._rows[look_id]]

    def put(self, look: Look) -> None:
        """Take in a new look; ValueError if its id is known or its dimensions are others."""
        if look.id in self._rows:
            raise ValueError(f"look {look.id} is there already")
        if self._looks and look.centroid.shape != self._centroids.shape[1:]:
            raise ValueError(
                f"look {look.id} has {look.centroid.shape} dimensions, "
                f"the others have {self._centroids.shape[1:]}"
            )
        row = len(self._looks)
        if row == len(self._centroids):
            self._grow(look.centroid.shape[0])
        self._rows[look.id] = row
        self._looks.append(look)
        self._write(row, look)

    def take_out(self, look_id: int) -> None:
        """Leave a look out from now on; KeyError if it is unknown."""
        row, last = self._rows.pop(look_id), len(self._looks) - 1
        if row != last:
            self._write(row, self._looks[last])
            self._rows[self._looks[last].id] = row
        del self._looks[last]

    def add(self, look_id: int, encoding: Encoding) -> Look:
        """Let a face join a look and return the look as it is now; KeyError if it is unknown."""
        old = self[look_id]
        count = old.count + 1
        step = encoding.astype(np.float64) - old.centroid
        spread = (old.count * old.spread + float(step @ step) * old.count / count) / count
        return self._replace(old, old.centroid + step / count, count, spread)

    def near(self, encodings: Encoding, distance: float) -> list[list[Near]]:
        """Return for each of ``encodings`` (n, D) the looks within ``distance``, nearest first.

        One matrix product finds them; the distances are then measured in float64 one by one, so
        that equal centroids are equally far whatever their rows.
        """
        if not self._looks:
            return [[] for _ in encodings]
        faces = encodings.astype(np.float64)
        centroids = self._centroids[: len(self)]
        squared = faces @ centroids.T
        squared *= -2.0
        squared += self._squares[: len(self)]
        squared += np.einsum("nd,nd->n", faces, faces)[:, None]
        found = []
        for face, row_of_squares in zip(faces, squared, strict=True):
            rows = np.flatnonzero(row_of_squares <= distance**2 + _SLACK)
            exact = np.linalg.norm(centroids[rows] - face, axis=1)
            found.append(
                sorted(
                    Near(away, self._looks[row].id, self._looks[row].person)
                    for row, away in zip(rows.tolist(), exact.tolist(), strict=True)
                    if away <= distance
                )
            )
        return found

    def _replace(self, old: Look, centroid: NDArray[np.float64], count: int, spread: float) -> Look:
        new = Look(id=old.id, person=old.person, centroid=centroid, count=count, spread=spread)
        self._write(self._rows[old.id], new)
        return new

    def _write(self, row: int, look: Look) -> None:
        self._looks[row] = look
        self._centroids[row] = look.centroid
        self._squares[row] = look.centroid @ look.centroid

    def _grow(self, dimensions: int) -> None:
        used = len(self._looks)
        centroids = np.empty((max(64, 2 * used), dimensions))
        squares = np.empty(len(centroids))
        if used:
            centroids[:used] = self._centroids
            squares[:used] = self._squares
        self._centroids, self._squares = centroids, squares


def assign(
    encodings: Encoding,
    looks: Looks,
    scale: Scale,
    taken: Collection[str] = (),
    refused: Sequence[Collection[str]] = (),
) -> list[Assignment]:
    """Assign faces of one photo, ``encodings`` float32 (n, D), together; looks stay as is.

    ``scale.similarity`` is the least at which a face is given to a person, ``scale.floor`` the
    least at which a person is a candidate.  The people ``taken`` have a face in the photo already,
    and get no other.  ``refused`` says of each face who it is not; empty: nothing is said of any.
    An encoding with NaN in it is near nobody.
    """
    near = looks.near(encodings, scale.distance_at(min(scale.similarity, scale.floor)))
    if refused:
        near = [
            [look for look in nearby if look.person not in nobody]
            for nearby, nobody in zip(near, refused, strict=True)
        ]
    given = _nearest_face_of_each_person(near, scale.distance_at(scale.similarity), taken)
    return [
        _given(nearby[0], scale)
        if face in given
        else Assignment(None, None, None, _candidates(nearby, scale))
        for face, nearby in enumerate(near)
    ]


def candidates(encodings: Encoding, looks: Looks, scale: Scale) -> list[tuple[Candidate, ...]]:
    """Return for each of ``encodings`` (n, D) up to three people, nearest first.

    Nobody is a candidate below the similarity ``scale.floor``.
    """
    near = looks.near(encodings, scale.distance_at(scale.floor))
    return [_candidates(nearby, scale) for nearby in near]


def _nearest_face_of_each_person(
    near: list[list[Near]], distance: float, taken: Collection[str]
) -> set[int]:
    """Return the faces that go to the person of their nearest look, at most one a person."""
    asked = sorted(
        (nearby[0].distance, face)
        for face, nearby in enumerate(near)
        if nearby and nearby[0].distance <= distance and nearby[0].person not in taken
    )
    winners: dict[str, int] = {}
    for _, face in asked:
        winners.setdefault(near[face][0].person, face)
    return set(winners.values())


def _given(nearest: Near, scale: Scale) -> Assignment:
    similarity = scale.similarity_at(nearest.distance)
    return Assignment(nearest.look, nearest.person, similarity, ())


def _candidates(nearby: list[Near], scale: Scale) -> tuple[Candidate, ...]:
    distance = scale.distance_at(scale.floor)
    best: dict[str, float] = {}
    for look in nearby:
        if look.distance <= distance:
            best.setdefault(look.person, scale.similarity_at(look.distance))
    return tuple(Candidate(*found) for found in list(best.items())[:_CANDIDATES])
