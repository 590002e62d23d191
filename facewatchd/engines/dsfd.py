"""Detector "dsfd": the Dual Shot Face Detector, with weights that the user brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines import brought
from facewatchd.engines.boxes import detections, sizes, survivors
from facewatchd.engines.dsfd_graph import LEVELS, STRIDES
from facewatchd.engines.scaling import fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.engines.onnx_header import Header
    from facewatchd.model import Detection, Setup

    Numbers = NDArray[np.float32]

# As in the readme of the package face-detection: the least confidence, and the intersection over
# union from which on the surest box alone stays.
_SURE_ENOUGH, _OVERLAP = 0.5, 0.3
_MOST = 5000  # the surest boxes that are looked at, as in the authors' code
_ASPECT = 1.5  # height of an anchor by its width
_VARIANCES = (0.1, 0.2)  # by which offsets of the centre and of the size are multiplied
_LARGEST = 10.0  # of the logarithm of a box's size in anchors: larger than any picture


class DsfdDetector:
    """Li et al. 2019, with ResNet-152: large, and slow on a processor.

    The picture is scaled down to `Setup.longest_side`, never up, and looked at once.  Boxes are
    the network's own: upright rectangles from forehead to chin.  Confidence is the network's
    probability.  ``version`` names the conversion.
    """

    protocol = 1
    name = "dsfd"
    version = "1"
    finds_points = False

    def __init__(self, setup: Setup) -> None:
        # The daemon loads this class for its attributes alone; only a worker pays for the rest.
        from facewatchd.engines.session import session  # noqa: PLC0415

        self._path = brought.model(brought.DSFD, setup.models, _is_dsfd)
        self._setup = setup
        self._session = session(self._path, setup.hardware)

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces of an upright RGB picture (H, W, 3), in its own pixels.

        PluginError when the model's numbers are not finite.
        """
        picture, factor = fitted(pixels, self._setup.longest_side)
        levels = self._session.run(None, {"pixels": np.ascontiguousarray(picture)[None]})
        if not all(np.isfinite(level).all() for level in levels):
            raise brought.damaged(brought.DSFD, self._path)
        height, width = picture.shape[:2]
        boxes, confidences = found([each[0] for each in levels], width, height)
        large = sizes(boxes).max(axis=1) >= self._setup.smallest_face
        return detections(pixels, boxes[large] / factor, confidences[large])


def found(levels: Sequence[Numbers], width: int, height: int) -> tuple[Numbers, Numbers]:
    """Return the boxes (n, 4) and confidences (n,) of a picture's faces, the surest first.

    ``levels`` are the network's answers (5, rows, columns): the logit of a face, and four offsets.
    """
    anchors, answers = [], []
    for level, stride in zip(levels, STRIDES, strict=True):
        rows, columns = np.nonzero(level[0] >= _logit(_SURE_ENOUGH))
        anchors.append(_anchors(rows, columns, stride))
        answers.append(level[:, rows, columns].T)
    return _surest(
        # No number of an anchor is larger than the picture, as in the authors' code.
        np.minimum(np.concatenate(anchors), np.array([width, height] * 2, np.float32)),
        np.concatenate(answers),
    )


def _surest(anchors: Numbers, answers: Numbers) -> tuple[Numbers, Numbers]:
    """Return the boxes and confidences that non-maximum suppression leaves."""
    surest = np.argsort(-answers[:, 0], kind="stable")[:_MOST]
    answers, anchors = answers[surest], anchors[surest]
    boxes = _decoded(anchors, answers[:, 1:])
    kept = survivors(boxes, answers[:, 0], _OVERLAP)
    return boxes[kept], np.asarray(1 / (1 + np.exp(-answers[kept, 0])), np.float32)


def _anchors(rows: NDArray[np.intp], columns: NDArray[np.intp], stride: int) -> Numbers:
    """Return the anchors (n, 4) of cells: centre x and y, width and height, in pixels.

    One a cell, in its middle, as large as 4 by 4 cells and half as high again as it is wide.
    """
    size = 4 * stride
    anchors = np.empty((len(rows), 4), np.float32)
    anchors[:, 0], anchors[:, 1] = (columns + 0.5) * stride, (rows + 0.5) * stride
    anchors[:, 2:] = size / _ASPECT**0.5, size * _ASPECT**0.5
    return anchors


def _decoded(anchors: Numbers, offsets: Numbers) -> Numbers:
    """Return boxes left, top, right, bottom (Liu et al. 2016, "SSD", with variances)."""
    of_centre, of_size = (np.float32(each) for each in _VARIANCES)
    centres = anchors[:, :2] + offsets[:, :2] * of_centre * anchors[:, 2:]
    halves = anchors[:, 2:] * np.exp(np.minimum(offsets[:, 2:] * of_size, _LARGEST)) / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def _is_dsfd(header: Header) -> bool:
    return [(each.name, each.shape) for each in header.inputs] == [
        ("pixels", (1, None, None, 3))
    ] and [each.shape for each in header.outputs] == [(1, 5, None, None)] * LEVELS
