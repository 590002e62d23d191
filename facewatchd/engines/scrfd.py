"""Detector "scrfd": the detector of an InsightFace pack that the user fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd.engines import packs
from facewatchd.engines.views import Found, joined, search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Detection, Setup

_FINEST = 8  # pixels from anchor to anchor in the finest level; each next one has twice that
_MIDDLE, _SPREAD = 127.5, 128.0
_SURE_ENOUGH = 0.5
_OVERLAP = 0.4


class ScrfdDetector:
    """Sample and Computation Redistribution for Face Detection (Guo et al. 2021).

    How pixels are normalised, the least confidence (0.5) and the overlap (0.4) are those of
    ``insightface.app.FaceAnalysis``; at equal sizes boxes and points are the same.  The picture is
    looked at as `search` says.  Confidence is the network's score; ``version`` is the name of the
    file in the pack.
    """

    protocol = 1
    name = "scrfd"
    finds_points = True

    def __init__(self, setup: Setup) -> None:
        # The daemon loads this class for its attributes alone; only a worker pays for the rest.
        from facewatchd.engines.session import session  # noqa: PLC0415

        model = packs.find(setup).detector
        self.version = model.path.stem
        self._setup = setup
        self._session = session(model.path, setup.hardware)
        self._input = model.header.inputs[0].name
        self._levels = len(model.header.outputs) // 3
        self._size = model.header.inputs[0].shape[2:]

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces of an upright RGB picture (H, W, 3), in its own pixels."""
        return search(
            pixels,
            self._found,
            longest_side=min([self._setup.longest_side, *(side for side in self._size if side)]),
            smallest_face=self._setup.smallest_face,
            overlap=_OVERLAP,
        )

    def _found(self, view: NDArray[np.uint8]) -> Found:
        blob = self._blob(view)
        outputs: Sequence[Any] = self._session.run(None, {self._input: blob})
        return joined(
            [
                _level(outputs[level :: self._levels], _FINEST << level, blob.shape[2:])
                for level in range(self._levels)
            ]
        )

    def _blob(self, view: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the view, with black added to the right and below, as the network takes it."""
        multiple = _FINEST << (self._levels - 1)
        height, width = (
            fixed or -(-side // multiple) * multiple
            for fixed, side in zip(self._size, view.shape[:2], strict=True)
        )
        blob = np.full((1, 3, height, width), -_MIDDLE / _SPREAD, np.float32)
        rows, columns = view.shape[:2]
        blob[0, :, :rows, :columns] = (view.transpose(2, 0, 1) - np.float32(_MIDDLE)) / _SPREAD
        return blob


def _level(outputs: Sequence[NDArray[np.float32]], step: int, size: Sequence[int]) -> Found:
    """Return the faces of one level: scores (n, 1), distances (n, 4) and (n, 10) of n anchors.

    Distances are in steps: of the box's edges from the anchor outwards, of each point from the
    anchor to the right and down.
    """
    scores, edges, points = (
        output.reshape(-1, numbers) for output, numbers in zip(outputs, (1, 4, 10), strict=True)
    )
    rows, columns = size[0] // step, size[1] // step
    sure = np.flatnonzero(scores[:, 0] >= _SURE_ENOUGH)
    cell = sure // (len(scores) // (rows * columns))  # anchors of one cell follow each other
    anchors = np.stack([cell % columns, cell // columns], axis=1).astype(np.float32)
    edges = edges[sure]
    return Found(
        np.concatenate([anchors - edges[:, :2], anchors + edges[:, 2:]], axis=1) * step,
        scores[sure, 0],
        (anchors[:, None] + points[sure].reshape(-1, 5, 2)) * step,
    )
