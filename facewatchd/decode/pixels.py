"""Decoded pixels: their hash, turning them upright, and making RGB of every mode."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facewatchd.decode.jpeg import HASH_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UPRIGHT = {  # EXIF orientation -> what turns it upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BACK = {
    **_UPRIGHT,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
_PIXELS_AT_ONCE = 1 << 18


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return ``image``, stored in EXIF ``orientation``, as it is to be seen."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def as_stored(image: Image.Image, orientation: int) -> Image.Image:
    """Undo ``upright``."""
    return image.transpose(_BACK[orientation]) if orientation in _BACK else image


def pixels_hash(image: Image.Image) -> bytes:
    """Return a hash of mode, size, palette and pixels of ``image``."""
    digest = blake2b(digest_size=HASH_SIZE, person=b"pixels")
    width, height = image.size
    palette = image.getpalette() if image.mode in {"P", "PA"} else None
    digest.update(f"{image.mode} {width} {height} {palette}".encode())
    rows = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, rows):
        digest.update(image.crop((0, top, width, min(top + rows, height))).tobytes())
    return digest.digest()


def rgb(image: Image.Image) -> Image.Image:
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
