"""Who and what users mean: people by what they are called, faces and photos by people."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.names import same_name
from facewatchd.orientation import lies
from facewatchd.store.people import folders

if TYPE_CHECKING:
    import sqlite3

_LETTERS = 6  # of an id, from which on its start stands for it


class Picture(NamedTuple):
    """A photo as one file shows it: picture hash, upright width and height, EXIF orientation."""

    hash: bytes
    size: tuple[int, int]
    orientation: int


class Who:
    """Reads ``people``, ``faces`` and ``photos`` as users speak of them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def called(self, text: str) -> list[str]:
        """Return the ids of everyone whom ``text`` means: an id or its start, a name, a folder.

        The first of these that fits anybody counts.
        """
        people = self._db.execute(
            "SELECT id, name FROM people WHERE into_person IS NULL"
        ).fetchall()
        by_folder = {os.fsdecode(folder): person for person, folder in folders(self._db).items()}
        ways = (
            [
                person
                for (person,) in self._db.execute("SELECT id FROM people WHERE id = ?", [text])
            ],
            [person for person, name in people if name is not None and same_name(name, text)],
            [by_folder[text]] if text in by_folder else [],
            [person for person, _ in people if len(text) >= _LETTERS and person.startswith(text)],
        )
        return next((found for found in ways if found), [])

    def faces_of(self, person: str) -> list[int]:
        """Return the faces of ``person`` as this one is after all merges."""
        rows = self._db.execute(
            "SELECT faces.id FROM looks JOIN faces ON look = looks.id WHERE person = ?"
            " ORDER BY faces.id",
            [person],
        )
        return [face for (face,) in rows]

    def faces_of_unnamed(self, below: int) -> dict[int, str]:
        """Return whose each face is of the people in fewer photos than ``below``.

        Only of people without a name who are not hidden.
        """
        rows = self._db.execute(
            "SELECT faces.id, person FROM looks JOIN faces ON look = looks.id WHERE person IN"
            " (SELECT person FROM looks JOIN people ON people.id = person"
            "  JOIN faces ON look = looks.id WHERE name IS NULL AND NOT hidden"
            "  GROUP BY person HAVING count(DISTINCT photo) < ?) ORDER BY faces.id",
            [below],
        )
        return dict(rows.fetchall())

    def picture(self, path: bytes) -> Picture | None:
        """Return the photo that the file at ``path`` shows, None if it was not read."""
        row = self._db.execute(
            "SELECT hash, width, height, photos.orientation,"
            " coalesce(files.orientation, photos.orientation) FROM files"
            " JOIN photos ON photos.id = files.photo WHERE path = ?",
            [path],
        ).fetchone()
        if row is None:
            return None
        picture, width, height, before, now = row
        size = (height, width) if lies(before) != lies(now) else (width, height)
        return Picture(picture, size, now)
