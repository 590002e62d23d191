"""Pure: turns a face upright, to the size and place at which recognisers were trained to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIDE = 112

# Where eyes, nose and corners of the mouth lie in a chip: the template that ArcFace's networks were
# trained with (Deng et al. 2019; insightface/utils/face_align.py, arcface_dst).
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)


def similarity(
    points: NDArray[np.float64], template: NDArray[np.float64]
) -> tuple[complex, complex]:
    """Return (a, b): the turn, scale and shift z -> a z + b that brings ``points`` to ``template``.

    Both are (n, 2), read as complex numbers x + iy; the sum of squared distances is the least there
    is.  That is the similarity of Umeyama 1991, without mirroring, as a regression in one complex
    variable.  Points that say nothing of turn and scale, as when all coincide, are only moved.
    """
    source, target = (each[:, 0] + 1j * each[:, 1] for each in (points, template))
    around, wanted = source - source.mean(), target - target.mean()
    spread = float(np.vdot(around, around).real)
    factor = complex(np.vdot(around, wanted) / spread) if spread else 0j
    factor = factor or 1 + 0j
    return factor, complex(target.mean() - factor * source.mean())


def chip(pixels: NDArray[np.uint8], points: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    """Return the face with five ``points`` of an RGB picture (H, W, 3) as (112, 112, 3), 0 to 255.

    Points are those of `model.Detection`.  Each pixel is interpolated between four; what lies
    outside of the picture is black.
    """
    factor, shift = similarity(np.array(points, np.float64), TEMPLATE)
    rows, columns = np.indices((SIDE, SIDE))
    places = (columns + 1j * rows - shift) / factor
    return _sampled(pixels, places.real, places.imag)


def _sampled(
    pixels: NDArray[np.uint8], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    left, top = np.floor(x), np.floor(y)
    right_share, lower_share = x - left, y - top
    result = np.zeros((*x.shape, 3), np.float32)
    for down, weight_y in ((0, 1 - lower_share), (1, lower_share)):
        for across, weight_x in ((0, 1 - right_share), (1, right_share)):
            weight = (weight_y * weight_x).astype(np.float32)
            result += weight[..., None] * _pixels_at(pixels, left + across, top + down)
    return result


def _pixels_at(
    pixels: NDArray[np.uint8], columns: NDArray[np.float64], rows: NDArray[np.float64]
) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    found = np.zeros((*rows.shape, 3), np.uint8)
    found[inside] = pixels[rows[inside].astype(int), columns[inside].astype(int)]
    return found
