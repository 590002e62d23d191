"""What the last walk saw: a digest per folder, and what every root and mount was known by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from facewatchd.store.files import below

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_QUESTION = 500  # folders a query; SQLite takes a limited number of parameters


class Place(NamedTuple):
    """A root, or a mount inside one, as it was when its files were last seen.

    ``inode`` is that of the root's own folder, ``synced`` whether Syncthing's marker was in it.
    """

    path: bytes
    identity: str
    inode: int
    synced: bool = False


class Folders:
    """Reads and writes ``folders`` and ``places``; transactions are the caller's.

    A digest stands for the rows of the table ``files`` in that folder, and is removed with any
    change of them (by a trigger): an equal one means that there is nothing to compare.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def unlike(self, digests: Iterable[tuple[bytes, bytes]]) -> list[int]:
        """Return the numbers of those (folder, digest) that are not stored just so."""
        rows = list(digests)
        stored: dict[bytes, bytes] = {}
        for start in range(0, len(rows), _QUESTION):
            folders = [folder for folder, _ in rows[start : start + _QUESTION]]
            marks = ", ".join("?" * len(folders))
            stored |= self._db.execute(
                f"SELECT path, digest FROM folders WHERE path IN ({marks})", folders
            ).fetchall()
        return [n for n, (folder, digest) in enumerate(rows) if stored.get(folder) != digest]

    def set_digest(self, folder: bytes, digest: bytes) -> None:
        """The rows of ``folder`` are as the listing with this digest."""
        self._db.execute("INSERT OR REPLACE INTO folders VALUES (?, ?)", [folder, digest])

    def places(self, root: bytes) -> dict[bytes, Place]:
        """Return the places at and below ``root``."""
        rows = self._db.execute(
            "SELECT path, identity, inode, synced FROM places"
            " WHERE path = ? OR (path >= ? AND path < ?)",
            [root, *below(root)],
        )
        return {path: Place(path, identity, inode, bool(s)) for path, identity, inode, s in rows}

    def put_place(self, place: Place) -> None:
        """Remember what a root or mount is known by."""
        self._db.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", place)

    def forget_place(self, path: bytes) -> None:
        """What is there may be anything from now on."""
        self._db.execute("DELETE FROM places WHERE path = ?", [path])
