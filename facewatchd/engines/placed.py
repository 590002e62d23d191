"""Pure: faces where the user says that they are, and none where the user wants none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.model import Detection
from facewatchd.overlap import LEAST, iou

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facewatchd.model import Box

# Where eyes, nose and corners of the mouth lie in a box, as shares of its width and height: the
# mean over the 335 faces that MTCNN finds in the first 300 photos of Labeled Faces in the Wild,
# made symmetrical.  A face turns by 0.12 of the width from that (standard deviation of the nose).
_LAYOUT = ((0.30, 0.37), (0.70, 0.37), (0.50, 0.60), (0.33, 0.80), (0.67, 0.80))


def placed(box: Box, found: Iterable[Detection], *, points: bool) -> Detection:
    """Return a face at ``box``, which is certain to be there.

    With ``points`` it has those of the one of ``found`` that overlaps it most, by an IoU of 0.3 or
    more, and else those of a face that looks straight and fills the box.
    """
    if not points:
        return Detection(box, 1.0)
    nearest = max(
        (each for each in found if each.points is not None and iou(each.box, box) >= LEAST),
        key=lambda each: iou(each.box, box),
        default=None,
    )
    return Detection(box, 1.0, layout(box) if nearest is None else nearest.points)


def layout(box: Box) -> tuple[tuple[float, float], ...]:
    """Return the five points of a face that looks straight and fills ``box``."""
    width, height = box.right - box.left, box.bottom - box.top
    return tuple((box.left + x * width, box.top + y * height) for x, y in _LAYOUT)


def spared(found: Sequence[Detection], never: Sequence[Box]) -> list[Detection]:
    """Return those of ``found`` that overlap none of the boxes ``never`` by an IoU of 0.3."""
    return [each for each in found if all(iou(each.box, box) < LEAST for box in never)]
