"""What a watcher tells about the roots it watches."""

from __future__ import annotations

from typing import NamedTuple


class Hint(NamedTuple):
    """Something may have changed at ``path``, a file or a folder with all below it.

    ``complete``: closed after writing, moved into place or gone, and not only just created.
    """

    path: bytes
    complete: bool


class Lost(NamedTuple):
    """Events were lost: the root must be listed anew.  What is missing is watched again by now.

    The Unwatched that follow it are all there are; those told before count no more.
    """

    root: bytes
    reason: str


class Gone(NamedTuple):
    """The root itself was unmounted, moved away or deleted: it is not watched any more."""

    root: bytes
    reason: str


class Unwatched(NamedTuple):
    """``folder`` and all below it is not watched; a Hint for that folder says that it is again."""

    root: bytes
    folder: bytes
    reason: str


class Watched(NamedTuple):
    """The first pass over the root is over: all that can be watched is, so many ``folders``."""

    root: bytes
    folders: int


News = Hint | Lost | Gone | Unwatched | Watched
