"""What SQLite refuses to write, as an error that says what to do."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from facewatchd.errors import StoreWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def write_errors() -> Iterator[None]:
    """Raise StoreWriteError for what the disk does not take."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreWriteError(
            f"The store cannot be written: {error}.",
            "Free space on the disk of the state folder, or see why it fails, and start facewatchd"
            " again: what was acknowledged is kept.",
        ) from error
