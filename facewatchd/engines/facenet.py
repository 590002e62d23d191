"""Encoder "facenet": InceptionResnetV1, with weights that the user brings."""

from __future__ import annotations

from hashlib import blake2b, file_digest
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines import brought
from facewatchd.engines.facenet_graph import DIMENSIONS, SIDE
from facewatchd.engines.scaling import scaled
from facewatchd.plugins import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facewatchd.engines.onnx_header import Header
    from facewatchd.model import Box, Detection, Setup


class FacenetEncoder:
    """Equal to ``InceptionResnetV1(pretrained="vggface2")`` of facenet-pytorch for the same boxes.

    The network is not told how a face is turned: it sees what is in the box, scaled to 160 pixels a
    side, as that package's ``MTCNN`` hands it over with its default margin of 0.

    ``scale`` is inferred, not measured: the weights could not be had.  Schroff, Kalenichenko and
    Philbin 2015 ("FaceNet", section 5.6 and figure 1) take two faces of Labeled Faces in the Wild
    for one person's up to a squared L2 distance of 1.242, and 1.1 in their example: a cosine of
    0.38 and 0.45.  For arcface's encodings the point between pairs lies at 0.30, so all cosines of
    its scale are taken 0.08 higher.  (0.38 itself is no threshold for a face among many people.)
    """

    protocol = 1
    name = "facenet"
    version = "1"
    needs_points = False
    scale = Scale(
        dimensions=DIMENSIONS, similarity=0.63, floor=0.53, eps=0.75, merge=1.08, metric="cosine"
    )

    def __init__(self, setup: Setup) -> None:
        # The daemon loads this class for its scale alone; only a worker pays for ONNX Runtime.
        from facewatchd.engines.session import session  # noqa: PLC0415

        self._path = _model(setup)
        self._session = session(self._path, setup.hardware)

    @classmethod
    def identify(cls, setup: Setup) -> tuple[str, Scale]:
        """Return the version and scale of the weights that are there, without loading them.

        The version is a hash of the model: encodings of two must never be compared.  PluginError
        when there is none.
        """
        with _model(setup).open("rb") as file:
            digest = file_digest(file, lambda: blake2b(digest_size=4)).hexdigest()
        return f"{cls.version}-{digest}", cls.scale

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        """Return the encodings (n, 512), unit vectors, of ``faces`` of an RGB picture (H, W, 3).

        One face after the other: a thousand need the memory of one.  PluginError when the model's
        numbers are not finite.
        """
        encodings = np.empty((len(faces), DIMENSIONS), np.float32)
        for row, face in zip(encodings, faces, strict=True):
            row[:] = self._session.run(None, {"faces": chip(pixels, face.box)[None]})[0][0]
        lengths = np.linalg.norm(encodings, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise brought.damaged(brought.FACENET, self._path)
        return np.asarray(encodings / lengths, np.float32)


def chip(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return what is in ``box``, as far as it is in the picture (H, W, 3), as (160, 160, 3).

    That is ``extract_face`` of facenet-pytorch with its default margin: whatever the shape of the
    box, its sides are scaled to 160 pixels with a triangle filter.
    """
    height, width = pixels.shape[:2]
    left, top = (
        min(max(edge, 0), most - 1) for edge, most in ((box.left, width), (box.top, height))
    )
    right, bottom = max(min(box.right, width), left + 1), max(min(box.bottom, height), top + 1)
    return scaled(pixels[top:bottom, left:right], SIDE, SIDE)


def _model(setup: Setup) -> Path:
    return brought.model(brought.FACENET, setup.models, _is_facenet)


def _is_facenet(header: Header) -> bool:
    return (
        [(each.name, each.shape) for each in header.inputs] == [("faces", (None, SIDE, SIDE, 3))]
        and [each.shape for each in header.outputs] == [(None, DIMENSIONS)]
    )  # fmt: skip
