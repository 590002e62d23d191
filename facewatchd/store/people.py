"""People and their looks, and what each one's folder shows."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.model import Look

if TYPE_CHECKING:
    import sqlite3

_COMPARABLE = "looks.engine = (SELECT value FROM facts WHERE name = 'engine')"


class People:
    """Reads and writes ``people`` and ``looks``; transactions are the caller's.

    A look is made by one engine; looks are those of the library's engine unless it is said
    otherwise.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def create(self) -> str:
        """Add a person and return the new lasting id."""
        person = secrets.token_hex(8)
        self._db.execute("INSERT INTO people (id) VALUES (?)", [person])
        return person

    def remove(self, person: str) -> None:
        """Remove a person whom no face was given to."""
        self._db.execute("DELETE FROM people WHERE id = ?", [person])

    def looks(self) -> list[Look]:
        """Return every look, oldest first."""
        rows = self._db.execute(
            f"SELECT id, person, centroid, count, spread FROM looks WHERE {_COMPARABLE} ORDER BY id"
        )
        return [
            Look(look, person, np.frombuffer(blob, dtype="<f8"), count, spread)
            for look, person, blob, count, spread in rows
        ]

    def add_look(self, person: str) -> int:
        """Give ``person`` a look with nothing in it yet, and return its id."""
        cursor = self._db.execute(
            "INSERT INTO looks (person, centroid, count, spread, engine)"
            " VALUES (?, x'', 0, 0, (SELECT value FROM facts WHERE name = 'engine'))",
            [person],
        )
        if cursor.lastrowid is None:
            raise AssertionError("an INSERT always has a row id")
        return cursor.lastrowid

    def looks_of(self, person: str) -> list[int]:
        """Return the looks of ``person``, oldest first."""
        rows = self._db.execute(
            f"SELECT id FROM looks WHERE person = ? AND {_COMPARABLE} ORDER BY id", [person]
        )
        return [row[0] for row in rows]

    def save_look(self, look: Look) -> None:
        """Store where a look's centroid is now."""
        self._db.execute(
            "UPDATE looks SET centroid = ?, count = ?, spread = ? WHERE id = ?",
            [look.centroid.astype("<f8").tobytes(), look.count, look.spread, look.id],
        )

    def remove_look(self, look: int) -> None:
        """Remove a look that no face belongs to."""
        self._db.execute("DELETE FROM looks WHERE id = ?", [look])

    def remove_former_looks(self) -> None:
        """Remove the looks of former engines that no face belongs to any more."""
        self._db.execute(
            f"DELETE FROM looks WHERE NOT ({_COMPARABLE})"
            " AND NOT EXISTS (SELECT 1 FROM faces WHERE look = looks.id)"
        )

    def numbers(self) -> dict[str, int]:
        """Return the folder number of everyone who has one."""
        rows = self._db.execute("SELECT id, number FROM people WHERE number IS NOT NULL")
        return dict(rows.fetchall())

    def give_number(self, person: str) -> int:
        """Give ``person`` the next folder number and return it; no number is used twice."""
        row = self._db.execute(
            "INSERT INTO facts VALUES ('folders', '1') ON CONFLICT (name)"
            " DO UPDATE SET value = CAST(value + 1 AS TEXT) RETURNING value"
        ).fetchone()
        number = int(row[0])
        self._db.execute("UPDATE people SET number = ? WHERE id = ?", [number, person])
        return number

    def cover(self, person: str) -> int | None:
        """Return the face that is the cover of ``person``."""
        row = self._db.execute("SELECT cover FROM people WHERE id = ?", [person]).fetchone()
        return row[0] if row else None

    def set_cover(self, person: str, face: int) -> None:
        """Make ``face`` the cover of ``person``."""
        self._db.execute("UPDATE people SET cover = ? WHERE id = ?", [face, person])

    def forget_covers(self) -> None:
        """Have every cover chosen anew."""
        self._db.execute("UPDATE people SET cover = NULL")

    def present_photos(self) -> list[tuple[str, int, bytes]]:
        """Return (person, how many present photos, the least of their hashes) of everyone."""
        return self._db.execute(
            "SELECT person, count(DISTINCT photo), min(hash) FROM looks"
            " JOIN faces ON look = looks.id JOIN photos ON photos.id = photo"
            " WHERE missing_since IS NULL GROUP BY person"
        ).fetchall()

    def photos_of(self, person: str) -> list[tuple[bytes, bytes]]:
        """Return (hash, first path) of the present photos of ``person``."""
        return self._db.execute(
            "SELECT hash, min(path) FROM looks JOIN faces ON look = looks.id"
            " JOIN photos ON photos.id = faces.photo JOIN files ON files.photo = photos.id"
            " WHERE person = ? GROUP BY photos.id",
            [person],
        ).fetchall()

    def doubtful_photos_of(self, person: str) -> list[tuple[bytes, bytes]]:
        """Return (hash, first path) of photos with a doubtful face that is most like ``person``.

        Most like means: of its candidates who have a folder, ``person`` is the nearest.
        """
        return self._db.execute(
            "SELECT hash, min(path) FROM candidates AS mine JOIN faces ON faces.id = mine.face"
            " JOIN photos ON photos.id = faces.photo JOIN files ON files.photo = photos.id"
            " WHERE mine.person = ? AND NOT EXISTS (SELECT 1 FROM candidates AS other"
            "  JOIN people ON people.id = other.person WHERE other.face = mine.face"
            "  AND number IS NOT NULL AND (other.similarity, mine.person)"
            "   > (mine.similarity, other.person))"
            " GROUP BY photos.id",
            [person],
        ).fetchall()
