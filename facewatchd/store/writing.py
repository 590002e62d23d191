"""Writing: the id of a new row, and what SQLite refuses as an error that says what to do."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from facewatchd.errors import StoreWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def write_errors() -> Iterator[None]:
    """Raise StoreWriteError for what the disk does not take."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreWriteError(
            f"The store cannot be written: {error}.",
            "Free space on the disk of the state folder, or see what the kernel says of it"
            " (journalctl -k), and try again: what was acknowledged is kept.",
        ) from error


def insert(db: sqlite3.Connection, statement: str, values: Sequence[object]) -> int:
    """Insert a row and return its id."""
    number = db.execute(statement, values).lastrowid
    if number is None:
        raise AssertionError("an INSERT always has a row id")
    return number
