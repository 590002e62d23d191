"""What networks with a limited range of face sizes look at, and what their answers become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.engines.boxes import detections, sizes, survivors
from facewatchd.engines.scaling import fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Detection

# SCRFD 500M finds faces of 18 to 300 pixels, YuNet of 18 to 500 (30 photos of LFW at 13 sizes).  So
# a view five times smaller finds those that are too large for the first, and none is needed of a
# picture in which even a face that fills it is found.  Faces that are 200 pixels and less in one
# view are left to it: in the next their boxes and points are rougher.
_COARSER = 5
_SEEN_WHOLE = 320
_LEFT_TO_THE_LARGER = 200 / _COARSER


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Faces as a network found them in one view.

    ``boxes`` (n, 4) are left, top, right, bottom; ``confidences`` (n,) are 0 to 1; ``points``
    (n, 5, 2) are in the order of `model.Detection`.
    """

    boxes: NDArray[np.float32]
    confidences: NDArray[np.float32]
    points: NDArray[np.float32]

    def enlarged(self, factor: float) -> Found:
        """Return the same faces in a picture that is larger by ``factor``."""
        return Found(self.boxes * factor, self.confidences, self.points * factor)

    def of(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Found:
        """Return some of the faces, by mask or by index."""
        return Found(self.boxes[chosen], self.confidences[chosen], self.points[chosen])

    def at_least(self, side: float) -> Found:
        """Return the faces whose boxes' longer side is at least ``side``."""
        return self.of(sizes(self.boxes).max(axis=1) >= side)


def joined(parts: Sequence[Found]) -> Found:
    """Return the faces of all ``parts``, at least one."""
    return Found(
        np.concatenate([each.boxes for each in parts]),
        np.concatenate([each.confidences for each in parts]),
        np.concatenate([each.points for each in parts]),
    )


def search(
    pixels: NDArray[np.uint8],
    find: Callable[[NDArray[np.uint8]], Found],
    *,
    longest_side: int,
    smallest_face: int,
    overlap: float,
) -> list[Detection]:
    """Return what ``find`` finds in the views of an RGB picture (H, W, 3), in its pixels.

    The first view is the picture, scaled down to ``longest_side`` if it is larger; others are
    smaller.  Boxes whose longer side is less than ``smallest_face`` in the first are left out; of
    those that overlap by more than ``overlap`` (intersection over union) the surest stays.  They
    end at the edges of the picture.
    """
    first, *others = _views(pixels, longest_side)
    seen = [find(first.pixels).enlarged(first.enlargement)]
    seen += [
        find(view.pixels).at_least(_LEFT_TO_THE_LARGER).enlarged(view.enlargement)
        for view in others
    ]
    found = joined(seen).at_least(smallest_face * first.enlargement)
    found = found.of(survivors(found.boxes, found.confidences, overlap))
    return detections(pixels, found.boxes, found.confidences, found.points)


class _View(NamedTuple):
    pixels: NDArray[np.uint8]
    enlargement: float  # how much larger the picture is


def _views(pixels: NDArray[np.uint8], longest_side: int) -> list[_View]:
    """Return the picture as it is looked at; a view that is five times smaller costs a 25th."""
    view, factor = fitted(pixels, longest_side)
    found = [_View(view, 1 / factor)]
    while (side := max(view.shape[:2])) > _SEEN_WHOLE:
        view, step = fitted(view, side // _COARSER)
        factor *= step
        found.append(_View(view, 1 / factor))
    return found
