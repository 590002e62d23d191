"""Encoder "sface": OpenCV's face recogniser, with a file of weights that the user fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines import opencv, packs
from facewatchd.plugins import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.engines.onnx_header import Header
    from facewatchd.model import Detection, Setup

_FILES = "face_recognition_sface*.onnx"


class SfaceEncoder:
    """SFace (Zhong et al. 2021) as ``cv2.FaceRecognizerSF`` runs it.

    ``scale`` is inferred, not measured: the weights could not be had.  OpenCV documents that two
    faces are one person's from a cosine of 0.363 on
    (https://docs.opencv.org/4.x/d0/dd4/tutorial_dnn_face.html), chosen on the pairs of LFW.  For
    arcface's encodings that point lies at 0.30, so all cosines of its scale are taken 0.06 higher.
    (0.363 itself is no threshold for a face among many people: there 0.36 would take in most
    strangers with arcface.)
    """

    protocol = 1
    name = "sface"
    version = "1"
    needs_points = True
    scale = Scale(
        dimensions=128, similarity=0.61, floor=0.51, eps=0.77, merge=1.09, metric="cosine"
    )

    def __init__(self, setup: Setup) -> None:
        cv2 = opencv.imported("encoder 'sface'")
        path = opencv.model(setup.models, _FILES, _is_sface, "encoder 'sface'")
        with opencv.errors(path):
            self._network = cv2.FaceRecognizerSF.create(str(path), "")

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        """Return the encodings (n, 128), unit vectors, of ``faces`` of an RGB picture (H, W, 3)."""
        encodings = np.empty((len(faces), self.scale.dimensions), np.float32)
        blue_first = np.ascontiguousarray(pixels[:, :, ::-1])
        for row, face in zip(encodings, faces, strict=True):
            if face.points is None:
                raise ValueError("a face without points cannot be aligned")
            # OpenCV takes its own detector's rows: the points are at 4 to 13, nothing else counts.
            seen = np.zeros((1, 15), np.float32)
            seen[0, 4:14] = np.ravel(face.points)
            row[:] = self._network.feature(self._network.alignCrop(blue_first, seen))[0]
        return np.asarray(encodings / np.linalg.norm(encodings, axis=1, keepdims=True), np.float32)


def _is_sface(header: Header) -> bool:
    """Say whether a model is like SFace; other recognisers of its size cannot be told from it."""
    return (
        packs.is_recogniser(header) and header.outputs[0].shape[1] == SfaceEncoder.scale.dimensions
    )
