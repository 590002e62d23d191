"""Detector "mtcnn": a cascade of three small networks on ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count
from math import log
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines import mtcnn_graphs as graphs
from facewatchd.engines.boxes import areas, centred, detections, sizes, survivors
from facewatchd.engines.cache import converted
from facewatchd.engines.scaling import fitted
from facewatchd.engines.weights import MTCNN, packaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import onnxruntime
    from numpy.typing import NDArray

    from facewatchd.model import Detection, Setup

    Numbers = NDArray[np.float32]

# The least probabilities of being a face, from network to network.  Measured on four group photos,
# each at three sizes and mirrored at two, and 400 photos of Labeled Faces in the Wild: with these,
# 951 of 956 faces were found, and 6 things besides that were none or not counted.  Less for the
# first or the last network finds no more faces, 0.9 for the last loses three more, and 0.7 for the
# second finds no more faces but 9 things besides.
_PROPOSED, _REFINED, _JUDGED = 0.6, 0.8, 0.8
# Of boxes that overlap by more than this the surest stays: of one level, of all, of O-Net's.
_OVERLAP_IN_LEVEL, _OVERLAP, _OVERLAP_AT_END = 0.5, 0.7, 0.5
_STEP = 0.5**0.5  # from level to level; with two steps a window is twice as large
_MOST_IN_LEVEL = 8192  # the surest windows that are looked at; enough for a thousand faces
# Pixels that P-Net, and boxes that the others look at at once: what they compute of them stays in
# the processor's cache, which saves a third of P-Net's time and hundreds of megabytes.
_STRIP, _BATCH = 1 << 16, 16


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """The picture at one size: planes (1, 3, height, width), and ``scale`` (4,) of boxes in it."""

    picture: Numbers
    scale: Numbers


class MtcnnDetector:
    """Finds faces from `Setup.smallest_face` on, frontal ones and profiles.

    Zhang et al. 2016: at each of many sizes P-Net judges windows of 12 pixels, R-Net and O-Net
    judge what is left at 24 and 48 pixels, and each moves the boxes.  The picture is scaled down to
    `Setup.longest_side`, never up.  Boxes are squares of the area of O-Net's, which for dlib's
    landmarks are as good as those of dlib's own detector.  Confidence is O-Net's probability, above
    0.8.  Of 60 faces turned in the picture's plane it found all at 30 degrees, 52 at 45, 30 at 60.
    """

    protocol = 1
    name = "mtcnn"
    version = "1"
    finds_points = True

    def __init__(self, setup: Setup) -> None:
        # The daemon loads this class for its attributes alone; only a worker pays for the rest.
        from facewatchd.engines.session import session  # noqa: PLC0415

        self._setup = setup
        self._shrink = session(graphs.shrinking(), name="that scales planes")
        self._propose = _network("pnet.lz4", graphs.proposing, setup)
        self._refine = _network("rnet.lz4", graphs.refining, setup)
        self._judge = _network("onet.lz4", graphs.judging, setup)
        # Levels from the whole picture to the one where the smallest face fills a window; R-Net and
        # O-Net see small faces in them.
        self._finest = min(1.0, graphs.WINDOW / setup.smallest_face)
        self._finer = round(log(self._finest, _STEP))

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces of an upright RGB picture (H, W, 3), in its own pixels."""
        picture, factor = fitted(pixels, self._setup.longest_side)
        levels = list(self._levels(picture))
        boxes = self._proposed(levels[self._finer :])
        boxes = self._refined(levels, boxes)
        boxes, confidences, points = self._judged(levels, boxes)
        large = sizes(boxes)[:, 0] >= self._setup.smallest_face
        boxes, points = boxes[large] / factor, points[large] / factor
        return detections(pixels, boxes, confidences[large], points)

    def _levels(self, picture: NDArray[np.uint8]) -> Iterator[_Level]:
        """Yield the picture at all sizes, as long as it has a window."""
        planes = picture.transpose(2, 0, 1)[None].astype(np.float32, order="C")
        height, width = picture.shape[:2]
        finer = (self._finest ** (step / self._finer) for step in range(self._finer))
        for scale in chain(finer, (self._finest * _STEP**step for step in count())):
            rows, columns = round(height * scale), round(width * scale)
            if min(rows, columns) < graphs.WINDOW:
                return
            if scale < 1:
                feed = {"picture": planes, "size": np.array([rows, columns])}
                (planes,) = self._shrink.run(None, feed)
            yield _Level(planes, np.array([columns / width, rows / height] * 2, np.float32))

    def _proposed(self, levels: list[_Level]) -> Numbers:
        """Return squares (n, 4), in pixels of the scaled picture, that P-Net takes for faces."""
        boxes, logits = [np.empty((0, 4), np.float32)], [np.empty(0, np.float32)]
        for level in levels:
            windows, judged = _windows(self._proposals(level.picture))
            kept = survivors(windows, judged[:, 0], _OVERLAP_IN_LEVEL)
            boxes.append(_moved(windows[kept], judged[kept]) / level.scale)
            logits.append(judged[kept, 0])
        return _thinned(np.concatenate(boxes), np.concatenate(logits))

    def _proposals(self, picture: Numbers) -> Numbers:
        """Return P-Net's answers (5, rows, columns) for all windows of a level."""
        height, width = picture.shape[2:]
        step = max(_STRIP // width // graphs.STRIDE, 1) * graphs.STRIDE
        beyond = graphs.WINDOW - graphs.STRIDE  # rows that windows of two strips share
        strips = [
            self._propose.run(None, {"picture": picture[:, :, top : top + step + beyond]})[0][0]
            for top in range(0, height - beyond, step)
        ]
        return np.concatenate(strips, axis=1)

    def _refined(self, levels: list[_Level], boxes: Numbers) -> Numbers:
        """Return those of the squares that R-Net takes for faces, moved."""
        answers = _answers(self._refine, levels, boxes, graphs.REFINED)
        sure = answers[:, 0] > _logit(_REFINED)
        return _thinned(_moved(boxes[sure], answers[sure]), answers[sure, 0])

    def _judged(self, levels: list[_Level], boxes: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return the boxes, probabilities and points (n, 5, 2) of O-Net's faces, surest first."""
        answers = _answers(self._judge, levels, boxes, graphs.JUDGED)
        sure = answers[:, 0] > _logit(_JUDGED)
        boxes, answers = boxes[sure], answers[sure]
        moved = _moved(boxes, answers)
        kept = survivors(moved, answers[:, 0], _OVERLAP_AT_END)
        boxes, answers, moved = boxes[kept], answers[kept], moved[kept]
        points = boxes[:, :2, None] + answers[:, 5:].reshape(-1, 2, 5) * sizes(boxes)[:, :, None]
        return (
            centred(moved, np.sqrt(areas(moved).clip(min=0))),
            np.asarray(1 / (1 + np.exp(-answers[:, 0])), np.float32),
            points.transpose(0, 2, 1),
        )


def _network(
    name: str, convert: Callable[[bytes, str], bytes], setup: Setup
) -> onnxruntime.InferenceSession:
    from facewatchd.engines.session import session  # noqa: PLC0415 - see MtcnnDetector

    path = packaged(name, MTCNN, "detector 'mtcnn'")
    model = converted(path, "onnx-1", lambda data: convert(data, str(path)), setup.cache)
    return session(model, setup.hardware, name=str(path))


def _windows(answers: Numbers) -> tuple[Numbers, Numbers]:
    """Return the windows (n, 4) of one level that may show a face, and P-Net's answers (n, 5)."""
    rows, columns = np.nonzero(answers[0] > _logit(_PROPOSED))
    if len(rows) > _MOST_IN_LEVEL:
        surest = np.argsort(-answers[0, rows, columns], kind="stable")[:_MOST_IN_LEVEL]
        rows, columns = rows[surest], columns[surest]
    corners = np.stack([columns, rows], axis=1).astype(np.float32) * graphs.STRIDE
    return np.concatenate([corners, corners + graphs.WINDOW], axis=1), answers[:, rows, columns].T


def _answers(
    network: onnxruntime.InferenceSession, levels: list[_Level], boxes: Numbers, side: int
) -> Numbers:
    """Return a network's answers for the squares (n, 4), each cut out with ``side`` pixels.

    It is cut from the level in which its size is nearest to that.
    """
    answers = np.empty((len(boxes), network.get_outputs()[0].shape[1]), np.float32)
    if len(boxes) == 0:
        return answers
    widths = np.stack([sizes(boxes * level.scale)[:, 0] for level in levels])
    nearest = np.abs(np.log(np.maximum(widths, 1) / side)).argmin(axis=0)
    for number in np.unique(nearest):
        level, members = levels[number], np.flatnonzero(nearest == number)
        for start in range(0, len(members), _BATCH):
            batch = members[start : start + _BATCH]
            feed = {"picture": level.picture, "boxes": boxes[batch] * level.scale}
            (answers[batch],) = network.run(None, feed)
    return answers


def _moved(boxes: Numbers, answers: Numbers) -> Numbers:
    """Return the boxes with their edges moved by a network's offsets, in widths and heights."""
    return boxes + answers[:, 1:5] * np.tile(sizes(boxes), 2)


def _thinned(boxes: Numbers, logits: Numbers) -> Numbers:
    """Return the boxes that no surer one overlaps, as squares that hold them."""
    boxes = boxes[survivors(boxes, logits, _OVERLAP)]
    return centred(boxes, sizes(boxes).max(axis=1))


def _logit(probability: float) -> float:
    return log(probability / (1 - probability))
