"""The joining rule of Immich.

https://docs.immich.app/features/facial-recognition says how it goes: a face joins the person of the
nearest face within *maximum recognition distance* (0.5, of cosines).  Where no such face has a
person it becomes a new one if it is a core point, which is when at least *minimum recognized faces*
(3, with itself) are within that distance.  Any other face waits until the queue is done, and is
tried once more then; and every night whoever has no person is tried again.  Faces get a person one
by one: those that made a face a core point join when their own turn comes again.

A note on that page says that a face which is no core point does not extend a person.  The steps it
describes, which are followed here, let a face join whoever is near and has a person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.peers.rule import Neighbours, units

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MIN_FACES = 3
DISTANCE = 0.5  # 1 - cosine, for the encodings of its own model, buffalo_l
NIGHT = 200  # a night falls after so many faces


class Immich:
    """Joins faces of ``encodings`` (N, D) up to ``distance``, 1 - cosine."""

    def __init__(self, encodings: NDArray[np.float32], distance: float) -> None:
        self.groups = np.full(len(encodings), -1)
        self._near = Neighbours(units(encodings), distance)
        self._people = 0
        self._today = 0

    def take(self, photo: range) -> None:
        """Try each face of a photo; those that wait are tried again after the others."""
        self._near.add(photo)
        self._recognise(photo)
        self._today += len(photo)
        if self._today >= NIGHT:
            self.finish()

    def finish(self) -> None:
        """Try everybody who has no person."""
        self._recognise(np.flatnonzero(self.groups[: len(self._near)] < 0).tolist())
        self._today = 0

    def _recognise(self, faces: Iterable[int]) -> None:
        waiting = [face for face in faces if not self._join(face, founds=True)]
        for face in waiting:
            self._join(face, founds=False)

    def _join(self, face: int, *, founds: bool) -> bool:
        """Give a face to somebody near, or found a person; returns whether its turn is over.

        In the first pass a face that is no core point waits even if somebody is near.
        """
        near = self._near[face]
        core = len(near) + 1 >= MIN_FACES
        if founds and not core:
            return not near
        with_person = [each for each in near if self.groups[each.face] >= 0]
        if with_person:
            self.groups[face] = self.groups[min(with_person).face]
        elif core:
            self.groups[face] = self._people
            self._people += 1
        return True
