"""What is left of something forgotten after its rows are gone, and how that goes too.

In this order: the folders and covers in OUTPUT, the record of them, what SQLite has not written
over, the daemon's own backups (once there is one without it), and stores that were set aside.
"""

from __future__ import annotations

import logging
import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.errors import BackupError, StoreWriteError
from facewatchd.store import backup
from facewatchd.store.sound import library_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from facewatchd.config import Settings
    from facewatchd.decisions import Decision
    from facewatchd.pipeline.backups import Backups
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.deciding import Deciding
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.store import Store

_REMOVED = "forgotten"  # a fact: the number of the last decision to forget of which nothing is left
_ASIDE = ("damaged-*", "set-aside-*")  # folders in the state folder
_AGAIN = 60.0  # seconds until what the disk refused is tried again
ELSEWHERE = (
    "Backups and copies that you made elsewhere, the daemon's log of former days, and snapshots of"
    " file systems cannot be reached."
)

log = logging.getLogger(__name__)


class TracesLook(NamedTuple):
    """How far it is: ``waits`` says what for if the rest comes later, ``left`` what stays."""

    done: bool
    waits: str | None
    left: tuple[str, ...]


class Traces:
    """Removes traces step by step; all methods are the pipeline's."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        deciding: Deciding,
        publishing: Publishing,
        backups: Backups,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._deciding = deciding
        self._publishing = publishing
        self._backups = backups
        self._clock = clock
        self._of: Decision | None = None  # whose traces are being removed
        self._folders: dict[bytes, None] = {}
        self._scrubbed = False
        self._ordered: Path | None = None  # the backup that takes the place of older ones
        self._lacks_tree = False  # whether all is done but for OUTPUT
        self._not_before = clock.monotonic()
        self._waits: str | None = None
        self._left: list[str] = []

    @property
    def removed_until(self) -> int:
        """The number of the last decision of whose object no trace is left, 0 for none."""
        return int(self._store.fact(_REMOVED) or 0)

    @property
    def look(self) -> TracesLook:
        """How far it is."""
        left = (*self._deciding.look().behind, *self._left, ELSEWHERE)
        return TracesLook(self._of is None, self._waits, left)

    def follow(self, decision: Decision, folders: Iterable[bytes] = ()) -> None:
        """Remove what is left of what ``decision`` forgot; ``folders`` in OUTPUT were its own."""
        self._of = decision
        self._folders.update(dict.fromkeys(folders))
        self._scrubbed, self._ordered, self._lacks_tree = False, None, False
        self._waits, self._left = None, []
        self._not_before = self._clock.monotonic()

    def next_due(self) -> float | None:
        """Return when what was refused is tried again; for the rest others wake the pipeline."""
        return self._not_before if self._of is not None and self._waits is not None else None

    def step(self) -> None:
        """Do the next things that can be done now."""
        if self._of is None or self._clock.monotonic() < self._not_before:
            return
        waits = self._tree_waits()
        if waits == "" or self._backups.look().running:
            return  # soon
        if waits is not None and self._lacks_tree:
            self._wait(waits)
            return
        try:
            if self._removed_from_disk(self._of):
                self._end(self._of, waits)
        except (StoreWriteError, OSError, BackupError) as error:
            self._wait(str(error))

    def _tree_waits(self) -> str | None:
        """Return why OUTPUT still shows what was forgotten, "" if that is a matter of moments."""
        publishing = self._publishing
        if publishing.held:
            return "OUTPUT stays as it is until all photos have been read."
        if publishing.error is not None:
            return publishing.error.title
        return None if publishing.idle else ""

    def _removed_from_disk(self, decision: Decision) -> bool:
        """Do what does not concern OUTPUT; False while a backup is being made."""
        if not self._scrubbed:
            self._publishing.forget_traces()
            self._scrubbed = self._store.forgotten.scrub()
            if not self._scrubbed:
                self._wait("Somebody reads the store.")
                return False
        old = self._older_backups(decision)
        if old and self._ordered is None:
            name = backup.own_name(self._clock.time())
            self._ordered = self._settings.backup_folder / name
            self._backups.order(self._ordered, force=True)
            return False
        self._left = list(self._remains(decision, old))
        return True

    def _older_backups(self, decision: Decision) -> list[Path]:
        library = self._store.fact("library")
        return [
            file
            for file in backup.own(self._settings.backup_folder)
            if file.stat().st_mtime <= decision.at and library_in(file) == library
        ]

    def _remains(self, decision: Decision, old: Iterable[Path]) -> Iterator[str]:
        """Remove backups and stores set aside; yield what of all that cannot be."""
        failed = self._backups.look().error
        for file in old:
            if failed is not None:
                yield f"{file} stays, for no other backup could take its place: {failed}"
                continue
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                yield f"{file} cannot be removed: {error.strerror}."
        for folder in self._set_aside(decision):
            try:
                shutil.rmtree(folder)
            except OSError as error:
                yield f"{folder} cannot be removed: {error.strerror}."
        for name in self._folders:
            there = os.path.join(os.fsencode(self._settings.output.path), name)
            if os.path.lexists(there):
                yield f"{os.fsdecode(there)} holds what is not facewatchd's, and stays."
        last = self._backups.look()
        if last.path is not None and (last.last or 0.0) <= decision.at:
            yield f"{os.fsdecode(last.path)} is a backup from before."

    def _set_aside(self, decision: Decision) -> list[Path]:
        found = (path for like in _ASIDE for path in self._settings.state.glob(like))
        folders = sorted(path for path in found if path.is_dir() and not path.is_symlink())
        return [folder for folder in folders if folder.stat().st_mtime <= decision.at]

    def _end(self, decision: Decision, waits: str | None) -> None:
        if waits is not None:  # the rest goes as soon as OUTPUT can be written
            self._scrubbed, self._ordered, self._lacks_tree = False, None, True
            self._wait(waits)
            return
        with self._store.transaction():
            self._store.set_fact(_REMOVED, str(decision.number))
        self._of, self._waits, self._folders = None, None, {}
        log.info("No trace is left of what decision %d forgot.", decision.number)

    def _wait(self, words: str) -> None:
        self._waits = words
        self._not_before = self._clock.monotonic() + _AGAIN
