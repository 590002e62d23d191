"""The manifest: everything that was made in the output tree, so that only that is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.model import File, Folder, Link
from facewatchd.store.files import below
from facewatchd.store.writing import write_errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from facewatchd.model import Entry


class Links:
    """Reads and writes the table ``links``; what is recorded lasts from ``commit`` on.

    StoreWriteError when the disk does not take it.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def entries(self) -> dict[bytes, Entry]:
        """Return everything that was made, by its path in OUTPUT."""
        return _entries(self._db.execute("SELECT path, kind, target, digest FROM links"))

    def at(self, path: bytes) -> Entry | None:
        """Return what was made at ``path``."""
        rows = self._db.execute(
            "SELECT path, kind, target, digest FROM links WHERE path = ?", [path]
        )
        return _entries(rows).get(path)

    def within(self, folders: Iterable[bytes]) -> dict[bytes, Entry]:
        """Return each of ``folders`` and what was made directly or deeper in it."""
        found: dict[bytes, Entry] = {}
        for folder in folders:
            rows = self._db.execute(
                "SELECT path, kind, target, digest FROM links"
                " WHERE path = ? OR (path >= ? AND path < ?)",
                [folder, *below(folder)],
            )
            found.update(_entries(rows))
        return found

    def record(self, path: bytes, entry: Entry) -> None:
        """Remember ``entry``, in place of what was recorded for ``path``."""
        with write_errors():
            self._begin()
            self._db.execute(
                "INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?)", [path, *_row(entry)]
            )

    def forget(self, path: bytes) -> None:
        """Forget what was made at ``path``."""
        with write_errors():
            self._begin()
            self._db.execute("DELETE FROM links WHERE path = ?", [path])

    def commit(self) -> None:
        """Make all since the last commit survive a power cut."""
        with write_errors():
            if self._db.in_transaction:
                self._db.execute("COMMIT")

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")


def _entries(rows: Iterable[tuple[bytes, str, bytes, bytes | None]]) -> dict[bytes, Entry]:
    return {path: _entry(kind, target, digest) for path, kind, target, digest in rows}


def _entry(kind: str, target: bytes, digest: bytes | None) -> Entry:
    if kind == "link":
        return Link(target)
    return File(target, digest or b"") if kind == "file" else Folder()


def _row(entry: Entry) -> tuple[str, bytes, bytes | None]:
    match entry:
        case Link(target):
            return "link", target, None
        case File(key, digest):
            return "file", key, digest
        case Folder():
            return "folder", b"", None
