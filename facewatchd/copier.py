"""A process that opens photos for the output tree, and can write to nothing.

A child of the pipeline's copying.  What it fills are files that were made and opened by its parent,
which hands it their descriptors.  It says READY, and then is asked one thing after the other:

    copying                       copier
    Check(copy)               →
                              ←   Done(None)
    Fill(copy), a descriptor  →
                              ←   NeedsRoom(size)       unless a reflink did it
    True                      →
                              ←   Done(digest)
    Digest(copy)              →
                              ←   Done(digest)

In the place of Done may come PhotoAwayError, or the OSError that the output's disk answered.
Before it waits for a disk it says for which: silence after Disk.PHOTO means dead storage.
"""

from __future__ import annotations

import os
from multiprocessing.reduction import recv_handle
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd import chatter, logs
from facewatchd.landlock import confine
from facewatchd.organise.photos import Direct, PhotoAwayError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from facewatchd.model import Copy

READY = "ready"


class Check(NamedTuple):
    """Find out whether the photo can be read, and is as planned."""

    copy: Copy


class Fill(NamedTuple):
    """Let the file whose descriptor follows hold what the photo does."""

    copy: Copy


class Digest(NamedTuple):
    """Tell the SHA-256 of the photo's bytes."""

    copy: Copy


class NeedsRoom(NamedTuple):
    """So many bytes are going to be written, if they may be."""

    size: int


class Done(NamedTuple):
    """It was done; the digest of the bytes that were read, if any were."""

    digest: bytes | None


class Copier:
    """The photos' side of the dialogue above."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._photos = Direct(connection.send)

    def answer(self, ask: Check | Fill | Digest) -> Done | PhotoAwayError | OSError:
        """Do what is asked, and return what came of it."""
        chatter.at(logs.photo(ask.copy.source))
        try:
            match ask:
                case Check(copy):
                    self._photos.check(copy)
                    return Done(None)
                case Fill(copy):
                    return Done(self._fill(copy))
                case Digest(copy):
                    return Done(self._photos.digest(copy))
        except (PhotoAwayError, OSError) as error:
            return error

    def _fill(self, copy: Copy) -> bytes | None:
        target = recv_handle(self._connection)
        try:
            return self._photos.fill(copy, target, self._ask_for_room)
        finally:
            os.close(target)

    def _ask_for_room(self, size: int) -> None:
        """Wait until there is room; where there is none this process is ended."""
        self._connection.send(NeedsRoom(size))
        self._connection.recv()


def main(connection: Connection[Any, Any]) -> None:
    """Serve the pipeline at the other end of ``connection`` until it closes it."""
    confine([])  # it reads, and writes to what it is handed
    copier = Copier(connection)
    connection.send(READY)
    while True:
        connection.send(copier.answer(connection.recv()))
