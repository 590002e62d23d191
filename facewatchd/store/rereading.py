"""Photos that are to be read again, and what was found in them until it is taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.model import Box, FileStat, ReadAgain
from facewatchd.orientation import turned
from facewatchd.store.faces import FOUND, NEXT, found_values
from facewatchd.store.files import below
from facewatchd.store.writing import insert

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Sequence

    from facewatchd.model import Encoding, EngineId, Face, PhotoResult

TRIES = 2  # to read a known photo again
ROW = 160  # bytes of a face in the store besides its encoding: box, measures, keys, indices

_FILE = (
    "(SELECT id FROM files WHERE photo = photos.id AND state = 'done' {outside}"
    " AND orientation {alike} photos.orientation ORDER BY path {order} LIMIT 1)"
)
_GIVEN_UP = (
    "again = 0 AND engine <> ? AND missing_since IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM next_photos WHERE photo = photos.id)"
)


class Old(NamedTuple):
    """A face as it is in the library: whose look it was given to."""

    face: int
    box: Box
    owner: str | None


class New(NamedTuple):
    """A face that was found when its photo was read again."""

    number: int
    box: Box


class Rereading:
    """Reads and writes ``next_photos``, ``next_faces``, and the tries that photos have left.

    Transactions are the caller's.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._from: dict[frozenset[bytes], tuple[float, int]] = {}  # how far `to_read` has looked
        self.wishes = 0  # how often photos were named that are to be read again

    def want(self, photo: int) -> None:
        """Have a photo read again."""
        self._db.execute("UPDATE photos SET again = ? WHERE id = ?", [TRIES, photo])
        self._wish()

    def want_all(self, but_by: EngineId | None = None) -> None:
        """Have all photos read again, but those that the engine ``but_by`` has read."""
        self._db.execute(
            "UPDATE photos SET again = CASE WHEN engine IS ? THEN 0 ELSE ? END",
            [None if but_by is None else str(but_by), TRIES],
        )
        self._wish()

    def retry(self, engine: EngineId) -> None:
        """Have ``engine`` try again what it could not read."""
        self._db.execute(
            "UPDATE photos SET again = ? WHERE engine <> ?"
            " AND NOT EXISTS (SELECT 1 FROM next_photos WHERE photo = photos.id)",
            [TRIES, str(engine)],
        )
        self._wish()

    def _wish(self) -> None:
        self.wishes += 1
        self._from.clear()

    def to_read(self, limit: int, outside: Collection[bytes] = ()) -> list[ReadAgain]:
        """Return photos to be read again from files below none of ``outside``, newest first.

        Those that cannot be read now are not looked at every time: it goes on where it was, and
        begins anew when there is nothing after that.
        """
        places = frozenset(outside)
        start = self._from.pop(places, None)
        found = self._to_read(limit, outside, start)
        if not found and start is not None:
            found = self._to_read(limit, outside, None)
        if found:
            row = self._db.execute("SELECT captured, id FROM photos WHERE id = ?", [found[0].photo])
            self._from[places] = row.fetchone()
        return found

    def _to_read(
        self, limit: int, outside: Collection[bytes], start: tuple[float, int] | None
    ) -> list[ReadAgain]:
        after, values = "", []
        if start is not None:
            after = "AND photos.captured <= ? AND (photos.captured < ? OR photos.id >= ?)"
            values = [start[0], start[0], start[1]]
        return self._readable(
            f"WHERE again > 0 {after} ORDER BY photos.captured DESC, photos.id LIMIT ?",
            outside,
            *values,
            limit,
        )

    def sample(self, count: int, outside: Collection[bytes] = ()) -> list[ReadAgain]:
        """Return up to ``count`` photos, spread over the dates of those that can be read."""
        photos = self._readable("ORDER BY photos.captured", outside)
        steps = np.linspace(0, len(photos) - 1, min(count, len(photos)))
        return [photos[at] for at in sorted({round(step) for step in steps})]

    def _readable(
        self, clause: str, outside: Collection[bytes], *values: object
    ) -> list[ReadAgain]:
        """Return photos and a file that shows each.

        The best one lies as the photo was read; the last try takes the one at the other end.
        """
        limits = [limit for folder in outside for limit in below(folder)]
        places = "AND NOT (path >= ? AND path < ?) " * len(outside)
        first, first_other, last, last_other = (
            _FILE.format(outside=places, alike=alike, order=order)
            for order in ("", "DESC")
            for alike in ("IS", "IS NOT")
        )
        file = (
            f"CASE again WHEN 1 THEN coalesce({last_other}, {last})"
            f" ELSE coalesce({first}, {first_other}) END"
        )
        rows = self._db.execute(
            "SELECT photos.id, hash, files.id, path, size, mtime_ns, inode FROM photos"
            f" JOIN files ON files.id = {file} {clause}",
            [*limits * 4, *values],
        )
        return [
            ReadAgain(photo, picture, file, FileStat(path, size, mtime_ns, inode))
            for photo, picture, file, path, size, mtime_ns, inode in rows
        ]

    def tried(self, photo: int) -> None:
        """Count a try that came to nothing."""
        self._db.execute("UPDATE photos SET again = max(again - 1, 0) WHERE id = ?", [photo])

    def given_up(self, engine: EngineId) -> int:
        """Return how many photos ``engine`` was to read again and could not."""
        row = self._db.execute(
            f"SELECT count(*) FROM photos WHERE {_GIVEN_UP}", [str(engine)]
        ).fetchone()
        return int(row[0])

    def left(self) -> int:
        """Return how many photos that a file shows are still to be read again, reachable or not."""
        row = self._db.execute(
            "SELECT count(*) FROM photos WHERE again > 0 AND EXISTS"
            " (SELECT 1 FROM files WHERE photo = photos.id AND state = 'done')"
        ).fetchone()
        return int(row[0])

    # -- what was found

    def put(self, photo: int, found: PhotoResult, faces: Collection[Face]) -> None:
        """Keep what was found in ``photo``, unless it has been deleted meanwhile.

        Boxes are kept as the photo lies; the file that was read may be turned otherwise.
        """
        row = self._db.execute("SELECT orientation FROM photos WHERE id = ?", [photo]).fetchone()
        if row is None:
            return
        self._db.execute("DELETE FROM next_photos WHERE photo = ?", [photo])
        self._db.execute("INSERT INTO next_photos VALUES (?)", [photo])
        self._db.execute("UPDATE photos SET again = 0 WHERE id = ?", [photo])
        size = found.width, found.height
        self._db.executemany(
            f"INSERT INTO next_faces (photo, {FOUND}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                [photo, *found_values(face, turned(face.box, size, found.orientation, row[0]))]
                for face in faces
            ],
        )

    def drop(self) -> None:
        """Delete what was found."""
        self._db.execute("DELETE FROM next_faces")
        self._db.execute("DELETE FROM next_photos")

    def has_read(self) -> bool:
        """Whether there are photos that were read again and are not taken over yet."""
        return bool(self._db.execute("SELECT EXISTS (SELECT 1 FROM next_photos)").fetchone()[0])

    def count_read(self) -> int:
        """Return how many photos were read again and are not taken over yet."""
        return int(self._db.execute("SELECT count(*) FROM next_photos").fetchone()[0])

    def size_of_read(self) -> int:
        """Return how many bytes the faces that were read again take, but for what SQLite adds."""
        row = self._db.execute("SELECT total(length(encoding) + ?) FROM next_faces", [ROW])
        return int(row.fetchone()[0])

    # -- taking it over

    def read_photos(self) -> list[int]:
        """Return the photos that were read again, ordered by their hash."""
        rows = self._db.execute(
            "SELECT photo FROM next_photos JOIN photos ON photos.id = photo ORDER BY hash"
        )
        return [row[0] for row in rows]

    def old_faces(self, photos: Sequence[int]) -> dict[int, list[Old]]:
        """Return the faces that ``photos`` have in the library, by photo."""
        found: dict[int, list[Old]] = {photo: [] for photo in photos}
        for row in self._db.execute(
            "SELECT photo, faces.id, box_left, box_top, box_right, box_bottom, owner FROM faces"
            f" LEFT JOIN looks ON looks.id = look WHERE photo IN ({_marks(photos)})"
            " ORDER BY faces.id",
            photos,
        ):
            found[row[0]].append(Old(row[1], Box(*row[2:6]), row[6]))
        return found

    def new_faces(self, photos: Sequence[int]) -> dict[int, list[New]]:
        """Return the faces that were found when ``photos`` were read again, by photo."""
        found: dict[int, list[New]] = {photo: [] for photo in photos}
        for row in self._db.execute(
            "SELECT photo, id, box_left, box_top, box_right, box_bottom FROM next_faces"
            f" WHERE photo IN ({_marks(photos)}) ORDER BY id",
            photos,
        ):
            found[row[0]].append(New(row[1], Box(*row[2:])))
        return found

    def replace(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Make each face what the new face is, by (new, face); it keeps its id and its look."""
        rows = list(pairs)
        self._db.executemany(
            "UPDATE faces SET engine = (SELECT value FROM facts WHERE name = 'engine'),"
            f" ({FOUND}) = (SELECT {FOUND} FROM next_faces WHERE id = ?) WHERE id = ?",
            rows,
        )
        self._db.executemany("DELETE FROM candidates WHERE face = ?", [row[1:] for row in rows])

    def enter(self, number: int) -> int:
        """Enter the new face ``number`` as one that is nobody's yet, and return its id."""
        return insert(
            self._db,
            f"INSERT INTO faces (id, photo, engine, {FOUND}) SELECT {NEXT}, photo,"
            f" (SELECT value FROM facts WHERE name = 'engine'), {FOUND}"
            " FROM next_faces WHERE id = ?",
            [number],
        )

    def end(self, photos: Iterable[int], engine: EngineId) -> None:
        """Note that ``photos`` are as ``engine`` reads them, the engine of the library."""
        rows = [(photo,) for photo in photos]
        self._db.executemany(
            "UPDATE photos SET engine = ?, again = 0 WHERE id = ?",
            [(str(engine), *row) for row in rows],
        )
        self._db.executemany("DELETE FROM next_photos WHERE photo = ?", rows)

    def members(self, owner: str) -> list[tuple[int, int | None, Encoding]]:
        """Return (face, look, encoding) of the faces of ``owner`` by the library's engine.

        The look is None for a person's first, which was made of everyone.
        """
        rows = self._db.execute(
            "SELECT faces.id, nullif(look, (SELECT min(id) FROM looks AS every"
            "  WHERE every.owner = looks.owner AND every.engine = looks.engine)),"
            " encoding FROM faces JOIN looks ON looks.id = look"
            " WHERE owner = ? AND faces.engine = (SELECT value FROM facts WHERE name = 'engine')"
            " ORDER BY faces.id",
            [owner],
        )
        return [(face, look, np.frombuffer(blob, "<f4")) for face, look, blob in rows]


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
