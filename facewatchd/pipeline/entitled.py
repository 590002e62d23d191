"""Who has a folder, and what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.bursts import moments
from facewatchd.events import Kind
from facewatchd.organise import Photo, WantedFolder

if TYPE_CHECKING:
    from collections.abc import Collection

    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.covers import Covers
    from facewatchd.plugins import Scale
    from facewatchd.store import Store

DOUBTFUL = b"_doubtful"


class Entitled:
    """Gives out the numbers of folders, and fills the folders from the store."""

    def __init__(
        self, store: Store, covers: Covers, clock: Clock, scale: Scale, min_photos: int
    ) -> None:
        """An unnamed person gets a folder from ``min_photos`` on."""
        self._store = store
        self._covers = covers
        self._clock = clock
        self._min_photos = min_photos
        self.scale = scale

    def give_numbers(self) -> None:
        """Give a folder number to everyone who has a name or has come to enough photos.

        Those with most photos are the first.
        """
        named = self._store.people.named()
        entitled = [
            (-photos, first, person)
            for person, photos, first in self._store.people.entitled(self._min_photos)
            if person in named or self._moments(person) >= self._min_photos
        ]
        for photos, _, person in sorted(entitled):
            number = self._store.people.give_number(person)
            if person not in named:
                new = {"person": person, "number": number, "photos": -photos}
                self._store.events.add(Kind.PERSON_NEW, self._clock.time(), **new)

    def _moments(self, person: str) -> int:
        members = self._store.faces.of_person(person)
        encodings = np.stack([member.encoding for member in members])
        captured = np.array([member.captured for member in members])
        return moments(captured, encodings, self.scale)

    def folders(self, people: Collection[str], names: dict[str, bytes]) -> list[WantedFolder]:
        """Return the folders of ``people``, whose ``names`` they have, that show anything."""
        named = self._store.people.named()
        return [
            folder
            for person in sorted(people)
            for folder in self._of(person, names[person], is_named=person in named)
            if folder.photos
        ]

    def _of(self, person: str, name: bytes, *, is_named: bool) -> list[WantedFolder]:
        """Return the folder of ``person``, and that of faces that may be this person."""
        photos = _photos(self._store.people.photos_of(person))
        if len(photos) < (1 if is_named else self._min_photos):
            return []
        maybe = _photos(self._store.people.doubtful_photos_of(person))
        return [
            WantedFolder(name, photos, self._covers.of(person, name)),
            WantedFolder(doubtful(name), maybe),
        ]


def doubtful(folder: bytes) -> bytes:
    """Return the folder of faces that may be the person of ``folder``."""
    return DOUBTFUL + b"/" + folder


def _photos(rows: list[tuple[bytes, bytes, int, int, float]]) -> list[Photo]:
    return [Photo(*row) for row in rows]
