"""Room on the state folder's disk: without it nothing new is begun."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from facewatchd import logs

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.pipeline.clock import Clock

_LOOKS_EVERY = 10.0
_MB = 1e6

log = logging.getLogger(__name__)


class Space:
    """Watches that ``free_mb`` megabytes stay free on the file system of ``folder``.

    The store must be able to take decisions and what is deleted (that needs room too), and a disk
    that we filled would be everybody's trouble.  So reading photos and clustering pause before it
    is full, and go on by themselves.
    """

    def __init__(self, folder: Path, free_mb: float, clock: Clock) -> None:
        self._folder = folder
        self._needed = free_mb
        self._clock = clock
        self._due = clock.monotonic()
        self.lack: str | None = None  # why work pauses, None while it need not

    def step(self) -> None:
        """Look how much is free, at most every 10 s; log when a pause begins and when it ends."""
        now = self._clock.monotonic()
        if now < self._due:
            return
        self._due = now + _LOOKS_EVERY
        before, self.lack = self.lack, self._look()
        if self.lack is not None and before is None:
            log.warning("No photo is read and nothing is clustered: %s.", logs.error(self.lack))
        elif self.lack is None and before is not None:
            log.info("There is room again on the disk of %s: work goes on.", self._folder)

    def next_due(self) -> float | None:
        """Return when to look again whether a pause has ended."""
        return None if self.lack is None else self._due

    def _look(self) -> str | None:
        disk = os.statvfs(self._folder)
        free = disk.f_bavail * disk.f_frsize / _MB  # what is free to others than root
        if free >= self._needed:
            return None
        return (
            f"only {int(free)} MB are free on the state folder's disk;"
            f" {self._needed:g} are needed (limits.free_mb)"
        )
