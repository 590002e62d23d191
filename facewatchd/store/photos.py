"""Photos by content: what was read of each, and since when no file shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.model import DateSource
from facewatchd.store.writing import insert

if TYPE_CHECKING:
    import sqlite3

    from facewatchd.model import CaptureDate, EngineId, PhotoResult
    from facewatchd.store.faces import Faces


class Photos:
    """Reads and writes ``photos`` and ``contents``.

    Transactions are the caller's.
    """

    def __init__(self, db: sqlite3.Connection, faces: Faces) -> None:
        self._db = db
        self._faces = faces

    def of_picture(self, picture: bytes) -> int | None:
        """Return the photo with this picture hash."""
        row = self._db.execute("SELECT id FROM photos WHERE hash = ?", [picture]).fetchone()
        return row[0] if row else None

    def of_content(self, content: bytes) -> tuple[int, int] | None:
        """Return the photo that files of this content show, and their orientation."""
        row = self._db.execute(
            "SELECT photo, orientation FROM contents WHERE hash = ?", [content]
        ).fetchone()
        return (row[0], row[1]) if row else None

    def remember(self, content: bytes, photo: int, orientation: int) -> None:
        """Note which photo files of this content show: exact copies are known without decoding."""
        self._db.execute(
            "INSERT OR REPLACE INTO contents VALUES (?, ?, ?)", [content, photo, orientation]
        )

    def add(self, photo: PhotoResult, engine: EngineId) -> tuple[int, list[int]]:
        """Insert a photo with its faces, all doubtful yet; return its id and theirs."""
        number = insert(
            self._db,
            "INSERT INTO photos"
            " (hash, width, height, captured, captured_source, orientation, engine)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                photo.hash,
                photo.width,
                photo.height,
                *photo.captured,
                photo.orientation,
                str(engine),
            ],
        )
        return number, self._faces.add(number, photo.faces, engine)

    def read_anew(self, number: int, photo: PhotoResult, engine: EngineId) -> list[int]:
        """Take what ``photo`` tells for the photo ``number``, which has no faces; return theirs."""
        self._db.execute(
            "UPDATE photos SET width = ?, height = ?, orientation = ?, engine = ?, again = 0"
            " WHERE id = ?",
            [photo.width, photo.height, photo.orientation, str(engine), number],
        )
        return self._faces.add(number, photo.faces, engine)

    def may_lie(self, photo: int, orientation: int) -> bool:
        """Whether ``photo`` has no face and was read turned otherwise: perhaps on its side."""
        row = self._db.execute(
            "SELECT orientation <> ? AND NOT EXISTS (SELECT 1 FROM faces WHERE photo = photos.id)"
            " FROM photos WHERE id = ?",
            [orientation, photo],
        ).fetchone()
        return bool(row[0])

    def redate(self, photo: int, captured: CaptureDate) -> None:
        """Take the date that changed metadata of ``photo`` tell, unless it is worse founded.

        A file's time says nothing here: it is that of the change.
        """
        (source,) = self._db.execute(
            "SELECT captured_source FROM photos WHERE id = ?", [photo]
        ).fetchone()
        best_first = list(DateSource)
        founded = best_first.index(captured.source) <= best_first.index(DateSource(source))
        if captured.source is not DateSource.FILE and founded:
            self._db.execute(
                "UPDATE photos SET captured = ?, captured_source = ? WHERE id = ?",
                [*captured, photo],
            )

    def set_presence(self, photo: int, now: float) -> None:
        """Note whether any file still shows ``photo``; ``now`` is when it went missing."""
        self._db.execute(
            "UPDATE photos SET missing_since = CASE"
            " WHEN EXISTS (SELECT 1 FROM files WHERE files.photo = photos.id) THEN NULL"
            " ELSE coalesce(missing_since, ?) END WHERE id = ?",
            [now, photo],
        )

    def missing_before(self, then: float) -> list[int]:
        """Return the photos that have been missing since before ``then``."""
        rows = self._db.execute("SELECT id FROM photos WHERE missing_since < ?", [then])
        return [row[0] for row in rows]

    def remove(self, photo: int) -> None:
        """Delete a photo with its faces and encodings."""
        self._db.execute("DELETE FROM photos WHERE id = ?", [photo])
