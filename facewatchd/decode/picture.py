"""The bytes of a file -> upright RGB pixels, within limits."""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from facewatchd.decode import intact
from facewatchd.decode.dates import exif_date
from facewatchd.decode.formats import open_picture
from facewatchd.errors import PhotoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

    from facewatchd.model import Box

_UPRIGHT = {  # EXIF orientation -> what turns it upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = {5, 6, 7, 8}
_JPEG_QUALITY = 88
_MARGIN = 0.4
_COPY_ANEW = "Copy it anew from its source; it is tried again when the file changes."
_NOT_A_PICTURE = (
    "Remove it, or give it the suffix of what it is; it is tried again when it changes."
)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright picture.

    ``pixels`` are RGB, uint8 (H, W, 3), perhaps scaled down; ``width`` and ``height`` are those of
    the upright original; ``taken`` is its EXIF date, in seconds since 1970.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    taken: float | None

    @property
    def scale(self) -> float:
        """How many pixels of the original one pixel stands for, at least 1."""
        decoded: int = max(self.pixels.shape[:2])
        return max(self.width, self.height) / decoded


def decode(data: bytes, longest_side: int, megapixels: float) -> Picture:
    """Decode the bytes of a file; PhotoError when that cannot be done.

    A large JPEG is decoded at the smallest scale that keeps its longest side at ``longest_side``
    pixels or more, any other picture reduced to no less than twice that, so that memory is bounded.
    A picture of more than ``megapixels`` is refused before it is unpacked.
    """
    with _opened(data, megapixels) as image:
        taken = exif_date(image)
        upright, (width, height) = _upright(image, longest_side)
        return Picture(np.array(upright), width, height, taken)


def square(data: bytes, box: Box, side: int, megapixels: float) -> bytes:
    """Return a JPEG, at most ``side`` pixels square, of ``box`` and some margin around it.

    At a picture's edge the square is moved inwards, and only made smaller where it does not fit.
    """
    with _opened(data, megapixels) as image:
        wanted = max(box.right - box.left, box.bottom - box.top) * (1 + 2 * _MARGIN)
        longest = math.ceil(max(image.size) * min(1.0, side / wanted))
        upright, (width, height) = _upright(image, longest)
    scale = max(upright.size) / max(width, height)
    edge = min(round(wanted * scale), *upright.size)
    left = _inside((box.left + box.right) / 2 * scale, edge, upright.width)
    top = _inside((box.top + box.bottom) / 2 * scale, edge, upright.height)
    crop = upright.crop((left, top, left + edge, top + edge))
    crop.thumbnail((side, side))
    file = BytesIO()
    Image.fromarray(np.asarray(crop)).save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def _inside(centre: float, edge: int, length: int) -> int:
    return min(max(0, round(centre - edge / 2)), length - edge)


@contextmanager
def _opened(data: bytes, megapixels: float) -> Iterator[ImageFile]:
    """Yield the picture in ``data``, checked; turn whatever a decoder raises into a PhotoError."""
    if not data:
        raise PhotoError("The file is empty.", _COPY_ANEW)
    try:
        with warnings.catch_warnings(action="ignore"), open_picture(BytesIO(data)) as image:
            width, height = image.size
            _check_pixels(width * height, megapixels)
            if image.format == "GIF":
                _check_pixels(intact.largest_frame(data), megapixels)
            intact.check(data, image.format or "", image.info.get("exif"))
            yield image
    except (PhotoError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except Exception as error:
        # Decoders raise whatever a damaged file leads them to: OSError, SyntaxError, KeyError,
        # struct.error; none of them is an error of ours, and each costs this one photo.
        if _lacks_memory(str(error)):
            raise MemoryError(str(error)) from error
        raise _damaged(error) from error


def _check_pixels(pixels: int, megapixels: float) -> None:
    if pixels > megapixels * 1e6:
        raise PhotoError(
            f"The picture has {pixels / 1e6:,.0f} megapixels; the limit is {megapixels:,g} "
            "(limits.megapixels).",
            "Raise limits.megapixels and limits.memory_mb if it is a real photo.",
        )


def _unidentified(data: bytes) -> PhotoError:
    starts = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"RIFF": "WebP"}
    starts |= {b"II*\0": "TIFF", b"MM\0*": "TIFF", b"BM": "BMP"}
    name = next((name for start, name in starts.items() if data.startswith(start)), None)
    if data[4:8] == b"ftyp":
        name = "HEIF or AVIF"
    if name is None:
        return PhotoError("This is not a picture that can be read.", _NOT_A_PICTURE)
    return PhotoError(f"The file is damaged: it starts as {name} and cannot be read.", _COPY_ANEW)


def _lacks_memory(words: str) -> bool:
    """Tell libheif's failed allocation from its refusal of a bomb, which has the same title."""
    return words.startswith("Memory allocation error") and "ecurity limit" not in words


def _damaged(error: Exception) -> PhotoError:
    words = str(error) or type(error).__name__
    what = "truncated" if "truncated" in words.lower() or "end of file" in words else "damaged"
    return PhotoError(f"The file is {what}: {words.rstrip('.')}.", _COPY_ANEW)


def _upright(image: ImageFile, longest_side: int) -> tuple[Image.Image, tuple[int, int]]:
    """Return the decoded picture, upright, and the size of the upright original."""
    width, height = image.size
    factor = longest_side / max(width, height)
    if image.format in {"JPEG", "MPO"} and factor < 1:
        image.draft(None, (math.ceil(width * factor), math.ceil(height * factor)))
    image.load()
    # Asked for only now: Pillow turns a TIFF while it loads, and then takes its orientation away.
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    upright = _rgb(image)
    if (whole := max(upright.size) // (2 * longest_side)) > 1:
        upright = upright.reduce(whole)
    if orientation in _UPRIGHT:
        upright = upright.transpose(_UPRIGHT[orientation])
    return upright, (height, width) if orientation in _ON_ITS_SIDE else (width, height)


def _rgb(image: Image.Image) -> Image.Image:
    """Return ``image`` as RGB: deep pictures scaled to 8 bits, transparent ones laid on white."""
    if image.mode.startswith("I;16"):
        deep = np.asarray(image)
        return Image.fromarray((deep >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        return Image.fromarray(_stretched(np.asarray(image, dtype=np.float64))).convert("RGB")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(clear, mask=clear)
        return paper
    return image if image.mode == "RGB" else image.convert("RGB")  # to convert is to copy


def _stretched(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Map values of no fixed range to 0 … 255, the smallest to black and the largest to white."""
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    span = high - low or 1.0
    return np.where(finite, (values - low) / span * 255, 0).round().astype(np.uint8)
