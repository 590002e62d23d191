"""Pure: how well a face can be seen: its size, sharpness and pose, the detector being sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.model import Quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.model import Detection

# The value at which each measure counts for one half: about its median over the faces that HOG
# finds in 150 photos of Labeled Faces in the Wild (107, 405), so that they weigh alike.
_HALF_SIDE = 100.0
_HALF_VARIANCE = 400.0
_HALF_OFF = 0.5  # eye distances from the middle of the eyes
_CROP = 64


def quality(pixels: NDArray[np.uint8], face: Detection) -> Quality:
    """Return how well ``face`` of an RGB picture (H, W, 3) can be seen.

    ``size`` and ``sharpness`` are x / (x + half) of the box's shorter side in pixels and of the
    variance of the Laplacian of its grey crop.
    """
    box = face.box
    crop = pixels[box.top : box.bottom, box.left : box.right]
    return Quality(
        size=_saturating(min(box.right - box.left, box.bottom - box.top), _HALF_SIDE),
        sharpness=_saturating(_sharpness(crop), _HALF_VARIANCE),
        confidence=face.confidence,
        pose=None if face.points is None else _frontal(face.points),
    )


def _frontal(points: tuple[tuple[float, float], ...]) -> float:
    """Return how far a face looks at the camera: 1 straight, one half where it turns away.

    The nose stands before the middle of the eyes, and moves towards one of them as the head turns.
    Its distance from the middle, along the line through the eyes, counts for one half when it is
    before an eye.  Beyond that the pose falls slowly: profiles too have encodings that are of use.
    """
    left, right, nose = (np.array(point) for point in points[:3])
    along = right - left
    apart = float(along @ along)
    if apart == 0:
        return 0.0
    off = float((nose - (left + right) / 2) @ along) / apart
    return _HALF_OFF / (_HALF_OFF + abs(off))


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
