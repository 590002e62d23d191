"""Encodings that are made, where who is who is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


# What dlib's encodings have in common; their norm is 1.4.
_COMMON = 1.3 / np.sqrt(128)


def line(*positions: float) -> NDArray[np.float32]:
    """Return encodings on a circle of radius 1, a bent line: near ones are their difference apart.

    It is so whether encodings are compared or their directions.  Once round is 6.28.
    """
    places = np.array(positions)
    encodings = np.zeros((len(places), 8), dtype=np.float32)
    encodings[:, 0], encodings[:, 1] = np.cos(places), np.sin(places)
    return encodings


def made(
    seed: int, people: int, photos: int, strangers: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Make faces, mixed, of people with so many photos each, and of strangers, who are -1.

    Two faces of one person are 0.3 apart, of two people 0.95; directions 0.2 and 0.65.
    """
    chance = np.random.default_rng(seed)
    who = np.concatenate([np.repeat(np.arange(people), photos), np.full(strangers, -1)])
    who = chance.permutation(who)
    centres = chance.normal(scale=0.058, size=(people + strangers, 128))
    own = who.copy()
    own[who < 0] = people + np.arange(strangers)
    faces = _COMMON + centres[own] + chance.normal(scale=0.0188, size=(len(who), 128))
    return faces.astype(np.float32), who


def partition(labels: NDArray[np.int64]) -> set[frozenset[int]]:
    """Return the faces of each cluster; those of none (-1) are left out."""
    return {
        frozenset(np.flatnonzero(labels == label).tolist())
        for label in np.unique(labels[labels >= 0])
    }
