"""Pure: how dlib lays a picture and its smaller copies side by side for its CNN face detector.

One run of the network then finds faces of all sizes.  A face's score depends a little on what lies
around it, so the places are those of dlib (image_transforms/image_pyramid.h, dnn/input.h).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RATE = 5 / 6  # of the size of a copy to that of the one before
_SHIFT = 0.3  # pixels by which a point moves from a copy to the one before, beside the rate
_BETWEEN = 10  # pixels of black between two copies
_AROUND = 11  # and at the edges
_LOWEST = 5  # pixels of height of the smallest copy


class Place(NamedTuple):
    """Where a copy lies; ``left`` and ``top`` are its first pixel."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The copies, the largest first, and the size of what they lie on."""

    places: tuple[Place, ...]
    width: int
    height: int

    def in_picture(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where ``boxes`` (n, 4), left, top, right and bottom, lie in the largest copy."""
        found = np.empty_like(boxes)
        for row, box in zip(found, boxes, strict=True):
            copy = self._nearest((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            row[:] = box - (self.places[copy][:2] * 2)
            for _ in range(copy):
                row[:] = row / _RATE + _SHIFT
        return found

    def _nearest(self, x: float, y: float) -> int:
        """Return the number of the copy that holds a point, or is the nearest to it."""

        def distance(number: int) -> float:
            left, top, width, height = self.places[number]
            away_x = max(left - x, 0, x - (left + width - 1))
            away_y = max(top - y, 0, y - (top + height - 1))
            return float(np.hypot(away_x, away_y))

        return min(range(len(self.places)), key=distance)


def layout(width: int, height: int) -> Layout:
    """Return the layout for a picture: copies go down, and then up again on the right."""
    sizes = _sizes(width, height)
    column = _column(sizes)
    places = []
    y = _AROUND
    for size in sizes[:column]:
        places.append(Place(_AROUND, y, *size))
        y += size[1] + _BETWEEN
    bottom = y - _BETWEEN
    y = bottom
    for copy_width, copy_height in sizes[column:]:
        place = Place(_AROUND + width - copy_width, y - copy_height, copy_width, copy_height)
        if place.top <= _AROUND + height - 1:  # it would lie on the largest
            break
        places.append(place)
        y -= copy_height + _BETWEEN
    return Layout(tuple(places), width + 2 * _AROUND, bottom + _AROUND)


def _sizes(width: int, height: int) -> list[tuple[int, int]]:
    sizes = [(width, height)]
    while True:
        width, height = floor(_RATE * width), floor(_RATE * height)
        if width == 0 or height < _LOWEST:
            return sizes
        sizes.append((width, height))


def _column(sizes: list[tuple[int, int]]) -> int:
    """Return how many copies go down before the next one fits beside the one before it."""
    width, height = sizes[0]
    total = sum(size[1] + _BETWEEN for size in sizes) - 2 * _BETWEEN
    so_far, before = 0, 0
    for number, (copy_width, copy_height) in enumerate(sizes):
        fits = copy_width <= width - before - _BETWEEN
        if fits and 2 * (so_far - height) >= total - height:
            return number
        so_far += copy_height + _BETWEEN
        before = copy_width
    return len(sizes)
