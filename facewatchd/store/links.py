"""The manifest: everything that was made in the output tree, so that only that is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facewatchd.model import Copy, File, Folder, Link, Stamp, Way
from facewatchd.store.files import below
from facewatchd.store.writing import write_errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from facewatchd.model import Entry

_COLUMNS = (
    "path, kind, target, digest, photo, way, source_size, source_mtime_ns,"
    " inode, size, mtime_ns, ctime_ns"
)
_MARKS = ", ".join("?" * len(_COLUMNS.split(",")))


class Links:
    """Reads and writes the table ``links``; what is recorded lasts from ``commit`` on.

    StoreWriteError when the disk does not take it.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def entries(self) -> dict[bytes, Entry]:
        """Return everything that was made, by its path in OUTPUT."""
        return _entries(self._db.execute(f"SELECT {_COLUMNS} FROM links"))

    def at(self, path: bytes) -> Entry | None:
        """Return what was made at ``path``."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM links WHERE path = ?", [path])
        return _entries(rows).get(path)

    def within(self, folders: Iterable[bytes]) -> dict[bytes, Entry]:
        """Return each of ``folders`` and what was made directly or deeper in it."""
        found: dict[bytes, Entry] = {}
        for folder in folders:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM links WHERE path = ? OR (path >= ? AND path < ?)",
                [folder, *below(folder)],
            )
            found.update(_entries(rows))
        return found

    def record(self, path: bytes, entry: Entry) -> None:
        """Remember ``entry``, in place of what was recorded for ``path``."""
        with write_errors():
            self._begin()
            self._db.execute(
                f"INSERT OR REPLACE INTO links ({_COLUMNS}) VALUES ({_MARKS})",
                [path, *_row(entry)],
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


def _entries(rows: Iterable[tuple[Any, ...]]) -> dict[bytes, Entry]:
    return {path: _entry(*columns) for path, *columns in rows}


def _entry(kind: str, target: bytes, digest: bytes | None, *of_copy: Any) -> Entry:
    match kind:
        case "link":
            return Link(target)
        case "file":
            return File(target, digest or b"")
        case "copy":
            photo, way, size, mtime_ns, inode, *own = of_copy
            stamp = None if inode is None else Stamp(inode, *own)
            return Copy(Way(way), photo, target, size, mtime_ns, stamp, digest)
    return Folder()


def _row(entry: Entry) -> tuple[object, ...]:
    none = (None,) * len(Stamp._fields)
    match entry:
        case Link(target):
            return ("link", target, None, None, None, None, None, *none)
        case File(key, digest):
            return ("file", key, digest, None, None, None, None, *none)
        case Copy(way, photo, source, size, mtime_ns, stamp, digest):
            return ("copy", source, digest, photo, way, size, mtime_ns, *(stamp or none))
        case Folder():
            return ("folder", b"", None, None, None, None, None, *none)
