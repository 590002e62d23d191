"""Photos by content, their faces and encodings, and who each face was given to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.model import Box, DateSource, FileStat
from facewatchd.orientation import turned

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import (
        Candidate,
        CaptureDate,
        Encoding,
        EngineId,
        Face,
        PhotoResult,
    )

# What is found of a face, in the order of `found_values`; quality is the score of the measures.
FOUND = (
    "box_left, box_top, box_right, box_bottom, quality, size, sharpness, confidence, pose, encoding"
)
# Encodings of two engines are never compared: these are the library's.
_COMPARABLE = "faces.engine = (SELECT value FROM facts WHERE name = 'engine')"


class AllFaces(NamedTuple):
    """Every face, ordered by photo hash and box, as re-clustering reads it.

    ``encodings`` is float32 (N, D); ``persons`` holds the person of each face or None.
    """

    ids: NDArray[np.int64]
    photos: NDArray[np.int64]
    persons: list[str | None]
    encodings: NDArray[np.float32]


class Member(NamedTuple):
    """A face of a person, as the choice of a cover and of a folder needs it."""

    face: int
    photo: int
    captured: float
    quality: float
    encoding: Encoding


class Place(NamedTuple):
    """Where a face can be seen: in a file, at a box in that file's upright pixels.

    ``is_read``: the file is the one that was read, and has not changed since.
    """

    stat: FileStat
    is_read: bool
    hash: bytes
    box: Box


class Faces:
    """Reads and writes ``photos``, ``contents``, ``faces`` and ``candidates``.

    Transactions are the caller's.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def photo_of(self, picture: bytes) -> int | None:
        """Return the photo with this picture hash."""
        row = self._db.execute("SELECT id FROM photos WHERE hash = ?", [picture]).fetchone()
        return row[0] if row else None

    def photo_in(self, content: bytes) -> tuple[int, int] | None:
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
        number = self._insert(
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
        return number, self._add_faces(number, photo, engine)

    def may_lie(self, photo: int, orientation: int) -> bool:
        """Whether ``photo`` has no face and was read turned otherwise: perhaps on its side."""
        row = self._db.execute(
            "SELECT orientation <> ? AND NOT EXISTS (SELECT 1 FROM faces WHERE photo = photos.id)"
            " FROM photos WHERE id = ?",
            [orientation, photo],
        ).fetchone()
        return bool(row[0])

    def read_anew(self, number: int, photo: PhotoResult, engine: EngineId) -> list[int]:
        """Take what ``photo`` tells for the photo ``number``, which has no faces; return theirs."""
        self._db.execute(
            "UPDATE photos SET width = ?, height = ?, orientation = ?, engine = ?, again = 0"
            " WHERE id = ?",
            [photo.width, photo.height, photo.orientation, str(engine), number],
        )
        return self._add_faces(number, photo, engine)

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

    def _add_faces(self, number: int, photo: PhotoResult, engine: EngineId) -> list[int]:
        return [
            self._insert(
                f"INSERT INTO faces (photo, engine, {FOUND})"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [number, engine.encodings, *found_values(face, face.box)],
            )
            for face in photo.faces
        ]

    def _insert(self, statement: str, values: list[object]) -> int:
        number = self._db.execute(statement, values).lastrowid
        if number is None:
            raise AssertionError("an INSERT always has a row id")
        return number

    def give(self, face: int, look: int, similarity: float) -> None:
        """Give a face to a look's person."""
        self._db.execute(
            "UPDATE faces SET look = ?, similarity = ? WHERE id = ?", [look, similarity, face]
        )
        self._db.execute("DELETE FROM candidates WHERE face = ?", [face])

    def doubt(self, face: int, candidates: Sequence[Candidate]) -> None:
        """Make a face doubtful, with its best candidates."""
        self._db.execute("UPDATE faces SET look = NULL, similarity = NULL WHERE id = ?", [face])
        self._db.execute("DELETE FROM candidates WHERE face = ?", [face])
        self._db.executemany(
            "INSERT INTO candidates VALUES (?, ?, ?)", [(face, *c) for c in candidates]
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

    def remove_photo(self, photo: int) -> None:
        """Delete a photo with its faces and encodings."""
        self._db.execute("DELETE FROM photos WHERE id = ?", [photo])

    def remove(self, face: int) -> None:
        """Delete a face with its encoding."""
        self._db.execute("DELETE FROM faces WHERE id = ?", [face])

    def clear(self, faces: Iterable[int], min_quality: float) -> list[tuple[int, Encoding]]:
        """Return (face, encoding) of those of ``faces`` that are of at least that quality."""
        rows = (
            self._db.execute(
                "SELECT id, encoding FROM faces WHERE id = ? AND quality >= ?", [face, min_quality]
            ).fetchone()
            for face in faces
        )
        return [(row[0], _encoding(row[1])) for row in rows if row is not None]

    def has_faces(self, person: str) -> bool:
        """Whether any face is given to ``person``."""
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM faces JOIN looks ON looks.id = look WHERE person = ?)",
            [person],
        ).fetchone()
        return bool(row[0])

    def given_in(self, photo: int) -> list[tuple[int, str, int, Encoding]]:
        """Return (face, person, look, encoding) of the faces of ``photo`` that have a person."""
        rows = self._db.execute(
            "SELECT faces.id, person, look, encoding FROM faces JOIN looks ON looks.id = look"
            " WHERE photo = ?",
            [photo],
        )
        return [(face, person, look, _encoding(blob)) for face, person, look, blob in rows]

    def people_near(self, photo: int) -> set[str]:
        """Return everyone whose folders may show ``photo``: its people and its candidates."""
        rows = self._db.execute(
            "SELECT person FROM faces JOIN looks ON looks.id = look WHERE photo = ?"
            " UNION SELECT person FROM faces JOIN candidates ON face = faces.id WHERE photo = ?",
            [photo, photo],
        )
        return {row[0] for row in rows}

    def count(self) -> int:
        """Return how many faces there are."""
        return int(self._db.execute("SELECT count(*) FROM faces").fetchone()[0])

    def dimensions(self) -> int | None:
        """Return how many numbers an encoding by the library's engine has, None without any."""
        row = self._db.execute(
            f"SELECT length(encoding) / 4 FROM faces WHERE {_COMPARABLE} LIMIT 1"
        ).fetchone()
        return row[0] if row else None

    def all(self, min_quality: float = 0.0) -> AllFaces:
        """Return every face of at least that quality by the library's engine.

        They are ordered by photo hash and box, so the same faces come in the same order.
        """
        rows = self._db.execute(
            "SELECT faces.id, photo, person, encoding FROM faces"
            " JOIN photos ON photos.id = photo LEFT JOIN looks ON looks.id = look"
            f" WHERE quality >= ? AND {_COMPARABLE}"
            " ORDER BY hash, box_left, box_top, box_right, box_bottom",
            [min_quality],
        ).fetchall()
        encodings = np.frombuffer(b"".join(row[3] for row in rows), dtype="<f4")
        return AllFaces(
            np.array([row[0] for row in rows], dtype=np.int64),
            np.array([row[1] for row in rows], dtype=np.int64),
            [row[2] for row in rows],
            encodings.reshape(len(rows), -1) if rows else encodings.reshape(0, 0),
        )

    def of_person(self, person: str) -> list[Member]:
        """Return the faces of ``person`` in photos that are present, oldest photo first.

        All are by one engine: the library's, unless all that this person has wait for it.
        """
        rows = self._db.execute(
            f"SELECT faces.id, photo, captured, quality, encoding, faces.engine, {_COMPARABLE}"
            " FROM faces JOIN looks ON looks.id = look JOIN photos ON photos.id = photo"
            " WHERE person = ? AND missing_since IS NULL ORDER BY captured, hash",
            [person],
        ).fetchall()
        one = max(((row[6], row[5]) for row in rows), default=(0, ""))
        return [
            Member(face, photo, captured, quality, _encoding(blob))
            for face, photo, captured, quality, blob, engine, comparable in rows
            if (comparable, engine) == one
        ]

    def place(self, face: int) -> Place | None:
        """Return where a face can be seen, or None if no file shows it any more."""
        row = self._db.execute(
            "SELECT path, files.size, mtime_ns, inode, state, hash, width, height,"
            " photos.orientation, coalesce(files.orientation, photos.orientation),"
            " box_left, box_top, box_right, box_bottom FROM faces"
            " JOIN photos ON photos.id = faces.photo JOIN files ON files.photo = photos.id"
            " WHERE faces.id = ? ORDER BY state <> 'done', path LIMIT 1",
            [face],
        ).fetchone()
        if row is None:
            return None
        stat, (state, content, width, height, before, after) = FileStat(*row[:4]), row[4:10]
        box = turned(Box(*row[10:]), (width, height), before, after)
        return Place(stat, state == "done", content, box)

    def added_after(
        self, known: NDArray[np.int64], min_quality: float = 0.0
    ) -> dict[int, list[tuple[int, Encoding]]]:
        """Return, by photo, the (face, encoding) of faces added since ``known`` was read.

        Only those by the library's engine.
        """
        newest = int(known.max(initial=0))
        by_photo: dict[int, list[tuple[int, Encoding]]] = {}
        rows = self._db.execute(
            "SELECT photo, id, encoding FROM faces WHERE id > ? AND quality >= ?"
            f" AND {_COMPARABLE} ORDER BY id",
            [newest, min_quality],
        )
        for photo, face, blob in rows:
            by_photo.setdefault(photo, []).append((face, _encoding(blob)))
        return by_photo

    def give_all(self, places: Iterable[tuple[int, float, int]]) -> None:
        """Give faces to looks, by (look, similarity, face)."""
        rows = list(places)
        self._db.executemany("UPDATE faces SET look = ?, similarity = ? WHERE id = ?", rows)
        self._db.executemany("DELETE FROM candidates WHERE face = ?", [(row[2],) for row in rows])

    def below(self, min_quality: float) -> list[int]:
        """Return the faces of a lower quality by the library's engine."""
        rows = self._db.execute(
            f"SELECT id FROM faces WHERE quality < ? AND {_COMPARABLE}", [min_quality]
        )
        return [row[0] for row in rows]

    def doubt_all(self, faces: Iterable[int]) -> None:
        """Make each of ``faces`` doubtful, without candidates yet."""
        rows = [(face,) for face in faces]
        self._db.executemany("UPDATE faces SET look = NULL, similarity = NULL WHERE id = ?", rows)
        self._db.executemany("DELETE FROM candidates WHERE face = ?", rows)


def found_values(face: Face, box: Box) -> list[object]:
    """Return the values of ``FOUND`` of a face that lies at ``box``."""
    encoding = face.encoding.astype("<f4").tobytes()
    return [*box, face.quality.score, *face.quality, encoding]


def _encoding(blob: bytes) -> Encoding:
    return np.frombuffer(blob, dtype="<f4")
