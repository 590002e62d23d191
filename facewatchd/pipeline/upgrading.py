"""Before a newer facewatchd changes the tables of the store: a copy for the way back."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from facewatchd.errors import BackupError, StoreError
from facewatchd.store import backup
from facewatchd.store.sound import known, made_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facewatchd.config import Settings

_KEEP = 2  # of the copies made before upgrades; the nights do not count

log = logging.getLogger(__name__)


def prepare(settings: Settings, breathe: Callable[[], None] = lambda: None) -> None:
    """Copy the store, if there is one, into the folder of backups when this version changes it.

    The caller holds the lock on the state folder, and opens the store next, which migrates it.
    StoreError when it is of a newer version, BackupError when it cannot be copied: then nothing
    has been changed.  While it is copied, ``breathe`` is called again and again.
    """
    if not settings.database.exists():
        return
    made, library = made_by(settings.database)
    if newer := made - known():
        raise _newer(settings, newer, library)
    if made and (coming := known() - made):
        kept = _keep_former(settings, library, breathe)
        log.info(
            "A new version of facewatchd changes the store (%s). As it was, it is in %s.",
            ", ".join(sorted(coming)),
            kept,
        )


def _keep_former(settings: Settings, library: str | None, breathe: Callable[[], None]) -> Path:
    def goes_on() -> bool:
        breathe()
        return False

    folder = settings.backup_folder
    to = folder / backup.upgrade_name(time.time())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        backup.tidy(folder)
        backup.copy(settings.database, to, goes_on)
        if library is not None:
            backup.rotate(folder, _KEEP, library, of=backup.UPGRADE)
    except OSError as error:
        raise BackupError(
            f"Before the upgrade the store cannot be backed up in {folder}: {error.strerror}.",
            "Let facewatchd's user write there, or name another folder (backups.folder).",
        ) from error
    return to


def _newer(settings: Settings, names: set[str], library: str | None) -> StoreError:
    found = backup.newest_good(settings.backup_folder, library)
    back = f", or go back to before it: facewatchctl restore {found[0]}" if found else ""
    return StoreError(
        f"The store {settings.database} was made by a newer facewatchd"
        f" (it knows {', '.join(sorted(names))}).",
        f"Install that version again{back}.",
    )
