"""What users are shown of people, faces and photos, beyond lists of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facewatchd.model import Box
from facewatchd.orientation import turned

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

_NEVER = 1e18  # seconds since 1970


class Album:
    """Questions to a snapshot of the store; paths come back as bytes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def person(self, person: str) -> dict[str, Any] | None:
        """Return all about one person."""
        row = self._db.execute(
            "SELECT people.id, name, hidden, kept, count(DISTINCT looks.id), count(faces.id),"
            " count(DISTINCT photo), coalesce(sum(said IN ('confirmed', 'added')), 0),"
            " min(captured), max(captured)"
            " FROM people LEFT JOIN looks ON person = people.id LEFT JOIN faces ON look = looks.id"
            " LEFT JOIN photos ON photos.id = photo WHERE people.id = ? GROUP BY people.id",
            [person],
        ).fetchone()
        if row is None:
            return None
        names = ("id", "name", "hidden", "kept", "looks", "faces", "photos", "confirmed")
        merged = self._db.execute(
            "SELECT id FROM people WHERE into_person = ? ORDER BY id", [person]
        )
        return dict(zip((*names, "first", "last"), row, strict=True)) | {
            "hidden": bool(row[2]),
            "kept": bool(row[3]),
            "merged": [each for (each,) in merged],
        }

    def faces_of(self, person: str, limit: int) -> list[dict[str, Any]]:
        """Return faces of a person, the least similar first: what is wrong stands there."""
        rows = self._db.execute(
            "SELECT faces.id FROM looks JOIN faces ON look = looks.id WHERE person = ?"
            " ORDER BY similarity, faces.id LIMIT ?",
            [person, limit],
        )
        found = (self.face(face) for (face,) in rows.fetchall())
        return [face for face in found if face is not None]

    def face(self, face: int) -> dict[str, Any] | None:
        """Return all about one face; its box is in the upright pixels of the file ``photo``."""
        row = self._db.execute(
            "SELECT faces.id, quality, faces.engine, said, person, name, similarity, path,"
            " photos.captured, box_left, box_top, box_right, box_bottom, width, height,"
            " photos.orientation, coalesce(files.orientation, photos.orientation)"
            " FROM faces JOIN photos ON photos.id = faces.photo"
            " LEFT JOIN looks ON looks.id = look LEFT JOIN people ON people.id = person"
            " LEFT JOIN files ON files.photo = photos.id"
            " WHERE faces.id = ? ORDER BY path IS NULL, path LIMIT 1",
            [face],
        ).fetchone()
        if row is None:
            return None
        names = ("face", "quality", "engine", "said", "person", "name", "similarity", "photo")
        box = turned(Box(*row[9:13]), row[13:15], row[15], row[16])
        found = dict(zip((*names, "captured"), row[:9], strict=True))
        return found | {"box": list(box)}

    def photos(
        self,
        together: Collection[str],
        without: Collection[str] = (),
        since: float | None = None,
        until: float | None = None,
        present: Collection[tuple[bytes, str]] = (),
    ) -> list[tuple[bytes, bytes, float]]:
        """Return the photos with all of ``together`` and none of ``without``.

        Each as picture hash, first path and when it was taken.

        People are in a photo by a face, or by being ``present`` in it (picture hash and person)
        without one.  Photos were taken from ``since`` on, before ``until``; oldest first.
        """
        everyone = (*together, *without)
        shown: dict[str, set[int]] = {person: self._photos_of(person) for person in everyone}
        for picture, person in present:
            if person in shown:
                shown[person] |= self._photo(picture)
        rows = self._db.execute(
            "SELECT photos.id, hash, min(path), photos.captured FROM photos"
            " JOIN files ON files.photo = photos.id"
            " WHERE photos.captured >= ? AND photos.captured < ?"
            " GROUP BY photos.id ORDER BY photos.captured, hash",
            [-_NEVER if since is None else since, _NEVER if until is None else until],
        )
        return [
            (picture, path, captured)
            for photo, picture, path, captured in rows
            if all(photo in shown[person] for person in together)
            and not any(photo in shown[person] for person in without)
        ]

    def _photos_of(self, person: str) -> set[int]:
        rows = self._db.execute(
            "SELECT DISTINCT photo FROM looks JOIN faces ON look = looks.id WHERE person = ?",
            [person],
        )
        return {photo for (photo,) in rows}

    def _photo(self, picture: bytes) -> set[int]:
        return {p for (p,) in self._db.execute("SELECT id FROM photos WHERE hash = ?", [picture])}
