"""The engine of the library, and what a second one has read on the way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.model import Box, EngineId, FileStat, ReadAgain
from facewatchd.orientation import turned
from facewatchd.store.faces import FOUND, found_values
from facewatchd.store.files import below

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from facewatchd.model import Encoding, Face, PhotoResult

TRIES = 2  # to read a known photo again

_FILE = (
    "(SELECT id FROM files WHERE photo = photos.id AND state = 'done' {outside}"
    " ORDER BY path LIMIT 1)"
)


class Switch(NamedTuple):
    """That the library goes over to the engine ``to``; ``halted`` says why it does not go on."""

    to: EngineId
    halted: str | None


class Old(NamedTuple):
    """A face as it is in the library: who it was given to, by which look."""

    face: int
    box: Box
    person: str | None


class New(NamedTuple):
    """A face that was found when its photo was read again."""

    number: int
    box: Box


class Engines:
    """Reads and writes the engine, ``switch``, ``next_photos``, ``next_faces``.

    Transactions are the caller's.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @property
    def known(self) -> EngineId | None:
        """The engine of the library; None while a new store has none."""
        facts = dict(self._db.execute("SELECT * FROM facts WHERE name IN ('detector', 'engine')"))
        if "engine" not in facts:
            return None
        encoder, _, version = facts["engine"].rpartition("/")
        return EngineId(facts["detector"], encoder, version)

    @property
    def current(self) -> EngineId:
        """The engine of the library."""
        known = self.known
        if known is None:
            raise AssertionError("a store is given its engine before it is used")
        return known

    def make_current(self, engine: EngineId) -> None:
        """Take ``engine`` for that of the library; a switch ends by it."""
        self._db.executemany(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)",
            [("detector", engine.detector), ("engine", engine.encodings)],
        )
        self._db.execute("DELETE FROM switch")

    @property
    def switch(self) -> Switch | None:
        """The switch that is under way."""
        row = self._db.execute("SELECT detector, encoder, version, halted FROM switch").fetchone()
        return None if row is None else Switch(EngineId(*row[:3]), row[3])

    # -- on the way

    def begin(self, to: EngineId) -> None:
        """Begin to switch: every photo is to be read again."""
        self._forget_all()
        self._db.execute("INSERT INTO switch VALUES (?, ?, ?, NULL)", to)
        self._db.execute("UPDATE photos SET again = ?", [TRIES])

    def halt(self, reason: str | None) -> None:
        """Note why the switch does not go on, or with None that it does."""
        self._db.execute("UPDATE switch SET halted = ?", [reason])

    def abort(self) -> None:
        """Stay with the engine of the library and delete what the other one found."""
        self._forget_all()
        self._db.execute(
            "UPDATE photos SET again = CASE WHEN engine = ? THEN 0 ELSE ? END",
            [str(self.current), TRIES],
        )

    def retry(self) -> None:
        """Try again what could not be read again."""
        target = self.switch.to if self.switch else self.current
        self._db.execute(
            "UPDATE photos SET again = ? WHERE engine <> ?"
            " AND NOT EXISTS (SELECT 1 FROM next_photos WHERE photo = photos.id)",
            [TRIES, str(target)],
        )

    def _forget_all(self) -> None:
        self._db.execute("DELETE FROM switch")
        self._db.execute("DELETE FROM next_faces")
        self._db.execute("DELETE FROM next_photos")

    # -- photos that are to be read again

    def to_read(self, limit: int, outside: Collection[bytes] = ()) -> list[ReadAgain]:
        """Return photos to be read again from files below none of ``outside``, newest first."""
        return self._readable(
            "WHERE again > 0 ORDER BY photos.captured DESC, photos.id LIMIT ?", outside, limit
        )

    def sample(self, count: int, outside: Collection[bytes] = ()) -> list[ReadAgain]:
        """Return up to ``count`` photos, spread over the dates of those that can be read."""
        photos = self._readable("ORDER BY photos.captured", outside)
        steps = np.linspace(0, len(photos) - 1, min(count, len(photos)))
        return [photos[at] for at in sorted({round(step) for step in steps})]

    def _readable(
        self, clause: str, outside: Collection[bytes], *values: object
    ) -> list[ReadAgain]:
        """Return photos and a file that shows each, best one that lies as the photo was read."""
        limits = [limit for folder in outside for limit in below(folder)]
        readable = "AND NOT (path >= ? AND path < ?) " * len(outside)
        alike = _FILE.format(outside=f"{readable} AND orientation IS photos.orientation")
        file = f"coalesce({alike}, {_FILE.format(outside=readable)})"
        rows = self._db.execute(
            "SELECT photos.id, hash, files.id, path, size, mtime_ns, inode FROM photos"
            f" JOIN files ON files.id = {file} {clause}",
            [*limits, *limits, *values],
        )
        return [
            ReadAgain(photo, picture, file, FileStat(path, size, mtime_ns, inode))
            for photo, picture, file, path, size, mtime_ns, inode in rows
        ]

    def want(self, photo: int) -> None:
        """Have a photo read again."""
        self._db.execute("UPDATE photos SET again = ? WHERE id = ?", [TRIES, photo])

    def tried(self, photo: int) -> None:
        """Count a try that came to nothing."""
        self._db.execute("UPDATE photos SET again = max(again - 1, 0) WHERE id = ?", [photo])

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

    # -- taking them over

    def has_read(self) -> bool:
        """Whether there are photos that were read again and are not taken over yet."""
        return bool(self._db.execute("SELECT EXISTS (SELECT 1 FROM next_photos)").fetchone()[0])

    def read_photos(self) -> list[int]:
        """Return the photos that were read again, ordered by their hash."""
        rows = self._db.execute(
            "SELECT photo FROM next_photos JOIN photos ON photos.id = photo ORDER BY hash"
        )
        return [row[0] for row in rows]

    def old_faces(self, photo: int) -> list[Old]:
        """Return the faces that ``photo`` has in the library."""
        rows = self._db.execute(
            "SELECT faces.id, box_left, box_top, box_right, box_bottom, person FROM faces"
            " LEFT JOIN looks ON looks.id = look WHERE photo = ? ORDER BY faces.id",
            [photo],
        )
        return [Old(row[0], Box(*row[1:5]), row[5]) for row in rows]

    def new_faces(self, photo: int) -> list[New]:
        """Return the faces that were found when ``photo`` was read again."""
        rows = self._db.execute(
            "SELECT id, box_left, box_top, box_right, box_bottom FROM next_faces"
            " WHERE photo = ? ORDER BY id",
            [photo],
        )
        return [New(row[0], Box(*row[1:])) for row in rows]

    def replace(self, face: int, number: int) -> None:
        """Make ``face`` what the new face ``number`` is; it keeps its id and its look."""
        self._db.execute(
            "UPDATE faces SET engine = (SELECT value FROM facts WHERE name = 'engine'),"
            f" ({FOUND}) = (SELECT {FOUND} FROM next_faces WHERE id = ?) WHERE id = ?",
            [number, face],
        )

    def enter(self, number: int) -> int:
        """Enter the new face ``number`` as one that is nobody's yet, and return its id."""
        face = self._db.execute(
            f"INSERT INTO faces (photo, engine, {FOUND}) SELECT photo,"
            f" (SELECT value FROM facts WHERE name = 'engine'), {FOUND}"
            " FROM next_faces WHERE id = ?",
            [number],
        ).lastrowid
        if face is None:
            raise AssertionError("an INSERT always has a row id")
        return face

    def end(self, photo: int) -> None:
        """Note that ``photo`` is as the engine of the library reads it."""
        self._db.execute(
            "UPDATE photos SET engine = ?, again = 0 WHERE id = ?", [str(self.current), photo]
        )
        self._db.execute("DELETE FROM next_photos WHERE photo = ?", [photo])

    def members(self, person: str) -> list[tuple[int, int | None, Encoding]]:
        """Return (face, look, encoding) of the faces of ``person`` by the library's engine.

        The look is None for a person's first, which was made of everyone.
        """
        rows = self._db.execute(
            "SELECT faces.id, nullif(look, (SELECT min(id) FROM looks AS every"
            "  WHERE every.person = looks.person AND every.engine = looks.engine)),"
            " encoding FROM faces JOIN looks ON looks.id = look"
            " WHERE person = ? AND faces.engine = (SELECT value FROM facts WHERE name = 'engine')"
            " ORDER BY faces.id",
            [person],
        )
        return [(face, look, np.frombuffer(blob, "<f4")) for face, look, blob in rows]
