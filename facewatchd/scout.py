"""A process per root that lists its folders, so that dead storage stops only that root.

A child of the pipeline's walker.  It is told its root first, then does one ``Go`` at a time:

    walker                      scout
    Go(top, deep)          →
                           ←    Top(inode, synced)         a whole root only; or Walked, unreadable
    True (or False: stop)  →
                           ←    Digests([(folder, digest), …])      again and again
    the numbers of those
    that are not as known  →
                           ←    [Listing, …]
                           ←    Walked(…)

Whatever takes long, ``STILL_HERE`` comes in between, so that silence means dead storage.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd import chatter, logs
from facewatchd.landlock import confine
from facewatchd.model import FileStat
from facewatchd.scan import Ignore, Rule, Seen, Unreadable, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

STILL_HERE = "still here"
SYNCTHING_MARKER = b".stfolder"
_SAYS_SO_EVERY = 2.0
_FILES_A_MESSAGE = 2000
_FOLDERS_A_MESSAGE = 200


class Go(NamedTuple):
    """Walk over ``top``: all below it, or (not ``deep``) that folder alone."""

    top: bytes
    deep: bool


class Top(NamedTuple):
    """The root can be read; whether Syncthing's marker is in it."""

    inode: int
    synced: bool


class Digests(NamedTuple):
    """Folders that were listed, with the digests of their listings."""

    folders: tuple[tuple[bytes, bytes], ...]


class Walked(NamedTuple):
    """A walk came to its end; ``ignored`` is what it left out, by rule."""

    top: bytes
    deep: bool
    unreadable: tuple[Unreadable, ...]
    ignored: tuple[tuple[Rule, int], ...]


class Scout:
    """The root's side of the dialogue above."""

    def __init__(self, connection: Connection[Any, Any], ignore: Ignore) -> None:
        self._connection = connection
        self._ignore = ignore
        self._spoke = time.monotonic()

    def go(self, go: Go) -> None:
        """Walk, and say what is there."""
        if go.deep and go.top == self._ignore.root and not self._may_go():
            return
        walk = Walk(self._ignore, self._breathe)
        unreadable = []
        batch: list[Seen] = []
        files = 0
        for seen in self._seen(go, walk):
            if isinstance(seen, Unreadable):
                unreadable.append(seen)
                continue
            batch.append(seen)
            files += len(seen.files)
            if files >= _FILES_A_MESSAGE or len(batch) >= _FOLDERS_A_MESSAGE:
                self._tell(batch)
                batch, files = [], 0
        self._tell(batch)
        self._send(Walked(go.top, go.deep, tuple(unreadable), tuple(walk.ignored.items())))

    def _may_go(self) -> bool:
        """Tell what the root looks like, and return whether it is to be walked over."""
        root = self._ignore.root
        try:
            os.scandir(root).close()
            inode = FileStat.of(root, os.stat(root)).inode
            synced = os.path.lexists(os.path.join(root, SYNCTHING_MARKER))
        except OSError as error:
            reason = Unreadable(root, error.strerror or str(error))
            self._send(Walked(root, deep=True, unreadable=(reason,), ignored=()))
            return False
        self._send(Top(inode, synced))
        return bool(self._connection.recv())

    def _seen(self, go: Go, walk: Walk) -> Iterator[Seen | Unreadable]:
        """Walk; nothing is seen where nothing is, or where all is left out."""
        is_root = go.top == self._ignore.root
        if not is_root and (self._ignore.hides(go.top, folder=True) or not _is_folder(go.top)):
            return
        if go.deep:
            yield from walk.deep(go.top)
            return
        try:
            yield walk.flat(go.top)[0]
        except OSError as error:
            yield Unreadable(go.top, error.strerror or str(error))

    def _tell(self, batch: list[Seen]) -> None:
        if not batch:
            return
        self._send(Digests(tuple((seen.folder, seen.digest()) for seen in batch)))
        wanted: list[int] = self._connection.recv()
        if wanted:
            self._send([batch[number].listing() for number in wanted])

    def _breathe(self) -> None:
        if time.monotonic() - self._spoke > _SAYS_SO_EVERY:
            self._send(STILL_HERE)

    def _send(self, message: object) -> None:
        self._connection.send(message)
        self._spoke = time.monotonic()


def _is_folder(path: bytes) -> bool:
    """Whether a folder is at ``path``; also when that cannot be told: then listing it says why."""
    try:
        return not os.path.islink(path) and bool(os.lstat(path)) and os.path.isdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def main(connection: Connection[Any, Any]) -> None:
    """Serve the walker at the other end of ``connection`` until it closes it."""
    confine([])  # it looks, no more
    root, *others = connection.recv()
    scout = Scout(connection, Ignore(root, *others))
    while True:
        chatter.at(logs.root(root))
        scout.go(connection.recv())
