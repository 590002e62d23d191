"""The files of the watched roots: one row each, whose state says what is left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from facewatchd.model import CaptureDate, FileStat, FileState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


class KnownFile(NamedTuple):
    """A row of the table, as the scan compares it and the pool reads it."""

    id: int
    stat: FileStat
    state: FileState
    photo: int | None
    tries: int


_COLUMNS = "id, path, size, mtime_ns, inode, state, photo, tries"


def _known(row: tuple[int, bytes, int, int, int, str, int | None, int]) -> KnownFile:
    number, path, size, mtime_ns, inode, state, photo, tries = row
    stat = FileStat(path, size, mtime_ns, inode)
    return KnownFile(number, stat, FileState(state), photo, tries)


def below(folder: bytes) -> tuple[bytes, bytes]:
    """Return the range of paths that lie below ``folder``: from the first to before the second."""
    return folder.rstrip(b"/") + b"/", folder.rstrip(b"/") + b"0"  # "0" follows "/" in ASCII


class Files:
    """Reads and writes the table ``files``; transactions are the caller's."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def at(self, path: bytes) -> KnownFile | None:
        """Return what is known of ``path``."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM files WHERE path = ?", [path]).fetchone()
        return _known(row) if row else None

    def get(self, file: int) -> KnownFile | None:
        """Return the row ``file``, or None when it has gone meanwhile."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM files WHERE id = ?", [file]).fetchone()
        return _known(row) if row else None

    def in_folder(self, folder: bytes) -> dict[bytes, KnownFile]:
        """Return the files directly in ``folder``, by path."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM files WHERE folder = ?", [folder])
        return {row[1]: _known(row) for row in rows}

    def folders_below(self, top: bytes) -> list[bytes]:
        """Return every folder at or below ``top`` that holds known files."""
        rows = self._db.execute(
            "SELECT DISTINCT folder FROM files WHERE folder = ? OR (folder >= ? AND folder < ?)",
            [top, *below(top)],
        )
        return [row[0] for row in rows]

    def at_or_below(self, path: bytes) -> list[KnownFile]:
        """Return the file at ``path`` or, if that was a folder, all files below it."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM files WHERE path = ? OR (path >= ? AND path < ?)",
            [path, *below(path)],
        )
        return [_known(row) for row in rows]

    def outside(self, roots: Iterable[bytes]) -> list[KnownFile]:
        """Return the files that lie in none of ``roots``."""
        ranges = [limit for root in roots for limit in below(root)]
        inside = " OR ".join(["(path >= ? AND path < ?)"] * (len(ranges) // 2))
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM files WHERE NOT ({inside})", ranges)
        return [_known(row) for row in rows]

    def count_below(self, folder: bytes) -> int:
        """Return how many files are known below ``folder``."""
        row = self._db.execute(
            "SELECT count(*) FROM files WHERE path >= ? AND path < ?", below(folder)
        ).fetchone()
        return int(row[0])

    def same_content(self, stat: FileStat) -> int | None:
        """Return the photo of a file with the same inode, size and mtime: moved or hard-linked."""
        row = self._db.execute(
            "SELECT photo FROM files WHERE inode = ? AND size = ? AND mtime_ns = ?"
            " AND state = 'done' AND path <> ? LIMIT 1",
            [stat.inode, stat.size, stat.mtime_ns, stat.path],
        ).fetchone()
        return row[0] if row else None

    def put(self, stat: FileStat, state: FileState, guess: float, photo: int | None = None) -> None:
        """Insert or replace the row of ``stat.path``; ``guess`` is its likely capture date."""
        self._db.execute(
            "INSERT INTO files (path, folder, size, mtime_ns, inode, state, captured, photo)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
            " inode = excluded.inode, state = excluded.state, captured = excluded.captured,"
            " photo = excluded.photo, reason = NULL, tries = 0, dated = 0",
            [
                stat.path,
                stat.path.rpartition(b"/")[0] or b"/",
                stat.size,
                stat.mtime_ns,
                stat.inode,
                state,
                guess,
                photo,
            ],
        )

    def remove(self, file: int) -> None:
        """Forget a file that is gone."""
        self._db.execute("DELETE FROM files WHERE id = ?", [file])

    def done(self, file: int, photo: int) -> None:
        """Mark a file as read: it shows ``photo``."""
        self._db.execute(
            "UPDATE files SET state = 'done', photo = ?, reason = NULL WHERE id = ?", [photo, file]
        )

    def failed_once(self, file: int, reason: str, *, tries_allowed: int) -> None:
        """Count a failed try; the file stays pending until ``tries_allowed`` are used up."""
        self._db.execute(
            "UPDATE files SET tries = tries + 1, reason = ?,"
            " state = CASE WHEN tries + 1 >= ? THEN 'failed' ELSE 'pending' END WHERE id = ?",
            [reason, tries_allowed, file],
        )

    def retry_failed(self) -> int:
        """Queue every failed file again and return how many there were."""
        cursor = self._db.execute(
            "UPDATE files SET state = 'pending', tries = 0, reason = NULL WHERE state = 'failed'"
        )
        return cursor.rowcount

    def pending(self, limit: int) -> list[KnownFile]:
        """Return files to be read, newest capture date first."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM files WHERE state = 'pending'"
            " ORDER BY captured DESC, path LIMIT ?",
            [limit],
        )
        return [_known(row) for row in rows]

    def undated(self, limit: int) -> list[tuple[int, bytes]]:
        """Return pending files whose capture date is only a guess, folder by folder."""
        return self._db.execute(
            "SELECT id, path FROM files WHERE state = 'pending' AND NOT dated"
            " ORDER BY folder, path LIMIT ?",
            [limit],
        ).fetchall()

    def set_dates(self, files: Iterable[int], dates: dict[int, CaptureDate]) -> None:
        """Store the capture dates that were read; files without one keep their guess."""
        self._db.executemany(
            "UPDATE files SET captured = coalesce(?, captured), dated = 1 WHERE id = ?",
            [(dates[file].at if file in dates else None, file) for file in files],
        )

    def counts(self) -> dict[FileState, int]:
        """Return the number of files in each state."""
        found = dict(self._db.execute("SELECT state, count(*) FROM files GROUP BY state"))
        return {state: found.get(state.value, 0) for state in FileState}
