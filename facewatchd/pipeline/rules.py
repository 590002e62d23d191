"""What the user said, for whoever gives faces to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.decisions import FaceSaid, Said
from facewatchd.overlap import match

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facewatchd.decisions import Spot
    from facewatchd.store import Store
    from facewatchd.store.decisions import At


class Rules:
    """Finds for faces in the store what was said of them, by where they lie in their photos."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._anchored: dict[bytes, dict[Spot, str]] = {}  # by photo: whose each spot is
        self._anchors: dict[str, tuple[Spot, ...]] = {}  # as they are in there, by person
        self.said = Said()

    def use(self, said: Said) -> None:
        """Go by another state of what was said."""
        self.said = said
        self.read_anchors(sorted({*said.people, *self._anchors}))

    def read_anchors(self, people: Iterable[str]) -> None:
        """Take in by which faces ``people`` are found again, of whom something was said."""
        for person in people:
            said = self.said.people.get(person)
            anchors = () if said is None else said.anchors
            before = self._anchors.get(person, ())
            if anchors is before:
                continue
            for spot in before:
                if self._anchored[spot.photo].get(spot) == person:
                    del self._anchored[spot.photo][spot]
            for spot in anchors:
                self._anchored.setdefault(spot.photo, {})[spot] = person
            self._anchors[person] = anchors

    def of(self, faces: Iterable[int]) -> dict[int, FaceSaid]:
        """Return what was said of those of ``faces`` of one photo of which anything was.

        A face that lies where a person is to be found again belongs to that person, unless
        something was said of the face itself.
        """
        asked = list(faces)
        photo = self._store.decisions.photo_of(asked[0]) if asked else None
        if photo is None or not (self.said.spots_in(photo) or self._anchored.get(photo)):
            return {}
        there = self._store.decisions.at(photo)
        said = {
            at.face: self.said.faces[spot] for at, spot in self._matched(there, self._spots(photo))
        }
        anchored = self._anchored.get(photo, {})
        silent = [at for at in there if at.face not in said]
        for at, spot in self._matched(silent, list(anchored)):
            said[at.face] = FaceSaid(person=anchored[spot])
        return {face: said[face] for face in asked if face in said}

    def spot_of(self, at: At) -> Spot:
        """Return by which spot this face is spoken of: one that was used before, or its own."""
        there = self._store.decisions.at(at.spot.photo)
        known = {
            found.face: spot for found, spot in self._matched(there, self._spots(at.spot.photo))
        }
        return known.get(at.face, at.spot)

    def face_at(self, spot: Spot) -> At | None:
        """Return the face in the store that ``spot`` speaks of, or spoke of until now."""
        there = self._store.decisions.at(spot.photo)
        spots = list(dict.fromkeys([*self._spots(spot.photo), spot]))
        return next((at for at, found in self._matched(there, spots) if found == spot), None)

    def settled_in(self, photo: bytes) -> list[Spot]:
        """Return where the faces of people lie in a photo of whom the user has spoken."""
        there = self._store.decisions.at(photo)
        return [at.spot for at in there if at.owner in self.said.people]

    def cover_of(self, person: str) -> int | None:
        """Return the face that the user chose to be the cover of ``person``."""
        said = self.said.people.get(person)
        found = None if said is None or said.cover is None else self.face_at(said.cover)
        return None if found is None else found.face

    def refused(self, said: FaceSaid | None) -> set[str]:
        """Return who a face of which this was said is not."""
        return set() if said is None else {self.said.root(person) for person in said.refused}

    def _spots(self, photo: bytes) -> list[Spot]:
        return list(self.said.spots_in(photo))

    def _matched(self, there: list[At], spots: list[Spot]) -> list[tuple[At, Spot]]:
        pairs = match([spot.box for spot in spots], [at.spot.box for at in there])
        return [(there[face], spots[spot]) for face, spot in pairs.items()]
