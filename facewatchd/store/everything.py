"""All photos that are there and all their faces, for whoever makes a report of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from facewatchd.model import Box, DateSource
from facewatchd.orientation import turned

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

# Of several files that show one photo the first by path; min() makes SQLite take the other columns
# from the same row.
_SHOWN = (
    "(SELECT photo, min(path) AS path, orientation FROM files WHERE photo IS NOT NULL"
    " GROUP BY photo) AS shown"
)


class PhotoThere(NamedTuple):
    """A photo that a file shows; ``captured`` is None when only the file's time tells it."""

    id: int
    hash: bytes
    path: bytes
    captured: float | None


class FaceThere(NamedTuple):
    """A face in a photo that a file shows.

    The box is in the upright pixels of the file `PhotoThere.path`; ``encoding`` is float32,
    little-endian.  ``person`` is None for nobody's, whose ``similarity`` is None too.
    """

    id: int
    photo: int
    box: Box
    quality: float
    person: str | None
    similarity: float | None
    encoding: bytes


class Everything:
    """Reads ``photos``, ``files`` and ``faces``, in the order of path and box."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def photos(self) -> Iterator[PhotoThere]:
        """Yield every photo that a file shows."""
        rows = self._db.execute(
            "SELECT photos.id, hash, shown.path, photos.captured, captured_source FROM photos"
            f" JOIN {_SHOWN} ON shown.photo = photos.id ORDER BY shown.path"
        )
        for number, picture, path, captured, source in rows:
            guessed = source == DateSource.FILE
            yield PhotoThere(number, picture, path, None if guessed else captured)

    def faces(self) -> Iterator[FaceThere]:
        """Yield every face by the library's engine but those that the user ignores."""
        rows = self._db.execute(
            "SELECT faces.id, faces.photo, box_left, box_top, box_right, box_bottom, width, height,"
            " photos.orientation, coalesce(shown.orientation, photos.orientation), quality, person,"
            f" similarity, encoding FROM faces JOIN photos ON photos.id = faces.photo JOIN {_SHOWN}"
            " ON shown.photo = photos.id LEFT JOIN looks ON looks.id = look"
            " WHERE faces.engine = (SELECT value FROM facts WHERE name = 'engine')"
            " AND said IS NOT 'ignored'"
            " ORDER BY shown.path, box_left, box_top, box_right, box_bottom"
        )
        for row in rows:
            box = turned(Box(*row[2:6]), row[6:8], row[8], row[9])
            yield FaceThere(row[0], row[1], box, row[10], row[11], row[12], row[13])

    def unreadable(self) -> list[tuple[bytes, str]]:
        """Return the files that hold no photo that can be read, though named like one, and why."""
        rows = self._db.execute(
            "SELECT path, reason FROM files WHERE reason IS NOT NULL ORDER BY path"
        )
        return rows.fetchall()
