"""Detector "hog": dlib's frontal face detector (histograms of oriented gradients)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facewatchd.model import Box, Detection

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_ENLARGED = 2.0  # what face_recognition does to every picture


class HogDetector:
    """Finds upright, frontal faces from 80 pixels of the detection picture on.

    The detection picture is the picture scaled so that its longest side is ``longest_side``, but
    enlarged no more than twice: up to half of ``longest_side`` the boxes are exactly those of
    ``face_recognition.face_locations``.  Confidence is dlib's score: above 0, and at most
    2.9 in 150 photos of Labeled Faces in the Wild.
    """

    name = "hog"

    def __init__(self, longest_side: int) -> None:
        import dlib  # noqa: PLC0415 - only a worker should spend what loading dlib takes

        self.version = str(dlib.__version__)
        self._longest_side = longest_side
        self._run = dlib.get_frontal_face_detector().run

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces of an upright RGB picture (H, W, 3), in its own pixels."""
        height, width = pixels.shape[:2]
        factor = min(_MOST_ENLARGED, self._longest_side / max(height, width))
        if factor == _MOST_ENLARGED:
            found, scores, _ = self._run(pixels, 1, 0.0)
            factor = 1.0  # dlib enlarges by itself and answers in the pixels it was given
        else:
            found, scores, _ = self._run(_scaled(pixels, factor), 0, 0.0)
        return [
            Detection(_box(rectangle, factor, width, height), float(score))
            for rectangle, score in zip(found, scores, strict=True)
        ]


def _scaled(pixels: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    if factor == 1.0:
        return pixels
    height, width = pixels.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def _box(rectangle: object, factor: float, width: int, height: int) -> Box:
    left, top, right, bottom = (
        round(getattr(rectangle, side)() / factor) for side in ("left", "top", "right", "bottom")
    )
    return Box(max(left, 0), max(top, 0), min(right, width), min(bottom, height))
