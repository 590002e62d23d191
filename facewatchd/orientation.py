"""Turning boxes between the EXIF orientations in which one picture can be shown.  Pure.

A camera stores its pixels as the sensor lies; the EXIF orientation, 1 to 8, says how they are
turned upright.  Metadata tools change it without touching a pixel, and two files of one picture may
differ in it: a box found in one of them is then elsewhere in the other.
"""

from __future__ import annotations

from typing import NamedTuple

from facewatchd.model import Box

UPRIGHT = 1


class _Turn(NamedTuple):
    """From stored to upright pixels: swap x and y, then mirror along each axis, or not."""

    swapped: bool
    mirrored_x: bool
    mirrored_y: bool


# Exif 2.32, tag 274: which side of the shown picture the first row and the first column are.
_TURNS = {
    1: _Turn(swapped=False, mirrored_x=False, mirrored_y=False),
    2: _Turn(swapped=False, mirrored_x=True, mirrored_y=False),
    3: _Turn(swapped=False, mirrored_x=True, mirrored_y=True),
    4: _Turn(swapped=False, mirrored_x=False, mirrored_y=True),
    5: _Turn(swapped=True, mirrored_x=False, mirrored_y=False),
    6: _Turn(swapped=True, mirrored_x=True, mirrored_y=False),
    7: _Turn(swapped=True, mirrored_x=True, mirrored_y=True),
    8: _Turn(swapped=True, mirrored_x=False, mirrored_y=True),
}


def valid(orientation: object) -> int:
    """Return ``orientation`` if EXIF defines it, else ``UPRIGHT``, as viewers take it."""
    return orientation if isinstance(orientation, int) and orientation in _TURNS else UPRIGHT


def lies(orientation: int) -> bool:
    """Whether width and height of the stored pixels are the upright picture's height and width."""
    return _TURNS[orientation].swapped


def turned(box: Box, size: tuple[int, int], before: int, after: int) -> Box:
    """Return where ``box`` is when the stored pixels are turned by ``after``, not by ``before``.

    ``size`` is (width, height) of the picture that is upright by ``before``; box and result are in
    upright pixels.  Orientations are 1 to 8.
    """
    stored_size = size[::-1] if lies(before) else size
    stored = _swapped(_mirrored(box, size, before), before)
    shown_size = stored_size[::-1] if lies(after) else stored_size
    return _mirrored(_swapped(stored, after), shown_size, after)


def _mirrored(box: Box, size: tuple[int, int], orientation: int) -> Box:
    left, top, right, bottom = box
    if _TURNS[orientation].mirrored_x:
        left, right = size[0] - right, size[0] - left
    if _TURNS[orientation].mirrored_y:
        top, bottom = size[1] - bottom, size[1] - top
    return Box(left, top, right, bottom)


def _swapped(box: Box, orientation: int) -> Box:
    return Box(box.top, box.left, box.bottom, box.right) if lies(orientation) else box
