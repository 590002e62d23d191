"""Gives faces to people, and keeps everyone's looks in memory for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.assign import Looks, assign, candidates
from facewatchd.model import Look

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from facewatchd.decisions import FaceSaid
    from facewatchd.model import Encoding, Face
    from facewatchd.pipeline.rules import Rules
    from facewatchd.plugins import Scale
    from facewatchd.store import Store


_BLOCK = 1024  # faces whose candidates are looked for at once


class Placing:
    """Who each face is.  Transactions are the caller's.

    ``scale`` is that of the library's encoder; a face of a quality below ``min_quality`` (0 to 1)
    is nobody's.  ``new_faces`` came since everything was clustered.
    """

    def __init__(self, store: Store, rules: Rules, scale: Scale, min_quality: float) -> None:
        self._store = store
        self._rules = rules
        self._min_quality = min_quality
        self.scale = scale
        self.looks = Looks(store.people.looks())
        self.new_faces = 0

    def read_looks(self) -> None:
        """Take the looks from the store, which were changed there."""
        self.looks = Looks(self._store.people.looks())

    def read_looks_of(self, owners: Iterable[str], before: Iterable[int]) -> None:
        """Likewise for the looks of these owners, which were ``before`` until now."""
        for look in before:
            if look in self.looks:
                self.looks.take_out(look)
        for owner in owners:
            for each in self._store.people.looks_owned(owner):
                self.looks.put(each)

    def place_new(self, ids: list[int], faces: Sequence[Face]) -> None:
        """Place the faces of a photo that was read just now."""
        clear = [
            (number, face.encoding)
            for number, face in zip(ids, faces, strict=True)
            if face.quality.score >= self._min_quality
        ]
        self._place(ids, clear)
        self.new_faces += len(ids)

    def place(self, faces: list[int], encodings: NDArray[np.float32]) -> None:
        """Place the faces of one photo, of which no other has a person yet."""
        self._place(faces, list(zip(faces, encodings, strict=True)))

    def place_again(self, photo: int, faces: list[int]) -> None:
        """Place faces of nobody in a photo whose other faces have people."""
        for face in faces:
            self._store.faces.doubt(face, ())
        taken = {person for _, person, _, _ in self._store.faces.given_in(photo)}
        self._place(faces, self._store.faces.clear(faces, self._min_quality), taken)

    def find_candidates(self, faces: Sequence[int]) -> None:
        """Find for doubtful faces who they may be now that people are others."""
        for start in range(0, len(faces), _BLOCK):
            block = faces[start : start + _BLOCK]
            clear = self._store.faces.clear(block, 0.0)
            for face in {*block} - {number for number, _ in clear}:  # they wait for the engine
                self._store.faces.doubt(face, ())
            if not clear:
                continue
            found = candidates(np.stack([each for _, each in clear]), self.looks, self.scale)
            for (face, _), nearest in zip(clear, found, strict=True):
                refused = self._rules.refused(self._rules.of([face]).get(face))
                self._store.faces.doubt(face, [c for c in nearest if c.person not in refused])

    def _place(
        self,
        faces: list[int],
        clear: Sequence[tuple[int, Encoding]],
        taken: Collection[str] = (),
    ) -> None:
        """Give the faces of one photo to whom the user said, or else to whom they are nearest.

        The latter only where they are ``clear`` enough, by (face, encoding).  Nothing said and
        nobody near: doubtful.  The people ``taken`` have a face in the photo already.
        """
        said = self._rules.of(faces)
        for face, of_face in said.items():
            self._obey(face, of_face)
        theirs = {self._rules.said.root(s.person) for s in said.values() if s.person is not None}
        free = [(face, each) for face, each in clear if _is_open(said.get(face))]
        if not free:
            return
        encodings = np.stack([each for _, each in free])
        refused = [self._rules.refused(said.get(face)) for face, _ in free]
        found = assign(encodings, self.looks, self.scale, {*taken, *theirs}, refused)
        for (face, encoding), where in zip(free, found, strict=True):
            if where.look is None or where.similarity is None:
                self._store.faces.doubt(face, where.candidates)
            else:
                self._store.faces.give(face, where.look, where.similarity)
                self._store.people.save_look(self.looks.add(where.look, encoding))

    def obey(self, faces: Iterable[int]) -> None:
        """Do with the faces of one photo what the user said of any."""
        for face, said in self._rules.of(faces).items():
            self._obey(face, said)

    def _obey(self, face: int, said: FaceSaid) -> None:
        """Do with a face what the user said, as far as that says anything."""
        self._store.decisions.mark(face, mark_of(said))
        if said.person is not None:
            self.join(said.person, face)
        elif said.ignored:
            self._store.faces.doubt(face, ())

    def join(self, owner: str, face: int) -> None:
        """Give a face to the nearest look that ``owner`` owns, or to a first one."""
        clear = self._store.faces.clear([face], 0.0)
        if not clear:  # it waits for the engine, with a look of the former one
            self._store.faces.give(face, self._store.people.look_for(owner, face), 0.0)
            return
        [(_, encoding)] = clear
        own = [self.looks[look] for look in self._store.people.looks_of(owner)]
        if own:
            away = [float(np.linalg.norm(encoding - look.centroid)) for look in own]
            nearest = int(np.argmin(away))
            look, distance = own[nearest].id, away[nearest]
        else:
            look, distance = self._store.people.add_look(owner), 0.0
            empty, person = np.zeros(len(encoding)), self._rules.said.root(owner)
            self.looks.put(Look(id=look, person=person, centroid=empty, count=0, spread=0.0))
        self._store.people.save_look(self.looks.add(look, encoding))
        self._store.faces.give(face, look, self.scale.similarity_at(distance))

    def forget(self, photo: int) -> None:
        """Delete a photo with its faces, and a person who has no other.

        The looks of others follow with the next re-clustering.
        """
        owners = self._store.faces.owners_in(photo)
        self._store.photos.remove(photo)
        for owner in owners:
            if not self._store.faces.has_faces(owner):
                self._store.people.remove(owner)
        self._store.people.remove_former_looks()
        self.read_looks()


def mark_of(said: FaceSaid | None) -> str | None:
    """Return what the store notes of a face of which this was said."""
    if said is None:
        return None
    if said.ignored:
        return "ignored"
    if said.added:
        return "added"
    return "confirmed" if said.confirmed else None


def _is_open(said: FaceSaid | None) -> bool:
    return said is None or (said.person is None and not said.ignored)
