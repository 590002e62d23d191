"""Pure: the difference between the tree that is wanted and the one that we made.

The order of the operations is such that a photo that moves from one folder to another is linked in
both for a moment, never in neither: folders and links are made first and removed last.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd.model import Copy, Entry, File, Folder, Link
from facewatchd.organise.names import COVER, Photo, fold, is_temporary
from facewatchd.organise.style import LINKS, Style

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = [
    "COVER",
    "Cover",
    "MakeFolder",
    "Operation",
    "Photo",
    "PutCopy",
    "PutCover",
    "PutLink",
    "Remove",
    "RemoveFolder",
    "RenameFolder",
    "WantedFolder",
    "plan",
]


@dataclass(frozen=True, slots=True)
class Cover:
    """A folder's cover: which face it shows, and the picture, or None to keep what is there."""

    key: bytes
    jpeg: bytes | None = None


@dataclass(frozen=True, slots=True)
class WantedFolder:
    """A folder of the tree, by its path in OUTPUT, with its photos in it or in folders in it."""

    path: bytes
    photos: Collection[Photo]
    cover: Cover | None = None


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """Make a folder; its parent is there."""

    path: bytes


@dataclass(frozen=True, slots=True)
class PutLink:
    """Make a link, in place of ``old`` if there was one."""

    path: bytes
    new: Link
    old: Link | Copy | None


@dataclass(frozen=True, slots=True)
class PutCopy:
    """Make a photo's own file, in place of ``old`` if there was one."""

    path: bytes
    new: Copy
    old: Link | Copy | None


