"""The segments of a JPEG (ITU-T T.81, annex B), and the hash of its picture without metadata."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

HASH_SIZE = 16
APP2, SOS = 0xE2, 0xDA
_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_METADATA = {*range(0xE0, 0xF0), 0xFE}  # APPn: EXIF, XMP, IPTC, colour profiles, previews; comments
_FILL = 0xFF
_BASELINE_OR_PROGRESSIVE = {0xC0, 0xC1, 0xC2}
_OTHER_FRAMES = {0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
_SHORTEST_SEGMENT = 4


class Segment(NamedTuple):
    """Where a segment lies.  ``marker`` is None where none starts: all that follows is unknown.

    The segment of SOS is taken to the end of the file: its pixels, and what lies behind them.
    """

    marker: int | None
    start: int
    end: int


def segments(jpeg: bytes) -> Iterator[Segment]:
    """Yield the segments of ``jpeg``, in order; what is malformed ends them."""
    at = 2
    while at + _SHORTEST_SEGMENT <= len(jpeg):
        marker = jpeg[at + 1]
        if jpeg[at] != _FILL:
            yield Segment(None, at, len(jpeg))
            return
        if marker == _FILL:
            at += 1
            continue
        if marker == SOS:
            end = len(jpeg)
        elif marker in _STANDALONE:
            end = at + 2
        else:
            end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        yield Segment(marker, at, end)
        at = end


def picture_hash(jpeg: bytes) -> bytes:
    """Return a hash of ``jpeg`` without its metadata, whatever state it is in.

    Pictures behind the first one (MPO), and all else that follows its pixels, count.
    """
    digest = blake2b(digest_size=HASH_SIZE, person=b"jpeg")
    content = memoryview(jpeg)
    for segment in segments(jpeg):
        if segment.marker not in _METADATA:
            digest.update(content[segment.start : segment.end])
    return digest.digest()


def frame_size(jpeg: bytes) -> tuple[int, int] | None:
    """Return (width, height) of a baseline or progressive JPEG, None of all else.

    RAW files also hold lossless JPEGs, which are sensor data and no picture.
    """
    if not jpeg.startswith(b"\xff\xd8\xff"):
        return None
    for marker, start, _ in segments(jpeg):
        if marker in _BASELINE_OR_PROGRESSIVE:
            height, width = jpeg[start + 5 : start + 7], jpeg[start + 7 : start + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        if marker is None or marker in _OTHER_FRAMES:
            break
    return None
