"""Whether a file is a store that can be trusted.

``PRAGMA integrity_check`` reads every page, and finds pages, indexes and rows that do not fit
together; 82 MB with 100,000 faces take 0.3 s.  A flipped bit within a value, a number in an
encoding say, leaves a sound store: SQLite keeps no sums of its pages.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import sqlite_utils

from facewatchd.errors import StoreDamagedError, StoreError, StoreWriteError
from facewatchd.store.schema import migrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# What says that something is in the way, not what is wrong with the file: what may be over soon (a
# disk that is full or fails, memory, another program), and what somebody has to mend.
_PASSES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
}
_CLOSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PERM}
STEPS = 100_000  # of SQLite's virtual machine between two breaths, some milliseconds
_CHUNK = 1 << 20  # bytes
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_MAGIC = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, 1.3.1


class Held(NamedTuple):
    """What a sound store that nobody writes holds: whose it is, where its tree is, decisions."""

    library: str | None
    output: str | None
    lines: list[str]


def trouble(database: Path, breathe: Callable[[], None] = lambda: None) -> str | None:
    """Return what is wrong with the store at ``database``, None if nothing is.

    What a crash left in its write-ahead log is taken in first.  StoreError if it cannot be read at
    all, which a damaged file is not to blame for, StoreWriteError if that may be over soon.
    ``breathe`` is called while it is read.
    """
    try:
        _read_through(database, breathe)
        with closing(sqlite3.connect(database, isolation_level=None)) as db:
            db.set_progress_handler(breathe, STEPS)
            db.execute("BEGIN IMMEDIATE")  # the header can also say that nobody may write
            found = _wrong(db)
            db.execute("ROLLBACK")
            return found
    except sqlite3.DatabaseError as error:
        if passes(error):
            raise not_now(database, error) from error
        code = _code(error)
        closed = code == sqlite3.SQLITE_READONLY and not os.access(database, os.W_OK)
        if code in _CLOSED or closed:
            raise _unopened(database, str(error)) from error
        return str(error)
    except PermissionError as error:
        raise _unopened(database, f"{error.strerror}") from error
    except OSError as error:  # of the disk, as SQLITE_IOERR
        raise not_now(database, error) from error


def held(file: Path) -> Held:
    """Return what the store in ``file``, to which nobody writes, holds.

    StoreError if it is none, is damaged, is of a newer version or is in use.
    """
    _refuse_other(file)
    try:
        with closing(unchanging(file)) as db:
            names = applied(db)
            if not names:
                raise _refusal(file, "is a database of something else")
            if newer := names - known():
                raise StoreError(
                    f"{file} was made by a newer facewatchd (it knows {', '.join(sorted(newer))}).",
                    "Install that version again, or take a backup from before the upgrade.",
                )
            if (wrong := _wrong(db)) is not None:
                raise _refusal(file, f"is damaged: {wrong}")
            return Held(_fact(db, "library"), _fact(db, "output"), _lines(db))
    except sqlite3.DatabaseError as error:
        raise _refusal(file, f"is damaged: {error}") from error


def library_in(file: Path) -> str | None:
    """Return the library that the store in ``file`` is of, None if it is no store of ours."""
    try:
        _refuse_other(file)
        with closing(unchanging(file)) as db:
            return _fact(db, "library") if applied(db) else None
    except (StoreError, sqlite3.DatabaseError):
        return None


def made_by(database: Path) -> tuple[set[str], str | None]:
    """Return by which migrations a sound store was made, and of which library it is."""
    uri = f"file:{quote(str(database))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        names = applied(db)
        return names, _fact(db, "library") if names else None


def unchanging(file: Path) -> sqlite3.Connection:
    """Open a file to which nobody writes, leaving nothing beside it."""
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro&immutable=1", uri=True)


def applied(db: sqlite3.Connection) -> set[str]:
    """Return the names of the migrations that have made this store what it is."""
    table = db.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone()
    if table is None:
        return set()
    rows = db.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'facewatchd'")
    return {name for (name,) in rows}


def known() -> set[str]:
    """Return the names of the migrations that this version knows."""
    return {each.name for each in migrations.pending(sqlite_utils.Database(memory=True))}


@contextmanager
def damage_errors(database: Path) -> Iterator[None]:
    """Raise StoreDamagedError where SQLite comes upon damage."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if _code(error) not in _DAMAGE:
            raise
        raise StoreDamagedError(
            f"The store {database} is damaged: {error}.",
            "Start facewatchd again: it sets the store aside and makes it anew from the newest"
            " backup, the journal of decisions and the photos.",
        ) from error


def _read_through(database: Path, breathe: Callable[[], None]) -> None:
    """Have the system read all pages; to SQLite their check is one step, without a breath in it."""
    with database.open("rb") as file:
        while file.read(_CHUNK):
            breathe()


def passes(error: sqlite3.Error) -> bool:
    """Whether what SQLite says may be over soon: it is worth to try again."""
    return _code(error) in _PASSES


def not_now(database: Path, error: sqlite3.Error | OSError) -> StoreWriteError:
    """Return the error for a store that cannot be opened at this moment."""
    return StoreWriteError(
        f"The store {database} cannot be opened now: {error}.",
        "Make room on its disk, or see what the kernel says of it (journalctl -k), and try again.",
    )


def _unopened(database: Path, why: str) -> StoreError:
    return StoreError(
        f"The store {database} cannot be opened: {why}.",
        "Let facewatchd's user read and write it, and look into the kernel log for errors of its"
        " disk.",
    )


def _wrong(db: sqlite3.Connection) -> str | None:
    (first,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if first != "ok":
        return str(first).removeprefix("*** in database main ***\n")
    if applied(db):
        db.execute("SELECT * FROM _sqlite_migrations").fetchall()  # whoever opens it reads all
    orphan = db.execute("PRAGMA foreign_key_check").fetchone()
    return None if orphan is None else f"a row of {orphan[0]} lacks the row of {orphan[2]}"


def _refuse_other(file: Path) -> None:
    log = file.with_name(f"{file.name}-wal")
    try:
        with file.open("rb") as stream:
            begins = stream.read(len(_MAGIC))
        in_use = log.exists() and log.stat().st_size > 0
    except OSError as error:
        raise _refusal(file, f"cannot be read: {error.strerror}") from error
    if begins != _MAGIC:
        raise _refusal(file, "is no store")
    if in_use:
        raise _refusal(
            file, f"is not complete without {log.name}: it is in use, or was copied then"
        )


def _refusal(file: Path, why: str) -> StoreError:
    return StoreError(f"{file} {why}.", "Name a file that facewatchctl backup has made.")


def _fact(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()
    return row[0] if row else None


def _lines(db: sqlite3.Connection) -> list[str]:
    table = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'decisions'").fetchone()
    if table is None:
        return []  # made before there were decisions
    return [line for (line,) in db.execute("SELECT line FROM decisions ORDER BY number")]


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, 0 for what Python itself refused."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
