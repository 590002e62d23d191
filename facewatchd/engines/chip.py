"""Cuts faces out of a photo, upright and of one size, as dlib's network of faces was shown them.

What dlib's ``get_face_chip(picture, landmarks, size=150, padding=0.25)`` does, pixel by pixel: the
same formulas (image_transforms/interpolation.h and image_pyramid.h), in float64 as there.
"""

from __future__ import annotations

import cmath
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Floats = NDArray[np.float32]

CHIP = 150  # pixels a side

_PADDING = 0.25  # of the face's size, on each side
# Where dlib's five points lie in a chip without padding, x + y i.
_POINTS = np.array(
    [
        0.8595674595992 + 0.2134981538014j,
        0.6460604764104 + 0.2289674387677j,
        0.1205750620789 + 0.2137274526848j,
        0.3340850613712 + 0.2290642403242j,
        0.4901123135679 + 0.6277975316475j,
    ]
)
_IN_CHIP = (_POINTS + _PADDING * (1 + 1j)) / (1 + 2 * _PADDING) * CHIP
_SMALLEST_HALVED = 9  # pixels a side; dlib makes nothing of a smaller picture


def chips(pixels: Pixels, points: NDArray[np.int64]) -> Pixels:
    """Return the faces (n, 150, 150, 3) with landmarks ``points`` (n, 5, 2) in a picture (H, W, 3).

    What lies outside the picture is black.
    """
    cut = np.empty((len(points), CHIP, CHIP, 3), np.uint8)
    for chip, face in zip(cut, points, strict=True):
        square = _Square.around(face[:, 0] + 1j * face[:, 1])
        region, square = _halved_until_it_fits(*square.cut_from(pixels))
        square.sample(region, chip)
    return cut


@dataclass(frozen=True, slots=True)
class _Square:
    """Where a chip lies: its first and its last pixel before the turn around its centre.

    Points are x + y i.  ``turn`` is of length 1.
    """

    first: complex
    last: complex
    turn: complex

    @classmethod
    def around(cls, points: NDArray[np.complex128]) -> _Square:
        """Return the square in which ``points`` best lie where they belong (least squares)."""
        mean, mean_in_chip = complex(points.mean()), complex(_IN_CHIP.mean())
        centred = _IN_CHIP - mean_in_chip
        turn = complex((centred.conj() * (points - mean)).sum() / (np.abs(centred) ** 2).sum())
        centre = turn * ((1 + 1j) * CHIP / 2 - mean_in_chip) + mean
        half = (1 + 1j) * (abs(turn) * CHIP - 1) / 2
        return cls(centre - half, centre + half, cmath.rect(1, cmath.phase(turn)))

    @property
    def area(self) -> float:
        size = self.last - self.first + (1 + 1j)
        return size.real * size.imag

    def halved(self) -> _Square:
        """Return where the square lies in a picture of half the size."""
        return _Square(_halved_point(self.first), _halved_point(self.last), self.turn)

    def corners(self) -> tuple[complex, complex, complex, complex]:
        """Return the turned corners: first, right of it, below it, last."""
        centre = (self.first + self.last) / 2
        others = (
            complex(self.last.real, self.first.imag),
            complex(self.first.real, self.last.imag),
        )
        first, right, below, last = (
            centre + (corner - centre) * self.turn for corner in (self.first, *others, self.last)
        )
        return first, right, below, last

    def cut_from(self, pixels: Pixels) -> tuple[Pixels, _Square]:
        """Return the part of a picture that the chip needs, and the square in that part."""
        margin, square = 2, self.halved()
        while square.area > CHIP * CHIP:
            margin, square = 2 * margin + 2, square.halved()
        height, width = pixels.shape[:2]
        x = [corner.real for corner in self.corners()]
        y = [corner.imag for corner in self.corners()]
        left, top = _rounded(max(min(x) - margin, 0)), _rounded(max(min(y) - margin, 0))
        right = _rounded(min(max(x) + margin, width - 1))
        bottom = _rounded(min(max(y) + margin, height - 1))
        part = pixels[top : max(bottom + 1, 0), left : max(right + 1, 0)]
        corner = complex(left, top)
        return part, _Square(self.first - corner, self.last - corner, self.turn)

    def sample(self, pixels: Pixels, chip: Pixels) -> None:
        """Fill ``chip`` with what lies under the square in ``pixels``, interpolated."""
        first, right, low, _ = self.corners()
        along = np.arange(CHIP) / (CHIP - 1)
        across, down = along * (right - first), along * (low - first) + first
        x = down.real[:, None] + across.real
        y = down.imag[:, None] + across.imag
        column, row = np.floor(x), np.floor(y)
        outside = _outside(column, row, pixels.shape)
        if outside is not None and outside.all():
            chip[:] = 0
            return
        width = pixels.shape[1]
        at = row * width + column
        if outside is not None:
            at[outside] = 0
        at = at.astype(np.int64) * 3
        right_part, lower_part = (x - column).astype(np.float32), (y - row).astype(np.float32)
        flat = np.ascontiguousarray(pixels).reshape(-1)
        for colour in range(3):  # one at a time, so that all of it stays in the cache
            here, right_of_it, below, below_right = (
                flat[skipped + colour :].take(at).astype(np.float32)
                for skipped in (0, 3, 3 * width, 3 * width + 3)
            )
            upper = _between(here, right_of_it, right_part)
            lower = _between(below, below_right, right_part)
            chip[..., colour] = _between(upper, lower, lower_part)
        if outside is not None:
            chip[outside] = 0


