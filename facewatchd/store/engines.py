"""The engine of the library, and the switch to a second one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from facewatchd.model import EngineId

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from facewatchd.store.rereading import Rereading

_WITHOUT = "switch_without_"
_WAITS = "switch_waits_since"


class Switch(NamedTuple):
    """That the library goes over to the engine ``to``; ``halted`` says why it does not go on."""

    to: EngineId
    halted: str | None


class Engines:
    """Reads and writes the engine, ``switch``, and the user's wishes for it.

    Transactions are the caller's.
    """

    def __init__(self, db: sqlite3.Connection, rereading: Rereading) -> None:
        self._db = db
        self._rereading = rereading

    @property
    def known(self) -> EngineId | None:
        """The engine of the library; None while a new store has none."""
        facts = dict(self._db.execute("SELECT * FROM facts WHERE name IN ('detector', 'engine')"))
        if "engine" not in facts:
            return None
        encoder, _, version = facts["engine"].rpartition("/")
        return EngineId(facts["detector"], encoder, version)

    @property
    def current(self) -> EngineId:
        """The engine of the library."""
        known = self.known
        if known is None:
            raise AssertionError("a store is given its engine before it is used")
        return known

    def make_current(self, engine: EngineId) -> None:
        """Take ``engine`` for that of the library; a switch ends by it."""
        self._db.executemany(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)",
            [("detector", engine.detector), ("engine", engine.encodings)],
        )
        self._forget_switch()

    @property
    def switch(self) -> Switch | None:
        """The switch that is under way."""
        row = self._db.execute("SELECT detector, encoder, version, halted FROM switch").fetchone()
        return None if row is None else Switch(EngineId(*row[:3]), row[3])

    # -- on the way

    def begin(self, to: EngineId) -> None:
        """Begin to switch: every photo is to be read again."""
        self._forget_switch()
        self._rereading.drop()
        self._db.execute("INSERT INTO switch VALUES (?, ?, ?, NULL)", to)
        self._rereading.want_all()

    def halt(self, reason: str | None) -> None:
        """Note why the switch does not go on, or with None that it does."""
        self._db.execute("UPDATE switch SET halted = ?", [reason])

    def without(self, which: str) -> bool:
        """Whether the user wants the switch done without the photos ``which`` names."""
        return self._fact(_WITHOUT + which) is not None

    def do_without(self, which: Collection[str]) -> None:
        """Note without which photos the user wants the switch done; what was noted is forgotten."""
        self._forget_wishes()
        self._db.executemany(
            "INSERT INTO facts VALUES (?, '1')", [[_WITHOUT + each] for each in which]
        )

    @property
    def waits_since(self) -> float | None:
        """When the switch began to wait for photos that are away, seconds since 1970."""
        since = self._fact(_WAITS)
        return None if since is None else float(since)

    def wait_from(self, now: float) -> None:
        """Note that the switch waits for photos that are away from ``now`` on."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", [_WAITS, repr(now)])

    def abort(self) -> None:
        """Stay with the engine of the library and delete what the other one found."""
        self._forget_switch()
        self._rereading.drop()
        self._rereading.want_all(but_by=self.current)

    def given_up(self) -> int:
        """Return how many photos could not be read by the engine that they are to be read by."""
        return self._rereading.given_up(self._target)

    def retry(self) -> None:
        """Try again what could not be read again."""
        self._rereading.retry(self._target)

    @property
    def _target(self) -> EngineId:
        """The engine that all photos are to be read by."""
        return self.switch.to if self.switch else self.current

    def _fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()
        return None if row is None else str(row[0])

    def _forget_wishes(self) -> None:
        self._db.execute("DELETE FROM facts WHERE substr(name, 1, 7) = 'switch_'")

    def _forget_switch(self) -> None:
        self._db.execute("DELETE FROM switch")
        self._forget_wishes()
