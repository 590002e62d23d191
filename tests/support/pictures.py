"""Pictures without faces, made on the spot: real files that are read in milliseconds."""

from __future__ import annotations

import io
import os
import random
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LONG_AGO = 1_500_000_000

# The least that the detector may be asked for, so that it is soon done.
QUICK = {"engine": {"longest_side": 320}}


def noise(number: int, width: int = 64, height: int = 48, kind: str = "JPEG") -> bytes:
    """Return a picture that no other number gives; nearly all of the file is its picture."""
    pixels = random.Random(number).randbytes(width * height * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(file, kind)
    return file.getvalue()


def another(photo: Path, number: int) -> bytes:
    """Return ``photo`` as a PNG with one other pixel in its corner: as good as the same to see."""
    with Image.open(photo) as image:
        changed = image.convert("RGB")
    changed.putpixel((0, 0), (number % 256, number // 256, 7))
    file = io.BytesIO()
    changed.save(file, "PNG")
    return file.getvalue()


def album(folder: Path, count: int, first: int = 0) -> list[Path]:
    """Make a folder of ``count`` old pictures, of about 25 kB each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.jpg" for number in range(first, first + count)]
    for number, path in enumerate(paths, first):
        path.write_bytes(noise(number, 240, 160))
    return aged(paths)


def aged(paths: Iterable[Path]) -> list[Path]:
    """Make files so old that nobody can take them for unfinished, and return them."""
    old = list(paths)
    for path in old:
        os.utime(path, (_LONG_AGO, _LONG_AGO))
    return old
