"""What we made in the output tree, as the manifest knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link that we made in the output tree, and what it holds."""

    target: bytes


@dataclass(frozen=True, slots=True)
class File:
    """A file that we wrote in the output tree: what it shows (``key``), SHA-256 of its bytes."""

    key: bytes
    digest: bytes


class Way(StrEnum):
    """How a photo is shown in the output tree.

    EITHER is a reflink where the disk can, else a copy.
    """

    SYMLINK = "symlink"
    REFLINK = "reflink"
    COPY = "copy"
    EITHER = "reflink or copy"
    HARDLINK = "hardlink"


class Stamp(NamedTuple):
    """What the disk says of a file of ours; whoever writes to the file changes ``ctime_ns``."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class Copy:
    """A photo's own file in the output tree, that we made in the given way (not SYMLINK).

    ``photo`` is the hash of the picture; ``source`` is the photo, which had that size and time
    then.  ``stamp`` is what the file was known by when we had made it, None until then, and
    ``digest`` SHA-256 of its bytes, None where none were read for it.
    """

    way: Way
    photo: bytes
    source: bytes
    size: int
    mtime_ns: int
    stamp: Stamp | None = field(default=None, compare=False)
    digest: bytes | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that we made in the output tree."""


Entry = Link | Copy | File | Folder
