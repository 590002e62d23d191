"""A made library for the benches: small files, and a store that knows them, all of it read."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import numpy as np

from facewatchd import plugins
from facewatchd.config import DEFAULT_DETECTOR
from facewatchd.model import (
    Box,
    CaptureDate,
    DateSource,
    EngineId,
    Face,
    FileStat,
    FileState,
    Look,
    PhotoResult,
    Quality,
)
from facewatchd.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

_SEED = 1
_ENCODER = "dlib"
_QUALITY = Quality(0.5, 0.5, 0.5)
_DIMENSIONS = 128
_FOLDERS_A_FOLDER = 100
_STRANGERS = 0.2  # share of the faces that belong to nobody
_FACES_A_PERSON = 40
_NORM = 1.42  # of dlib's encodings
_AWAY = 0.25  # distance of a face from its person's centroid, well within the threshold
_LONG_AGO = 1e9  # seconds since 1970: nobody writes these files any more


def make_tree(top: Path, files: int, folders: int) -> list[bytes]:
    """Write ``files`` small files into ``folders`` folders below ``top``; return their paths."""
    paths = []
    for number in range(folders):
        folder = top / f"{number // _FOLDERS_A_FOLDER:03d}" / f"{number:06d}"
        folder.mkdir(parents=True)
        for index in range(number, files, folders):
            path = folder / f"IMG_{index:06d}.jpg"
            path.write_bytes(b"photo %d" % index)
            os.utime(path, (_LONG_AGO, _LONG_AGO))
            paths.append(bytes(path))
    return paths


def make_store(database: Path, paths: Iterable[bytes], faces_a_photo: int = 0) -> None:
    """Make a store in which each of ``paths`` shows a photo with faces, clustered just now.

    Most faces lie around the centroids of made people; the others are strangers', and doubtful.
    """
    encoder = plugins.encoder(_ENCODER)
    engine = EngineId(DEFAULT_DETECTOR, _ENCODER, encoder.version)
    store = Store(database, engine)
    made = _MadeStore(store, engine, faces_a_photo)
    try:
        with store.transaction():
            for path in paths:
                made.enter(path)
            made.finish()
    finally:
        store.close()


class _MadeStore:
    def __init__(self, store: Store, engine: EngineId, faces_a_photo: int) -> None:
        self._store = store
        self._engine = engine
        self._faces_a_photo = faces_a_photo
        self._chance = np.random.default_rng(_SEED)
        self._people: list[tuple[int, NDArray[np.float64]]] = []  # look and centroid of each
        self._faces = 0

    def enter(self, path: bytes) -> None:
        """Enter a file, its photo and the photo's faces."""
        whose = [self._somebody() for _ in range(self._faces_a_photo)]
        taken = float(self._chance.uniform(_LONG_AGO, 1.7e9))
        result = PhotoResult(
            hash=self._chance.bytes(16),
            width=4000,
            height=3000,
            captured=CaptureDate(taken, DateSource.EXIF),
            faces=tuple(
                Face(Box(500 * i, 100, 500 * i + 400, 500), _QUALITY, self._encoding(person))
                for i, person in enumerate(whose)
            ),
        )
        photo, ids = self._store.photos.add(result, self._engine)
        for face, person in zip(ids, whose, strict=True):
            if person is not None:
                self._store.faces.give(face, self._people[person][0], 1.0 - _AWAY)
        stat = FileStat.of(path, os.lstat(path))
        self._store.files.put(stat, FileState.DONE, taken, photo=photo)

    def finish(self) -> None:
        """Note that all of it has been clustered, so that no run is due."""
        for name, value in (
            ("first_backlog", "done"),
            ("clustered_at", time.time()),
            ("clustered_seconds", 60.0),
            ("clustered_faces", self._faces),
        ):
            self._store.set_fact(name, str(value))

    def _somebody(self) -> int | None:
        """Return whose the next face is: a known or a new person's, or None for a stranger's."""
        self._faces += 1
        if self._chance.random() < _STRANGERS:
            return None
        if self._faces >= len(self._people) * _FACES_A_PERSON:
            self._meet()
        return int(self._chance.integers(len(self._people)))

    def _meet(self) -> None:
        """Add a person: random directions of so many dimensions are far from each other."""
        centroid = _NORM * self._direction()
        look = self._store.people.add_look(person := self._store.people.create())
        made = Look(look, person, centroid, _FACES_A_PERSON, _AWAY**2)
        self._store.people.save_look(made)
        self._people.append((look, centroid))

    def _encoding(self, person: int | None) -> NDArray[np.float32]:
        step = self._direction()
        at = _NORM * step if person is None else self._people[person][1] + _AWAY * step
        return np.asarray(at, dtype=np.float32)

    def _direction(self) -> NDArray[np.float64]:
        step: NDArray[np.float64] = self._chance.standard_normal(_DIMENSIONS)
        return np.asarray(step / np.linalg.norm(step))
