"""What of the output tree could not be made: what is in the way there, and photos that wait."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from facewatchd import logs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facewatchd.organise import Conflict
    from facewatchd.pipeline.clock import Clock

_AGAIN_FOR_PHOTOS = 600.0  # seconds; the disk of those that could not be copied may be away

log = logging.getLogger(__name__)


class Obstacles:
    """Remembers them as long as they are in the tree's way, and tells the log of each once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = 0.0
        self.conflicts: dict[bytes, str] = {}  # path in OUTPUT -> what was found there
        self.waiting: dict[bytes, str] = {}  # of photos that could not be copied -> why

    def forget(self) -> None:
        """All of the tree is looked at anew."""
        self.conflicts, self.waiting = {}, {}

    def note(self, conflicts: Iterable[Conflict]) -> None:
        """Take in what applying a plan, or a look at the tree, came upon."""
        for conflict in conflicts:
            if conflict.waits:
                self._await(conflict)
                continue
            if self.conflicts.get(conflict.path) != conflict.found:
                log.warning(
                    "%s in the output is not ours: %s",
                    logs.entry(conflict.path),
                    logs.error(conflict.found),
                )
            self.conflicts[conflict.path] = conflict.found

    def next_due(self) -> float | None:
        """Return when photos that wait are to be tried again."""
        return self._due if self.waiting else None

    def are_due(self) -> bool:
        """Whether photos that wait are to be tried again now; then not for a while."""
        now = self._clock.monotonic()
        due = bool(self.waiting) and now >= self._due
        if due:
            self._due = now + _AGAIN_FOR_PHOTOS
        return due

    def _await(self, photo: Conflict) -> None:
        if not self.waiting:
            self._due = self._clock.monotonic() + _AGAIN_FOR_PHOTOS
        if photo.path not in self.waiting:
            log.warning(
                "%s in the output waits for its photo: %s",
                logs.entry(photo.path),
                logs.error(photo.found),
            )
        self.waiting[photo.path] = photo.found
