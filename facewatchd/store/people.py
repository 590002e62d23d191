"""People and their looks, and what each one's folder shows."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.model import Look
from facewatchd.names import folder_names
from facewatchd.store.writing import insert

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_SHOWN = "hidden = 0 AND into_person IS NULL"
# With min() alone, the other columns are those of the row that has the least path (SQLite).
_SHOWN_PHOTO = "hash, min(path), files.size, mtime_ns, photos.captured"
_COMPARABLE = "looks.engine = (SELECT value FROM facts WHERE name = 'engine')"


class People:
    """Reads and writes ``people`` and ``looks``; transactions are the caller's.

    A look is made by one engine; looks are those of the library's engine unless it is said
    otherwise.  It belongs to the person whom it was made for, its owner, and shows the person who
    that is after all merges.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def create(self) -> str:
        """Add a person and return the new lasting id."""
        person = secrets.token_hex(8)
        self._db.execute("INSERT INTO people (id) VALUES (?)", [person])
        return person

    def restore(self, person: str) -> None:
        """Let there be this person, who was there before."""
        self._db.execute("INSERT INTO people (id) VALUES (?) ON CONFLICT (id) DO NOTHING", [person])

    def is_known(self, person: str) -> bool:
        """Whether there is this person."""
        row = self._db.execute("SELECT EXISTS (SELECT 1 FROM people WHERE id = ?)", [person])
        return bool(row.fetchone()[0])

    def remove(self, person: str) -> None:
        """Remove a person whom no face was given to, unless the user has spoken of this one."""
        self._db.execute("DELETE FROM people WHERE id = ? AND NOT kept", [person])

    def looks(self) -> list[Look]:
        """Return every look, oldest first."""
        return self._looks("")

    def looks_owned(self, owner: str) -> list[Look]:
        """Return the looks that ``owner`` owns, oldest first."""
        return self._looks("AND owner = ?", owner)

    def _looks(self, clause: str, *values: str) -> list[Look]:
        rows = self._db.execute(
            "SELECT id, person, centroid, count, spread FROM looks"
            f" WHERE {_COMPARABLE} {clause} ORDER BY id",
            values,
        )
        return [
            Look(look, person, np.frombuffer(blob, dtype="<f8"), count, spread)
            for look, person, blob, count, spread in rows
        ]

    def add_look(self, owner: str) -> int:
        """Give ``owner`` a look with nothing in it yet, and return its id."""
        return insert(
            self._db,
            "INSERT INTO looks (owner, person, centroid, count, spread, engine)"
            " SELECT id, coalesce(into_person, id), x'', 0, 0,"
            " (SELECT value FROM facts WHERE name = 'engine') FROM people WHERE id = ?",
            [owner],
        )

    def looks_of(self, owner: str) -> list[int]:
        """Return the looks that ``owner`` owns, oldest first."""
        rows = self._db.execute(
            f"SELECT id FROM looks WHERE owner = ? AND {_COMPARABLE} ORDER BY id", [owner]
        )
        return [row[0] for row in rows]

    def look_for(self, owner: str, face: int) -> int:
        """Return the first look that ``owner`` owns of the engine of ``face``, or a new one."""
        row = self._db.execute(
            "SELECT min(looks.id) FROM looks JOIN faces ON faces.engine = looks.engine"
            " WHERE owner = ? AND faces.id = ?",
            [owner, face],
        ).fetchone()
        if row[0] is not None:
            return int(row[0])
        return insert(
            self._db,
            "INSERT INTO looks (owner, person, centroid, count, spread, engine)"
            " SELECT people.id, coalesce(into_person, people.id), x'', 0, 0, faces.engine"
            " FROM people, faces WHERE people.id = ? AND faces.id = ?",
            [owner, face],
        )

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

    def give_number(self, person: str) -> int:
        """Give ``person`` the next folder number and return it; no number is used twice."""
        row = self._db.execute(
            "INSERT INTO facts VALUES ('folders', '1') ON CONFLICT (name)"
            " DO UPDATE SET value = CAST(value + 1 AS TEXT) RETURNING value"
        ).fetchone()
        number = int(row[0])
        self._db.execute("UPDATE people SET number = ? WHERE id = ?", [number, person])
        return number

    def folders(self) -> dict[str, bytes]:
        """Return the folder of everyone who has one, whether there are photos for it or not."""
        return folders(self._db)

    def beside(self, people: Iterable[str]) -> set[str]:
        """Return who is a candidate of the same doubtful face as one of ``people``."""
        query = (
            "SELECT other.person FROM candidates AS mine"
            " JOIN candidates AS other ON other.face = mine.face WHERE mine.person = ?"
        )
        return {row[0] for person in people for row in self._db.execute(query, [person])}

    def named(self) -> dict[str, str]:
        """Return the name of everyone who has one."""
        return dict(self._db.execute("SELECT id, name FROM people WHERE name IS NOT NULL"))

    def entitled(self, photos: int) -> list[tuple[str, int, bytes]]:
        """Return who has no folder number and has a name, or as many present photos as that.

        Each as (person, how many present photos, the least of their hashes), but nobody who is
        hidden or merged into another.
        """
        return self._db.execute(
            "SELECT people.id, count(DISTINCT photo) AS photos, min(hash) FROM people"
            " JOIN looks ON person = people.id JOIN faces ON look = looks.id"
            " JOIN photos ON photos.id = photo"
            f" WHERE missing_since IS NULL AND number IS NULL AND {_SHOWN}"
            " GROUP BY people.id HAVING name IS NOT NULL OR photos >= ?",
            [photos],
        ).fetchall()

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

    def photos_of(self, person: str) -> list[tuple[bytes, bytes, int, int, float]]:
        """Return the photos of ``person`` that a file shows.

        Each as hash, first path, that file's size and mtime_ns, and when the photo was taken.
        """
        return self._db.execute(
            f"SELECT {_SHOWN_PHOTO} FROM photos JOIN files ON files.photo = photos.id"
            " WHERE photos.id IN (SELECT photo FROM looks JOIN faces ON look = looks.id"
            "  WHERE person = ?) OR hash IN (SELECT photo FROM present WHERE person = ?)"
            " GROUP BY photos.id",
            [person, person],
        ).fetchall()

    def doubtful_photos_of(self, person: str) -> list[tuple[bytes, bytes, int, int, float]]:
        """Return photos with a doubtful face that is most like ``person``, as `photos_of` does.

        Most like means: of its candidates who have a folder, ``person`` is the nearest.
        """
        return self._db.execute(
            f"SELECT {_SHOWN_PHOTO} FROM candidates AS mine JOIN faces ON faces.id = mine.face"
            " JOIN photos ON photos.id = faces.photo JOIN files ON files.photo = photos.id"
            " WHERE mine.person = ? AND NOT EXISTS (SELECT 1 FROM candidates AS other"
            "  JOIN people ON people.id = other.person WHERE other.face = mine.face"
            f"  AND number IS NOT NULL AND {_SHOWN} AND (other.similarity, mine.person)"
            "   > (mine.similarity, other.person))"
            " GROUP BY photos.id",
            [person],
        ).fetchall()


def folders(db: sqlite3.Connection) -> dict[str, bytes]:
    """Return the folder of everyone who has a number and is shown, by person."""
    rows = db.execute(f"SELECT id, name, number FROM people WHERE number IS NOT NULL AND {_SHOWN}")
    return folder_names({person: (name, number) for person, name, number in rows})
