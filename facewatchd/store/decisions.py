"""What the user said, as the journal has it, and what it comes to in the other tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from facewatchd.decisions import Spot, to_line
from facewatchd.model import Box
from facewatchd.orientation import UPRIGHT, turned

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable

    from facewatchd.decisions import Decision, PersonSaid

ANCHORS = 64  # faces besides the confirmed ones by which a person is found again

_BOX = "box_left, box_top, box_right, box_bottom, width, height, photos.orientation"


class At(NamedTuple):
    """A face, its photo, where it lies there, and whose it is: the owner of its look."""

    face: int
    photo: int
    spot: Spot
    owner: str | None


class Decisions:
    """Reads and writes ``decisions``, and in the other tables what the user said.

    Transactions are the caller's.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def lines(self) -> list[str]:
        """Return the lines of every decision, the first one first."""
        return [line for (line,) in self._db.execute("SELECT line FROM decisions ORDER BY number")]

    def ids(self) -> set[str]:
        """Return the id of every decision."""
        return {id_ for (id_,) in self._db.execute("SELECT id FROM decisions")}

    def replace(self, decisions: Iterable[Decision]) -> None:
        """Make ``decisions`` all that there are."""
        self._db.execute("DELETE FROM decisions")
        self.add(decisions)

    def add(self, decisions: Iterable[Decision]) -> None:
        """Enter decisions that the journal holds."""
        self._db.executemany(
            "INSERT INTO decisions VALUES (?, ?, ?)",
            [(each.number, each.id, to_line(each)) for each in decisions],
        )

    # -- faces by where they lie

    def photo_of(self, face: int) -> bytes | None:
        """Return the picture hash of the photo that a face is in."""
        row = self._db.execute(
            "SELECT hash FROM faces JOIN photos ON photos.id = photo WHERE faces.id = ?", [face]
        ).fetchone()
        return row[0] if row else None

    def at(self, photo: bytes) -> list[At]:
        """Return the faces of the photo with this picture hash."""
        return self._at("WHERE hash = ?", [photo])

    def spots(self, faces: Collection[int]) -> dict[int, At]:
        """Return where ``faces`` lie; those that are gone are left out."""
        found: dict[int, At] = {}
        for face in faces:
            found |= {at.face: at for at in self._at("WHERE faces.id = ?", [face])}
        return found

    def of_owner(self, owner: str) -> list[At]:
        """Return the faces whose looks ``owner`` owns, oldest photo first."""
        return self._at("WHERE owner = ? ORDER BY captured, hash, faces.id", [owner])

    def _at(self, clause: str, values: list[object]) -> list[At]:
        rows = self._db.execute(
            f"SELECT faces.id, photo, hash, owner, {_BOX} FROM faces"
            f" JOIN photos ON photos.id = photo LEFT JOIN looks ON looks.id = look {clause}",
            values,
        )
        return [
            At(face, photo, Spot(picture, _stored(row)), owner)
            for face, photo, picture, owner, *row in rows
        ]

    def anchors(self, owner: str) -> tuple[Spot, ...]:
        """Return by which faces ``owner`` is found again: the confirmed ones and some others.

        The others are spread evenly over the dates of the photos.
        """
        rows = self._db.execute(
            f"SELECT hash, said IN ('confirmed', 'added') AS sure, {_BOX} FROM faces"
            " JOIN photos ON photos.id = photo JOIN looks ON looks.id = look"
            " WHERE owner = ? ORDER BY captured, hash, faces.id",
            [owner],
        ).fetchall()
        sure = [row for row in rows if row[1]]
        others = [row for row in rows if not row[1]]
        step = max(1.0, len(others) / ANCHORS)
        spread = [others[int(index * step)] for index in range(min(ANCHORS, len(others)))]
        return tuple(Spot(row[0], _stored(row[2:])) for row in (*sure, *spread))

    # -- what decisions come to

    def keep(self, person: str, said: PersonSaid, root: str) -> None:
        """Enter what the user said of a person, who is ``root`` after all merges."""
        self._db.execute("INSERT INTO people (id) VALUES (?) ON CONFLICT (id) DO NOTHING", [person])
        self._db.execute(
            "UPDATE people SET kept = 1, name = ?, hidden = ?, into_person = ? WHERE id = ?",
            [said.name, said.hidden, None if root == person else root, person],
        )
        self._db.execute(
            "UPDATE looks SET person = ? WHERE owner = ? AND person <> ?", [root, person, root]
        )

    def let_go(self, person: str) -> None:
        """Nothing is said of a person any more, who is one like those that clustering finds."""
        self._db.execute(
            "UPDATE people SET kept = 0, name = NULL, hidden = 0, into_person = NULL WHERE id = ?",
            [person],
        )
        self._db.execute("UPDATE looks SET person = owner WHERE owner = ?", [person])

    def make_present(self, present: Iterable[tuple[bytes, str]]) -> None:
        """Enter who is in which photo (picture hash) without a face, and forget all others."""
        self._db.execute("DELETE FROM present")
        self._db.executemany("INSERT OR IGNORE INTO present VALUES (?, ?)", present)

    def doubtful_near(self, people: Collection[str]) -> list[int]:
        """Return the doubtful faces that have any of ``people`` for a candidate."""
        marks = ", ".join("?" * len(people))
        rows = self._db.execute(
            f"SELECT DISTINCT face FROM candidates WHERE person IN ({marks}) ORDER BY face",
            list(people),
        )
        return [face for (face,) in rows]

    def roots(self) -> dict[str, str]:
        """Return who everyone is after merges that is another person."""
        return dict(
            self._db.execute("SELECT id, into_person FROM people WHERE into_person IS NOT NULL")
        )

    def mark(self, face: int, said: str | None) -> None:
        """Enter what the user said of a face itself: 'confirmed', 'added', 'ignored' or None."""
        self._db.execute("UPDATE faces SET said = ? WHERE id = ?", [said, face])

    def kept(self) -> set[str]:
        """Return everyone whom the user has spoken of."""
        return {person for (person,) in self._db.execute("SELECT id FROM people WHERE kept")}


def _stored(row: Iterable[int]) -> Box:
    """Return the box of ``_BOX`` in the pixels as the file stores them."""
    left, top, right, bottom, width, height, orientation = row
    return turned(Box(left, top, right, bottom), (width, height), orientation, UPRIGHT)
