"""An engine and a clusterer for passport photos, as somebody else would write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd.model import Box, Detection
from facewatchd.plugins import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Setup

SIDE = 16


class PortraitDetector:
    """Takes the middle of every picture for a face."""

    protocol = 1
    name = "portrait"
    version = "1"
    finds_points = False

    def __init__(self, setup: Setup) -> None:
        self._smallest = setup.smallest_face

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        height, width = pixels.shape[:2]
        if min(height, width) < 2 * self._smallest:
            return []
        left, top = width // 4, height // 4
        return [Detection(Box(left, top, width - left, height - top), 1.0)]


class ThumbnailEncoder:
    """Encodes a face as a grey thumbnail of unit length, whatever its brightness and contrast."""

    protocol = 1
    name = "thumbnail"
    version = "1"
    needs_points = False
    scale = Scale(
        dimensions=SIDE * SIDE, similarity=0.82, floor=0.5, eps=0.6, merge=0.6, metric="cosine"
    )

    def __init__(self, setup: Setup) -> None:
        del setup  # it has no use for any of it

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        encodings = np.empty((len(faces), self.scale.dimensions), np.float32)
        for row, face in zip(encodings, faces, strict=True):
            box = face.box
            grey = pixels[box.top : box.bottom, box.left : box.right].mean(axis=2)
            for axis in (0, 1):
                edges = np.linspace(0, grey.shape[axis], SIDE + 1).astype(int)
                sums = np.add.reduceat(grey, edges[:-1], axis=axis)
                grey = np.moveaxis(np.moveaxis(sums, axis, -1) / np.diff(edges), -1, axis)
            even = grey - grey.mean()
            row[:] = (even / np.linalg.norm(even)).ravel()
        return encodings


class NeighbourClusterer:
    """Joins each face to the first one that is within ``times`` eps of it, once for each photo."""

    protocol = 1
    name = "neighbours"
    version = "1"

    def __init__(self, times: float = 1.0) -> None:
        if times <= 0:
            raise ValueError(f"times is {times}, but must be above 0")
        self._times = times

    def group(
        self,
        encodings: NDArray[np.float32],
        photos: NDArray[np.int64],
        *,
        eps: float,
        **_others: Any,
    ) -> NDArray[np.int64]:
        labels = np.full(len(encodings), -1, np.int64)
        leaders: list[int] = []
        for face, encoding in enumerate(encodings):
            for label, leader in enumerate(leaders):
                taken = photos[labels == label]
                near = np.linalg.norm(encodings[leader] - encoding) <= self._times * eps
                if near and photos[face] not in taken:
                    labels[face] = label
                    break
            else:
                labels[face] = len(leaders)
                leaders.append(face)
        return labels
