"""Tasks: what the pool asks a worker, one at a time, and what the worker answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from facewatchd.model.engines import Setup
    from facewatchd.model.photos import Box, CaptureDate, Face, FileStat, PhotoResult


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
