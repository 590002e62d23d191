"""From pending files to photos with faces, through the pool of workers."""

from __future__ import annotations

import logging
import os
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd.assign import Looks, assign
from facewatchd.model import (
    CropFace,
    Cropped,
    Dated,
    DatePhotos,
    Hashed,
    Lost,
    PhotoChanged,
    PhotoFailed,
    PhotoRead,
    ReadPhoto,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from facewatchd.model import Answer, PhotoResult
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.plugins import Scale
    from facewatchd.pool import Outcome, Pool
    from facewatchd.store import Store

TRIES = 2
REST = 10.0  # seconds before a failed photo is tried again
_DATES_A_TASK = 200
_WORTH_DATING = 16  # with fewer files waiting, their order matters to nobody
_RATE_OVER = 60.0

log = logging.getLogger(__name__)


class Encoding:
    """Keeps the workers busy, newest photo first, and stores what they find."""

    def __init__(
        self,
        store: Store,
        pool: Pool,
        publishing: Publishing,
        clock: Clock,
        *,
        engine: str,
        scale: Scale,
        similarity: float,
        look_again: Callable[[bytes], None],
    ) -> None:
        self._store = store
        self._pool = pool
        self._publishing = publishing
        self._clock = clock
        self._engine = engine
        self._floor = scale.floor
        self._similarity = similarity
        self._look_again = look_again
        self._busy: set[int] = set()
        self._dating: set[int] = set()
        self._resting: dict[int, float] = {}
        self._hashes: dict[bytes, int] = {}
        self._finished: deque[float] = deque()
        self.looks = Looks(store.people.looks())
        self.new_faces = 0

    @property
    def workers(self) -> int:
        """How many worker processes run now."""
        return len(self._pool.connections())

    @property
    def idle(self) -> bool:
        """Whether nothing is being read, and nothing waits that could be."""
        return not self._busy and not self._dating and not self._store.files.pending(1)

    def connections(self) -> list[Connection[Any, Any]]:
        """Return what to wait on for news from the workers."""
        return self._pool.connections()

    def next_due(self) -> float | None:
        """Return when a file has rested long enough to be tried again."""
        return min(self._resting.values(), default=None) if self._pool.free else None

    def rate(self) -> float | None:
        """Return photos per second over the last minute, None when none was read."""
        now = self._clock.monotonic()
        while self._finished and self._finished[0] < now - _RATE_OVER:
            self._finished.popleft()
        if len(self._finished) < 2:  # noqa: PLR2004 - a rate needs two points
            return None
        return (len(self._finished) - 1) / max(now - self._finished[0], 1e-3)

    def step(self) -> None:
        """Take what the workers found and give them more to do."""
        for outcome in self._pool.step(self._clock.monotonic()):
            self._take(outcome)
        self._fill()

    def close(self) -> None:
        """End the workers; what they were at stays pending."""
        self._pool.close()

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._resting = {file: until for file, until in self._resting.items() if until > now}
        for cover in self._publishing.wanted_covers(self._pool.free):
            self._pool.submit(cover, now)
        while self._pool.free:
            if not (self._submit_dating(now) or self._submit_photo(now)):
                return

    def _submit_dating(self, now: float) -> bool:
        undated = self._store.files.undated(_DATES_A_TASK + len(self._dating))
        files = tuple(entry for entry in undated if entry[0] not in self._dating)[:_DATES_A_TASK]
        if len(undated) < _WORTH_DATING or not files:
            return False
        self._dating.update(file for file, _ in files)
        self._pool.submit(DatePhotos(files), now)
        return True

    def _submit_photo(self, now: float) -> bool:
        if self._dating:
            return False  # the newest photo may be among those whose dates are being read
        passed_over = self._busy | self._resting.keys()
        for file in self._store.files.pending(len(passed_over) + 1):
            if file.id not in passed_over:
                self._busy.add(file.id)
                self._pool.submit(ReadPhoto(file.id, file.stat.path, file.stat), now)
                return True
        return False

    def _take(self, outcome: Outcome) -> None:
        match outcome:
            case DatePhotos(files), answer:
                dates = dict(answer.dates) if isinstance(answer, Dated) else {}
                self._dating.difference_update(file for file, _ in files)
                with self._store.transaction():
                    self._store.files.set_dates([file for file, _ in files], dates)
            case CropFace() as task, answer:
                jpeg = answer.jpeg if isinstance(answer, Cropped) else None
                self._publishing.take_cover(task, jpeg)
            case ReadPhoto() as task, Hashed(content):
                self._answer(task, content)
            case ReadPhoto() as task, answer:
                self._end(task, answer)

    def _answer(self, task: ReadPhoto, content: bytes) -> None:
        """Tell the worker whether a photo of this content is to be decoded and encoded."""
        known = self._store.faces.photo_of(content)
        if known is not None:
            with self._store.transaction():
                self._settle_on(task.file, known)
            self._release(task)
        elif content in self._hashes:  # a copy of what another worker is reading just now
            self._busy.discard(task.file)
            self._resting[task.file] = self._clock.monotonic() + 1.0
        else:
            self._hashes[content] = task.file
            self._pool.answer(task, encode=True)
            return
        self._pool.answer(task, encode=False)

    def _end(self, task: ReadPhoto, answer: Answer) -> None:
        match answer:
            case PhotoRead(photo):
                with self._store.transaction():
                    self._add(task.file, photo)
                self._finished.append(self._clock.monotonic())
            case PhotoChanged():
                self._resting[task.file] = self._clock.monotonic() + REST
                self._look_again(task.path)
            case PhotoFailed(reason, remedy):
                self._fail(task, f"{reason} {remedy}")
            case Lost(reason):
                self._fail(task, reason)
        self._release(task)

    def _release(self, task: ReadPhoto) -> None:
        self._busy.discard(task.file)
        self._hashes = {h: f for h, f in self._hashes.items() if f != task.file}

    def _fail(self, task: ReadPhoto, reason: str) -> None:
        with self._store.transaction():
            self._store.files.failed_once(task.file, reason, tries_allowed=TRIES)
        log.warning("%r could not be read: %s", os.fsdecode(task.path), reason)
        self._resting[task.file] = self._clock.monotonic() + REST

    def _add(self, file: int, photo: PhotoResult) -> None:
        known = self._store.faces.photo_of(photo.hash)
        if known is None:
            known, faces = self._store.faces.add(photo, self._engine)
            self.place(faces, np.stack([f.encoding for f in photo.faces]) if faces else None)
            self.new_faces += len(faces)
        self._settle_on(file, known)

    def place(self, faces: list[int], encodings: np.typing.NDArray[np.float32] | None) -> None:
        """Give the faces of one photo to the people they are nearest to, or doubt them."""
        if encodings is None:
            return
        found = assign(encodings, self.looks, similarity=self._similarity, floor=self._floor)
        for face, encoding, where in zip(faces, encodings, found, strict=True):
            if where.look is None or where.similarity is None:
                self._store.faces.doubt(face, where.candidates)
            else:
                self._store.faces.give(face, where.look, where.similarity)
                self._store.people.save_look(self.looks.add(where.look, encoding))

    def forget(self, photo: int) -> None:
        """Delete a photo with its faces, and a person who has no other.

        The looks of others follow with the next re-clustering.
        """
        people = {person for _, person, _, _ in self._store.faces.given_in(photo)}
        self._store.faces.remove_photo(photo)
        for person in people:
            if not self._store.faces.has_faces(person):
                self._store.people.remove(person)
        self.looks = Looks(self._store.people.looks())

    def _settle_on(self, file: int, photo: int) -> None:
        """The file shows ``photo``; what it showed before may be missing now."""
        row = self._store.files.get(file)
        if row is None:  # gone while it was being read: the photo is missing from the start
            self._store.faces.set_presence(photo, self._clock.time())
            return
        self._store.files.done(file, photo)
        for shown in {photo, photo if row.photo is None else row.photo}:
            self._store.faces.set_presence(shown, self._clock.time())
            self._publishing.touch(self._store.faces.people_near(shown))
