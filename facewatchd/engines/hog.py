"""Detector "hog": dlib's frontal face detector (histograms of oriented gradients)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines.boxes import detections
from facewatchd.engines.scaling import fitted
from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.model import Detection, Setup

_HALF_SURE = 1.5
MOST_ENLARGED = 2.0  # what face_recognition does to every picture


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
        if MOST_ENLARGED * max(pixels.shape) <= self._longest_side:
            found, scores, _ = self._run(pixels, 1, 0.0)
            factor = 1.0  # dlib enlarges by itself and answers in the pixels it was given
        else:
            picture, factor = fitted(pixels, self._longest_side, most=MOST_ENLARGED)
            found, scores, _ = self._run(picture, 0, 0.0)
        edges = [(each.left(), each.top(), each.right(), each.bottom()) for each in found]
        boxes, sure = np.array(edges).reshape(-1, 4) / factor, np.array(scores)
        return detections(pixels, boxes, sure / (sure + _HALF_SURE))
