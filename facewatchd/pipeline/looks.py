"""Making the looks of one person from faces.

The person is the owner of these looks, whoever that is after merges.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.model import Look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.plugins import Scale
    from facewatchd.store import Store

SMALLEST = 2  # faces, of a look that is not everyone's


def fill(
    store: Store,
    scale: Scale,
    person: str,
    faces: NDArray[np.int64],
    encodings: NDArray[np.float32],
    looks: Sequence[NDArray[np.int64]],
) -> None:
    """Make ``looks`` (of which the first holds every face of the person) those of ``person``.

    They are indices into ``faces`` (N,), ids, and ``encodings`` (N, D).  Each face belongs to the
    look whose centroid is nearest.
    """
    members = looks[0]
    known = store.people.looks_of(person)
    new = [store.people.add_look(person) for _ in range(len(looks) - len(known))]
    ids = np.array([*known, *new][: len(looks)])
    centroids = [encodings[look].mean(axis=0, dtype=np.float64) for look in looks]
    for look, indices, centroid in zip(ids.tolist(), looks, centroids, strict=True):
        spread = float(np.mean(_distances(encodings[indices], centroid) ** 2))
        store.people.save_look(Look(look, person, centroid, len(indices), spread))
    away = np.stack([_distances(encodings[members], c) for c in centroids])
    nearest = away.argmin(axis=0)
    store.faces.give_all(
        zip(
            ids[nearest].tolist(),
            scale.similarity_at(away.min(axis=0)).tolist(),
            faces[members].tolist(),
            strict=True,
        )
    )
    for look in known[len(looks) :]:
        store.people.remove_look(look)


def remake(store: Store, scale: Scale, owner: str) -> None:
    """Make the looks of ``owner`` anew from the faces that belong to them now.

    One holds them all, and each further one those that it held before; a look of nobody is removed.
    """
    members = store.rereading.members(owner)
    by_look: dict[int, list[int]] = defaultdict(list)
    for index, (_, look, _) in enumerate(members):
        if look is not None:
            by_look[look].append(index)
    if not members:
        for look in store.people.looks_of(owner):
            store.people.remove_look(look)
        return
    tight = [faces for _, faces in sorted(by_look.items()) if SMALLEST <= len(faces) < len(members)]
    fill(
        store,
        scale,
        owner,
        np.array([face for face, _, _ in members]),
        np.stack([each for _, _, each in members]),
        [np.arange(len(members)), *map(np.array, tight)],
    )


def _distances(
    encodings: NDArray[np.float32], centroid: NDArray[np.float64]
) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.linalg.norm(encodings - centroid, axis=1)
    return distances
