"""From pending files to photos with faces, through the pool of workers."""

from __future__ import annotations

import logging
import os
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd import logs
from facewatchd.events import Kind
from facewatchd.model import (
    CropFace,
    Cropped,
    Dated,
    DatePhotos,
    EncodeFaces,
    FacesEncoded,
    Hashed,
    Lost,
    PhotoChanged,
    PhotoFailed,
    PhotoRead,
    PhotoReadAgain,
    PhotoUnsupported,
    ReadAgain,
    ReadPhoto,
    Stuck,
    Told,
)
from facewatchd.pipeline.entering import Entering
from facewatchd.pipeline.queue import Queue
from facewatchd.pipeline.tally import Tally
from facewatchd.store.views import in_first_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

    from facewatchd.model import Answer, EngineId, Task, WorkerSettings
    from facewatchd.pipeline.adding import Adding
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.pool import Outcome, Pool
    from facewatchd.store import Store

TRIES = 2
REST = 10.0  # seconds before a failed photo is tried again
YOUNG = 60.0  # seconds in which a file that cannot be read may still be on its way
_RATE_OVER = 60.0

log = logging.getLogger(__name__)


class Origin(NamedTuple):
    """The roots that photos come from, and who is told what reading them shows.

    ``look_again`` is told the path of a file that may still be written, ``on_stuck`` a root whose
    storage hangs, so that a worker which reads there does not die.
    """

    roots: Sequence[bytes]
    look_again: Callable[[bytes], None]
    on_stuck: Callable[[bytes], None]


