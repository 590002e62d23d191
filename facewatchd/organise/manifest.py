"""What was made in the output tree, and what was found there that was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facewatchd.model import Entry


class Manifest(Protocol):
    """What we made in the output tree, by path in it; lasts longer than the process."""

    def entries(self) -> Mapping[bytes, Entry]:
        """Return everything that is recorded."""
        ...

    def record(self, path: bytes, entry: Entry) -> None:
        """Remember, in place of what was recorded for ``path``."""
        ...

    def forget(self, path: bytes) -> None:
        """Forget; no error if nothing is recorded for ``path``."""
        ...

    def commit(self) -> None:
        """Make all since the last commit survive a crash."""
        ...


class Conflict(NamedTuple):
    """Something in the output tree that we did not make, or that was changed: left as it is.

    With ``waits`` it is a photo that could not be copied, and may be later: ``found`` says why.
    """

    path: bytes
    found: str
    waits: bool = False
