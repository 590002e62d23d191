"""Pure: the difference between the tree that is wanted and the one that we made.

The order of the operations is such that a photo that moves from one folder to another is linked in
both for a moment, never in neither: folders and links are made first and removed last.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd.model import Entry, File, Folder, Link
from facewatchd.organise.names import COVER, Photo, fold, is_temporary, link_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = [
    "COVER",
    "Cover",
    "MakeFolder",
    "Operation",
    "Photo",
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
    """A folder of the tree, by its path in OUTPUT; it holds photos or other folders, not both."""

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
    old: Link | None


@dataclass(frozen=True, slots=True)
class PutCover:
    """Write a cover, in place of ``old`` if there was one."""

    path: bytes
    new: File
    old: File | None
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a link or file that we made."""

    path: bytes
    old: Link | File


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """Remove a folder that we made, if it is empty."""

    path: bytes


@dataclass(frozen=True, slots=True)
class RenameFolder:
    """Change the case of a folder's name, from ``path`` to ``new``.

    A disk that ignores case has no place for both.  ``entries`` is what we made in it, by path in
    it.
    """

    path: bytes
    new: bytes
    entries: Mapping[bytes, Link | File]


Operation = MakeFolder | PutLink | PutCover | Remove | RemoveFolder | RenameFolder


def plan(
    folders: Iterable[WantedFolder], output: bytes, manifest: Mapping[bytes, Entry]
) -> list[Operation]:
    """Return what turns the tree of ``manifest`` (path in OUTPUT -> what we made) into ``folders``.

    ``output`` is OUTPUT's resolved absolute path.  Each folder is named once.  What is not in the
    manifest was not made by us, and no operation removes or replaces it.
    """
    folders = list(folders)
    wanted: dict[bytes, Entry] = {}
    for folder in folders:
        wanted.update(_parents(folder.path))
    renames = _renames(wanted, manifest)
    manifest = _after(renames, manifest)
    jpegs: dict[bytes, bytes] = {}
    for folder in folders:
        wanted.update(_links(folder, output))
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
        if type(wanted.get(path)) is not type(old)
    ]
    names = {fold(operation.path) for operation in puts}
    early = {r.path for r in removals if is_temporary(r.path) or fold(r.path) in names}
    return [
        *renames,
        *(o for o in puts if isinstance(o, MakeFolder)),
        # A disk that ignores case has no place for IMG.jpg while img.jpg is there.
        *(o for o in removals if isinstance(o, Remove) and o.path in early),
        *(o for o in puts if isinstance(o, PutLink)),
        *(o for o in puts if isinstance(o, PutCover)),
        *(o for o in removals if isinstance(o, Remove) and o.path not in early),
        *(o for o in reversed(removals) if isinstance(o, RemoveFolder)),
    ]


def _renames(wanted: Collection[bytes], manifest: Mapping[bytes, Entry]) -> list[RenameFolder]:
    """Return the folders of which only the case changes; those in ``wanted`` are all wanted."""
    missing = {fold(path): path for path in wanted if path not in manifest}
    changed = {
        path: missing[fold(path)]
        for path, entry in sorted(manifest.items())
        if isinstance(entry, Folder) and path not in wanted and fold(path) in missing
    }
    return [
        RenameFolder(
            path,
            new,
            {
                os.path.basename(inner): entry
                for inner, entry in manifest.items()
                if os.path.dirname(inner) == path and not isinstance(entry, Folder)
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
            return PutLink(path, new, old if isinstance(old, Link) else None)
        case File():
            return PutCover(path, new, old if isinstance(old, File) else None, jpegs[path])


def _remove(path: bytes, old: Entry) -> Remove | RemoveFolder:
    return RemoveFolder(path) if isinstance(old, Folder) else Remove(path, old)


def _parents(path: bytes) -> dict[bytes, Entry]:
    """Return the folder ``path`` and all above it in OUTPUT."""
    parts = path.split(b"/")
    return {b"/".join(parts[:depth]): Folder() for depth in range(1, len(parts) + 1)}


def _links(folder: WantedFolder, output: bytes) -> dict[bytes, Entry]:
    here = os.path.join(output, folder.path)
    ways: dict[bytes, bytes] = {}  # folder of photos -> how to get there from here
    links: dict[bytes, Entry] = {}
    for path, name in link_names(folder.photos).items():
        place, photo = os.path.split(path)
        if place not in ways:
            ways[place] = os.path.relpath(place, here)
        links[os.path.join(folder.path, name)] = Link(os.path.join(ways[place], photo))
    return links


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
