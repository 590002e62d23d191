"""Detector "yunet": OpenCV's face detector, with a file of weights that the user fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines import opencv
from facewatchd.engines.views import Found, search

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.engines.onnx_header import Header
    from facewatchd.model import Detection, Setup

_FILES = "face_detection_yunet*.onnx"
_OUTPUTS = {f"{kind}_{step}" for kind in ("cls", "obj", "bbox", "kps") for step in (8, 16, 32)}
_SURE_ENOUGH = 0.7
_OVERLAP = 0.3
_MOST = 50_000  # boxes that may overlap: ten a face; OpenCV's 5,000 lose some of a thousand faces


class YunetDetector:
    """YuNet (Wu, Peng, Yu 2023) as ``cv2.FaceDetectorYN`` runs it.

    The picture is looked at as `search` says.  Confidence is the network's score.  Of several files
    the last by name is taken, and that name is the ``version``.
    """

    protocol = 1
    name = "yunet"
    finds_points = True

    def __init__(self, setup: Setup) -> None:
        cv2 = opencv.imported("detector 'yunet'")
        path = opencv.model(setup.models, _FILES, _is_yunet, "detector 'yunet'")
        self.version = path.stem
        self._setup = setup
        with opencv.errors(path):
            self._network = cv2.FaceDetectorYN.create(
                str(path), "", (320, 320), _SURE_ENOUGH, _OVERLAP, _MOST
            )

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces of an upright RGB picture (H, W, 3), in its own pixels."""
        return search(
            pixels,
            self._found,
            longest_side=self._setup.longest_side,
            smallest_face=self._setup.smallest_face,
            overlap=_OVERLAP,
        )

    def _found(self, view: NDArray[np.uint8]) -> Found:
        height, width = view.shape[:2]
        self._network.setInputSize((width, height))
        _, faces = self._network.detect(np.ascontiguousarray(view[:, :, ::-1]))
        rows = np.empty((0, 15), np.float32) if faces is None else faces
        return Found(
            np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1),
            rows[:, 14],
            rows[:, 4:14].reshape(-1, 5, 2),
        )


def _is_yunet(header: Header) -> bool:
    return {each.name for each in header.outputs} == _OUTPUTS
