"""Where photos can be read in which faces lack that the user spoke of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.model import FileStat
from facewatchd.store.files import below

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable


class Lying(NamedTuple):
    """A photo and how it lies: its upright width and height, and its EXIF orientation."""

    photo: int
    hash: bytes
    size: tuple[int, int]
    orientation: int


class Readable(NamedTuple):
    """A photo, and a file that shows it, turned by its own EXIF ``orientation``."""

    lying: Lying
    stat: FileStat
    orientation: int


class Lacking:
    """Reads ``photos`` and ``files``."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def picture(self, photo: int) -> bytes:
        """Return the picture hash of a photo that is known."""
        row = self._db.execute("SELECT hash FROM photos WHERE id = ?", [photo]).fetchone()
        return bytes(row[0])

    def lying(self, picture: bytes) -> Lying | None:
        """Return how the photo with this picture hash lies, None if it is not known."""
        row = self._db.execute(
            "SELECT id, width, height, orientation FROM photos WHERE hash = ?", [picture]
        ).fetchone()
        return None if row is None else Lying(row[0], picture, (row[1], row[2]), row[3])

    def readable(self, photos: Iterable[int], outside: Collection[bytes]) -> Readable | None:
        """Return the first of ``photos`` that a file below none of ``outside`` shows."""
        places = "AND NOT (path >= ? AND path < ?) " * len(outside)
        row = self._db.execute(
            "SELECT photos.id, hash, width, height, photos.orientation, files.path, files.size,"
            " mtime_ns, inode, coalesce(files.orientation, photos.orientation)"
            " FROM json_each(?) JOIN photos ON photos.id = value JOIN files ON files.id ="
            f"  (SELECT id FROM files WHERE photo = photos.id AND state = 'done' {places}"
            "   ORDER BY path LIMIT 1)"
            " LIMIT 1",
            [json.dumps(list(photos)), *(limit for folder in outside for limit in below(folder))],
        ).fetchone()
        if row is None:
            return None
        lying = Lying(row[0], row[1], (row[2], row[3]), row[4])
        return Readable(lying, FileStat(*row[5:9]), row[9])
