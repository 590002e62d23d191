"""Detector "hog": dlib's frontal face detector (histograms of oriented gradients)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.engines.scaling import fitted
from facewatchd.errors import PluginError
from facewatchd.model import Box, Detection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facewatchd.model import Setup

_HALF_SURE = 1.5
_MOST_ENLARGED = 2.0  # what face_recognition does to every picture


class HogDetector:
    """Finds upright, frontal faces from 80 pixels of the detection picture on.

    The detection picture is the picture scaled so that its longest side is `Setup.longest_side`,
    but enlarged no more than twice: up to half of that the boxes are exactly those of
    ``face_recognition.face_locations``.  Confidence is s / (s + 1.5) of dlib's score s, which was
    at most 2.9 and 1.58 in the median in 150 photos of Labeled Faces in the Wild.
    """

    protocol = 1
    name = "hog"
    finds_points = False

    def __init__(self, setup: Setup) -> None:
        try:
            import dlib  # noqa: PLC0415 - only who uses this detector needs dlib
        except ImportError as cause:
            raise PluginError(
                f"The detector 'hog' needs dlib, which cannot be loaded: {cause}.",
                "Install it: pip install 'facewatchd[dlib]', or name another detector, like mtcnn.",
            ) from cause

        self.version = str(dlib.__version__)
        self._longest_side = setup.longest_side
        self._run = dlib.get_frontal_face_detector().run

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces of an upright RGB picture (H, W, 3), in its own pixels."""
        height, width = pixels.shape[:2]
        if _MOST_ENLARGED * max(height, width) <= self._longest_side:
            found, scores, _ = self._run(pixels, 1, 0.0)
            factor = 1.0  # dlib enlarges by itself and answers in the pixels it was given
        else:
            picture, factor = fitted(pixels, self._longest_side, most=_MOST_ENLARGED)
            found, scores, _ = self._run(picture, 0, 0.0)
        return [
            Detection(_box(rectangle, factor, width, height), score / (score + _HALF_SURE))
            for rectangle, score in zip(found, scores, strict=True)
        ]


def _box(rectangle: object, factor: float, width: int, height: int) -> Box:
    left, top, right, bottom = (
        round(getattr(rectangle, side)() / factor) for side in ("left", "top", "right", "bottom")
    )
    return Box(max(left, 0), max(top, 0), min(right, width), min(bottom, height))
