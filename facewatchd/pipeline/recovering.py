"""Before the start: a store that is lost is set aside, and the newest good backup takes its place.

Without a backup an empty store does.  What it lacks comes by itself: the start takes the decisions
from the journal, the walks find the photos, and OUTPUT holds a record of its tree.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from facewatchd import logs
from facewatchd.errors import StoreError
from facewatchd.journal.lines import Reader
from facewatchd.journal.place import Place
from facewatchd.store.backup import newest_good, own, parts, put_in_place, stamp
from facewatchd.store.sound import trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from facewatchd.config import Settings

_DAMAGED = "damaged-"  # and the time: a folder in the state folder
_WHY = "why.txt"

log = logging.getLogger(__name__)


def recover(settings: Settings, breathe: Callable[[], None] = lambda: None) -> None:
    """Make sure that there is a store to open, or that a new one may be made.

    The caller holds the lock on the state folder.  StoreError if that is not possible.  While the
    store is read, ``breathe`` is called again and again.
    """
    database = settings.database
    if not database.exists() or database.stat().st_size == 0:
        if not _was_there(settings):
            return
        wrong = "was gone"
    elif (found := trouble(database, breathe)) is not None:
        wrong = f"was damaged ({found})"
    else:
        return
    try:
        _renew(settings, wrong)
    except OSError as error:
        raise StoreError(
            f"The store {database} {wrong}, and another cannot be put in its place: {error}.",
            "Make room in the state folder, and let facewatchd's user write there.",
        ) from error


def lost(state: Path) -> str | None:
    """Say when and why the store was last set aside, for as long as that folder is there."""
    for folder in sorted(state.glob(f"{_DAMAGED}*"), reverse=True):
        try:
            return (folder / _WHY).read_text(encoding="utf-8").strip()
        except OSError:
            continue
    return None


def set_aside(files: Iterable[Path], state: Path, prefix: str) -> Path:
    """Move ``files`` into a new folder in ``state`` that has the time in its name; OSError."""
    name = folder = state / f"{prefix}{stamp(time.time())}"
    number = 1
    while folder.exists():
        number += 1
        folder = name.with_name(f"{name.name}-{number}")
    folder.mkdir(mode=0o700)
    for file in files:
        file.rename(folder / file.name)
    return folder


def library_of_journal(places: Iterable[Path]) -> str | None:
    """Return the library that the first journal in ``places`` is of; JournalError if it is newer.

    None if there is none that can be read.
    """
    for place in map(Place, places):
        try:
            content = Reader().file(place.read(), str(place.file))
        except OSError:
            continue
        if content is not None and content.library is not None:
            return content.library
    return None


def _was_there(settings: Settings) -> bool:
    """Whether anything says that there was a store, so that this is not the first start."""
    traces = [Place(folder).file for folder in settings.journal_places]
    return any(map(os.path.lexists, traces)) or bool(own(settings.backup_folder))


def _renew(settings: Settings, wrong: str) -> None:
    database = settings.database
    aside = set_aside(parts(database), settings.state, _DAMAGED)
    backup = newest_good(settings.backup_folder, library_of_journal(settings.journal_places))
    if backup is None:
        instead = "There was no backup: all photos are read again."
    else:
        file, _ = backup
        put_in_place(file, database)
        instead = f"The backup {file} took its place: what is newer is read again."
    words = (
        f"On {time.strftime('%Y-%m-%d %H:%M')} the store {wrong}. {instead}"
        f" What you decided is taken from the journal. This is told until you delete {aside}."
    )
    (aside / _WHY).write_text(f"{words}\n", encoding="utf-8")
    log.error("%s", logs.error(words))
