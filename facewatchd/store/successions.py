"""Files whose picture changed: what they showed before, and what was not found in it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.model import Box

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from facewatchd.model import Encoding


class Succession(NamedTuple):
    """The file at ``path`` shows ``photo`` and showed ``former`` before; both by number."""

    former: int
    photo: int
    path: bytes


class Seen(NamedTuple):
    """A face in the upright pixels of its photo.

    ``encoding`` is None when another engine made it than the library's.
    """

    face: int
    box: Box
    encoding: Encoding | None


class Unfound(NamedTuple):
    """That a face of a decision (id) was not found again in the changed file at ``path``.

    ``box`` is where it was, in the pixels that the former file stored; None: a person was said to
    be in the photo, without a box.
    """

    decision: str
    path: bytes
    former: bytes
    box: Box | None


class Successions:
    """Reads and writes ``successions`` and ``unfound``; transactions are the caller's."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def note(self, former: int, photo: int, path: bytes) -> None:
        """Note that a file shows another photo now; what was said is carried over later."""
        self._db.execute(
            "INSERT OR REPLACE INTO successions VALUES (?, ?, ?)", [former, photo, path]
        )

    def open(self) -> list[Succession]:
        """Return those whose decisions were not carried over yet."""
        rows = self._db.execute("SELECT former, photo, path FROM successions")
        return [Succession(*row) for row in rows]

    def end(self, succession: Succession, unfound: Iterable[Unfound], now: float) -> None:
        """Note that one is dealt with, and what was not found again, at ``now``."""
        self._db.execute(
            "DELETE FROM successions WHERE former = ? AND photo = ?",
            [succession.former, succession.photo],
        )
        self._db.executemany(
            "INSERT INTO unfound VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (each.decision, each.path, each.former, *(each.box or [None] * 4), now)
                for each in unfound
            ],
        )

    def unfound(self) -> list[Unfound]:
        """Return all that was not found again in files that changed, the latest first."""
        rows = self._db.execute(
            "SELECT decision, path, former, box_left, box_top, box_right, box_bottom FROM unfound"
            " ORDER BY at DESC, path"
        )
        return [
            Unfound(decision, path, former, None if box[0] is None else Box(*box))
            for decision, path, former, *box in rows
        ]

    def is_shown(self, photo: int) -> bool:
        """Whether any file still shows ``photo``."""
        row = self._db.execute("SELECT EXISTS (SELECT 1 FROM files WHERE photo = ?)", [photo])
        return bool(row.fetchone()[0])

    def seen(self, photo: int) -> list[Seen]:
        """Return the faces of ``photo``."""
        rows = self._db.execute(
            "SELECT id, box_left, box_top, box_right, box_bottom,"
            " CASE WHEN engine = (SELECT value FROM facts WHERE name = 'engine')"
            "  THEN encoding END FROM faces WHERE photo = ? ORDER BY id",
            [photo],
        )
        return [
            Seen(row[0], Box(*row[1:5]), None if row[5] is None else np.frombuffer(row[5], "<f4"))
            for row in rows
        ]