def _outside(
    column: NDArray[np.float64], row: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.bool_] | None:
    """Return where these pixels, or those to the right and below, are outside a picture.

    None when all are inside, which is found out faster.
    """
    height, width = shape[:2]
    if min(column.min(), row.min()) >= 0 and column.max() < width - 1 and row.max() < height - 1:
        return None
    return (column < 0) | (column >= width - 1) | (row < 0) | (row >= height - 1)


def _between(one: Floats, other: Floats, part: Floats) -> Floats:
    """Return ``one`` plus ``part`` of the way to ``other``; both arrays are used up."""
    other -= one
    other *= part
    one += other
    return one


def _halved_point(point: complex) -> complex:
    return point / 2 - (1.25 + 0.75j)


def _rounded(number: float) -> int:
    """Return the nearest integer; halves away from zero, as C's lround has it."""
    return int(number + 0.5) if number >= 0 else -int(0.5 - number)


def _halved_until_it_fits(pixels: Pixels, square: _Square) -> tuple[Pixels, _Square]:
    """Halve ``pixels`` while the chip would have to jump over pixels in them."""
    while square.halved().area > CHIP * CHIP:
        pixels, square = _halved(pixels), square.halved()
    return pixels, square


def _halved(pixels: Pixels) -> Pixels:
    """Return the picture at half its size, each pixel the binomial mean of 5 x 5.

    Whole numbers, of which the last fraction is cut off: the order of the sums does not matter.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < _SMALLEST_HALVED:
        return pixels[:0, :0]
    wide = np.ascontiguousarray(pixels).reshape(height, width * 3).astype(np.uint16)
    end = 2 * ((height - 3) // 2)
    low = wide[0:end:2] + wide[4 : end + 4 : 2]
    low += (wide[1 : end + 1 : 2] + wide[3 : end + 3 : 2]) << 2
    low += wide[2 : end + 2 : 2] * np.uint16(6)
    thin = low[:, :-12] + low[:, 12:]
    thin += (low[:, 3:-9] + low[:, 9:-3]) << 2
    thin += low[:, 6:-6] * np.uint16(6)
    thin >>= 8
    columns = (width - 3) // 2
    return thin.reshape(len(thin), -1, 3)[:, : 2 * columns : 2].astype(np.uint8)
