"""Faces with their encodings, and who each was given to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.model import Box, FileStat
from facewatchd.orientation import turned
from facewatchd.store.writing import insert

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Candidate, Encoding, EngineId, Face

# What is found of a face, in the order of `found_values`; quality is the score of the measures.
FOUND = (
    "box_left, box_top, box_right, box_bottom, quality, size, sharpness, confidence, pose, encoding"
)
# The number of the next face: no number is given twice.
NEXT = (
    "(SELECT 1 + max(coalesce((SELECT max(id) FROM faces), 0), coalesce((SELECT"
    " CAST(value AS INTEGER) FROM facts WHERE name = 'last_face'), 0)))"
)
# Encodings of two engines are never compared: these are the library's.
_COMPARABLE = "faces.engine = (SELECT value FROM facts WHERE name = 'engine')"


class AllFaces(NamedTuple):
    """Every face, ordered by photo hash and box, as re-clustering reads it.

    ``encodings`` is float32 (N, D); ``persons`` holds the person of each face or None, ``owners``
    whom that face was given to before merges.  ``confirmed`` bool (N,): the user said whose it is.
    """

    ids: NDArray[np.int64]
    photos: NDArray[np.int64]
    persons: list[str | None]
    encodings: NDArray[np.float32]
    owners: list[str | None]
    confirmed: NDArray[np.bool_]


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
    """Reads and writes ``faces`` and ``candidates``.

    Transactions are the caller's.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, photo: int, found: Iterable[Face], engine: EngineId) -> list[int]:
        """Insert the faces that ``engine`` found in a photo, doubtful yet; return their ids."""
        return [
            insert(
                self._db,
                f"INSERT INTO faces (id, photo, engine, {FOUND})"
                f" VALUES ({NEXT}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [photo, engine.encodings, *found_values(face, face.box)],
            )
            for face in found
        ]

    def give(self, face: int, look: int, similarity: float) -> None:
        """Give a face to a look's person."""
        self._db.execute(
            "UPDATE faces SET look = ?, similarity = ? WHERE id = ?", [look, similarity, face]
        )
        self._db.execute("DELETE FROM candidates WHERE face = ?", [face])

    def move(self, one: int, other: int) -> None:
        """Give all faces of one look to another."""
        self._db.execute("UPDATE faces SET look = ? WHERE look = ?", [other, one])

    def doubt(self, face: int, candidates: Sequence[Candidate]) -> None:
        """Make a face doubtful, with its best candidates."""
        self._db.execute("UPDATE faces SET look = NULL, similarity = NULL WHERE id = ?", [face])
        self._db.execute("DELETE FROM candidates WHERE face = ?", [face])
        self._db.executemany(
            "INSERT INTO candidates VALUES (?, ?, ?)", [(face, *c) for c in candidates]
        )

    def remove(self, face: int) -> None:
        """Delete a face with its encoding."""
        self._db.execute("DELETE FROM faces WHERE id = ?", [face])

    def clear(self, faces: Iterable[int], min_quality: float) -> list[tuple[int, Encoding]]:
        """Return (face, encoding) of those of ``faces`` that are of at least that quality.

        Only those by the library's engine.
        """
        rows = (
            self._db.execute(
                f"SELECT id, encoding FROM faces WHERE id = ? AND quality >= ? AND {_COMPARABLE}",
                [face, min_quality],
            ).fetchone()
            for face in faces
        )
        return [(row[0], _encoding(row[1])) for row in rows if row is not None]

    def has_faces(self, owner: str) -> bool:
        """Whether any face belongs to a look of ``owner``."""
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM faces JOIN looks ON looks.id = look WHERE owner = ?)",
            [owner],
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

    def owners_in(self, photo: int) -> set[str]:
        """Return the owners of the looks that faces of ``photo`` belong to."""
        rows = self._db.execute(
            "SELECT owner FROM faces JOIN looks ON looks.id = look WHERE photo = ?", [photo]
        )
        return {row[0] for row in rows}

    def people_near(self, photo: int) -> set[str]:
        """Return everyone whose folders may show ``photo``: its people and its candidates."""
        rows = self._db.execute(
            "SELECT person FROM faces JOIN looks ON looks.id = look WHERE photo = ?"
            " UNION SELECT person FROM faces JOIN candidates ON face = faces.id WHERE photo = ?"
            " UNION SELECT person FROM present"
            "  WHERE photo = (SELECT hash FROM photos WHERE id = ?)",
            [photo, photo, photo],
        )
        return {row[0] for row in rows}

    def count(self) -> int:
        """Return how many faces there are."""
        return int(self._db.execute("SELECT count(*) FROM faces").fetchone()[0])

    def count_doubtful(self) -> int:
        """Return how many faces are nobody's."""
        row = self._db.execute("SELECT count(*) FROM faces WHERE look IS NULL").fetchone()
        return int(row[0])

    def dimensions(self) -> int | None:
        """Return how many numbers an encoding by the library's engine has, None without any."""
        row = self._db.execute(
            f"SELECT length(encoding) / 4 FROM faces WHERE {_COMPARABLE} LIMIT 1"
        ).fetchone()
        return row[0] if row else None

    def all(self, min_quality: float = 0.0, *, ignored: bool = True) -> AllFaces:
        """Return every face of at least that quality by the library's engine.

        Those that the user ignores are among them only if ``ignored``.  They are ordered by photo
        hash and box, so the same faces come in the same order.
        """
        rows = self._db.execute(
            "SELECT faces.id, photo, person, encoding, owner, said IN ('confirmed', 'added')"
            " FROM faces JOIN photos ON photos.id = photo LEFT JOIN looks ON looks.id = look"
            f" WHERE quality >= ? AND {_COMPARABLE} AND (? OR said IS NOT 'ignored')"
            " ORDER BY hash, box_left, box_top, box_right, box_bottom",
            [min_quality, ignored],
        ).fetchall()
        encodings = np.frombuffer(b"".join(row[3] for row in rows), dtype="<f4")
        return AllFaces(
            np.array([row[0] for row in rows], dtype=np.int64),
            np.array([row[1] for row in rows], dtype=np.int64),
            [row[2] for row in rows],
            encodings.reshape(len(rows), -1) if rows else encodings.reshape(0, 0),
            [row[4] for row in rows],
            np.array([row[5] == 1 for row in rows], dtype=np.bool_),
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
