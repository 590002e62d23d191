"""The plan that waits to be applied, and what the last clustering run asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


class Plans:
    """Reads and writes ``plan``, which has one row at most, and ``questions``.

    Transactions are the caller's.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def waiting(self) -> bytes | None:
        """Return the plan that waits as it was kept, None if there is none."""
        row = self._db.execute("SELECT body FROM plan").fetchone()
        return None if row is None else bytes(row[0])

    def keep(self, plan: str, made_at: float, churn: float, body: bytes) -> None:
        """Let a plan wait in the place of the one that waited."""
        self.drop()
        self._db.execute("INSERT INTO plan VALUES (?, ?, ?, ?)", [plan, made_at, churn, body])

    def drop(self) -> None:
        """Let no plan wait."""
        self._db.execute("DELETE FROM plan")

    def ask(self, questions: Iterable[tuple[int, str | None, float]]) -> None:
        """Make ``questions`` all that is asked: face, who else it may be, and how similar."""
        self._db.execute("DELETE FROM questions")
        self._db.executemany("INSERT INTO questions VALUES (?, ?, ?)", questions)
