"""The covers of people's folders: which face, ordered from the workers, kept until written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.cover import cover as best_cover
from facewatchd.model import CropFace, File
from facewatchd.organise import COVER, Cover
from facewatchd.scan import is_within

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from facewatchd.pipeline.rules import Rules
    from facewatchd.store import Store

COVER_SIDE = 512


class Covers:
    """Knows by its key each cover that is to be made, is being made, or is to be written."""

    def __init__(self, store: Store, rules: Rules) -> None:
        self._store = store
        self._rules = rules
        self._wanted: dict[bytes, CropFace] = {}
        self._person: dict[bytes, str] = {}  # whose cover it is, until a worker has answered
        self._made: dict[bytes, bytes] = {}  # JPEGs

    @property
    def in_work(self) -> bool:
        """Whether a worker is making one."""
        return bool(self._person.keys() - self._wanted.keys())

    @property
    def made(self) -> set[bytes]:
        """The keys of those that are made, and perhaps not written yet."""
        return set(self._made)

    def of(self, person: str, folder: bytes) -> Cover | None:
        """Return the cover of ``person``, ordering it from the workers if it is not made yet."""
        face = self._rules.cover_of(person) or self._store.people.cover(person)
        place = self._store.faces.place(face) if face is not None else None
        if place is None and (face := self._chosen(person)) is not None:
            place = self._store.faces.place(face)
        if place is None:
            return None
        key = _key(place.hash, place.box)
        written = self._store.links.at(folder + b"/" + COVER)
        there = isinstance(written, File) and written.key == key
        known = there or key in self._made or key in self._person
        if place.is_read and not known:  # else it is ordered when the file has been read again
            self._wanted[key] = CropFace(place.stat, place.hash, place.box, COVER_SIDE)
            self._person[key] = person
        return Cover(key, self._made.get(key))

    def _chosen(self, person: str) -> int | None:
        members = self._store.faces.of_person(person)
        if not members:
            return None  # only said to be in photos, without a face
        encodings = np.stack([member.encoding for member in members])
        face = members[best_cover(encodings, np.array([m.quality for m in members]))].face
        with self._store.transaction():
            self._store.people.set_cover(person, face)
        return face

    def next(self, outside: Collection[bytes]) -> CropFace | None:
        """Take out one for a worker to make whose photo lies below none of ``outside``."""
        for key, cover in self._wanted.items():
            if not is_within(cover.stat.path, outside):
                return self._wanted.pop(key)
        return None

    def give_back(self, task: CropFace) -> None:
        """It was taken out and not made: a worker is to make it later."""
        self._wanted[_key(task.hash, task.box)] = task

    def take(self, task: CropFace, jpeg: bytes | None) -> str | None:
        """A worker made it, or could not (then the folder keeps the one that it has).

        Returns whose folder changes.
        """
        key = _key(task.hash, task.box)
        person = self._person.pop(key, None)
        if person is None or jpeg is None:
            return None
        self._made[key] = jpeg
        return person

    def written(self, keys: Iterable[bytes]) -> None:
        """Let go of those that were made and are in the tree now."""
        for key in keys:
            self._made.pop(key, None)


def _key(content: bytes, box: tuple[int, ...]) -> bytes:
    return hashlib.blake2b(content + repr(tuple(box)).encode(), digest_size=16).digest()
