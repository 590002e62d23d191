"""Everyone and all faces as a clustering run finds them, and what is cleared away after one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import sqlite3

    from numpy.typing import NDArray

_ENGINE = "(SELECT value FROM facts WHERE name = 'engine')"
_WITH_OWNERS = (
    "faces LEFT JOIN looks ON looks.id = look LEFT JOIN people ON people.id = owner"
    f" WHERE faces.engine = {_ENGINE}"
)


class Owner(NamedTuple):
    """Somebody who can own looks, who this is after all merges, and whether the user spoke of it.

    A person whom the user spoke of is left alone by the program.
    """

    id: str
    root: str
    kept: bool


class Runs:
    """Reads ``people``, ``looks`` and ``faces`` of the library's engine, and removes what is empty.

    Transactions are the caller's.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def people(self) -> list[Owner]:
        """Return everyone in the order of ids."""
        rows = self._db.execute(
            "SELECT id, coalesce(into_person, id), kept FROM people ORDER BY id"
        )
        return [Owner(person, root, bool(kept)) for person, root, kept in rows]

    def kept_looks(self) -> list[tuple[str, NDArray[np.float64]]]:
        """Return (owner, centroid) of the looks of kept people, oldest first."""
        rows = self._db.execute(
            "SELECT owner, centroid FROM looks JOIN people ON people.id = owner"
            f" WHERE kept AND count > 0 AND looks.engine = {_ENGINE} ORDER BY looks.id"
        )
        return [(owner, np.frombuffer(blob, dtype="<f8")) for owner, blob in rows]

    def owners(self) -> dict[int, str | None]:
        """Return the owner of every face."""
        return dict(self._db.execute(f"SELECT faces.id, owner FROM {_WITH_OWNERS}"))

    def settled_below(self, min_quality: float) -> list[tuple[int, str]]:
        """Return (photo, owner) of the faces of a lower quality that a kept person has."""
        return self._db.execute(
            f"SELECT photo, owner FROM {_WITH_OWNERS} AND quality < ? AND kept", [min_quality]
        ).fetchall()

    def unsettled_below(self, min_quality: float) -> list[int]:
        """Return the faces of a lower quality that no kept person has."""
        rows = self._db.execute(
            f"SELECT faces.id FROM {_WITH_OWNERS} AND quality < ? AND NOT coalesce(kept, 0)",
            [min_quality],
        )
        return [face for (face,) in rows]

    def doubtful(self, min_quality: float) -> list[int]:
        """Return the faces of at least that quality that are nobody's and are not ignored."""
        rows = self._db.execute(
            f"SELECT id FROM faces WHERE look IS NULL AND engine = {_ENGINE}"
            " AND quality >= ? AND said IS NOT 'ignored' ORDER BY id",
            [min_quality],
        )
        return [face for (face,) in rows]

    def remove_empty(self) -> None:
        """Remove who has no face any more, unless the user has spoken of this one.

        Whose faces all wait for the library's engine has no looks of it either.
        """
        self._db.execute(
            f"DELETE FROM looks WHERE engine = {_ENGINE}"
            " AND owner IN (SELECT id FROM people WHERE NOT kept) AND NOT EXISTS"
            " (SELECT 1 FROM looks AS theirs JOIN faces ON look = theirs.id"
            "  WHERE theirs.owner = looks.owner AND theirs.engine = looks.engine)"
        )
        self._db.execute(
            "DELETE FROM people WHERE NOT kept AND NOT EXISTS"
            " (SELECT 1 FROM looks JOIN faces ON look = looks.id WHERE owner = people.id)"
        )
