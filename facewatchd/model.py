"""What travels the pipeline, as frozen dataclasses.

Paths are ``bytes``: any byte string is a legal file name.  Boxes are in pixels of the upright
(EXIF orientation applied) original.  Times are seconds since 1970.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
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
    """A detector's answer, in the pixels it was given.

    ``confidence`` is 0 to 1.  ``points`` are (x, y) of the eyes, the nose and the corners of the
    mouth, of each pair the one to the left in the picture first; None where they are not found.
    """

    box: Box
    confidence: float
    points: tuple[tuple[float, float], ...] | None = None


class Quality(NamedTuple):
    """How well a face can be seen, each measure 0 to 1; ``pose`` is None where it is not known."""

    size: float
    sharpness: float
    confidence: float
    pose: float | None = None

    @property
    def score(self) -> float:
        """All in one number, 0 to 1: the geometric mean.

        So a face that is larger, sharper, surer or straighter, all else equal, scores higher, and
        one that lacks any of these is poor.
        """
        known = [measure for measure in self if measure is not None]
        return float(math.prod(known) ** (1 / len(known)))


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A detected face of one photo; ``encoding`` is float32 (D,)."""

    box: Box
    quality: Quality
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


class EngineId(NamedTuple):
    """An engine: the names of its detector and its encoder, and the encoder's version."""

    detector: str
    encoder: str
    version: str

    @property
    def encodings(self) -> str:
        """What its encodings are called; only those of one name can be compared."""
        return f"{self.encoder}/{self.version}"

    @property
    def name(self) -> str:
        """How users call it."""
        return f"{self.detector}+{self.encoder}"

    def __str__(self) -> str:
        return f"{self.detector}/{self.encoder}@{self.version}"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a detector and an encoder are told when they are constructed.

    ``longest_side``: pictures are scaled to it, in pixels, to look for faces.  ``smallest_face``:
    the side, in pixels of the scaled picture, of the smallest face that is looked for.
    ``hardware``: a key of `engines.session.PROVIDERS`, or auto.  ``models``: the folder with the
    weights that the user fetched.  ``cache``: the folder for converted models; None: they are kept
    in memory only.  ``pack``: the name of the pack in ``models``; None: the only one there.
    """

    longest_side: int = 1600
    smallest_face: int = 24
    hardware: str = "cpu"
    models: Path = Path("models")
    cache: Path | None = None
    pack: str | None = None


# Tasks: what the pool asks a worker, one at a time, and what the worker answers.


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is told when it starts: its engine, and what one photo may cost.

    ``second`` names the detector and the encoder that every photo is read by as well, while the
    library goes over to them.
    """

    detector: str
    encoder: str
    setup: Setup
    megapixels: float
    file_mb: float
    memory_mb: int
    second: tuple[str, str] | None = None

    @property
    def engines(self) -> tuple[tuple[str, str], ...]:
        """Detector and encoder of each engine, the one of the library first."""
        first = (self.detector, self.encoder)
        return (first,) if self.second is None else (first, self.second)


@dataclass(frozen=True, slots=True)
class Told:
    """What the user said of places in one picture; boxes in the pixels as its files store them.

    ``always``: a face is there, also where no detector finds one.  ``never``: what is there was
    forgotten, and is not encoded again.
    """

    always: tuple[Box, ...] = ()
    never: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class DatePhotos:
    """Read the capture dates of ``files`` (id, path) from their headers; answered by Dated."""

    files: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """Read a photo that a walk saw as ``stat``.

    Answered by Hashed and then, when the pool says so, by PhotoRead; a picture that is known by its
    pixels alone is Hashed a second time in between, when they are decoded.  PhotoFailed,
    PhotoUnsupported and PhotoChanged can take the place of each.  ``alone``: by the first engine
    only, and only where its detector finds faces, as all else may be what an earlier try failed of.
    """

    file: int
    stat: FileStat
    alone: bool = False


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """Read the known photo ``photo`` by the last engine of the worker, from one of its files.

    Answered by PhotoReadAgain, PhotoUnsupported, PhotoFailed (also when the file is unchanged and
    does not show the picture ``hash``), or PhotoChanged when it is not what the walk saw.
    """

    photo: int
    hash: bytes
    file: int
    stat: FileStat
    told: Told = Told()


@dataclass(frozen=True, slots=True)
class EncodeFaces:
    """Encode by the library's engine the faces at ``boxes`` of a known photo, found or not.

    ``boxes`` are in the upright pixels of the file ``stat``, which shows the picture ``hash``.
    Answered by FacesEncoded, PhotoUnsupported, PhotoFailed, or PhotoChanged when the file is
    another by now.
    """

    photo: int
    hash: bytes
    stat: FileStat
    boxes: tuple[Box, ...]


class PictureForm(StrEnum):
    """How a picture of a face is written; PPM (P6) is read without a library."""

    JPEG = "jpeg"
    PNG = "png"
    PPM = "ppm"


@dataclass(frozen=True, slots=True)
class CropFace:
    """Cut a face, with some margin, out of the photo ``hash``; answered by Cropped or PhotoFailed.

    ``box`` is in the upright pixels of the file ``stat``; PhotoChanged when the file is another by
    now.  The picture is square, has at most ``side`` pixels a side, and is written as ``form``.
    """

    stat: FileStat
    hash: bytes
    box: Box
    side: int
    form: PictureForm = PictureForm.JPEG


Task = DatePhotos | ReadPhoto | ReadAgain | EncodeFaces | CropFace


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
    """All that is read from one photo, and the hash of all bytes of the file it was read from.

    ``second`` are the faces that a second engine found, None where there is none.
    """

    content: bytes
    result: PhotoResult
    second: tuple[Face, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PhotoReadAgain:
    """What the worker's last engine found in a photo that is known."""

    result: PhotoResult


@dataclass(frozen=True, slots=True, eq=False)
class FacesEncoded:
    """The faces at the boxes of an EncodeFaces, in their order."""

    faces: tuple[Face, ...]


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
    """A face as a square picture, in the form that was asked for."""

    picture: bytes


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
    | PhotoReadAgain
    | FacesEncoded
    | PhotoFailed
    | PhotoUnsupported
    | PhotoChanged
    | Cropped
    | Lost
    | Stuck
)
