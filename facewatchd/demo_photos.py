"""Makes the demo's photos: many frames of six people, cut out of one group picture.

They differ as photos of a family do: other neighbours in the frame, light, size, camera held
upright or turned, file format, date.
"""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pillow_heif
from PIL import ExifTags, Image, ImageEnhance, ImageOps

from facewatchd.errors import FacewatchError

_PACKAGE, _PICTURE = "insightface", "insightface/data/images/t1.jpg"
_SIZE = (1280, 886)  # of the picture that the places below were measured in
_FIRST_DAY = datetime(2016, 5, 14, 10, 30, tzinfo=UTC)
_BETWEEN = timedelta(days=43, hours=3, minutes=17)
_CUT_SHORT = 0.6  # the share of its bytes that the broken photo has

# What the camera stored, so that turning it by its EXIF orientation gives the upright picture.
_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class MadePhoto:
    """A photo of the demo; ``people`` are places in the group picture, 0 to 5 from the left."""

    path: Path
    people: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Seat:
    """The centre and size of a face in the group picture, in pixels."""

    x: int
    y: int
    size: int


@dataclass(frozen=True, slots=True)
class _View:
    """How one person is photographed: the frame in sizes of the face, and what is done to it."""

    left: float
    up: float
    right: float
    down: float
    scale: float
    brightness: float = 1.0
    colour: float = 1.0
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    """One photo to be taken."""

    people: tuple[int, ...]
    window: tuple[int, int, int, int]
    view: _View


_SEATS = (
    _Seat(117, 336, 104),
    _Seat(318, 222, 88),
    _Seat(510, 355, 110),
    _Seat(782, 417, 105),
    _Seat(934, 132, 118),
    _Seat(1168, 337, 104),
)
_VIEWS = (
    _View(1.0, 1.1, 1.0, 1.1, scale=2.5),
    _View(0.9, 1.2, 1.05, 2.4, scale=2.0, brightness=1.2),
    _View(1.1, 1.0, 0.9, 1.4, scale=3.0, brightness=0.75),
    _View(0.95, 1.15, 0.95, 1.8, scale=2.0, mirrored=True),
    _View(1.05, 1.3, 0.85, 1.2, scale=4.0, colour=0.4),
    _View(0.85, 1.05, 1.1, 2.0, scale=1.5),
)
_TOGETHER = (
    ((0, 1), (0, 140, 430, 460)),
    ((1, 2), (230, 140, 640, 500)),
    ((2, 3), (400, 250, 900, 560)),
    ((3, 5), (690, 250, 1280, 560)),
    ((4, 5), (840, 20, 1280, 440)),
    ((0, 1, 2), (0, 130, 640, 520)),
    ((3, 4, 5), (690, 30, 1280, 520)),
)
_GROUP_VIEW = _View(0, 0, 0, 0, scale=2.0)
_FORMATS = {8: ".heic", 15: ".png", 22: ".webp"}  # by number of the photo; the others are JPEGs


def group_picture() -> Path:
    """Return the group picture that the insightface package ships, without importing it."""
    try:
        files = importlib.metadata.files(_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if file.as_posix() == _PICTURE and path.is_file():
            return path
    raise FacewatchError(
        f"The demo's group picture ({_PICTURE} of the package {_PACKAGE}) is not installed.",
        "make run installs it. Or show photos of your own: facewatchctl demo PHOTOS",
    )


def make(group: Path, folder: Path) -> tuple[list[MadePhoto], Path]:
    """Make the photos in ``folder`` and return them, and the path of the broken one."""
    with Image.open(group) as opened:
        picture = opened.convert("RGB")
    if picture.size != _SIZE:
        raise FacewatchError(
            f"The group picture {group} is not the one that the demo knows.",
            "make run installs that one. Or show photos of your own: facewatchctl demo PHOTOS",
        )
    made = [_make(picture, frame, n, folder) for n, frame in enumerate(_frames())]
    return made, _make_broken(made[0].path, folder)


def _frames() -> list[_Frame]:
    alone = [
        _Frame((person,), _around(seat, view), view)
        for view in _VIEWS
        for person, seat in enumerate(_SEATS)
    ]
    together = [_Frame(people, window, _GROUP_VIEW) for people, window in _TOGETHER]
    return alone + together


def _around(seat: _Seat, view: _View) -> tuple[int, int, int, int]:
    """Return the frame of ``view`` around a face, within the picture."""
    return (
        max(0, round(seat.x - view.left * seat.size)),
        max(0, round(seat.y - view.up * seat.size)),
        min(_SIZE[0], round(seat.x + view.right * seat.size)),
        min(_SIZE[1], round(seat.y + view.down * seat.size)),
    )


def _make(picture: Image.Image, frame: _Frame, number: int, folder: Path) -> MadePhoto:
    taken = _FIRST_DAY + number * _BETWEEN
    suffix = _FORMATS.get(number, ".jpg")
    orientation = number % 8 + 1 if suffix == ".jpg" else 1
    path = folder / str(taken.year) / f"IMG_{taken:%m%d}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    upright = _develop(picture, frame)
    stored = upright.transpose(_STORED[orientation]) if orientation in _STORED else upright
    _save(stored, path, _exif(orientation, taken))
    os.utime(path, (taken.timestamp(), taken.timestamp()))
    return MadePhoto(path, frame.people)


def _develop(picture: Image.Image, frame: _Frame) -> Image.Image:
    cut, view = picture.crop(frame.window), frame.view
    size = (round(cut.width * view.scale), round(cut.height * view.scale))
    print_ = cut.resize(size, Image.Resampling.LANCZOS)
    print_ = ImageEnhance.Brightness(print_).enhance(view.brightness)
    print_ = ImageEnhance.Color(print_).enhance(view.colour)
    return ImageOps.mirror(print_) if view.mirrored else print_


def _exif(orientation: int, taken: datetime) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"{taken:%Y:%m:%d %H:%M:%S}"
    return exif.tobytes()


def _save(image: Image.Image, path: Path, exif: bytes) -> None:
    if path.suffix == ".heic":
        pillow_heif.from_pillow(image).save(path, quality=85, exif=exif)
    else:
        image.save(path, quality=88, exif=exif)


def _make_broken(whole: Path, folder: Path) -> Path:
    """Write a photo that was cut short, as a full memory card leaves it."""
    content = whole.read_bytes()
    broken = folder / "broken.jpg"
    broken.write_bytes(content[: int(len(content) * _CUT_SHORT)])
    os.utime(broken, (_FIRST_DAY.timestamp(), _FIRST_DAY.timestamp()))
    return broken