@dataclass(frozen=True, slots=True)
class PutCover:
    """Write a cover or another file of ours, in place of ``old`` if there was one."""

    path: bytes
    new: File
    old: File | None
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a link or file that we made."""

    path: bytes
    old: Link | Copy | File


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """Remove a folder that we made, if it is empty."""

    path: bytes


@dataclass(frozen=True, slots=True)
class RenameFolder:
    """Change the case of a folder's name, from ``path`` to ``new``.

    A disk that ignores case has no place for both.  ``entries`` is what we made in it, and deeper,
    by path in it; folders stand before what is in them.
    """

    path: bytes
    new: bytes
    entries: Mapping[bytes, Entry]


Operation = MakeFolder | PutLink | PutCopy | PutCover | Remove | RemoveFolder | RenameFolder


def plan(
    folders: Iterable[WantedFolder],
    output: bytes,
    manifest: Mapping[bytes, Entry],
    style: Style = LINKS,
    markers: Mapping[bytes, bytes] | None = None,
) -> list[Operation]:
    """Return what turns the tree of ``manifest`` (path in OUTPUT -> what we made) into ``folders``.

    ``output`` is OUTPUT's resolved absolute path.  Each folder is named once.  ``markers`` are
    files beside them, name -> content.  What is not in the manifest was not made by us, and no
    operation removes or replaces it.
    """
    folders = list(folders)
    jpegs: dict[bytes, bytes] = dict(markers or {})
    wanted: dict[bytes, Entry] = {name: _marker(content) for name, content in jpegs.items()}
    shown = {folder.path: style.entries(folder.path, folder.photos, output) for folder in folders}
    for path in {f.path for f in folders}.union(
        os.path.dirname(p) for s in shown.values() for p in s
    ):
        wanted.update(_parents(path))
    renames = _renames(wanted, manifest)
    manifest = _after(renames, manifest)
    for folder in folders:
        wanted.update(shown[folder.path])
        wanted.update(_cover(folder, manifest))
        if folder.cover is not None and folder.cover.jpeg is not None:
            jpegs[_cover_path(folder)] = folder.cover.jpeg

    puts = [
        _put(path, new, manifest.get(path), jpegs)
        for path, new in sorted(wanted.items())
        if manifest.get(path) != new
    ]
    removals = [
        _remove(path, old)
        for path, old in sorted(manifest.items())
        if not _takes_place(wanted.get(path), old)
    ]
    names = {fold(operation.path) for operation in puts}
    early = {r.path for r in removals if is_temporary(r.path) or fold(r.path) in names}
    return [
        *renames,
        *(o for o in puts if isinstance(o, MakeFolder)),
        # A disk that ignores case has no place for IMG.jpg while img.jpg is there.
        *(o for o in removals if isinstance(o, Remove) and o.path in early),
        *(o for o in puts if isinstance(o, PutLink | PutCopy)),
        *(o for o in puts if isinstance(o, PutCover)),
        *(o for o in removals if isinstance(o, Remove) and o.path not in early),
        *(o for o in reversed(removals) if isinstance(o, RemoveFolder)),
    ]


def _renames(wanted: Collection[bytes], manifest: Mapping[bytes, Entry]) -> list[RenameFolder]:
    """Return the folders of which only the case changes; those in ``wanted`` are all wanted."""
    missing = {fold(path): path for path in wanted if path not in manifest}
    changed: dict[bytes, bytes] = {}
    for path, entry in sorted(manifest.items()):
        goes_along = any(above in changed for above in _parents(os.path.dirname(path)))
        if isinstance(entry, Folder) and path not in wanted and not goes_along:
            new = missing.get(fold(path))
            if new is not None and os.path.dirname(new) == os.path.dirname(path):
                changed[path] = new
    return [
        RenameFolder(
            path,
            new,
            {
                inner.removeprefix(path + b"/"): entry
                for inner, entry in sorted(manifest.items())
                if inner.startswith(path + b"/")
            },
        )
        for path, new in changed.items()
    ]


def _after(renames: list[RenameFolder], manifest: Mapping[bytes, Entry]) -> Mapping[bytes, Entry]:
    """Return the manifest as it is after the renames."""
    if not renames:
        return manifest
    after = dict(manifest)
    for rename in renames:
        after[rename.new] = after.pop(rename.path)
        for name, entry in rename.entries.items():
            del after[os.path.join(rename.path, name)]
            after[os.path.join(rename.new, name)] = entry
    return after


def _put(path: bytes, new: Entry, old: Entry | None, jpegs: Mapping[bytes, bytes]) -> Operation:
    match new:
        case Folder():
            return MakeFolder(path)
        case Link():
            return PutLink(path, new, old if isinstance(old, Link | Copy) else None)
        case Copy():
            return PutCopy(path, new, old if isinstance(old, Link | Copy) else None)
        case File():
            return PutCover(path, new, old if isinstance(old, File) else None, jpegs[path])


def _remove(path: bytes, old: Entry) -> Remove | RemoveFolder:
    return RemoveFolder(path) if isinstance(old, Folder) else Remove(path, old)


def _takes_place(new: Entry | None, old: Entry) -> bool:
    """Whether ``new`` is put in the place of ``old``, which then need not be removed."""
    photo = (Link, Copy)
    return type(new) is type(old) or (isinstance(new, photo) and isinstance(old, photo))


def _marker(content: bytes) -> File:
    digest = hashlib.sha256(content).digest()
    return File(digest, digest)


def _parents(path: bytes) -> dict[bytes, Entry]:
    """Return the folder ``path`` and all above it in OUTPUT."""
    parts = path.split(b"/")
    return {b"/".join(parts[:depth]): Folder() for depth in range(1, len(parts) + 1)}


def _cover(folder: WantedFolder, manifest: Mapping[bytes, Entry]) -> dict[bytes, Entry]:
    if folder.cover is None:
        return {}
    path = _cover_path(folder)
    if folder.cover.jpeg is not None:
        return {path: File(folder.cover.key, hashlib.sha256(folder.cover.jpeg).digest())}
    old = manifest.get(path)
    return {path: old} if isinstance(old, File) else {}


def _cover_path(folder: WantedFolder) -> bytes:
    return os.path.join(folder.path, COVER)
