"""The lock on the state folder: one program at a time works on the store in it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from facewatchd.errors import LockedError, StartError
from facewatchd.mounts import is_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Make the state folder and hold its lock; LockedError if another program holds it."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        state.chmod(0o700)
        lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(
            f"The state folder {state} cannot be used: {error.strerror}.",
            "Name another one (state), or let facewatchd's user write there.",
        ) from error
    try:
        if is_network(state):
            raise StartError(
                f"The state folder {state} lies on a network or FUSE file system.",
                "Name one on a local disk (state): the store needs memory shared on one machine.",
            )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(
                f"Another facewatchd works on the state folder {state}.",
                "Stop that one, or give this one a state folder of its own (state).",
            ) from error
        yield
    finally:
        os.close(lock)
