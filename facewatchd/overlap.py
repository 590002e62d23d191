"""Which faces of one photo two detectors mean alike.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facewatchd.model import Box

LEAST = 0.3  # detectors cut faces more or less tightly; boxes of neighbours overlap less than this


def iou(one: Box, other: Box) -> float:
    """Return the intersection over the union of two boxes, 0 to 1; an empty one has none."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (_area(one) + _area(other) - common)


def match(old: Sequence[Box], new: Sequence[Box]) -> dict[int, int]:
    """Return, by the index of a box in ``new``, the index of the one in ``old`` that it stands for.

    The pair that overlaps most is taken first, then the next of those whose boxes are both still
    free, down to an IoU of 0.3.  Of equal overlaps the earlier new box goes first, then the earlier
    old one.
    """
    overlaps = [(iou(a, b), n, o) for n, b in enumerate(new) for o, a in enumerate(old)]
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for overlap, n, o in sorted(overlaps, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if overlap >= LEAST and n not in pairs and o not in taken:
            pairs[n] = o
            taken.add(o)
    return pairs


def _area(box: Box) -> int:
    return (box.right - box.left) * (box.bottom - box.top)
