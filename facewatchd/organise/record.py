"""A record of the manifest beside the tree, for the day on which the store is lost.

It is in a file of the hidden folder in OUTPUT: a line of JSON for each thing that was made, or
removed, the last line about a path counts.  What it says is only believed where the disk shows the
same: a link with that very target, a file with that very content, a copy that is its photo or that
nobody wrote to.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

from facewatchd import logs
from facewatchd.journal.place import ChangedError, Place, why
from facewatchd.model import Copy, Entry, File, Folder, Link, Stamp, Way
from facewatchd.organise.refusals import output_errors
from facewatchd.organise.tree import State, open_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from facewatchd.organise.manifest import Manifest
    from facewatchd.organise.photos import Photos

NAME = "made.jsonl"

log = logging.getLogger(__name__)


class Record:
    """The manifest, of which a record is kept in ``folder``.

    A record that cannot be written stops nobody: that is logged once, and it is written whole as
    soon as it can be.
    """

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self._manifest = manifest
        self._place = Place(folder, NAME)
        self._new: dict[bytes, Entry | None] = {}
        self._fails = False

    def entries(self) -> Mapping[bytes, Entry]:
        """Return everything that is in the manifest."""
        return self._manifest.entries()

    def record(self, path: bytes, entry: Entry) -> None:
        """Remember, in place of what was recorded for ``path``."""
        self._manifest.record(path, entry)
        self._new[path] = entry

    def forget(self, path: bytes) -> None:
        """Forget; no error if nothing is recorded for ``path``."""
        self._manifest.forget(path)
        self._new[path] = None

    def commit(self) -> None:
        """Make all since the last commit survive a crash, and tell the record."""
        self._manifest.commit()
        if not self._new:
            return
        try:
            self._place.append(_lines(self._new.items()))
        except (OSError, ChangedError):
            self.write_anew()
        self._new.clear()

    def take_in(self, output: bytes, photos: Photos) -> int:
        """Enter in the manifest what it lacks of the record and OUTPUT has; return how much.

        Where both tell of a path, the one that the disk agrees with is right.  Raises OutputError.
        """
        try:
            raw = self._place.read()
        except OSError as error:
            self._tell(error)
            return 0
        told, made = _read(raw), self._manifest.entries()
        taken = 0
        with output_errors(output), open_output(output, photos) as tree:
            for path, entry in sorted(told.items()):
                if made.get(path) != entry and tree.state(path, entry) is State.OURS:
                    self._manifest.record(path, entry)
                    taken += 1
        self._manifest.commit()
        self._place.size = len(raw)
        if taken or told != made or raw.count(b"\n") != len(made):
            self.write_anew()
        return taken

    def write_anew(self) -> None:
        """Let the record hold what the manifest does, and no trace of anything else."""
        try:
            self._place.replace(_lines(sorted(self._manifest.entries().items())))
        except OSError as error:
            self._tell(error)
        else:
            self._fails = False

    def _tell(self, error: OSError) -> None:
        if not self._fails:
            log.warning("%s cannot be used: %s.", self._place.file, logs.error(why(error)))
        self._fails = True


def _lines(entries: Iterable[tuple[bytes, Entry | None]]) -> bytes:
    return b"".join(
        json.dumps({"path": os.fsdecode(path), **_fields(entry)}).encode() + b"\n"
        for path, entry in entries
    )


def _fields(entry: Entry | None) -> dict[str, Any]:
    match entry:
        case Link(target):
            return {"link": os.fsdecode(target)}
        case File(key, digest):
            return {"file": key.hex(), "sha256": digest.hex()}
        case Copy(way, photo, source, size, mtime_ns, stamp, digest):
            about = {"photo": photo.hex(), "way": way, "size": size, "mtime_ns": mtime_ns}
            known = {"stamp": stamp, "sha256": None if digest is None else digest.hex()}
            return {"copy": os.fsdecode(source), **about, **known}
        case Folder():
            return {"folder": ""}
        case None:
            return {"gone": ""}


def _read(raw: bytes) -> dict[bytes, Entry]:
    """Return what a record tells; lines that are torn or damaged tell nothing."""
    told: dict[bytes, Entry] = {}
    for line in raw.splitlines():
        try:
            fields = json.loads(line)
            path, entry = os.fsencode(fields["path"]), _entry(fields)
        except (ValueError, KeyError, TypeError):
            continue
        if not {b"", b".", b".."}.isdisjoint(path.split(b"/")):
            continue
        told.pop(path, None)
        if entry is not None:
            told[path] = entry
    return told


def _entry(fields: dict[str, Any]) -> Entry | None:
    match fields:
        case {"link": str(target)}:
            return Link(os.fsencode(target))
        case {"file": str(key), "sha256": str(digest)}:
            return File(bytes.fromhex(key), bytes.fromhex(digest))
        case {"copy": str(source), "photo": str(photo), "size": int(size), "mtime_ns": int(mtime)}:
            stamp = None if fields["stamp"] is None else Stamp(*map(int, fields["stamp"]))
            read = None if fields["sha256"] is None else bytes.fromhex(fields["sha256"])
            place, picture = os.fsencode(source), bytes.fromhex(photo)
            return Copy(Way(fields["way"]), picture, place, size, mtime, stamp, read)
        case {"folder": _}:
            return Folder()
        case {"gone": _}:
            return None
    raise ValueError(fields)
