"""What the workers are to do next: covers, faces at the user's boxes, dates, the newest photo.

Known photos that are to be read again come last.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from facewatchd.model import CropFace, DatePhotos, EncodeFaces, ReadAgain, ReadPhoto
from facewatchd.scan import is_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facewatchd.model import Task
    from facewatchd.pipeline.adding import Adding
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.pool import Pool
    from facewatchd.store import Store

_DATES_A_TASK = 200
_NONE_FOR = 10.0  # seconds in which a search for known photos that found none is not made again
_WORTH_DATING = 16  # with fewer files waiting, their order matters to nobody


class Queue:
    """Chooses among what is pending in the store; what is being read is noted here alone.

    Files below ``blocked`` roots wait, known photos below ``unreachable`` places and while
    ``rereads`` is False.  Of several roots none gets more than half of the workers, so that storage
    which hangs holds up only itself.
    """

    def __init__(
        self,
        store: Store,
        pool: Pool,
        publishing: Publishing,
        adding: Adding,
        roots: Sequence[bytes],
    ) -> None:
        self._files = store.files
        self._rereading = store.rereading
        self._pool = pool
        self._publishing = publishing
        self._adding = adding
        self._roots = roots
        self._busy: set[int] = set()
        self._dating: set[int] = set()
        self._again: set[int] = set()  # photos that are being read again
        self._resting: dict[int, float] = {}
        self._resting_photos: dict[int, float] = {}
        self._none: dict[tuple[frozenset[bytes], int], float] = {}  # what was searched for in vain
        self._now = 0.0
        self.blocked: set[bytes] = set()
        self.unreachable: set[bytes] = set()
        self.rereads = True

    @property
    def rereading(self) -> bool:
        """Whether known photos are being read again."""
        return bool(self._again)

    @property
    def has_reread_all(self) -> bool:
        """Whether no known photo is to be read again that could be now."""
        return not self._again and not self._to_read(1, self.unreachable)

    @property
    def empty(self) -> bool:
        """Whether nothing is being read, and nothing waits that could be."""
        if self._busy or self._dating or self._adding.waits(self.blocked | self.unreachable):
            return False
        return not self._files.pending(1, outside=self.blocked)

    def has_few(self, most: int) -> bool:
        """Whether at most so many files wait that could be read now."""
        return len(self._files.pending(most + 1, outside=self.blocked)) <= most

    def next(self, now: float, *, paused: bool) -> Task | None:
        """Take out the next task, None if there is none; while ``paused`` only covers."""
        self._now = now
        self._resting = {file: until for file, until in self._resting.items() if until > now}
        self._resting_photos = {
            p: until for p, until in self._resting_photos.items() if until > now
        }
        closed = self.blocked | self._used_up()
        cover = self._publishing.wanted_cover(outside=closed)
        if cover is not None or paused:
            return cover
        return (
            self._adding.next(now, closed | self.unreachable)
            or self._next_dating(closed)
            or self._next_photo(closed)
            or self._next_again(closed)
        )

    def dated(self, files: Iterable[int]) -> None:
        """The dates of ``files`` have been read."""
        self._dating.difference_update(files)

    def release(self, file: int) -> None:
        """``file`` is not being read any more."""
        self._busy.discard(file)

    def rest(self, file: int, until: float) -> None:
        """``file`` is to be left alone for a while."""
        self._resting[file] = until

    def release_again(self, photo: int, rest_until: float | None = None) -> None:
        """``photo`` is not being read again any more, and is to be left alone for a while."""
        self._again.discard(photo)
        if rest_until is not None:
            self._resting_photos[photo] = rest_until

    def next_due(self) -> float | None:
        """Return when a file or a photo has rested long enough."""
        due = [*self._resting.values(), *self._resting_photos.values(), self._adding.next_due()]
        return min((each for each in due if each is not None), default=None)

    def root_of(self, task: Task) -> bytes:
        """Return the root that the files of ``task`` lie in."""
        match task:
            case DatePhotos(files):
                return self._root_above(files[0][1])
            case ReadPhoto() | ReadAgain() | EncodeFaces() | CropFace():
                return self._root_above(task.stat.path)

    def _root_above(self, path: bytes) -> bytes:
        """Return the root of ``path``; a file that was in a root until now is one by itself."""
        return next((root for root in self._roots if is_within(path, (root,))), path)

    def _used_up(self) -> set[bytes]:
        """Return the roots that have their share of workers, those that do not die included."""
        share = self._pool.size if len(self._roots) == 1 else math.ceil(self._pool.size / 2)
        at_work = Counter(self.root_of(task) for task in self._pool.tasks)
        return {root for root, workers in at_work.items() if workers >= share}

    def _next_dating(self, closed: set[bytes]) -> DatePhotos | None:
        undated = self._files.undated(_DATES_A_TASK + len(self._dating), outside=closed)
        files = [entry for entry in undated if entry[0] not in self._dating]
        if len(undated) < _WORTH_DATING or not files:
            return None
        root = self._root_above(files[0][1])
        chosen = [entry for entry in files if self._root_above(entry[1]) == root]
        task = DatePhotos(tuple(chosen[:_DATES_A_TASK]))
        self._dating.update(file for file, _ in task.files)
        return task

    def _next_photo(self, closed: set[bytes]) -> ReadPhoto | None:
        # The newest photo of a root may be among those whose dates are being read.
        dated = {self.root_of(task) for task in self._pool.tasks if isinstance(task, DatePhotos)}
        passed_over = self._busy | self._resting.keys()
        for file in self._files.pending(len(passed_over) + 1, outside=closed | dated):
            if file.id not in passed_over:
                self._busy.add(file.id)
                return ReadPhoto(file.id, file.stat, alone=file.tries > 0)
        return None

    def _next_again(self, closed: set[bytes]) -> ReadAgain | None:
        if not self.rereads:
            return None
        passed_over = self._again | self._resting_photos.keys()
        for task in self._to_read(len(passed_over) + 1, closed | self.unreachable):
            if task.photo not in passed_over:
                self._again.add(task.photo)
                return replace(task, told=self._adding.told(task.hash))
        return None

    def _to_read(self, limit: int, outside: set[bytes]) -> list[ReadAgain]:
        """Return known photos to read; looks through all that are away only now and then."""
        search = frozenset(outside), self._rereading.wishes
        if self._none.get(search, -math.inf) > self._now:
            return []
        found = self._rereading.to_read(limit, outside=outside)
        self._none = {each: until for each, until in self._none.items() if until > self._now}
        if not found:
            self._none[search] = self._now + _NONE_FOR
        return found
