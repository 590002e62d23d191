"""A download that grows on the disk, with a note beside it of what it is the beginning of."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


class Part:
    """NAME.part, open for us alone; NAME.part.from tells where its bytes came from.

    What was appended stays, also when the process is killed.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._file = file
        self._note = Path(f"{path}.from")
        self.path = path
        self.size = os.fstat(file.fileno()).st_size

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[Part]:
        """Open ``path``, which need not exist; FacewatchError while another process holds it.

        It is removed in the end when nothing came.
        """
        with os.fdopen(_locked(path), "ab", buffering=0) as file:
            part = cls(path, file)
            try:
                yield part
            finally:
                if part.size == 0:
                    part.discard()

    def validator(self, address: str) -> str | None:
        """Return by what the server at ``address`` tells whether its file is still the same.

        None when these bytes came from another address, or cannot be told apart.
        """
        try:
            note = json.loads(self._note.read_bytes())
        except (OSError, ValueError):  # no note, none of ours, or one that a crash cut short
            return None
        return str(note["validator"]) if note["address"] == address else None

    def restart(self, address: str, validator: str | None) -> None:
        """Throw away what came, and note what comes now; FacewatchError as of `append`."""
        try:
            self._file.truncate(0)
            self.size = 0
            self._note.unlink(missing_ok=True)
            if validator is not None:
                note = json.dumps({"address": address, "validator": validator})
                with open(os.open(self._note, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                    file.write(note)
        except OSError as error:
            raise _unwritable(self._note, error) from error

    def append(self, chunk: bytes) -> None:
        """Write ``chunk`` behind what is there; FacewatchError when the disk does not take it."""
        left = memoryview(chunk)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self.size += len(chunk)

    def discard(self) -> None:
        """Remove it and its note."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _locked(path: Path) -> int:
    """Open ``path`` for us alone; return its descriptor."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass  # who held it has ended and removed it: the next one is ours
        except BlockingIOError as error:
            os.close(descriptor)
            raise FacewatchError(
                f"{path} is being downloaded already.", "Wait for the end of that."
            ) from error
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> FacewatchError:
    return FacewatchError(
        f"{path} cannot be written: {error.strerror}.",
        "Free space there, or run this as the user that the model folder belongs to.",
    )