class Encoding:
    """Keeps the workers busy, newest photo first, and has entered what they find."""

    def __init__(
        self,
        store: Store,
        pool: Pool,
        publishing: Publishing,
        clock: Clock,
        *,
        engine: EngineId,
        placing: Placing,
        adding: Adding,
        origin: Origin,
    ) -> None:
        self._store = store
        self._pool = pool
        self._publishing = publishing
        self._clock = clock
        self._adding = adding
        self._origin = origin
        self._queue = Queue(store, pool, publishing, adding, origin.roots)
        self._entering = Entering(store, placing, adding, publishing, clock, engine)
        self._hashes: dict[bytes, int] = {}  # what is being read, by content and by picture
        self._finished: deque[float] = deque()
        self.tally = Tally()
        self.refusals = 0  # how often a known photo could not be read again
        self.last_refusal = ""  # why, the last time

    @property
    def workers(self) -> int:
        """How many worker processes run now."""
        return len(self._pool.connections())

    def block(self, roots: set[bytes]) -> None:
        """Leave what lies below ``roots`` pending: it cannot be read now."""
        self._queue.blocked = roots

    def reread(self, *, outside: set[bytes], allowed: bool) -> None:
        """Read known photos again that are to be, below none of ``outside``, if that is allowed."""
        self._queue.unreachable = outside
        self._queue.rereads = allowed

    @property
    def rereading(self) -> bool:
        """Whether known photos are being read again."""
        return self._queue.rereading

    @property
    def has_reread_all(self) -> bool:
        """Whether no known photo is to be read again that could be now."""
        return self._queue.has_reread_all

    def use(self, engine: EngineId) -> None:
        """The library is encoded by another engine from now on."""
        self._entering.engine = engine

    def restart(self, settings: WorkerSettings) -> None:
        """Go on with other workers; what the present ones are at is done again."""
        for task in self._pool.restart(settings, self._clock.monotonic()):
            self._give_back(task)
        self.look_again()

    def look_again(self) -> None:
        """Photos were taken over that were read again: faces may lack that the user spoke of."""
        self._adding.look_at_all()

    def told(self, task: ReadAgain) -> ReadAgain:
        """Return a task together with what the user said of its picture."""
        return replace(task, told=self._adding.told(task.hash))

    def _give_back(self, task: Task) -> None:
        match task:
            case DatePhotos(files):
                self._queue.dated(file for file, _ in files)
            case CropFace():
                self._publishing.give_back(task)
            case ReadAgain():
                self._queue.release_again(task.photo)
            case EncodeFaces():
                self._adding.release(task)
            case ReadPhoto():
                self._release(task)

    @property
    def idle(self) -> bool:
        """Whether nothing is being read, and nothing waits that could be."""
        return self._queue.empty

    @property
    def works(self) -> bool:
        """Whether a worker is at something."""
        return self._pool.busy > 0

    def has_few(self, most: int) -> bool:
        """Whether at most so many photos wait that could be read now."""
        return self._queue.has_few(most)

    @property
    def at_rest(self) -> bool:
        """Whether no process of a worker is left and the rate of reading has been forgotten."""
        return self._pool.empty and not self._finished

    def connections(self) -> list[Connection[Any, Any]]:
        """Return what to wait on for news from the workers."""
        return self._pool.connections()

    def next_due(self) -> float | None:
        """Return when a file has rested long enough to be tried again."""
        return self._queue.next_due() if self._pool.free else None

    def rate(self) -> float | None:
        """Return photos per second over the last minute, None when none was read."""
        now = self._clock.monotonic()
        while self._finished and self._finished[0] < now - _RATE_OVER:
            self._finished.popleft()
        if len(self._finished) < 2:  # noqa: PLR2004 - a rate needs two points
            return None
        return (len(self._finished) - 1) / max(now - self._finished[0], 1e-3)

    def step(self, *, paused: bool = False) -> None:
        """Take what the workers found and give them more to do; while ``paused`` only covers."""
        for outcome in self._pool.step(self._clock.monotonic()):
            self._take(outcome)
        if not paused:
            self._adding.step()
        self._fill(paused=paused)

    def close(self) -> None:
        """End the workers; what they were at stays pending."""
        self._pool.close()

    def _fill(self, *, paused: bool) -> None:
        now = self._clock.monotonic()
        while self._pool.free:
            task = self._queue.next(now, paused=paused)
            if task is None:
                return
            self._pool.submit(task, now)
            if isinstance(task, ReadPhoto):
                self.tally.begin(task.file, now)

    def _take(self, outcome: Outcome) -> None:
        match outcome:
            case task, Stuck():
                self._origin.on_stuck(self._queue.root_of(task))
            case DatePhotos(files), answer:
                dates = dict(answer.dates) if isinstance(answer, Dated) else {}
                self._queue.dated(file for file, _ in files)
                with self._store.transaction():
                    self._store.files.set_dates([file for file, _ in files], dates)
            case CropFace() as task, answer:
                jpeg = answer.picture if isinstance(answer, Cropped) else None
                self._publishing.take_cover(task, jpeg)
            case ReadPhoto() as task, Hashed() as hashed:
                self._answer(task, hashed)
            case ReadPhoto() as task, answer:
                self._end(task, answer)
            case ReadAgain() as task, answer:
                self._end_again(task, answer)
            case EncodeFaces() as task, answer:
                self._end_faces(task, answer)

    def _answer(self, task: ReadPhoto, hashed: Hashed) -> None:
        """Tell the worker whether a photo that it has hashed is to be read on."""
        picture = hashed.identity.hash if hashed.identity else None
        hashes = {hashed.content} | ({picture} if picture else set())
        wanted = False
        if self._entering.recognise(task.file, hashed):
            self._count(task, "known")
            self._release(task)
        elif any(self._hashes.get(each, task.file) != task.file for each in hashes):
            self._release(task)  # another worker is reading the same photo just now
            self._queue.rest(task.file, self._clock.monotonic() + 1.0)
        else:
            self._hashes |= dict.fromkeys(hashes, task.file)
            wanted = True
        told = self._adding.told(picture) if picture else Told()
        self._pool.answer(task, encode=wanted, told=told)

    def _end(self, task: ReadPhoto, answer: Answer) -> None:
        match answer:
            case PhotoRead() as read:
                self._entering.enter(task.file, read)
                log.debug("Encoded %s", logs.photo(task.stat.path, task.file))
                self._finished.append(self._clock.monotonic())
                self._count(task, "read")
            case PhotoChanged():
                self._wait_for(task)
            case PhotoFailed() | PhotoUnsupported() if self._is_young(task):
                self._wait_for(task)
            case PhotoUnsupported(kind, reason):
                self._entering.show_nothing(task.file, kind, reason)
                self._count(task, "unsupported")
            case PhotoFailed(reason, remedy):
                self._fail(task, f"{reason} {remedy}")
            case Lost(reason):
                self._fail(task, reason)
        self._release(task)

    def _end_again(self, task: ReadAgain, answer: Answer) -> None:
        rest_until = None
        match answer:
            case PhotoReadAgain(photo):
                with self._store.transaction():
                    self._store.rereading.put(
                        task.photo, photo, self._adding.boxes.spared(photo, photo.faces)
                    )
                self._finished.append(self._clock.monotonic())
            case PhotoChanged():
                rest_until = self._clock.monotonic() + REST
                self._origin.look_again(task.stat.path)
            case PhotoFailed(reason) | PhotoUnsupported(_, reason) | Lost(reason):
                rest_until = self._clock.monotonic() + REST
                with self._store.transaction():
                    self._store.rereading.tried(task.photo)
                self._adding.suspect(task.hash)
                self.refusals += 1
                self.last_refusal = reason
                log.warning(
                    "%s could not be read again: %s", logs.photo(task.stat.path), logs.error(reason)
                )
        self._queue.release_again(task.photo, rest_until)

    def _end_faces(self, task: EncodeFaces, answer: Answer) -> None:
        rest_until = None
        match answer:
            case FacesEncoded(faces):
                self._adding.put(task, faces, self._entering.engine)
            case PhotoChanged():
                rest_until = self._clock.monotonic() + REST
                self._origin.look_again(task.stat.path)
            case PhotoFailed(reason) | PhotoUnsupported(_, reason) | Lost(reason):
                rest_until = self._clock.monotonic() + REST
                self._adding.fail(task, reason)
        self._adding.release(task, rest_until)

    def _is_young(self, task: ReadPhoto) -> bool:
        """Whether the file was written so lately that it may not be whole yet."""
        return abs(self._clock.time() - task.stat.mtime_ns / 1e9) < YOUNG

    def _wait_for(self, task: ReadPhoto) -> None:
        """Give a file that is being written time, and look whether it changes."""
        self._queue.rest(task.file, self._clock.monotonic() + REST)
        self._origin.look_again(task.stat.path)
        self._count(task, "changed")

    def _count(self, task: ReadPhoto, result: str) -> None:
        self.tally.end(task.file, result, self._clock.monotonic())

    def _release(self, task: ReadPhoto) -> None:
        self._queue.release(task.file)
        self.tally.drop(task.file)
        self._hashes = {h: f for h, f in self._hashes.items() if f != task.file}

    def _fail(self, task: ReadPhoto, reason: str) -> None:
        with self._store.transaction():
            if self._store.files.failed_once(task.file, reason, tries_allowed=TRIES):
                self._store.events.add(
                    Kind.PHOTO_FAILED,
                    self._clock.time(),
                    file=task.file,
                    root=os.fsdecode(self._queue.root_of(task)),
                    error=in_first_words(reason),
                )
        log.warning(
            "%s could not be read: %s", logs.photo(task.stat.path, task.file), logs.error(reason)
        )
        self._count(task, "failed")
        self._queue.rest(task.file, self._clock.monotonic() + REST)
