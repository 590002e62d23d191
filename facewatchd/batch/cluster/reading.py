"""The faces of a folder of photos, found and encoded by the daemon's own stages, run once.

Of the pipeline's parts only those are stepped that a batch needs: intake (which walks, but does not
watch) and encoding (the workers).  Nobody is placed and nothing is published, as there are no
people yet.  What was read stays in the store, so a run that was interrupted goes on.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.errors import FacewatchError, RootError
from facewatchd.pipeline.clock import SystemClock
from facewatchd.pipeline.parts import assembled, opened
from facewatchd.store import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facewatchd.config import Settings
    from facewatchd.model import EngineId
    from facewatchd.pipeline.parts import Parts
    from facewatchd.plugins import Scale

_TICK = 0.2  # seconds between two looks at how far it is


class Read(NamedTuple):
    """How far the reading is: photos that were read, could not be, and wait; and all faces.

    ``encoded`` of the pictures were new to the store when it was opened.
    """

    done: int
    failed: int
    pending: int
    faces: int
    encoded: int

    @property
    def photos(self) -> int:
        """How many photos were found until now."""
        return self.done + self.failed + self.pending


class Library(NamedTuple):
    """What came of the reading, and the engine and the scale of the encodings."""

    read: Read
    engine: EngineId
    scale: Scale


def read_all(settings: Settings, tell: Callable[[Read], None]) -> Library:
    """Read every photo of the only root of ``settings`` into its store, telling how far that is.

    RootError when the folder cannot be read, LoadError when the engine cannot be loaded, and
    FacewatchError when the disk of the store is full.
    """
    with _parts(settings) as parts:
        before = _pictures(settings)
        _begin(parts)
        told_at = 0.0
        while parts.intake.busy or not parts.encoding.idle:
            parts.intake.step()
            _check(parts, settings)
            parts.encoding.step()
            if time.monotonic() - told_at > _TICK:
                tell(_so_far(settings, before))
                told_at = time.monotonic()
            wait([*parts.intake.roots.connections(), *parts.encoding.connections()], _TICK)
        _check(parts, settings)
        read = _so_far(settings, before)
        tell(read)
        return Library(read, parts.store.engines.current, parts.placing.scale)


@contextmanager
def _parts(settings: Settings) -> Iterator[Parts]:
    store = opened(settings)
    try:
        parts = assembled(settings, store, SystemClock(), wake=lambda: None, breathe=lambda: None)
        try:
            yield parts
        finally:
            parts.intake.close()
            parts.switching.close()
            parts.encoding.close()
            parts.backups.close()
    finally:
        store.close()


def _begin(parts: Parts) -> None:
    """Have the root walked over; what is missing since the last run was deleted."""
    parts.intake.start()
    for root in parts.intake.roots.all:
        parts.intake.accept(root.path)


def _check(parts: Parts, settings: Settings) -> None:
    """Raise what a daemon would wait for: somebody sits here and can mend it."""
    for root in parts.intake.roots.all:
        if root.offline is not None:
            raise RootError(
                f"The photos in {os.fsdecode(root.path)} cannot be read: {root.offline}.",
                "Mount the disk, name another folder, or ask for the right to read it.",
            )
    parts.space.step()
    if parts.space.lack is not None:
        raise FacewatchError(
            f"No photo is read any more: {parts.space.lack}.",
            f"Make room on the disk of {settings.state}, and type the same command: it goes on.",
        )


def _so_far(settings: Settings, before: int) -> Read:
    with reading(settings.database) as store:
        files, counts = store.files_by_state(), store.counts()
    pictures = counts["photos"] + counts["missing"]
    return Read(
        done=files.get("done", 0),
        failed=files.get("failed", 0),
        pending=files.get("pending", 0),
        faces=counts["faces"],
        encoded=pictures - before,
    )


def _pictures(settings: Settings) -> int:
    return _so_far(settings, 0).encoded
