"""What happened that others are told of, by ids and numbers alone: no names, no paths of photos."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd.events import EventId, Kind

if TYPE_CHECKING:
    import sqlite3

KEPT = 10_000  # events
KEPT_FOR = 90 * 86_400.0  # seconds


class Event(NamedTuple):
    """Something that happened, and the facts that belong to its kind."""

    id: EventId
    kind: Kind
    facts: dict[str, Any]


class Events:
    """Reads and writes the table ``events``; transactions are the caller's.

    An event is added in the transaction of what it tells of.  The newest ``KEPT`` are kept, for
    ``KEPT_FOR`` seconds.  ``fresh``: some were added since whoever reads this has reset it.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.fresh = False

    def add(self, kind: Kind, at: float, **facts: Any) -> None:
        """Note that this happened at ``at``, in seconds since 1970."""
        self._db.execute(
            "INSERT INTO events (at, kind, facts) VALUES (?, ?, ?)",
            [round(at * 1e6), kind, json.dumps(facts, separators=(",", ":"))],
        )
        self._forget_old(round((at - KEPT_FOR) * 1e6))
        self.fresh = True

    def last(self) -> int:
        """Return the number of the last event that there ever was in this store, 0 without any."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return int(row[0]) if row else 0

    def oldest(self) -> int:
        """Return the number of the oldest event that is kept, or of the next if none is."""
        row = self._db.execute("SELECT min(id) FROM events").fetchone()
        return self.last() + 1 if row[0] is None else int(row[0])

    def at(self, number: int) -> int | None:
        """Return when an event happened, in microseconds since 1970; None if it is not kept."""
        row = self._db.execute("SELECT at FROM events WHERE id = ?", [number]).fetchone()
        return row[0] if row else None

    def after(self, number: int, limit: int, *, since: int = 0) -> list[Event]:
        """Return up to ``limit`` events after ``number``, in order.

        Only those that happened after ``since`` (microseconds since 1970).
        """
        rows = self._db.execute(
            "SELECT id, at, kind, facts FROM events WHERE id > ? AND at > ? ORDER BY id LIMIT ?",
            [number, since, limit],
        )
        return [
            Event(EventId(number, at), Kind(kind), json.loads(facts))
            for number, at, kind, facts in rows
        ]

    def _forget_old(self, before: int) -> None:
        self._db.execute("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", [KEPT])
        self._db.execute(
            "DELETE FROM events"
            " WHERE id < (SELECT id FROM events WHERE at >= ? ORDER BY id LIMIT 1)",
            [before],
        )
