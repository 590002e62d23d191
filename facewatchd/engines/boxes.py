"""Pure: arithmetic of boxes, which are rows left, top, right, bottom of arrays (n, 4).

Right and bottom are exclusive.  Answers have the precision of the boxes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from facewatchd.model import Box, Detection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Precision = TypeVar("Precision", bound=np.floating[Any])
    Numbers = NDArray[Precision]

_BLOCK = 256  # boxes that are compared at once, so that memory grows with their number only


def overlaps(boxes: Numbers[Precision], others: Numbers[Precision]) -> Numbers[Precision]:
    """Return the intersection over union, 0 to 1, of each of ``boxes`` with each of ``others``."""
    shared = _intersections(boxes, others)
    unions = areas(boxes)[:, None] + areas(others)
    unions -= shared
    # A box without area meets nothing, not even itself.
    shares = np.zeros_like(shared)
    np.divide(shared, unions, out=shares, where=unions > 0)
    return shares


def survivors(
    boxes: Numbers[Precision], confidences: NDArray[np.floating[Any]], overlap: float
) -> NDArray[np.intp]:
    """Return the rows that non-maximum suppression leaves of ``boxes``, surest first.

    From the surest box on, each one stays whose `overlaps` with those that stay are ``overlap`` at
    most.  Of equally sure boxes the first comes first.
    """
    order = np.argsort(-confidences, kind="stable")
    kept = order[:0]
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        block = block[~(overlaps(boxes[kept], boxes[block]) > overlap).any(axis=0)]
        stays = _greedy(overlaps(boxes[block], boxes[block]) > overlap)
        kept = np.concatenate([kept, block[stays]])
    return kept


def centred(boxes: Numbers[Precision], sides: Numbers[Precision]) -> Numbers[Precision]:
    """Return squares about the centres of ``boxes``, with ``sides`` (n,)."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = sides[:, None] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def sizes(boxes: Numbers[Precision]) -> Numbers[Precision]:
    """Return widths and heights (n, 2)."""
    return np.asarray(boxes[:, 2:] - boxes[:, :2])


def areas(boxes: Numbers[Precision]) -> Numbers[Precision]:
    """Return the areas (n,)."""
    return np.asarray(sizes(boxes).prod(axis=1))


def detections(
    pixels: NDArray[np.uint8],
    boxes: Numbers[Precision],
    confidences: NDArray[np.floating[Any]],
    points: NDArray[np.floating[Any]] | None = None,
) -> list[Detection]:
    """Return ``boxes``, in the pixels of a picture (H, W, 3), in whole numbers, cut at its edges.

    Those of which nothing is inside are left out.  ``confidences`` (n,) are at most 1 but for
    rounding; ``points`` are (n, 5, 2).
    """
    height, width = pixels.shape[:2]
    edges = np.clip(np.rint(boxes), 0, (width, height, width, height)).astype(int)
    return [
        Detection(
            Box(*edges[face].tolist()),
            min(1.0, float(confidences[face])),
            None if points is None else tuple((x, y) for x, y in points[face].tolist()),
        )
        for face in np.flatnonzero((edges[:, :2] < edges[:, 2:]).all(axis=1))
    ]


def _greedy(clashes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of n boxes, surest first, stay; ``clashes`` (n, n) says who cannot both."""
    stays = np.ones(len(clashes), bool)
    for number, others in enumerate(clashes):
        if stays[number]:
            stays[number + 1 :] &= ~others[number + 1 :]
    return stays


def _intersections(boxes: Numbers[Precision], others: Numbers[Precision]) -> Numbers[Precision]:
    lengths = (
        np.minimum(boxes[:, None, end], others[:, end])
        - np.maximum(boxes[:, None, begin], others[:, begin])
        for begin, end in ((0, 2), (1, 3))
    )
    widths, heights = (np.maximum(each, 0) for each in lengths)
    return np.asarray(widths * heights)
