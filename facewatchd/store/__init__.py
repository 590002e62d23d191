"""The store: SQLite, one writer.

All SQL is in this package.  The pipeline's thread owns the one Store that writes; the API's
threads open a Reader for each request.  WAL lets them read while it writes; ``synchronous=FULL``
makes an acknowledged commit survive a power cut.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import sqlite_utils

from facewatchd.errors import StoreError, StoreWriteError
from facewatchd.store.decisions import Decisions
from facewatchd.store.engines import Engines
from facewatchd.store.events import Events
from facewatchd.store.faces import Faces
from facewatchd.store.files import Files
from facewatchd.store.folders import Folders
from facewatchd.store.forgotten import Forgotten
from facewatchd.store.lacking import Lacking
from facewatchd.store.links import Links
from facewatchd.store.people import People
from facewatchd.store.photos import Photos
from facewatchd.store.plans import Plans
from facewatchd.store.rereading import Rereading
from facewatchd.store.runs import Runs
from facewatchd.store.schema import migrations
from facewatchd.store.sound import STEPS, not_now, passes
from facewatchd.store.successions import Successions
from facewatchd.store.views import Views
from facewatchd.store.who import Who
from facewatchd.store.writing import write_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facewatchd.model import EngineId

__all__ = ["Store", "reading"]

_ROOM = 1 << 20  # bytes
_TRIED = "tried"


class Store:
    """The one connection that writes, and the tables by subject."""

    def __init__(
        self,
        path: Path,
        engine: EngineId | None = None,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        """Open or create the store at ``path``, and migrate it.

        A new one becomes a store of ``engine``, now or by `found`; any other keeps the engine that
        it has.  Raises StoreError when it is damaged or of a newer version, StoreWriteError when
        its disk is full or fails.  While SQLite works at a statement, a migration too, ``breathe``
        is called again and again.
        """
        self.path = path
        created = not path.exists()
        if created:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.set_progress_handler(breathe, STEPS)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._db.close()
            if passes(error):
                raise not_now(path, error) from error
            raise StoreError(
                f"The store {path} cannot be opened: {error}.",
                "Move it away to begin anew, or put a backup in its place.",
            ) from error
        except StoreError:
            self._db.close()
            raise
        self.rereading = Rereading(self._db)
        self.engines = Engines(self._db, self.rereading)
        self.files = Files(self._db)
        self.folders = Folders(self._db)
        self.faces = Faces(self._db)
        self.photos = Photos(self._db, self.faces)
        self.people = People(self._db)
        self.links = Links(self._db)
        self.decisions = Decisions(self._db)
        self.who = Who(self._db)
        self.runs = Runs(self._db)
        self.plans = Plans(self._db)
        self.lacking = Lacking(self._db)
        self.successions = Successions(self._db)
        self.forgotten = Forgotten(self._db)
        self.events = Events(self._db)
        if engine is not None and self.engines.known is None:
            self.found(engine)

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._migrate()

    def _migrate(self) -> None:
        db = sqlite_utils.Database(self._db)
        known = {migration.name for migration in migrations.pending(_empty_database())}
        newer = {migration.name for migration in migrations.applied(db)} - known
        if newer:
            raise StoreError(
                f"The store {self.path} was made by a newer facewatchd"
                f" (it knows {', '.join(sorted(newer))}).",
                "Install that version again, or put a backup from before the upgrade in its place.",
            )
        with db.atomic():  # all of them or none: then the older version still opens it
            migrations.apply(db)

    def found(self, engine: EngineId) -> None:
        """Make a new store the library of ``engine``."""
        with self.transaction():
            self.engines.make_current(engine)
            self.set_fact("first_encoder", engine.encoder)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; after it the changes survive a power cut.

        Raises StoreWriteError when the disk does not take them.
        """
        with write_errors():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @property
    def answers(self) -> bool:
        """Whether it can be read; no disk has to wake up for that."""
        try:
            self._db.execute("SELECT 1 FROM facts LIMIT 1").fetchone()
        except sqlite3.Error:
            return False
        return True

    def takes_changes(self) -> bool:
        """Try whether it can be written, and has room for more than this try."""
        disk = os.statvfs(self.path.parent)
        if disk.f_bavail * disk.f_frsize < _ROOM:
            return False
        try:
            with self.transaction():
                self.set_fact(_TRIED, "")  # SQLite writes no row that stays as it is
                self.forget_fact(_TRIED)
        except StoreWriteError:
            return False
        return True

    @property
    def changes(self) -> int:
        """How many rows have been changed since the store was opened."""
        return self._db.total_changes

    def fact(self, name: str) -> str | None:
        """Return a fact about the library as a whole."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()
        return row[0] if row else None

    def set_fact(self, name: str, value: str) -> None:
        """Remember a fact about the library as a whole."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", [name, value])

    def forget_fact(self, name: str) -> None:
        """Forget a fact about the library as a whole."""
        self._db.execute("DELETE FROM facts WHERE name = ?", [name])

    def close(self) -> None:
        """Fold the write-ahead log into the store and close it."""
        self._db.close()


def _empty_database() -> sqlite_utils.Database:
    return sqlite_utils.Database(memory=True)


@contextmanager
def reading(path: Path, *, by_turns: bool = False) -> Iterator[Views]:
    """Open the store for reading only, from any thread, while the daemon writes.

    With ``by_turns`` several threads may ask, one after the other.
    """
    uri = f"file:{quote(str(path))}?mode=ro"
    db = sqlite3.connect(uri, uri=True, check_same_thread=not by_turns)
    try:
        db.execute("PRAGMA query_only = ON")
        db.execute("PRAGMA busy_timeout = 10000")
        db.execute("BEGIN")  # one snapshot for all that is asked
        yield Views(db)
    finally:
        db.close()
