"""Damage that decoders pass over in silence, found in a file's structure.

A picture whose structure is damaged may be a transfer that is not complete, or shown by one program
upright and by another on its side.  It is reported, so that its owner can mend it, instead of
half of it being taken for the whole.
"""
# ruff: noqa: PLR2004 - the numbers are those of the formats' own definitions

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.errors import PhotoError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOS, _APP2 = 0xDA, 0xE2
_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_ASCII = 2
_SIZE_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
# ImageWidth, ImageLength, Orientation, XResolution, YResolution, ResolutionUnit, Exif and GPS IFD
_NUMBERS = {256, 257, 274, 282, 283, 296, 34665, 34853}
_MP_ENTRIES = 0xB002
_MP_KIND, _MP_FRAMES = 0xFF0000, 0x020000  # panorama, stereo, multi-angle; 0x010000 is a preview


class _Entry(NamedTuple):
    type: int
    value: bytes


def check(data: bytes, kind: str, exif: bytes | None) -> None:
    """Raise PhotoError when the file ``data`` of Pillow's format ``kind`` is damaged."""
    if kind in {"JPEG", "MPO"}:
        for marker, start, payload in _segments(data):
            if marker == _APP2 and payload.startswith(b"MPF\0"):
                _check_further_pictures(payload[4:], start + 4, len(data))
    elif kind in {"HEIF", "AVIF"}:
        _check_boxes(data)
    if exif:
        _check_exif(exif.removeprefix(b"Exif\0\0"))


def largest_frame(data: bytes) -> int:
    """Return the pixels that the largest frame of a GIF asks for, counted from its corner."""
    return max((right * bottom for right, bottom in _gif_frames(data)), default=0)


def _segments(jpeg: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield marker, offset of the payload and payload of each segment before the pixels."""
    at = 2
    while at + 4 <= len(jpeg):
        if jpeg[at] != 0xFF:
            raise PhotoError(
                f"The file is damaged: no JPEG segment starts at byte {at:,}.",
                "Copy it anew from its source, or open it in a picture editor and save it again.",
            )
        marker = jpeg[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker == _SOS:
            return
        else:
            end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
            yield marker, at + 4, jpeg[at + 4 : end]
            at = end


def _check_further_pictures(index: bytes, offset: int, size: int) -> None:
    """Check the index of further pictures in one JPEG (CIPA DC-007) against the file's size.

    Only the frames of a stereo or panorama photo count: the preview and gain map that phones add
    are often dropped by tools that keep the index, and nobody misses them.
    """
    try:
        order, entries = _directory(index)
        pictures = entries[_MP_ENTRIES].value
        places = [
            struct.unpack_from(order + "III", pictures, at) for at in range(0, len(pictures), 16)
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


def _check_exif(tiff: bytes) -> None:
    if not tiff:
        return
    try:
        _check_numbers(_directory(tiff)[1])
    except (ValueError, struct.error) as error:
        raise PhotoError(
            f"The file's EXIF is damaged, so that what it says cannot be trusted: {error}.",
            "Write its metadata anew, for instance with: exiftool -all= -tagsfromfile @ -all:all "
            "-unsafe FILE",
        ) from error


def _check_numbers(entries: dict[int, _Entry]) -> None:
    for tag in sorted(_NUMBERS & entries.keys()):
        if entries[tag].type == _ASCII:
            raise ValueError(f"tag {tag} holds text where a number belongs")


def _directory(tiff: bytes) -> tuple[str, dict[int, _Entry]]:
    """Return byte order and entries of the first directory (TIFF 6.0, section 2)."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        raise ValueError(f"it starts with {tiff[:4]!r}")
    if len(tiff) < 8:
        raise ValueError(f"it ends after {len(tiff)} bytes")
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    if start + 2 > len(tiff):
        raise ValueError(f"its directory at byte {start:,} is missing")
    (count,) = struct.unpack_from(order + "H", tiff, start)
    entries = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(order + "HHI", tiff, at)
        size = length * _SIZE_OF_TYPE.get(kind, 1)
        place = at + 8 if size <= 4 else struct.unpack_from(order + "I", tiff, at + 8)[0]
        entries[tag] = _Entry(kind, tiff[place : place + size])
    return order, entries


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
