"""Photos and the faces in them, as they are found, and people as faces are compared with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the client imports this package and starts without numpy
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
