"""Faces, cut out of their photos: each photo is decoded once, at the scale that is needed."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from facewatchd.decode import Photo, open_photo
from facewatchd.errors import PhotoError
from facewatchd.model import Box

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facewatchd.reports.material import Material

_READ_AT_ONCE = 16 << 20  # bytes


class Unreadable(NamedTuple):
    """A photo whose faces could not be cut out, and why, in words for a user."""

    photo: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What is not tried: files above ``file_mb`` (10^6 bytes), pictures above ``megapixels``."""

    file_mb: float = 500
    megapixels: float = 250


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """An upright photo, of which one pixel stands for ``scale`` pixels of the original."""

    image: Image.Image
    scale: float

    def shows(self, box: Box) -> bool:
        """Whether at least a part of ``box`` is in the picture."""
        width, height = (side * self.scale for side in self.image.size)
        return box.left < width and box.top < height and box.right > 0 and box.bottom > 0

    def square(self, box: Box, side: int, margin: float) -> Image.Image:
        """Return ``box`` with ``margin`` of its longer side all around, ``side`` pixels square.

        At the picture's edge the square is moved inwards, and only made smaller where it does not
        fit.
        """
        longer = max(box.right - box.left, box.bottom - box.top)
        edge = longer * (1 + 2 * margin) / self.scale
        edge = min(max(1.0, edge), *self.image.size)
        left = _inside((box.left + box.right) / 2 / self.scale, edge, self.image.width)
        top = _inside((box.top + box.bottom) / 2 / self.scale, edge, self.image.height)
        part = (left, top, left + edge, top + edge)
        return self.image.resize((side, side), Image.Resampling.LANCZOS, part, reducing_gap=3.0)

    def rectangle(self, box: Box, margin: float) -> Image.Image:
        """Return the part of ``box`` with ``margin`` of its sides that is in the picture."""
        across, down = (margin * (b - a) for a, b in ((box.left, box.right), (box.top, box.bottom)))
        left = max(0, math.floor((box.left - across) / self.scale))
        top = max(0, math.floor((box.top - down) / self.scale))
        right = min(self.image.width, max(left + 1, math.ceil((box.right + across) / self.scale)))
        bottom = min(self.image.height, max(top + 1, math.ceil((box.bottom + down) / self.scale)))
        return self.image.crop((left, top, right, bottom))


def views(
    material: Material,
    sides: NDArray[np.float64],
    limits: Limits,
    unreadable: list[Unreadable],
) -> Iterator[tuple[list[int], View | None]]:
    """Yield each photo that a face is wanted of: those faces, and the photo, None if unreadable.

    ``sides`` (N,) says how many pixels the longer side of each face's box is to have at least where
    the photo has as many, 0 for a face that is not wanted.  One photo is in memory at a time.  What
    cannot be read joins ``unreadable``; a face outside its photo is left out, and named there.
    """
    wanted = np.flatnonzero(sides > 0)
    order = wanted[np.argsort(material.photo[wanted], kind="stable")]
    photos, starts = np.unique(material.photo[order], return_index=True)
    for number, faces in zip(photos.tolist(), np.split(order, starts[1:]), strict=False):
        path = material.photos[number]
        try:
            view = _view(path, _share(material.boxes[faces], sides[faces]), limits)
        except PhotoError as error:
            unreadable.append(Unreadable(path, error.title))
            yield faces.tolist(), None
            continue
        seen = [face for face in faces.tolist() if view.shows(box_of(material, face))]
        if len(seen) < len(faces):
            unreadable.append(
                Unreadable(path, "It is another picture by now: a face would lie outside it.")
            )
        yield seen, view


def box_of(material: Material, face: int) -> Box:
    """Return the box of ``face``."""
    return Box(*material.boxes[face].tolist())


def _share(boxes: NDArray[np.int64], sides: NDArray[np.float64]) -> float:
    """Return the scale, at most 1, at which each box has its side."""
    longer = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return float(np.minimum(1.0, (sides / np.maximum(longer, 1)).max()))


def _view(path: bytes, share: float, limits: Limits) -> View:
    """Return the photo at ``path`` at ``share`` of its size or more; PhotoError if it cannot be."""
    try:
        photo = Photo(_content(path, limits.file_mb), limits.megapixels)
        picture = photo.picture(max(1, math.ceil(photo.longest_side * share)))
        return View(Image.fromarray(picture.pixels), picture.scale)
    except OSError as error:
        reason = error.strerror or "it is no regular file"
        raise PhotoError(f"It cannot be read: {reason}.", "Is it still there?") from error
    except MemoryError as error:
        raise PhotoError("There is not enough memory to decode it.", "Close something.") from error


def _content(path: bytes, file_mb: float) -> bytes:
    with open_photo(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > file_mb * 1e6:
            raise PhotoError(
                f"The file has {size / 1e6:,.0f} MB; the limit is {file_mb:,g} (limits.file_mb).",
                "Raise limits.file_mb if it is a real photo.",
            )
        return b"".join(iter(lambda: file.read(_READ_AT_ONCE), b""))


def _inside(centre: float, edge: float, length: int) -> float:
    return min(max(0.0, centre - edge / 2), length - edge)
