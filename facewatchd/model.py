"""What travels the pipeline, as frozen dataclasses.

Paths are ``bytes``: any byte string is a legal file name.  Boxes are in pixels of the upright
(EXIF orientation applied) original.  Times are seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the client imports this module and starts without numpy
    import os

    import numpy as np
    from numpy.typing import NDArray

    Encoding = NDArray[np.float32]


LARGEST_INTEGER = 2**63 - 1  # that SQLite takes


class FileState(StrEnum):
    """The state of one file in a watched root."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"


class DateSource(StrEnum):
    """Where a capture date comes from, best first."""

    EXIF = "exif"
    NAME = "name"
    FILE = "file"


class Box(NamedTuple):
    """A face's rectangle; ``right`` and ``bottom`` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


class CaptureDate(NamedTuple):
    """When a photo was taken (camera's local time read as UTC), and how we know."""

    at: float
    source: DateSource


@dataclass(frozen=True, slots=True)
class FileStat:
    """A regular file as a walk saw it; equal stats mean: not read again."""

    path: bytes
    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: bytes, stat: os.stat_result) -> FileStat:
        """Return what identifies an unchanged file; the inode is cut to SQLite's 63 bits."""
        return cls(path, stat.st_size, stat.st_mtime_ns, stat.st_ino & LARGEST_INTEGER)


@dataclass(frozen=True, slots=True)
class Detection:
    """A detector's answer: a box in the pixels it was given, and its confidence (its own unit)."""

    box: Box
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A detected face of one photo.  ``quality`` is 0 to 1; ``encoding`` is float32 (D,)."""

    box: Box
    quality: float
    encoding: Encoding


@dataclass(frozen=True, slots=True, eq=False)
class PhotoResult:
    """All that is read from one photo.  ``faces`` are ordered by box, so that runs agree.

    ``hash`` is the picture's.  Size and boxes are those of the picture turned upright by the EXIF
    ``orientation``, 1 to 8.
    """

    hash: bytes
    width: int
    height: int
    captured: CaptureDate
    faces: tuple[Face, ...]
    orientation: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A lasting group of similar faces of one person.

    ``centroid`` is the float64 mean (D,) of its ``count`` encodings, ``spread`` their mean squared
    distance from it.
    """

    id: int
    person: str
    centroid: NDArray[np.float64]
    count: int
    spread: float


class Candidate(NamedTuple):
    """A person that a doubtful face may be, with the similarity to that person's nearest look."""

    person: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link that we made in the output tree, and what it holds."""

    target: bytes


@dataclass(frozen=True, slots=True)
class File:
    """A file that we wrote in the output tree: what it shows (``key``), SHA-256 of its bytes."""

    key: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that we made in the output tree."""


Entry = Link | File | Folder


# Tasks: what the pool asks a worker, one at a time, and what the worker answers.


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is told when it starts: its engine, and what one photo may cost."""

    detector: str
    encoder: str
    longest_side: int
    megapixels: float
    file_mb: float
    memory_mb: int


@dataclass(frozen=True, slots=True)
class DatePhotos:
    """Read the capture dates of ``files`` (id, path) from their headers; answered by Dated."""

    files: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """Read a photo that a walk saw as ``stat``.

    Answered by Hashed and then, when the pool says so, by PhotoRead; a picture that is known by its
    pixels alone is Hashed a second time in between, when they are decoded.  PhotoFailed,
    PhotoUnsupported and PhotoChanged can take the place of each.
    """

    file: int
    stat: FileStat


@dataclass(frozen=True, slots=True)
class CropFace:
    """Cut a face, with some margin, out of the photo ``hash``; answered by Cropped or PhotoFailed.

    ``box`` is in the upright pixels of the file ``stat``; PhotoChanged when the file is another by
    now.  The JPEG is square and has at most ``side`` pixels a side.
    """

    stat: FileStat
    hash: bytes
    box: Box
    side: int


Task = DatePhotos | ReadPhoto | CropFace


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has loaded its engine."""


@dataclass(frozen=True, slots=True)
class NotReady:
    """The worker cannot load its engine, and has ended."""

    title: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Dated:
    """Capture dates by file id; files that have vanished are left out."""

    dates: tuple[tuple[int, CaptureDate], ...]


class Identity(NamedTuple):
    """The hash of a picture without metadata, and what the metadata of one file says of it."""

    hash: bytes
    orientation: int
    captured: CaptureDate


@dataclass(frozen=True, slots=True)
class Hashed:
    """The hash of all bytes of a file, and its identity once that is known.

    The worker waits to be told whether to go on with the photo.
    """

    content: bytes
    identity: Identity | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PhotoRead:
    """All that is read from one photo, and the hash of all bytes of the file it was read from."""

    content: bytes
    result: PhotoResult


@dataclass(frozen=True, slots=True)
class PhotoFailed:
    """The photo cannot be read, and would not be at a second try."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class PhotoUnsupported:
    """The file holds a picture in a format that is not read; ``kind`` names the format."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class PhotoChanged:
    """The file is no longer what the walk saw, or changed while it was read: scan it again."""


@dataclass(frozen=True, slots=True)
class Cropped:
    """A face as a square JPEG."""

    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """The task ended its worker (crash, time limit, memory); ``reason`` says how, in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """The worker of a task that was Lost before does not die: its storage does not answer."""


Answer = (
    Dated
    | Hashed
    | PhotoRead
    | PhotoFailed
    | PhotoUnsupported
    | PhotoChanged
    | Cropped
    | Lost
    | Stuck
)
