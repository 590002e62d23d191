"""Deleting for good what the user had forgotten, so that no byte of it stays in the store's files.

``secure_delete`` fills with zeros what is deleted.  It leaves copies of rows that SQLite had moved
from one page to another before: of 2,857 deleted names among 20,000 rows 6 were still in the file.
After VACUUM there was none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.model import Box
from facewatchd.orientation import UPRIGHT, turned
from facewatchd.store.writing import write_errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_COMPARABLE = "engine = (SELECT value FROM facts WHERE name = 'engine')"


class Forgotten:
    """Deletes people, photos and faces, whatever is said of them; transactions are the caller's."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def everyone(self, person: str) -> set[str]:
        """Return who of the store is ``person``: those who were merged into this one too."""
        rows = self._db.execute(
            "SELECT id FROM people WHERE id = ? OR into_person = ?", [person, person]
        )
        return {row[0] for row in rows}

    def remove_photo(self, picture: bytes) -> None:
        """Delete a photo with its faces; its files show nothing any more, and are not read again.

        Nobody is said to be in it any more.
        """
        self._db.execute("DELETE FROM present WHERE photo = ?", [picture])
        self._db.execute("DELETE FROM unfound WHERE former = ?", [picture])
        row = self._db.execute("SELECT id FROM photos WHERE hash = ?", [picture]).fetchone()
        if row is None:
            return
        self._db.execute(
            "UPDATE files SET state = 'done', photo = NULL, orientation = NULL, reason = NULL"
            " WHERE photo = ?",
            row,
        )
        self._unset_covers("SELECT id FROM faces WHERE photo = ?", row[0])
        self._db.execute("DELETE FROM photos WHERE id = ?", row)

    def remove_face(self, face: int) -> None:
        """Delete a face with its encoding; somebody whose cover it is gets another one."""
        self._unset_covers("SELECT ?", face)
        self._db.execute("DELETE FROM faces WHERE id = ?", [face])

    def found_again(self, picture: bytes) -> list[tuple[int, Box]]:
        """Return what a second engine has found in a photo: its number, and its stored box."""
        rows = self._db.execute(
            "SELECT next_faces.id, box_left, box_top, box_right, box_bottom, width, height,"
            " orientation FROM next_faces JOIN photos ON photos.id = next_faces.photo"
            " WHERE hash = ?",
            [picture],
        )
        return [
            (number, turned(Box(*box), (width, height), orientation, UPRIGHT))
            for number, *box, width, height, orientation in rows
        ]

    def remove_found_again(self, number: int) -> None:
        """Delete what a second engine has found."""
        self._db.execute("DELETE FROM next_faces WHERE id = ?", [number])

    def remove_people(self, people: Iterable[str]) -> None:
        """Delete people with names and looks; faces that are still theirs become nobody's."""
        for person in people:
            self._db.execute(
                "UPDATE faces SET look = NULL, similarity = NULL, said = NULL WHERE look IN"
                " (SELECT id FROM looks WHERE owner = ?1 OR person = ?1)",
                [person],
            )
            self._db.execute("DELETE FROM looks WHERE owner = ?1 OR person = ?1", [person])
            self._db.execute("DELETE FROM people WHERE id = ?", [person])

    def blur_former_looks(self, owner: str) -> None:
        """Empty the looks that a former engine made of ``owner``: faces that went are in them.

        Nothing is compared with these any more.
        """
        self._db.execute(
            "UPDATE looks SET centroid = x'', count = 0, spread = 0"
            f" WHERE owner = ? AND NOT ({_COMPARABLE})",
            [owner],
        )

    def remove_unfound(self, decisions: Iterable[str]) -> None:
        """Delete what changed photos did not inherit of these decisions (ids)."""
        self._db.executemany(
            "DELETE FROM unfound WHERE decision = ?", [(each,) for each in decisions]
        )

    def scrub(self) -> bool:
        """Write the store anew, without what was deleted; False if a reader is in the way.

        In no transaction.  It takes as much room as the store has, for a moment.  StoreWriteError
        when the disk does not give it.
        """
        with write_errors():
            self._db.execute("VACUUM")
            busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def _unset_covers(self, faces: str, value: int) -> None:
        self._db.execute(f"UPDATE people SET cover = NULL WHERE cover IN ({faces})", [value])
