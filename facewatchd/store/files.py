"""The files of the watched roots: one row each, whose state says what is left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from facewatchd.model import CaptureDate, FileStat, FileState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Container, Iterable


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


def _limits(folders: Iterable[bytes]) -> list[bytes]:
    return [limit for folder in folders for limit in below(folder)]


def _but_not_below(folders: Collection[bytes]) -> str:
    return "AND NOT (path >= ? AND path < ?) " * len(folders)


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
        ranges = _limits(roots)
        inside = " OR ".join(["(path >= ? AND path < ?)"] * (len(ranges) // 2))
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM files WHERE NOT ({inside})", ranges)
        return [_known(row) for row in rows]

    def count_below(self, folder: bytes) -> int:
        """Return how many files that show a photo are known below ``folder``."""
        row = self._db.execute(
            "SELECT count(*) FROM files WHERE path >= ? AND path < ? AND photo IS NOT NULL",
            below(folder),
        ).fetchone()
        return int(row[0])

    def is_shown_elsewhere(self, known: KnownFile, vanished: Container[int]) -> bool:
        """Whether a file that is not among ``vanished`` shows the same photo."""
        rows = self._db.execute("SELECT id FROM files WHERE photo = ?", [known.photo])
        return any(row[0] not in vanished for row in rows)

    def same_content(self, stat: FileStat) -> int | None:
        """Return the photo of a file with the same inode, size and mtime: moved or hard-linked."""
        row = self._db.execute(
            "SELECT photo FROM files WHERE inode = ? AND size = ? AND mtime_ns = ?"
            " AND state = 'done' AND path <> ? LIMIT 1",
            [stat.inode, stat.size, stat.mtime_ns, stat.path],
        ).fetchone()
        return row[0] if row else None

    def put(
        self,
        stat: FileStat,
        state: FileState,
        guess: float,
        *,
        photo: int | None = None,
        kind: str | None = None,
    ) -> None:
        """Insert or replace the row of ``stat.path``.

        ``guess`` is its likely capture date, ``kind`` what it is if it is no picture.  The
        orientation is that of a file of the same content, else what it was before.
        """
        self._db.execute(
            "INSERT INTO files"
            " (path, folder, size, mtime_ns, inode, state, captured, photo, kind, orientation)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT orientation FROM files"
            "  WHERE inode = ? AND size = ? AND mtime_ns = ? AND photo = ? LIMIT 1))"
            " ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
            " inode = excluded.inode, state = excluded.state, captured = excluded.captured,"
            " photo = excluded.photo, kind = excluded.kind, reason = NULL, tries = 0, dated = 0,"
            " orientation = coalesce(excluded.orientation, orientation)",
            [
                stat.path,
                stat.path.rpartition(b"/")[0] or b"/",
                stat.size,
                stat.mtime_ns,
                stat.inode,
                state,
                guess,
                photo,
                kind,
                *(stat.inode, stat.size, stat.mtime_ns, photo),
            ],
        )

    def remove(self, file: int) -> None:
        """Forget a file that is gone."""
        self._db.execute("DELETE FROM files WHERE id = ?", [file])

    def done(self, file: int, photo: int, orientation: int) -> None:
        """Mark a file as read: it shows ``photo``, turned by its own EXIF ``orientation``."""
        self._db.execute(
            "UPDATE files SET state = 'done', photo = ?, orientation = ?, reason = NULL"
            " WHERE id = ?",
            [photo, orientation, file],
        )

    def forgotten(self, file: int) -> None:
        """Mark a file as read that shows what the user had forgotten: no photo."""
        self._db.execute(
            "UPDATE files SET state = 'done', photo = NULL, orientation = NULL, reason = NULL"
            " WHERE id = ?",
            [file],
        )

    def unsupported(self, file: int, kind: str, reason: str) -> None:
        """Mark a file as of a ``kind`` that is not read; it shows nothing."""
        self._db.execute(
            "UPDATE files SET state = 'unsupported', photo = NULL, kind = ?, reason = ?"
            " WHERE id = ?",
            [kind, reason, file],
        )

    def failed_once(self, file: int, reason: str, *, tries_allowed: int) -> bool:
        """Count a failed try, and return whether it was the last of ``tries_allowed``.

        Until then the file stays pending.
        """
        row = self._db.execute(
            "UPDATE files SET tries = tries + 1, reason = ?,"
            " state = CASE WHEN tries + 1 >= ? THEN 'failed' ELSE 'pending' END WHERE id = ?"
            " RETURNING state",
            [reason, tries_allowed, file],
        ).fetchone()
        return row is not None and row[0] == FileState.FAILED

    def retry_failed(self) -> int:
        """Queue every failed file again and return how many there were."""
        cursor = self._db.execute(
            "UPDATE files SET state = 'pending', tries = 0, reason = NULL WHERE state = 'failed'"
        )
        return cursor.rowcount

    def pending(self, limit: int, outside: Collection[bytes] = ()) -> list[KnownFile]:
        """Return files to be read below none of ``outside``, newest capture date first."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM files WHERE state = 'pending' {_but_not_below(outside)}"
            " ORDER BY captured DESC, path LIMIT ?",
            [*_limits(outside), limit],
        )
        return [_known(row) for row in rows]

    def undated(self, limit: int, outside: Collection[bytes] = ()) -> list[tuple[int, bytes]]:
        """Return pending files whose capture date is only a guess, folder by folder."""
        return self._db.execute(
            f"SELECT id, path FROM files WHERE state = 'pending' AND NOT dated"
            f" {_but_not_below(outside)} ORDER BY folder, path LIMIT ?",
            [*_limits(outside), limit],
        ).fetchall()

    def set_dates(self, files: Iterable[int], dates: dict[int, CaptureDate]) -> None:
        """Store the capture dates that were read; files without one keep their guess."""
        self._db.executemany(
            "UPDATE files SET captured = coalesce(?, captured), dated = 1 WHERE id = ?",
            [(dates[file].at if file in dates else None, file) for file in files],
        )
