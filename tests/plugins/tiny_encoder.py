"""Encoders of another dimension and metric than dlib's, made from its encodings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd import plugins
from facewatchd.errors import PluginError
from facewatchd.plugins import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Detection, Setup

_NORM = 1.42  # of dlib's encodings: its distances are so many times those of unit vectors
_DIMENSIONS = 64


def _cosine(distance: float) -> float:
    return 1.0 - (distance / _NORM) ** 2 / 2


class TinyEncoder:
    """Unit vectors: a fixed random projection of dlib's encodings, which keeps distances."""

    protocol = 1
    name = "tiny"
    version = "1"
    needs_points = False
    scale = Scale(_DIMENSIONS, _cosine(0.32), _cosine(0.50), 0.32 / _NORM, 0.44, metric="cosine")

    def __init__(self, setup: Setup) -> None:
        self._dlib = plugins.encoder("dlib")(setup)
        self._projection = np.random.default_rng(7).normal(size=(128, _DIMENSIONS))

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        projected = self._dlib.encode(pixels, faces) @ self._projection
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        encodings: NDArray[np.float32] = (projected / lengths).astype(np.float32)
        return encodings


class PickyEncoder(TinyEncoder):
    """Cannot make anything of the smallest faces."""

    name = "picky"

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        if any(face.box.right - face.box.left < 12 for face in faces):
            raise ValueError("a face of a few pixels")
        return super().encode(pixels, faces)


class BrittleEncoder(TinyEncoder):
    """Needs weights that a test can take away."""

    name = "brittle"

    def __init__(self, setup: Setup) -> None:
        if not (setup.models / "brittle").exists():
            raise PluginError("The weights of 'brittle' are missing.", "Put them back.")
        super().__init__(setup)
