"""Copies of the store: one a night while something changes, and one when a user wants it."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

from facewatchd import logs
from facewatchd.errors import BackupError
from facewatchd.store import backup
from facewatchd.store.sound import library_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facewatchd.config import Settings
    from facewatchd.pipeline.clock import Clock
    from facewatchd.store import Store

_NOT_BEFORE = 3600.0  # seconds after the start: then there is more to do than this
_ENDS_WITHIN = 5.0  # seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BackupLook:
    """The newest backup: when what it holds was the store, where it is; why the last one failed."""

    last: float | None
    path: bytes | None
    error: str | None
    running: bool


class Backups:
    """Makes copies in a thread, while the pipeline goes on; all methods are the pipeline's.

    ``wake`` is called when one is done.
    """

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._wake = wake
        self._every = settings.backups.every or None
        self._due: float | None = None
        if self._every is not None:
            self._due = clock.monotonic() + min(self._every, _NOT_BEFORE)
        self._copying: _Copying | None = None
        self._error: str | None = None
        newest = next(iter(backup.own(settings.backup_folder)), None)
        self._last = None if newest is None else (newest, newest.stat().st_mtime)
        self._made = self._last[1] if self._last is not None else None

    def look(self) -> BackupLook:
        """Return how things are with backups."""
        path, at = self._last or (None, None)
        return BackupLook(
            at, None if path is None else bytes(path), self._error, self._copying is not None
        )

    def order(self, to: Path, *, force: bool) -> None:
        """Begin to make a backup ``to``, an absolute path; BackupError if it cannot be there.

        What is there is only replaced when it is a backup of this library, or by ``force``.
        """
        if self._copying is not None:
            raise BackupError("A backup is being made just now.", "Try again in a minute.")
        self._refuse(to, force=force)
        self._begin(to, nightly=False)

    def next_due(self) -> float | None:
        """Return when the next one is due; whoever waits is woken when one is done."""
        return self._due if self._copying is None else None

    def step(self) -> None:
        """Take in the end of one, and begin the next when it is due and something has changed."""
        if self._copying is not None:
            if self._copying.done.is_set():
                self._end(self._copying)
        elif self._due is not None and self._clock.monotonic() >= self._due:
            self._due = self._clock.monotonic() + (self._every or 0.0)
            if self._made is None or self._changed_after(self._made):
                self._begin_nightly()

    def close(self) -> None:
        """Stop a copy that is being made; nothing is left of it."""
        if self._copying is not None:
            self._copying.stopped.set()
            self._copying.join(_ENDS_WITHIN)

    def _begin_nightly(self) -> None:
        folder = self._settings.backup_folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            backup.tidy(folder)
        except OSError as error:
            self._fail(f"The folder {folder} for backups cannot be made: {error.strerror}.")
            return
        self._begin(folder / backup.own_name(self._clock.time()), nightly=True)

    def _begin(self, to: Path, *, nightly: bool) -> None:
        self._error = None
        self._copying = _Copying(self._store.path, to, self._wake, nightly=nightly)
        self._copying.start()

    def _end(self, copying: _Copying) -> None:
        self._copying = None
        copying.join()
        if copying.error is not None:
            self._fail(copying.error)
            return
        at = copying.to.stat().st_mtime
        self._last = copying.to, at
        log.info("Made the backup %s.", copying.to)
        if copying.nightly:
            self._made = at
            library = self._store.fact("library")
            try:
                if library is not None:
                    backup.rotate(copying.to.parent, self._settings.backups.keep, library)
            except OSError as error:
                self._fail(f"An old backup cannot be removed: {error}.")

    def _fail(self, words: str) -> None:
        self._error = words
        log.error("%s", logs.error(words))

    def _changed_after(self, moment: float) -> bool:
        return any(f.stat().st_mtime > moment for f in backup.written(self._store.path))

    def _refuse(self, to: Path, *, force: bool) -> None:
        """Raise BackupError where a backup must not be."""
        try:
            folder = to.parent.resolve(strict=True)
            there = os.lstat(to)
        except FileNotFoundError as error:
            if not to.parent.is_dir():
                raise _misplaced(to, f"there is no folder {to.parent}") from error
            there = None
        except OSError as error:
            raise _misplaced(to, error.strerror or str(error)) from error
        for root in self._settings.roots:
            if folder.is_relative_to(root.path):
                raise _misplaced(to, f"it is in the watched folder {root.path}")
        if folder in {place.resolve() for place in self._settings.journal_places}:
            raise _misplaced(to, f"{folder} holds facewatchd's own files")
        if there is None:
            return
        if not stat.S_ISREG(there.st_mode):
            raise _misplaced(to, "something that is no file is there")
        if not force and library_in(to) != self._store.fact("library"):
            raise BackupError(
                f"{to} is there, and is no backup of this library.",
                "Name another file, or replace that one with --force.",
            )


class _Copying(Thread):
    """Makes one copy; ``error`` says why there is none."""

    def __init__(
        self, database: Path, to: Path, wake: Callable[[], None], *, nightly: bool
    ) -> None:
        super().__init__(name="backup")
        self.to = to
        self.nightly = nightly
        self.stopped = Event()
        self.done = Event()
        self.error: str | None = "The backup ended before its time; the daemon's log says why."
        self._database = database
        self._wake = wake

    def run(self) -> None:
        try:
            with suppress(backup.StoppedError):
                backup.copy(self._database, self.to, self.stopped.is_set)
                self.error = None
        except BackupError as error:
            self.error = str(error)
        finally:
            self.done.set()
            if not self.stopped.is_set():  # else nobody waits any more
                self._wake()


def _misplaced(to: Path, why: str) -> BackupError:
    return BackupError(
        f"The backup cannot be {to}: {why}.",
        "Name a file in a folder that is there, outside of the watched folders.",
    )
