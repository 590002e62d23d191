"""Encoder "face_recognition": the library of that name, unchanged; what "dlib" is compared with."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd.engines.dlib_encoder import DlibEncoder
from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Detection, Setup


class FaceRecognitionEncoder:
    """Calls ``face_recognition.face_encodings(pixels, boxes, num_jitters=1, model="small")``."""

    protocol = 1
    name = "face_recognition"
    version = "1"
    needs_points = False
    scale = DlibEncoder.scale  # the same weights

    def __init__(self, setup: Setup) -> None:  # noqa: ARG002 - the library takes no settings
        self._face_encodings = _library().face_encodings

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        """Return the encodings (n, 128) of ``faces`` in an upright RGB picture (H, W, 3)."""
        boxes = [(box.top, box.right, box.bottom, box.left) for box in (face.box for face in faces)]
        found = self._face_encodings(pixels, boxes, num_jitters=1, model="small")
        return np.array(found, np.float32).reshape(-1, self.scale.dimensions)


def _library() -> Any:
    """Import the library without the marks that this leaves on the process."""
    try:
        from PIL import ImageFile  # noqa: PLC0415 - the other engines do without Pillow

        kept = ImageFile.LOAD_TRUNCATED_IMAGES
        try:
            with warnings.catch_warnings():
                # It imports pkg_resources, which warns of its own end.
                warnings.simplefilter("ignore")
                import face_recognition  # noqa: PLC0415 - loads dlib and all its models
        finally:
            # The library sets it for the whole process: broken photos would pass for whole ones.
            ImageFile.LOAD_TRUNCATED_IMAGES = kept
    except (ImportError, SystemExit) as cause:  # it quits where its models cannot be imported
        raise PluginError(
            "The encoder 'face_recognition' cannot be loaded: "
            f"{cause or 'face_recognition_models is missing'}.",
            "Install what it needs: pip install 'facewatchd[dlib]'",
        ) from cause
    return face_recognition
