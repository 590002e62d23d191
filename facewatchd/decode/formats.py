"""Which formats are read, and how a file of one is opened: by content, whatever it is called."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pillow_heif
from PIL import Image, ImageFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BytesIO, FileIO

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF")

# One thread a worker: the pool already has one worker a core.
pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)


def open_picture(file: FileIO | BytesIO) -> ImageFile.ImageFile:
    """Read the header of the picture in ``file``; its pixels are not yet decoded."""
    with our_own_limits():
        return Image.open(file, formats=FORMATS)


@contextmanager
def our_own_limits() -> Iterator[None]:
    """Lift Pillow's own limit on pixels: ours is checked by whoever goes on to decode."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
