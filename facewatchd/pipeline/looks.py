"""Making the looks of one person from faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.model import Look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.plugins import Scale
    from facewatchd.store import Store


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


def _distances(
    encodings: NDArray[np.float32], centroid: NDArray[np.float64]
) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.linalg.norm(encodings - centroid, axis=1)
    return distances
