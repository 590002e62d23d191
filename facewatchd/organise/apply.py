"""Does a plan's operations on the disk.

What we are about to make is recorded before it is made, and what we removed is forgotten after it
is removed, so a kill at any moment leaves nothing of ours unknown.  A replacement is made under a
temporary name, recorded too, and renamed; whichever of the two contents is found after a kill is
known to be ours.  Whatever is not as recorded is somebody else's, and is left alone.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from facewatchd.model import Copy, Folder, Link
from facewatchd.organise.manifest import Conflict
from facewatchd.organise.manner import PLAIN, Manner
from facewatchd.organise.names import temporary
from facewatchd.organise.photos import PhotoAwayError
from facewatchd.organise.plan import (
    MakeFolder,
    PutCopy,
    PutCover,
    PutLink,
    Remove,
    RemoveFolder,
    RenameFolder,
)
from facewatchd.organise.refusals import output_errors
from facewatchd.organise.tree import State, open_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from facewatchd.model import Entry
    from facewatchd.organise.manifest import Manifest
    from facewatchd.organise.photos import Photos
    from facewatchd.organise.plan import Operation
    from facewatchd.organise.tree import Tree

_CHUNK = 1000  # operations whose intents are committed together
_NAME_REFUSED = {errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG}


def apply(
    operations: Iterable[Operation],
    output: bytes,
    manifest: Manifest,
    photos: Photos,
    manner: Manner = PLAIN,
) -> list[Conflict]:
    """Do ``operations`` in the folder ``output`` (absolute, resolved), which is made if missing.

    ``photos`` opens those that are copied.

    Returns what was in the way.  Raises OutputError when the disk refuses; what was done until
    then is in the manifest, and a new plan continues there.
    """
    with output_errors(output), open_output(output, photos, manner) as tree:
        hand = _Hand(tree, manifest)
        for chunk in _chunks(operations):
            for operation in chunk:
                hand.announce(operation)
            manifest.commit()
            try:
                hand.do_all(chunk)
            finally:
                tree.sync()
                manifest.commit()
        return hand.conflicts()


class _Hand:
    """Does one operation after the other and keeps the manifest true."""

    def __init__(self, tree: Tree, manifest: Manifest) -> None:
        self._tree = tree
        self._manifest = manifest
        self._conflicts: dict[bytes, str] = {}
        self._waiting: dict[bytes, str] = {}

    def conflicts(self) -> list[Conflict]:
        return [
            *(Conflict(path, found) for path, found in self._conflicts.items()),
            *(Conflict(path, why, waits=True) for path, why in self._waiting.items()),
        ]

    def announce(self, operation: Operation) -> None:
        """Record what ``operation`` is going to make."""
        match operation:
            case MakeFolder(path):
                self._manifest.record(path, Folder())
            case RenameFolder(_, new, entries):
                self._manifest.record(new, Folder())
                for name, entry in entries.items():
                    self._manifest.record(os.path.join(new, name), entry)
            case PutLink(path, new, None):
                self._manifest.record(path, new)
            case PutLink(path, new) | PutCopy(path, new) | PutCover(path, new):
                self._manifest.record(temporary(path), new)
                if operation.old is None:
                    self._manifest.record(path, new)

    def do_all(self, chunk: list[Operation]) -> None:
        """Do a chunk; when the disk refuses, take back what was announced and not made."""
        left = iter(chunk)
        for operation in left:
            try:
                self._do(operation)
            except OSError:
                for undone in (operation, *left):
                    self._take_back(undone)
                raise

    def _do(self, operation: Operation) -> None:
        match operation:
            case MakeFolder(path):
                self._make_folder(path)
            case RenameFolder():
                self._rename_folder(operation)
            case PutLink(path) | PutCopy(path) | PutCover(path):
                self._put_unless_in_the_way(path, operation)
            case Remove(path, old):
                self._remove(path, old)
            case RemoveFolder(path):
                self._remove_folder(path)

    def _make_folder(self, path: bytes) -> None:
        try:
            self._tree.make_folder(path)
        except FileExistsError:
            self._manifest.forget(path)  # a folder of somebody else's is used, and never removed
            if self._tree.state(path, Folder()) is not State.OURS:
                self._leave_alone(path)
        except (FileNotFoundError, NotADirectoryError):
            self._leave_alone_above(path)
        except OSError as error:
            self._do_without(path, error)

    def _rename_folder(self, operation: RenameFolder) -> None:
        try:
            self._tree.rename_folder(operation.path, operation.new)
        except (FileNotFoundError, NotADirectoryError):
            self._take_back(operation)  # the folder is gone, the next plan makes it anew
        except FileExistsError:
            self._take_back(operation)
            self._leave_alone(operation.new)
            self._move_links(operation)
        else:
            self._forget_folder(operation.path, operation.entries)

    def _move_links(self, operation: RenameFolder) -> None:
        """The new name is that of a folder of somebody else's: use it, and empty ours."""
        for name, entry in operation.entries.items():
            again = _anew(os.path.join(operation.new, name), entry)
            if again is not None:
                self.announce(again)
                self._do(again)
        for name, entry in reversed(list(operation.entries.items())):
            path = os.path.join(operation.path, name)
            self._remove_folder(path) if isinstance(entry, Folder) else self._remove(path, entry)
        self._remove_folder(operation.path)

    def _forget_folder(self, path: bytes, names: Iterable[bytes]) -> None:
        for name in names:
            self._manifest.forget(os.path.join(path, name))
        self._manifest.forget(path)

    def _put_unless_in_the_way(self, path: bytes, operation: PutLink | PutCopy | PutCover) -> None:
        try:
            self._put(operation)
        except PhotoAwayError as error:
            self._waiting[path] = str(error)
            self._take_back(operation)
            self._clear_away(temporary(path))
        except FileExistsError:
            if self._tree.state(path, operation.old) is State.FOREIGN:
                self._leave_alone(path)
            else:
                self._leave_alone(temporary(path))
                self._take_back(operation)
        except (FileNotFoundError, NotADirectoryError):
            self._leave_alone_above(path)
        except OSError as error:
            self._do_without(path, error)
        else:
            return
        self._manifest.forget(temporary(path))

    def _put(self, operation: PutLink | PutCopy | PutCover) -> None:
        match operation:
            case PutLink(path, new, None):
                self._tree.make_link(path, new.target)
            case PutLink(path, new, old):
                self._refuse_foreign(path, old)
                self._tree.make_link(temporary(path), new.target)
                self._replace(path, new)
            case PutCopy(path, new, old):
                self._refuse_foreign(path, old)
                if self._tree.is_linked(path, new):
                    self._manifest.record(path, self._tree.stamped(path, new))
                elif isinstance(old, Copy) and _is_moved(old, new):
                    self._manifest.record(path, replace(old, source=new.source))
                else:
                    self._replace(path, self._tree.make_copy(temporary(path), new))
            case PutCover(path, new, old, jpeg):
                self._refuse_foreign(path, old)
                self._tree.make_file(temporary(path), jpeg)
                self._replace(path, new)

    def _refuse_foreign(self, path: bytes, old: Entry | None) -> None:
        if self._tree.state(path, old) is State.FOREIGN:
            raise FileExistsError

    def _replace(self, path: bytes, new: Entry) -> None:
        self._tree.rename(temporary(path), path)
        self._manifest.record(path, self._tree.stamped(path, new))
        self._manifest.forget(temporary(path))

    def _remove(self, path: bytes, old: Entry) -> None:
        match self._tree.state(path, old):
            case State.OURS:
                self._tree.remove(path)
            case State.FOREIGN:
                self._leave_alone(path)
        self._manifest.forget(path)

    def _remove_folder(self, path: bytes) -> None:
        try:
            self._tree.remove_folder(path)
        except FileNotFoundError:
            pass  # somebody removed it before us
        except NotADirectoryError:
            self._leave_alone(path)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            self._leave_alone(path, "a folder that holds what is not ours")
        self._manifest.forget(path)

    def _clear_away(self, path: bytes) -> None:
        """Remove a temporary file that was begun."""
        with suppress(FileNotFoundError):
            self._tree.remove(path)

    def _leave_alone(self, path: bytes, found: str | None = None) -> None:
        """What is at ``path`` is not ours, or not any more."""
        self._conflicts[path] = found or self._tree.describe(path)
        self._manifest.forget(path)

    def _do_without(self, path: bytes, error: OSError) -> None:
        """The disk does not take a name: that of the topmost folder which it refused is reported.

        Raises any other ``error``.
        """
        if error.errno not in _NAME_REFUSED:
            raise error
        self._manifest.forget(path)
        if self._conflicts.keys().isdisjoint(_above(path)):
            self._leave_alone(path, "a disk that does not take this name")

    def _leave_alone_above(self, path: bytes) -> None:
        """One of the folders above ``path`` is gone or not ours any more; report the topmost."""
        lost = (p for p in _above(path) if self._tree.state(p, Folder()) is not State.OURS)
        self._leave_alone(next(lost, b""))
        for folder in (*lost, path):
            self._manifest.forget(folder)

    def _take_back(self, operation: Operation) -> None:
        """Forget what was announced.  Temporary names stay, for the next plan to clean up."""
        match operation:
            case (
                MakeFolder(path)
                | PutLink(path, _, None)
                | PutCopy(path, _, None)
                | PutCover(path, _, None)
            ):
                self._manifest.forget(path)
            case RenameFolder(_, new, entries):
                self._forget_folder(new, entries)


def _above(path: bytes) -> list[bytes]:
    """Return the folders that ``path`` lies in, the topmost first."""
    parts = path.split(b"/")
    return [b"/".join(parts[:depth]) for depth in range(1, len(parts))]


def _anew(path: bytes, entry: Entry) -> Operation | None:
    """Return what makes ``entry`` at ``path``; a cover is cut again instead."""
    match entry:
        case Link():
            return PutLink(path, entry, None)
        case Copy():
            return PutCopy(path, entry, None)
        case Folder():
            return MakeFolder(path)
    return None


def _is_moved(old: Copy, new: Copy) -> bool:
    """Whether only the photo's place is another than when the copy ``old`` was made."""
    return replace(old, source=new.source) == new


def _chunks(operations: Iterable[Operation]) -> Iterator[list[Operation]]:
    rest = iter(operations)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
