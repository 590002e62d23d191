"""Copies of the store: made while it is written to, listed, and put in its place."""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from facewatchd.errors import BackupError, StoreError
from facewatchd.store.sound import held, library_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PARTS = ("", "-wal", "-shm")  # what a store's files have behind its name

_PAGES = 1000  # copied at a time; 4 MB
NIGHTLY = re.compile(r"facewatchd-\d{8}-\d{6}\.db")
UPGRADE = re.compile(r"facewatchd-\d{8}-\d{6}-upgrade\.db")
_UNFINISHED = re.compile(r"\.[0-9a-f]{16}\.facewatchd-new(-journal)?")
_CHUNK = 2**20


class StoppedError(Exception):
    """Nobody wants the copy any more."""


def own_name(at: float) -> str:
    """Return the name of a nightly backup of the time ``at``."""
    return f"facewatchd-{stamp(at)}.db"


def upgrade_name(at: float) -> str:
    """Return the name of a copy made at the time ``at`` because a new version changes the store."""
    return f"facewatchd-{stamp(at)}-upgrade.db"


def stamp(at: float) -> str:
    """Return a time of the local zone for the name of a file."""
    return time.strftime("%Y%m%d-%H%M%S", time.localtime(at))


def own(folder: Path) -> list[Path]:
    """Return the files in ``folder`` named as by `own_name` or `upgrade_name`, newest first."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    ours = (name for name in names if NIGHTLY.fullmatch(name) or UPGRADE.fullmatch(name))
    return [folder / name for name in sorted(ours, reverse=True)]


def newest_good(folder: Path, library: str | None) -> tuple[Path, list[str]] | None:
    """Return the newest of our backups of ``library`` that is sound, and its decisions' lines.

    None as the library stands for any.
    """
    for file in own(folder):
        try:
            found = held(file)
        except StoreError:
            continue
        if library is None or found.library == library:
            return file, found.lines
    return None


def rotate(folder: Path, keep: int, library: str, of: re.Pattern[str] = NIGHTLY) -> None:
    """Remove all backups of ``library`` with such names but the newest ``keep``; OSError."""
    named = (file for file in own(folder) if of.fullmatch(file.name))
    ours = [file for file in named if library_in(file) == library]
    for file in ours[keep:]:
        file.unlink(missing_ok=True)


def copy(database: Path, to: Path, stopped: Callable[[], bool]) -> None:
    """Copy the store as it is now to ``to``, with mode 0600, in place of what is there.

    The copy is sound, on the disk, and has the time of what it holds, before it gets its name.
    Whoever writes the store goes on meanwhile.  Raises BackupError, and StoppedError soon after
    ``stopped`` says so.
    """
    unfinished = to.with_name(f".{secrets.token_hex(8)}.facewatchd-new")
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            at = _copy_pages(database, unfinished, stopped)
            held(unfinished)
            os.utime(unfinished, (at, at))
            _finish(unfinished, to)
        finally:
            for part in ("", "-journal"):
                unfinished.with_name(unfinished.name + part).unlink(missing_ok=True)
    except (OSError, sqlite3.Error, StoreError) as error:
        words = error.title if isinstance(error, StoreError) else str(error)
        raise BackupError(
            f"The backup {to} could not be made: {words.rstrip('.')}.",
            "Name a folder with room in which facewatchd's user may write.",
        ) from error


def put_in_place(backup: Path, database: Path) -> None:
    """Make a copy of ``backup`` the store, of which nothing is there any more; OSError."""
    unfinished = database.with_name(f".{secrets.token_hex(8)}.facewatchd-new")
    new = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with backup.open("rb") as source, open(new, "wb") as target:
            while chunk := source.read(_CHUNK):
                target.write(chunk)
        _finish(unfinished, database)
    finally:
        unfinished.unlink(missing_ok=True)


def tidy(folder: Path) -> None:
    """Remove what a kill left unfinished in ``folder``."""
    with suppress(OSError):
        for name in filter(_UNFINISHED.fullmatch, os.listdir(folder)):
            (folder / name).unlink(missing_ok=True)


def parts(database: Path) -> Iterator[Path]:
    """Yield the files of the store that are there, the store itself first."""
    for part in PARTS:
        file = database.with_name(database.name + part)
        if file.exists():
            yield file


def written(database: Path) -> Iterator[Path]:
    """Yield the files of the store that are written to with every change."""
    return (file for file in parts(database) if not file.name.endswith("-shm"))


def _copy_pages(database: Path, to: Path, stopped: Callable[[], bool]) -> float:
    """Copy one snapshot, in steps; return its time."""

    def step(*_: int) -> None:
        if stopped():
            raise StoppedError

    source = f"file:{quote(str(database))}?mode=ro"
    with closing(sqlite3.connect(source, uri=True, isolation_level=None)) as store:
        store.execute("PRAGMA busy_timeout = 10000")
        at = time.time()
        store.execute("BEGIN")
        store.execute("SELECT 1 FROM facts").fetchone()  # from here on it is one snapshot
        with closing(sqlite3.connect(to, isolation_level=None)) as target:
            target.execute("PRAGMA synchronous = OFF")  # the whole file is synced at the end
            store.backup(target, pages=_PAGES, progress=step)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, complete by itself
    return at


def _finish(unfinished: Path, to: Path) -> None:
    """Bring a file to the disk and give it its name."""
    _sync(unfinished)
    unfinished.rename(to)
    _sync(to.parent)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
