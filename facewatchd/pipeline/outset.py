"""What a clustering run starts from: all faces, whose they are, and what was said of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.matching import Before
from facewatchd.pipeline.hearing import faces_at
from facewatchd.planning import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from facewatchd.decisions import Said
    from facewatchd.store import Store
    from facewatchd.store.faces import AllFaces


@dataclass(frozen=True, slots=True, eq=False)
class Outset:
    """The faces of a run, in an order that lasts, and the people that ``before`` numbers.

    ``decided`` is the number of the last decision that it knows of.
    """

    faces: AllFaces
    people: list[str]
    before: Before
    decided: int


def outset(store: Store, said: Said, decided: int, min_quality: float) -> Outset:
    """Return from what a run starts now, after ``decided`` decisions that come to ``said``.

    Faces below ``min_quality`` and those that the user ignores have no part in it.
    """
    faces = store.faces.all(min_quality, ignored=False)
    people = store.runs.people()
    numbers = {each.id: number for number, each in enumerate(people)}
    looks = store.runs.kept_looks()
    refused = {*_said_not_to_be(store, said, faces, numbers)}
    refused |= {*_with_another_face(store, faces, numbers, min_quality)}
    before = Before(
        owners=_array([NOBODY if owner is None else numbers[owner] for owner in faces.owners]),
        persons=_array([numbers[each.root] for each in people]),
        kept=np.array([each.kept for each in people], dtype=np.bool_),
        refused=_array(sorted(refused)).reshape(-1, 2),
        confirmed=faces.confirmed,
        looks=_array([numbers[owner] for owner, _ in looks]),
        centroids=np.stack([centroid for _, centroid in looks])
        if looks
        else np.empty((0, faces.encodings.shape[1])),
    )
    return Outset(faces, [each.id for each in people], before, decided)


def _said_not_to_be(
    store: Store, said: Said, faces: AllFaces, numbers: Mapping[str, int]
) -> Iterator[tuple[int, int]]:
    """Yield (face, person) that the user said are not each other."""
    rows = {face: row for row, face in enumerate(faces.ids.tolist())}
    spots = {spot for spot, of_face in said.faces.items() if of_face.refused}
    for face, spot in faces_at(spots, said.faces.keys(), store.decisions).items():
        for person in map(said.root, said.faces[spot].refused):
            if face in rows and person in numbers:
                yield rows[face], numbers[person]


def _with_another_face(
    store: Store, faces: AllFaces, numbers: Mapping[str, int], min_quality: float
) -> Iterator[tuple[int, int]]:
    """Yield (face, person) of photos where the person has a face that has no part in the run."""
    theirs: dict[int, set[int]] = defaultdict(set)
    for photo, owner in store.runs.settled_below(min_quality):
        theirs[photo].add(numbers[owner])
    for row, photo in enumerate(faces.photos.tolist() if theirs else []):
        for person in theirs.get(photo, ()):
            yield row, person


def _array(numbers: Sequence[object]) -> NDArray[np.int64]:
    return np.array(numbers, dtype=np.int64)
