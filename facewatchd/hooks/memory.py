"""How far a hook is: a small file that is whole at any moment, and on the disk before it counts."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from facewatchd.errors import HookError, LockedError, StartError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Progress:
    """``cursor`` is the id of the last event that is done with, None before the first answer.

    While messages are under way, they are of the events up to ``until``, and those with the ids
    ``done`` were delivered or given up.  ``above``: too many doubtful faces were told of.
    """

    cursor: str | None = None
    library: str = ""
    until: str | None = None
    done: list[str] = field(default_factory=list)
    above: bool = False
    delivered: int = 0
    given_up: int = 0


class Memory:
    """Keeps the progress of a hook in ``file``."""

    def __init__(self, file: Path) -> None:
        """Read what is there; StartError if it cannot be understood."""
        self._file = file
        self.progress = Progress()
        try:
            self.progress = Progress(**json.loads(file.read_bytes()))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as error:
            raise StartError(
                f"How far a hook is cannot be read from {file}: {error}",
                "Mend its disk or its rights, or delete the file: the hook then begins with what"
                " happens from now on.",
            ) from error

    def save(self) -> None:
        """Bring the progress to the disk; HookError when that is not possible."""
        fresh = self._file.with_suffix(".new")
        try:
            with open(fresh, "wb", opener=_private) as file:
                file.write(json.dumps(asdict(self.progress)).encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._file)
            _sync(self._file.parent)
        except OSError as error:
            raise HookError(
                f"How far a hook is cannot be written to {self._file}: {error.strerror}.",
                "Make room there: until then, what was delivered is delivered again after a"
                " restart.",
            ) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make sure of ``folder``, and that nobody else keeps progress there; LockedError otherwise."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StartError(
            f"The folder {folder} cannot be used: {error.strerror}.",
            "Name another one with state: in hooks.yaml.",
        ) from error
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(place)
        raise LockedError(
            f"Another facewatchd-hooks works with {folder}.",
            "Stop that one, or name another folder with state: in hooks.yaml.",
        ) from error
    try:
        yield
    finally:
        os.close(place)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
