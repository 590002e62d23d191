"""What suggestions, questions and calibration are computed from, read from a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.model import Candidate
from facewatchd.store.faces import Faces
from facewatchd.store.people import People

if TYPE_CHECKING:
    import sqlite3

    from facewatchd.model import Encoding, Look
    from facewatchd.store.faces import Place

_COMPARABLE = "faces.engine = (SELECT value FROM facts WHERE name = 'engine')"


class Doubtful(NamedTuple):
    """A doubtful face with its ``candidates``, nearest first; nobody of them is hidden."""

    face: int
    photo: int
    encoding: Encoding
    candidates: tuple[Candidate, ...]


class Settled(NamedTuple):
    """A face of a kept ``person`` and its ``owner``, or a face of nobody such (both None)."""

    face: int
    photo: int
    encoding: Encoding
    person: str | None
    owner: str | None


class Shown(NamedTuple):
    """A person: how many faces, whether named, and the face that shows this person best."""

    faces: int
    name: str | None
    face: int | None


class Advice:
    """Questions to a snapshot of the store; faces are those by the library's engine."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def looks(self) -> list[Look]:
        """Return every look, oldest first."""
        return People(self._db).looks()

    def place(self, face: int) -> Place | None:
        """Return where a face can be seen, or None if no file shows it any more."""
        return Faces(self._db).place(face)

    def people(self) -> list[tuple[str, int, bool]]:
        """Return everyone who is not hidden: (person, number of faces, whether named)."""
        rows = self._db.execute(
            "SELECT person, sum(n), name IS NOT NULL FROM"
            " (SELECT look, count(*) AS n FROM faces GROUP BY look) JOIN looks ON looks.id = look"
            " JOIN people ON people.id = person WHERE NOT hidden GROUP BY person"
        )
        return [(person, faces, bool(named)) for person, faces, named in rows]

    def waiting(self) -> int:
        """Return how many faces a question could be asked about."""
        row = self._db.execute(
            "SELECT (SELECT count(DISTINCT face) FROM candidates JOIN faces ON faces.id = face"
            f"  WHERE look IS NULL AND {_COMPARABLE})"
            " + (SELECT count(*) FROM questions JOIN faces ON faces.id = face"
            "  WHERE look IS NOT NULL AND said IS NULL)"
        ).fetchone()
        return int(row[0])

    def photos_of_people(self) -> dict[str, tuple[list[int], bool]]:
        """Return of everyone who is not hidden the photo of each face, and whether named."""
        rows = self._db.execute(
            "SELECT person, photo, name IS NOT NULL FROM faces JOIN looks ON looks.id = look"
            f" JOIN people ON people.id = person WHERE NOT hidden AND {_COMPARABLE}"
        )
        found: dict[str, tuple[list[int], bool]] = {}
        for person, photo, named in rows:
            found.setdefault(person, ([], bool(named)))[0].append(photo)
        return found

    def doubtful(self) -> list[Doubtful]:
        """Return the doubtful faces that may be somebody who is not hidden.

        A face that is most like a hidden person is left out: it will be that one's.
        """
        nearest: dict[int, list[tuple[Candidate, bool]]] = {}
        for face, person, similarity, hidden in self._db.execute(
            "SELECT face, person, candidates.similarity, hidden FROM candidates"
            " JOIN people ON people.id = person ORDER BY candidates.similarity DESC, person"
        ):
            nearest.setdefault(face, []).append((Candidate(person, similarity), bool(hidden)))
        rows = self._db.execute(
            f"SELECT id, photo, encoding FROM faces WHERE look IS NULL AND {_COMPARABLE}"
            " AND EXISTS (SELECT 1 FROM candidates WHERE face = faces.id) ORDER BY id"
        )
        return [
            Doubtful(face, photo, _encoding(blob), tuple(c for c, out in nearest[face] if not out))
            for face, photo, blob in rows
            if not nearest[face][0][1]
        ]

    def misgivings(self) -> list[tuple[int, str, str | None, float]]:
        """Return what the last clustering thinks wrong: (face, person, other, similarity).

        Only while nothing was said of the face and it is still with this person.
        """
        return self._db.execute(
            "SELECT questions.face, looks.person, coalesce(near.into_person, near.id),"
            " questions.similarity FROM questions JOIN faces ON faces.id = questions.face"
            " JOIN looks ON looks.id = look JOIN people AS own ON own.id = looks.person"
            " LEFT JOIN people AS near ON near.id = other"
            " WHERE said IS NULL AND own.kept AND NOT own.hidden AND NOT coalesce(near.hidden, 0)"
            "  AND coalesce(near.into_person, near.id) IS NOT looks.person"
            f"  AND {_COMPARABLE} ORDER BY questions.face"
        ).fetchall()

    def known(self, min_quality: float) -> list[Settled]:
        """Return all faces of that quality of kept people, and of photos with several faces.

        Ignored faces are left out: they may be a statue, or no face.
        """
        rows = self._db.execute(
            "SELECT faces.id, photo, encoding, iif(kept, person, NULL), iif(kept, owner, NULL)"
            " FROM faces LEFT JOIN looks ON looks.id = look LEFT JOIN people ON people.id = person"
            f" WHERE {_COMPARABLE} AND said IS NOT 'ignored' AND quality >= ? AND (kept OR photo IN"
            "  (SELECT photo FROM faces GROUP BY photo HAVING count(*) > 1)) ORDER BY faces.id",
            [min_quality],
        )
        return [
            Settled(f, photo, _encoding(e), person, owner) for f, photo, e, person, owner in rows
        ]

    def confirmed(self) -> set[int]:
        """Return the faces that the user confirmed or added."""
        rows = self._db.execute("SELECT id FROM faces WHERE said IN ('confirmed', 'added')")
        return {face for (face,) in rows}

    def shown(self, person: str) -> Shown:
        """Return what is shown of a person in a line."""
        faces, name = self._db.execute(
            "SELECT (SELECT count(*) FROM looks JOIN faces ON look = looks.id WHERE person = ?1),"
            " (SELECT name FROM people WHERE id = ?1)",
            [person],
        ).fetchone()
        best = self._db.execute(
            "SELECT faces.id FROM looks JOIN faces ON look = looks.id WHERE person = ?"
            " ORDER BY quality DESC, faces.id LIMIT 1",
            [person],
        ).fetchone()
        return Shown(faces, name, best[0] if best else None)


def _encoding(blob: bytes) -> Encoding:
    return np.frombuffer(blob, dtype="<f4")
