"""Damage that decoders pass over in silence, found in a file's structure.

A picture whose structure is damaged may be a transfer that is not complete, or shown by one program
upright and by another on its side.  It is reported, so that its owner can mend it, instead of
half of it being taken for the whole.
"""
# ruff: noqa: PLR2004 - the numbers are those of the formats' own definitions

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from facewatchd.decode import tiff
from facewatchd.decode.jpeg import APP2, segments
from facewatchd.errors import PhotoError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ASCII = 2
# ImageWidth, ImageLength, Orientation, XResolution, YResolution, ResolutionUnit, Exif and GPS IFD
_NUMBERS = {256, 257, 274, 282, 283, 296, 34665, 34853}
_MP_ENTRIES = 0xB002
_MP_KIND, _MP_FRAMES = 0xFF0000, 0x020000  # panorama, stereo, multi-angle; 0x010000 is a preview


def check(data: bytes, kind: str, exif: bytes | None) -> None:
    """Raise PhotoError when the file ``data`` of Pillow's format ``kind`` is damaged."""
    if kind in {"JPEG", "MPO"}:
        for marker, start, end in segments(data):
            if marker is None:
                raise PhotoError(
                    f"The file is damaged: no JPEG segment starts at byte {start:,}.",
                    "Copy it anew from its source, or open it in a picture editor and save it "
                    "again.",
                )
            if marker == APP2 and data.startswith(b"MPF\0", start + 4):
                _check_further_pictures(data[start + 8 : end], start + 8, len(data))
    elif kind in {"HEIF", "AVIF"}:
        _check_boxes(data)
    if exif:
        _check_exif(exif.removeprefix(b"Exif\0\0"))


def largest_frame(data: bytes) -> int:
    """Return the pixels that the largest frame of a GIF asks for, counted from its corner.

    0 for any other format.
    """
    if not data.startswith(b"GIF8"):
        return 0
    return max((right * bottom for right, bottom in _gif_frames(data)), default=0)


def _check_further_pictures(index: bytes, offset: int, size: int) -> None:
    """Check the index of further pictures in one JPEG (CIPA DC-007) against the file's size.

    Only the frames of a stereo or panorama photo count: the preview and gain map that phones add
    are often dropped by tools that keep the index, and nobody misses them.
    """
    try:
        first = _first_directory(index)
        pictures = first.entries[_MP_ENTRIES].value
        places = [
            struct.unpack_from(first.order + "III", pictures, at)
            for at in range(0, len(pictures), 16)
        ]
    except (KeyError, ValueError, struct.error) as error:
        raise PhotoError(
            f"The file is damaged: the index of its further pictures (MPF) cannot be read: {error}",
            "Copy it anew from its source, or save it as an ordinary JPEG.",
        ) from error
    end = max(
        (
            offset + start + length
            for kind, length, start in places
            if start and kind & _MP_KIND == _MP_FRAMES
        ),
        default=0,
    )
    if end > size:
        raise PhotoError(
            f"The file is truncated: its index (MPF) names a picture that ends at byte {end:,}, "
            f"and the file has {size:,}.",
            "Copy it anew from its source, or save it as an ordinary JPEG.",
        )


def _check_exif(exif: bytes) -> None:
    if not exif:
        return
    try:
        _check_numbers(_first_directory(exif).entries)
    except (ValueError, struct.error) as error:
        raise PhotoError(
            f"The file's EXIF is damaged, so that what it says cannot be trusted: {error}.",
            "Write its metadata anew, for instance with: exiftool -all= -tagsfromfile @ -all:all "
            "-unsafe FILE",
        ) from error


def _check_numbers(entries: dict[int, tiff.Entry]) -> None:
    for tag in sorted(_NUMBERS & entries.keys()):
        if entries[tag].type == _ASCII:
            raise ValueError(f"tag {tag} holds text where a number belongs")


def _first_directory(data: bytes) -> tiff.Directory:
    order = tiff.byte_order(data)
    if order is None:
        raise ValueError(f"it starts with {data[:4]!r}")
    if len(data) < 8:
        raise ValueError(f"it ends after {len(data)} bytes")
    (start,) = struct.unpack_from(order + "I", data, 4)
    if start + 2 > len(data):
        raise ValueError(f"its directory at byte {start:,} is missing")
    return tiff.directory(data, start, order)


def _check_boxes(data: bytes) -> None:
    """Check that the outermost boxes (ISO 14496-12) end where the file does."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 0:  # up to the end
            return
        if size == 1:  # a 64-bit size follows the name
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:
            return  # the decoder says what is wrong
        if at + size > len(data):
            raise PhotoError(
                f"The file is truncated: {at + size - len(data):,} of its {at + size:,} bytes "
                "are missing.",
                "Copy it anew from its source.",
            )
        at += size


def _gif_frames(gif: bytes) -> Iterator[tuple[int, int]]:
    """Yield right and bottom edge of each frame."""
    try:
        at = 13 + _color_table(gif[10])
        while True:
            if gif[at] == 0x21:  # an extension
                at += 2
            elif gif[at] == 0x2C:  # a frame
                left, top, width, height, flags = struct.unpack_from("<HHHHB", gif, at + 1)
                yield left + width, top + height
                at += 11 + _color_table(flags)
            else:
                return
            while gif[at]:
                at += 1 + gif[at]
            at += 1
    except (IndexError, struct.error):
        return  # cut short: whether the first frame is whole, its decoder knows


def _color_table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
