"""A photo in memory: what it is known by, and its upright RGB pixels, within limits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import ExifTags, Image

from facewatchd.decode import intact, raw
from facewatchd.decode.damage import COPY_ANEW, decoding
from facewatchd.decode.dates import exif_date
from facewatchd.decode.formats import open_picture
from facewatchd.decode.jpeg import picture_hash
from facewatchd.decode.pixels import as_stored, pixels_hash, rgb, upright
from facewatchd.errors import PhotoError
from facewatchd.model import PictureForm
from facewatchd.orientation import lies, valid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.model import Box

_JPEG_QUALITY = 88
_MARGIN = 0.4


class Facts(NamedTuple):
    """What a photo is known by, and what its metadata says.

    ``hash`` is that of the picture without metadata, ``orientation`` EXIF's, 1 to 8, ``taken`` its
    date in seconds since 1970.
    """

    hash: bytes
    orientation: int
    taken: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright picture.

    ``pixels`` are RGB, uint8 (H, W, 3), perhaps scaled down; ``width`` and ``height`` are those of
    the upright original.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int

    @property
    def scale(self) -> float:
        """How many pixels of the original one pixel stands for, at least 1."""
        decoded: int = max(self.pixels.shape[:2])
        return max(self.width, self.height) / decoded


class Photo:
    """The bytes of a file that holds a picture; of a RAW file, its largest embedded JPEG.

    Each step raises PhotoError for what is wrong with the file, and MemoryError.
    """

    def __init__(self, data: bytes, megapixels: float) -> None:
        """Read and check the header; UnsupportedError for a RAW file without a picture.

        A picture of more than ``megapixels`` is refused before it is unpacked.
        """
        if not data:
            raise PhotoError("The file is empty.", COPY_ANEW)
        with decoding(data):
            self._raw = raw.preview(data)
            self._data = self._raw.jpeg if self._raw else data
            # Pillow makes room for a GIF's frames when it opens it.
            _check_pixels(intact.largest_frame(self._data), megapixels)
            self._image: Image.Image = open_picture(BytesIO(self._data))
            self._format = self._image.format or ""
            self._size = self._image.size
            _check_pixels(self._size[0] * self._size[1], megapixels)
            intact.check(self._data, self._format, self._image.info.get("exif"))
            # A TIFF forgets its orientation while it is decoded; a PNG may tell it only then.
            self._tags = None if self._format == "PNG" else self._read_tags()
        self._stored: Image.Image | None = None

    @property
    def is_jpeg(self) -> bool:
        """Whether it is known by its bytes, so that its facts cost no decoding."""
        return self._format in {"JPEG", "MPO"}

    @property
    def longest_side(self) -> int:
        """The longest side of the whole picture, in pixels."""
        return max(self._size)

    def facts(self) -> Facts:
        """Return what it is known by, decoding what is no JPEG."""
        with decoding(self._data):
            digest = picture_hash(self._data) if self.is_jpeg else pixels_hash(self._decoded())
            return Facts(digest, *self._known_tags())

    def picture(self, longest_side: int) -> Picture:
        """Return it upright; it can be asked nothing after that, as its memory is given back.

        A large JPEG is decoded at the smallest scale that keeps its longest side at
        ``longest_side`` pixels or more, any other picture reduced to no less than twice that.
        """
        with decoding(self._data):
            seen, (width, height) = self._upright(longest_side)
            pixels = np.array(seen)
        self._stored = None
        self._image.close()
        return Picture(pixels, width, height)

    def square(self, box: Box, side: int, form: PictureForm = PictureForm.JPEG) -> bytes:
        """Return a picture, at most ``side`` pixels square, of ``box`` and some margin around it.

        At a picture's edge the square is moved inwards, and only made smaller where it does not
        fit.
        """
        wanted = max(box.right - box.left, box.bottom - box.top) * (1 + 2 * _MARGIN)
        longest = math.ceil(max(self._size) * min(1.0, side / wanted))
        with decoding(self._data):
            seen, size = self._upright(longest)
            scale = max(seen.size) / max(size)
            edge = min(round(wanted * scale), *seen.size)
            left = _inside((box.left + box.right) / 2 * scale, edge, seen.width)
            top = _inside((box.top + box.bottom) / 2 * scale, edge, seen.height)
            crop = seen.crop((left, top, left + edge, top + edge))
            crop.thumbnail((side, side))
            file = BytesIO()
            Image.fromarray(np.asarray(crop)).save(file, form.upper(), quality=_JPEG_QUALITY)
            return file.getvalue()

    def _upright(self, longest_side: int) -> tuple[Image.Image, tuple[int, int]]:
        """Return the picture, upright, and the size of the upright original."""
        stored = self._decoded(longest_side)
        width, height = self._size if self.is_jpeg else stored.size
        orientation, _ = self._known_tags()
        seen = rgb(stored)
        if (whole := max(seen.size) // (2 * longest_side)) > 1:
            seen = seen.reduce(whole)
        return upright(seen, orientation), (height, width) if lies(orientation) else (width, height)

    def _decoded(self, longest_side: int | None = None) -> Image.Image:
        """Return the pixels as they are stored; of a JPEG, no more of them than are needed."""
        if self._stored is None:
            width, height = self._size
            if self.is_jpeg and longest_side and (share := longest_side / max(self._size)) < 1:
                self._image.draft(None, (math.ceil(width * share), math.ceil(height * share)))
            self._image.load()
            turned = self._format == "TIFF" and self._tags  # Pillow has turned it meanwhile
            self._stored = as_stored(self._image, turned[0]) if turned else self._image
        return self._stored

    def _known_tags(self) -> tuple[int, float | None]:
        if self._tags is None:
            self._tags = self._read_tags()
        return self._tags

    def _read_tags(self) -> tuple[int, float | None]:
        """Return orientation and date; a RAW file's own win over its preview's."""
        exif = self._image.getexif()
        orientation, taken = exif.get(ExifTags.Base.Orientation), exif_date(exif)
        if self._raw is not None:
            orientation = self._raw.orientation or orientation
            taken = self._raw.taken if self._raw.taken is not None else taken
        return valid(orientation), taken


def _check_pixels(pixels: int, megapixels: float) -> None:
    if pixels > megapixels * 1e6:
        raise PhotoError(
            f"The picture has {pixels / 1e6:,.0f} megapixels; the limit is {megapixels:,g} "
            "(limits.megapixels).",
            "Raise limits.megapixels and limits.memory_mb if it is a real photo.",
        )


def _inside(centre: float, edge: int, length: int) -> int:
    return min(max(0, round(centre - edge / 2)), length - edge)
