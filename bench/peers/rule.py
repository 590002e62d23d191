"""What all joining rules share: faces come photo by photo, and each has a group or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    # Of encodings (N, D), in the order in which they come, and a distance.
    Make = Callable[[NDArray[np.float32], float], "Rule"]


class Rule(Protocol):
    """Joins faces that come one photo after the other.

    ``groups`` int64 (N,) is the group of each face, -1 for none and for who has not come yet.  A
    group keeps its number as long as the system takes it for the same person.
    """

    groups: Numbers

    def take(self, photo: range) -> None:
        """Take in the faces of the next photo; the numbers of faces follow the last photo's."""
        ...

    def finish(self) -> None:
        """Do what is done in the night after the last photo."""
        ...


class Close(NamedTuple):
    """A face that is within reach of another, and how far away it is."""

    distance: float
    face: int


class Neighbours:
    """Of each face that has come the others within a distance, in the order in which they came.

    ``units`` (N, D) are unit vectors, and a distance is 1 - cosine.  It is measured once, when the
    later of two faces comes.
    """

    def __init__(self, units: NDArray[np.float32], distance: float) -> None:
        self._units = units
        self._distance = distance
        self._of: list[list[Close]] = []

    def __len__(self) -> int:
        return len(self._of)

    def __getitem__(self, face: int) -> list[Close]:
        return self._of[face]

    def add(self, faces: range) -> None:
        """Let the next faces come."""
        for face in faces:
            away = 1.0 - self._units[:face] @ self._units[face]
            near = np.flatnonzero(away <= self._distance)
            self._of.append([])
            for other, distance in zip(near.tolist(), away[near].tolist(), strict=True):
                self._of[face].append(Close(distance, other))
                self._of[other].append(Close(distance, face))


def units(encodings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``encodings`` (N, D) with length 1."""
    lengths: NDArray[np.float32] = np.linalg.norm(encodings, axis=1, keepdims=True)
    return encodings / lengths
