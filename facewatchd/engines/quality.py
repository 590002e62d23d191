"""Pure: how well a face can be seen, from its size, its sharpness and the detector's confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.model import Box

# The value at which each measure counts for one half: about its median over the faces that HOG
# finds in 150 photos of Labeled Faces in the Wild (107, 405, 1.58), so that the three weigh alike.
_HALF_SIDE = 100.0
_HALF_VARIANCE = 400.0
_HALF_CONFIDENCE = 1.5
_CROP = 64


def quality(pixels: NDArray[np.uint8], box: Box, confidence: float) -> float:
    """Return the quality, 0 to 1, of the face at ``box`` of an RGB picture (H, W, 3).

    The geometric mean of three measures x / (x + half): the box's shorter side in pixels, the
    variance of the Laplacian of its grey crop, and the detector's confidence.  So a face that is
    larger, sharper or surer, all else equal, scores higher, and one that lacks any of them is poor.
    """
    side = min(box.right - box.left, box.bottom - box.top)
    crop = pixels[box.top : box.bottom, box.left : box.right]
    measures = (
        _saturating(side, _HALF_SIDE),
        _saturating(_sharpness(crop), _HALF_VARIANCE),
        _saturating(confidence, _HALF_CONFIDENCE),
    )
    return float(np.prod(measures) ** (1 / len(measures)))


def _saturating(value: float, half: float) -> float:
    return max(value, 0.0) / (max(value, 0.0) + half)


def _sharpness(crop: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian (Pech-Pacheco et al. 2000) at a fixed size.

    A crop is averaged down to 64 pixels, so that sharpness means the same for every size, and
    never enlarged.
    """
    grey = _averaged(_averaged(crop.mean(axis=2), 0), 1)
    if min(grey.shape) < 3:  # noqa: PLR2004 - the Laplacian needs a neighbour on each side
        return 0.0
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.var(around - 4 * inner))


def _averaged(grey: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    length = grey.shape[axis]
    if length <= _CROP:
        return grey
    edges = np.linspace(0, length, _CROP + 1).astype(int)
    sums = np.add.reduceat(grey, edges[:-1], axis=axis)
    widths = np.diff(edges)
    averaged: NDArray[np.float64] = sums / (widths[:, None] if axis == 0 else widths)
    return averaged
