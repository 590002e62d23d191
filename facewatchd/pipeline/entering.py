"""What becomes known of a photo: which files show it, its date, its faces and whose they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facewatchd.model import CaptureDate, EngineId, Face, Hashed, PhotoRead, PhotoResult
    from facewatchd.pipeline.adding import Adding
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.store import Store


class Entering:
    """Enters in the store what the workers found in a file, each time in one transaction.

    ``engine`` is the one that faces are encoded by from now on.
    """

    def __init__(
        self,
        store: Store,
        placing: Placing,
        adding: Adding,
        publishing: Publishing,
        clock: Clock,
        engine: EngineId,
    ) -> None:
        self.engine = engine
        self._store = store
        self._placing = placing
        self._adding = adding
        self._publishing = publishing
        self._clock = clock

    def recognise(self, file: int, hashed: Hashed) -> bool:
        """Settle on the photo that a file is known to show; False if it has to be read on."""
        told = hashed.identity
        if told is not None and self._adding.boxes.is_forgotten(told.hash):
            with self._store.transaction():
                self._show_forgotten(file)
            return True
        known = self._known(hashed)
        if known is None or self._store.photos.may_lie(*known):
            return False
        with self._store.transaction():
            if told is not None:
                self._learn(*known, hashed.content, told.captured)
            self._settle_on(file, *known)
        return True

    def enter(self, file: int, read: PhotoRead) -> None:
        """Enter a photo that was read, and place its faces, if they are not known already."""
        with self._store.transaction():
            if self._adding.boxes.is_forgotten(read.result.hash):  # since it was to be read
                self._show_forgotten(file)
            else:
                self._enter(file, read)

    def show_nothing(self, file: int, kind: str, reason: str) -> None:
        """The file shows no photo that can be read: it is of another ``kind``, or empty."""
        with self._store.transaction():
            row = self._store.files.get(file)
            self._store.files.unsupported(file, kind, reason)
            if row is not None and row.photo is not None:
                self._update_presence({row.photo})

    def _known(self, hashed: Hashed) -> tuple[int, int] | None:
        """Return the photo known by its content or by its picture, and its orientation."""
        known = self._store.photos.of_content(hashed.content)
        if known is None and hashed.identity is not None:
            photo = self._store.photos.of_picture(hashed.identity.hash)
            known = None if photo is None else (photo, hashed.identity.orientation)
        return known

    def _learn(self, photo: int, orientation: int, content: bytes, captured: CaptureDate) -> None:
        """Take what the metadata of a file of ``photo`` say, and know the file again."""
        self._store.photos.redate(photo, captured)
        self._store.photos.remember(content, photo, orientation)

    def _enter(self, file: int, read: PhotoRead) -> None:
        spared = self._adding.boxes.spared(read.result, read.result.faces)
        photo = replace(read.result, faces=spared)
        known = self._store.photos.of_picture(photo.hash)
        faces: list[int] = []
        if known is None:
            known, faces = self._store.photos.add(photo, self.engine)
            self._keep(known, photo, read.second)
        elif self._store.photos.may_lie(known, photo.orientation):
            faces = self._store.photos.read_anew(known, photo, self.engine)
            self._keep(known, photo, read.second)
        if faces:
            self._placing.place_new(faces, photo.faces)
        self._learn(known, photo.orientation, read.content, photo.captured)
        self._settle_on(file, known, photo.orientation)

    def _keep(self, photo: int, found: PhotoResult, second: tuple[Face, ...] | None) -> None:
        """While the library goes over to a second engine, keep what that has found."""
        if second is not None:
            self._store.rereading.put(photo, found, self._adding.boxes.spared(found, second))
        elif self._store.engines.switch is not None:
            self._store.rereading.want(photo)

    def _settle_on(self, file: int, photo: int, orientation: int) -> None:
        """The file shows ``photo``; what it showed before may be missing now."""
        row = self._store.files.get(file)
        if row is None:  # gone while it was being read: the photo is missing from the start
            self._store.photos.set_presence(photo, self._clock.time())
            return
        self._store.files.done(file, photo, orientation)
        if row.photo not in {None, photo}:
            self._store.successions.note(row.photo, photo, row.stat.path)
        self._adding.look_at(self._store.lacking.picture(photo))
        self._update_presence({photo, photo if row.photo is None else row.photo})

    def _show_forgotten(self, file: int) -> None:
        """The file shows a picture of which nothing is to be known."""
        row = self._store.files.get(file)
        self._store.files.forgotten(file)
        if row is not None and row.photo is not None:
            self._update_presence({row.photo})

    def _update_presence(self, photos: set[int]) -> None:
        for photo in photos:
            self._store.photos.set_presence(photo, self._clock.time())
            self._publishing.touch(self._store.faces.people_near(photo))
