"""Keeps the output tree equal to the store: who has a folder, and what is in it."""

from __future__ import annotations

import hashlib
import logging
import os
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.bursts import moments
from facewatchd.clustering.cover import cover as best_cover
from facewatchd.errors import OutputError
from facewatchd.model import CropFace, File
from facewatchd.organise import COVER, Cover, Photo, WantedFolder, apply, plan, reconcile
from facewatchd.scan import is_within

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from facewatchd.config import Settings
    from facewatchd.organise import Conflict
    from facewatchd.pipeline.clock import Clock
    from facewatchd.plugins import Scale
    from facewatchd.store import Store

DOUBTFUL = b"_doubtful"
COVER_SIDE = 512
_GATHER = 0.5  # seconds in which changes are gathered into one plan
_LEISURE = 10.0  # a plan that took long is not followed by the next one before so many times that
_AGAIN_AFTER_ERROR = 30.0

log = logging.getLogger(__name__)


class Publishing:
    """Plans and applies the difference for the people that changed."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, scale: Scale) -> None:
        self._output = os.fsencode(settings.output)
        self._min_photos = settings.people.min_photos
        self._store = store
        self._clock = clock
        self._scale = scale
        self._touched: set[str] = set()
        self._all = True
        self._due = clock.monotonic()
        self._wanted: dict[bytes, CropFace] = {}  # covers to be made, by key
        self._cover_of: dict[bytes, str] = {}  # whose cover each of them is
        self._made: dict[bytes, bytes] = {}  # JPEGs that are not written yet, by key
        self._conflicts: dict[bytes, str] = {}
        self.error: OutputError | None = None

    @property
    def conflicts(self) -> dict[bytes, str]:
        """What stands in the way in OUTPUT and is not ours: path -> what was found."""
        return self._conflicts

    @property
    def idle(self) -> bool:
        """Whether the tree shows what the store holds, but for covers that wait for a worker."""
        in_work = self._cover_of.keys() - self._wanted.keys()
        return not (self._all or self._touched or in_work)

    def start(self) -> None:
        """Find out what of the tree is still as it was made; raises OutputError."""
        self._tell_of_former_output()
        self._note(reconcile(self._output, self._store.links))

    def _tell_of_former_output(self) -> None:
        here = os.fsdecode(self._output)
        before = self._store.fact("output")
        if before not in {None, here}:
            log.warning("The output was %r and is %r now; the old tree stays.", before, here)
        with self._store.transaction():
            self._store.set_fact("output", here)

    def use(self, scale: Scale) -> None:
        """The library is encoded by another engine from now on: everything may have changed."""
        self._scale = scale
        self.touch_all()

    def touch(self, people: Iterable[str]) -> None:
        """What the folders of ``people`` show may have changed."""
        if self.idle:
            self._due = max(self._due, self._clock.monotonic() + _GATHER)
        self._touched.update(people)

    def touch_all(self) -> None:
        """Everything may have changed."""
        self._all = True
        self._due = max(self._due, self._clock.monotonic())

    def next_due(self) -> float | None:
        """Return when the next plan is due."""
        return self._due if self._all or self._touched else None

    def wanted_cover(self, outside: Collection[bytes] = ()) -> CropFace | None:
        """Take out a cover for a worker to make whose photo lies below none of ``outside``."""
        for key, cover in self._wanted.items():
            if not is_within(cover.stat.path, outside):
                return self._wanted.pop(key)
        return None

    def give_back(self, task: CropFace) -> None:
        """A cover was taken out and not made: a worker is to make it later."""
        self._wanted[_cover_key(task.hash, task.box)] = task

    def take_cover(self, task: CropFace, jpeg: bytes | None) -> None:
        """A worker made a cover, or could not: then the folder keeps the one that it has."""
        key = _cover_key(task.hash, task.box)
        person = self._cover_of.pop(key, None)
        if person is not None and jpeg is not None:
            self._made[key] = jpeg
            self._touched.add(person)

    def step(self) -> None:
        """Make the tree what it should be, when that is due."""
        started = self._clock.monotonic()
        if not (self._all or self._touched) or started < self._due:
            return
        before, self.error = self.error, None
        try:
            self._publish()
        except OutputError as error:
            self.error = error
            self._due = self._clock.monotonic() + _AGAIN_AFTER_ERROR
        if self.error is not None:
            if before is None:
                log.error("%s", self.error)
            return
        finished = self._clock.monotonic()
        self._due = finished + _LEISURE * (finished - started)

    def _publish(self) -> None:
        with self._store.transaction():
            if self._give_numbers():
                self._all = True
        numbers = self._store.people.numbers()
        everything = self._all
        people = numbers.keys() if everything else self._touched & numbers.keys()
        folders = [f for person in sorted(people) for f in self._folders(person, numbers[person])]
        shown = [f for f in folders if f.photos]
        if everything:
            self._conflicts = {}
            manifest = self._store.links.entries()
        else:
            parents = {DOUBTFUL for f in shown if f.path.startswith(DOUBTFUL)}
            manifest = self._store.links.within(f.path for f in folders)
            manifest |= {p: e for p, e in self._store.links.within(parents).items() if p in parents}
        operations = plan(shown, self._output, manifest)
        self._note(apply(operations, self._output, self._store.links))
        self._touched.clear()
        self._all = False
        self._made.clear()

    def _give_numbers(self) -> bool:
        """Give a folder number to everyone who has come to enough photos, the largest first."""
        numbered = self._store.people.numbers()
        entitled = [
            (-photos, first, person)
            for person, photos, first in self._store.people.present_photos()
            if person not in numbered
            and photos >= self._min_photos
            and self._moments(person) >= self._min_photos
        ]
        for _, _, person in sorted(entitled):
            self._store.people.give_number(person)
        return bool(entitled)

    def _moments(self, person: str) -> int:
        members = self._store.faces.of_person(person)
        encodings = np.stack([member.encoding for member in members])
        captured = np.array([member.captured for member in members])
        return moments(captured, encodings, self._scale)

    def _folders(self, person: str, number: int) -> list[WantedFolder]:
        """Return the folder of ``person``, and that of faces that may be this person."""
        name = folder_name(number)
        photos = _photos(self._store.people.photos_of(person))
        if len(photos) < self._min_photos:
            return [WantedFolder(name, ()), WantedFolder(DOUBTFUL + b"/" + name, ())]
        doubtful = _photos(self._store.people.doubtful_photos_of(person))
        return [
            WantedFolder(name, photos, self._cover(person, name)),
            WantedFolder(DOUBTFUL + b"/" + name, doubtful),
        ]

    def _cover(self, person: str, folder: bytes) -> Cover | None:
        """Return the cover of ``person``, ordering it from the workers if it is not made yet."""
        face = self._store.people.cover(person)
        place = self._store.faces.place(face) if face is not None else None
        if place is None:
            members = self._store.faces.of_person(person)
            encodings = np.stack([m.encoding for m in members])
            face = members[best_cover(encodings, np.array([m.quality for m in members]))].face
            with self._store.transaction():
                self._store.people.set_cover(person, face)
            place = self._store.faces.place(face)
        if place is None:
            return None
        key = _cover_key(place.hash, place.box)
        written = self._store.links.at(folder + b"/" + COVER)
        there = isinstance(written, File) and written.key == key
        known = there or key in self._made or key in self._cover_of
        if place.is_read and not known:  # else it is ordered when the file has been read again
            self._wanted[key] = CropFace(place.stat, place.hash, place.box, COVER_SIDE)
            self._cover_of[key] = person
        return Cover(key, self._made.get(key))

    def _note(self, conflicts: list[Conflict]) -> None:
        for conflict in conflicts:
            if self._conflicts.get(conflict.path) != conflict.found:
                log.warning("%r in the output is not ours: %s", conflict.path, conflict.found)
            self._conflicts[conflict.path] = conflict.found


def folder_name(number: int) -> bytes:
    """Return the name of a person's folder."""
    return b"person_%04d" % number


def _photos(rows: list[tuple[bytes, bytes]]) -> list[Photo]:
    return [Photo(content, path) for content, path in rows]


def _cover_key(content: bytes, box: tuple[int, ...]) -> bytes:
    return hashlib.blake2b(content + repr(tuple(box)).encode(), digest_size=16).digest()
