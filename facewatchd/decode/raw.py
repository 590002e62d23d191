"""The picture in a RAW file: its largest embedded JPEG, with orientation and date of the RAW.

Most RAW formats are TIFF files whose directories hold sensor data and previews.  RAW is told by
content, so that a wrong suffix does no harm and an ordinary TIFF stays one.
"""
# ruff: noqa: PLR2004 - the numbers are those of the formats' own definitions

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from PIL import ExifTags, Image

from facewatchd.decode import tiff
from facewatchd.decode.damage import COPY_ANEW
from facewatchd.decode.dates import exif_date
from facewatchd.decode.jpeg import frame_size
from facewatchd.errors import PhotoError, UnsupportedError
from facewatchd.orientation import valid

if TYPE_CHECKING:
    from collections.abc import Iterator

# First bytes -> byte order, and what it is called.  Olympus and Panasonic changed the TIFF's 42.
_MARKED = {
    b"IIRO": ("<", "Olympus RAW"),
    b"IIRS": ("<", "Olympus RAW"),
    b"MMOR": (">", "Olympus RAW"),
    b"IIU\0": ("<", "Panasonic RAW"),
}
_FUJIFILM = b"FUJIFILMCCD-RAW "
_SENSOR_DATA = {32803, 34892}  # photometric interpretations: colour filter array, linear RAW
_SENSOR_COMPRESSIONS = {
    32767,  # Sony
    32769,  # packed, Kodak and Epson
    32770,  # Samsung
    34713,  # Nikon
    65000,  # Kodak
    65535,  # Pentax
}
_COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _STRIP_SIZES = 259, 262, 273, 279
_SUB_DIRECTORIES, _EXIF, _MAKER_NOTE, _DNG_VERSION = 330, 34665, 37500, 50706
_JPEG_OFFSET, _JPEG_SIZE, _PANASONIC_JPEG = 513, 514, 46
_OLYMPUS = {b"OLYMPUS\0": 12, b"OM SYSTEM\0": 16}  # starts of maker notes -> length of their head
_OLYMPUS_SETTINGS, _OLYMPUS_OFFSET, _OLYMPUS_SIZE = 0x2020, 0x101, 0x102
_MOST_DIRECTORIES = 64


class Preview(NamedTuple):
    """The embedded JPEG; orientation (1 to 8) and date as far as the RAW itself tells them."""

    jpeg: bytes
    orientation: int | None
    taken: float | None


def preview(data: bytes) -> Preview | None:
    """Return the largest JPEG in a RAW file that can be decoded, None if it is no RAW file.

    UnsupportedError when it holds none; PhotoError when the file ends before it does.
    """
    if data.startswith(_FUJIFILM):
        offset, size = struct.unpack_from(">II", data, 84)
        return Preview(_largest(data, [(offset, size)], "Fujifilm RAW"), None, None)
    order, kind = _MARKED.get(data[:4], (tiff.byte_order(data), None))
    if order is None:
        return None
    found = list(_directories(data, order))
    kind = kind or _kind(data, found)
    if kind is None:
        return None
    places = [place for each in found for place in _places(each)]
    places += _olympus_places(data, order, found)
    jpeg = _largest(data, places, kind)
    return Preview(jpeg, _orientation(found), _taken(data, order))


def _directories(data: bytes, order: str) -> Iterator[tiff.Directory]:
    """Yield the directories of a TIFF, the chain and what hangs on it, as far as they are there."""
    waiting = list(struct.unpack_from(order + "I", data, 4)) if len(data) >= 8 else []
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        start = waiting.pop(0)
        if start in seen or start == 0:
            continue
        seen.add(start)
        try:
            found = tiff.directory(data, start, order)
        except struct.error:  # it ends here: what it is, the decoder says
            continue
        yield found
        waiting += [*found.numbers(_SUB_DIRECTORIES), found.following]


def _kind(data: bytes, found: list[tiff.Directory]) -> str | None:
    """Return what a RAW file in an ordinary TIFF is called, None when it is a picture."""
    if any(_DNG_VERSION in each.entries for each in found):
        return "DNG"
    if data[8:10] == b"CR":
        return "Canon RAW"
    return "RAW" if any(_is_sensor_data(each) for each in found) else None


def _is_sensor_data(found: tiff.Directory) -> bool:
    return (
        found.number(_PHOTOMETRIC) in _SENSOR_DATA
        or found.number(_COMPRESSION) in _SENSOR_COMPRESSIONS
    )


def _places(found: tiff.Directory) -> Iterator[tuple[int, int]]:
    """Yield offset and size of what may be a JPEG that ``found`` describes."""
    panasonic = found.entries.get(_PANASONIC_JPEG)
    if panasonic is not None:
        yield panasonic.place, len(panasonic.value)
    for offset, size in ((_JPEG_OFFSET, _JPEG_SIZE), (_STRIP_OFFSETS, _STRIP_SIZES)):
        offsets, sizes = found.numbers(offset), found.numbers(size)
        if len(offsets) == len(sizes) == 1 and not _is_sensor_data(found):
            yield offsets[0], sizes[0]


def _olympus_places(
    data: bytes, order: str, found: list[tiff.Directory]
) -> Iterator[tuple[int, int]]:
    """Yield where Olympus keeps its preview: in the maker note, counted from its start."""
    for start in (number for each in found for number in each.numbers(_EXIF)):
        try:
            note = tiff.directory(data, start, order).entries.get(_MAKER_NOTE)
            head = next((n for k, n in _OLYMPUS.items() if note and note.value.startswith(k)), None)
            if note is None or head is None:
                continue
            settings = tiff.directory(data, head, order, note.place).number(_OLYMPUS_SETTINGS)
            if settings is None:
                continue
            values = tiff.directory(data, settings, order, note.place)
        except struct.error:
            continue
        offset, size = values.number(_OLYMPUS_OFFSET), values.number(_OLYMPUS_SIZE)
        if offset and size:
            yield note.place + offset, size


def _largest(data: bytes, places: list[tuple[int, int]], kind: str) -> bytes:
    best, pixels = b"", 0
    for offset, size in places:
        jpeg = data[offset : offset + size]
        width, height = frame_size(jpeg) or (0, 0)
        if width * height > pixels:
            if len(jpeg) < size:
                raise PhotoError(
                    f"The file is truncated: its preview ends at byte {offset + size:,}, and the "
                    f"file has {len(data):,}.",
                    COPY_ANEW,
                )
            best, pixels = jpeg, width * height
    if not best:
        raise UnsupportedError(
            kind,
            f"This {kind} file holds no JPEG that can be read, and sensor data are not developed.",
            "Have the camera or a RAW converter put a JPEG into it, or beside it.",
        )
    return best


def _orientation(found: list[tiff.Directory]) -> int | None:
    told = next((n for each in found for n in each.numbers(ExifTags.Base.Orientation)), None)
    return None if told is None else valid(told)


def _taken(data: bytes, order: str) -> float | None:
    exif = Image.Exif()
    head = b"II*\0" if order == "<" else b"MM\0*"
    exif.load_from_fp(BytesIO(head + data[4:]))
    return exif_date(exif)
