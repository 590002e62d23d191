"""Gives faces to people, and keeps everyone's looks in memory for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.assign import Looks, assign
from facewatchd.model import Look

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Face
    from facewatchd.plugins import Scale
    from facewatchd.store import Store


class Placing:
    """Who each face is.  Transactions are the caller's.

    ``scale`` is that of the library's encoder; a face of a quality below ``min_quality`` (0 to 1)
    is nobody's.  ``new_faces`` came since everything was clustered.
    """

    def __init__(self, store: Store, scale: Scale, min_quality: float) -> None:
        self._store = store
        self._min_quality = min_quality
        self.scale = scale
        self.looks = Looks(store.people.looks())
        self.new_faces = 0

    def read_looks(self) -> None:
        """Take the looks from the store, which were changed there."""
        self.looks = Looks(self._store.people.looks())

    def place_new(self, ids: list[int], faces: Sequence[Face]) -> None:
        """Place the faces of a photo that was read just now, those that can be seen well enough."""
        clear = [
            (number, face.encoding)
            for number, face in zip(ids, faces, strict=True)
            if face.quality.score >= self._min_quality
        ]
        if clear:
            self.place([number for number, _ in clear], np.stack([each for _, each in clear]))
        self.new_faces += len(ids)

    def place(
        self, faces: list[int], encodings: NDArray[np.float32], taken: Collection[str] = ()
    ) -> None:
        """Give the faces of one photo to the people they are nearest to, or doubt them.

        The people ``taken`` have a face in the photo already.
        """
        found = assign(encodings, self.looks, self.scale, taken)
        for face, encoding, where in zip(faces, encodings, found, strict=True):
            if where.look is None or where.similarity is None:
                self._store.faces.doubt(face, where.candidates)
            else:
                self._store.faces.give(face, where.look, where.similarity)
                self._store.people.save_look(self.looks.add(where.look, encoding))

    def place_again(self, photo: int, faces: list[int]) -> None:
        """Place faces of nobody in a photo whose other faces have people."""
        for face in faces:
            self._store.faces.doubt(face, ())
        clear = self._store.faces.clear(faces, self._min_quality)
        if clear:
            taken = {person for _, person, _, _ in self._store.faces.given_in(photo)}
            self.place([face for face, _ in clear], np.stack([each for _, each in clear]), taken)

    def join(self, person: str, face: int) -> None:
        """Give a face of ``person`` to the nearest look of this person, or to a first one."""
        [(_, encoding)] = self._store.faces.clear([face], 0.0)
        own = [self.looks[look] for look in self._store.people.looks_of(person)]
        if own:
            away = [float(np.linalg.norm(encoding - look.centroid)) for look in own]
            nearest = int(np.argmin(away))
            look, distance = own[nearest].id, away[nearest]
        else:
            look, distance = self._store.people.add_look(person), 0.0
            empty = np.zeros(len(encoding))
            self.looks.put(Look(id=look, person=person, centroid=empty, count=0, spread=0.0))
        self._store.people.save_look(self.looks.add(look, encoding))
        self._store.faces.give(face, look, self.scale.similarity_at(distance))

    def forget(self, photo: int) -> None:
        """Delete a photo with its faces, and a person who has no other.

        The looks of others follow with the next re-clustering.
        """
        people = {person for _, person, _, _ in self._store.faces.given_in(photo)}
        self._store.faces.remove_photo(photo)
        for person in people:
            if not self._store.faces.has_faces(person):
                self._store.people.remove(person)
        self._store.people.remove_former_looks()
        self.read_looks()
