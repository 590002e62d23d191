"""Encoder "arcface": the recogniser of an InsightFace pack that the user fetched.

The pack's file is run by ONNX Runtime, without the ``insightface`` package, which would bring
OpenCV, onnx, scikit-image and requests for what is a page of numpy.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b, file_digest
from typing import TYPE_CHECKING, cast

import numpy as np

from facewatchd.engines import packs
from facewatchd.engines.align import chip
from facewatchd.errors import PluginError
from facewatchd.plugins import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.engines.onnx_header import Header
    from facewatchd.model import Detection, Setup

_FIRST = 8  # operators among which an older recogniser centres and scales the pixels by itself
_MIDDLE = 127.5


class ArcfaceEncoder:
    """Equal to ``insightface.app.FaceAnalysis`` for the same points, but of length one.

    ``scale`` was calibrated on LFW with a MobileFaceNet of 128 dimensions, the only recogniser of
    this kind that could be had (bench/scales.py).  Its dimensions are those of the buffalo and
    antelope packs; those of the pack that is there, `identify` and the constructed encoder know.
    """

    protocol = 1
    name = "arcface"
    version = "1"
    needs_points = True
    scale = Scale(
        dimensions=512, similarity=0.55, floor=0.45, eps=0.85, merge=1.17, metric="cosine"
    )

    def __init__(self, setup: Setup) -> None:
        # The daemon loads this class for its scale alone; only a worker pays for ONNX Runtime.
        from facewatchd.engines.session import session  # noqa: PLC0415

        model = packs.find(setup).recogniser
        self.scale = _scale_of(model.header)
        self._session = session(model.path, setup.hardware)
        self._input = model.header.inputs[0].name
        self._middle, self._spread = _range_of(model.header)
        self._path = model.path

    @classmethod
    def identify(cls, setup: Setup) -> tuple[str, Scale]:
        """Return the version and scale of the pack that is there, without loading it.

        The version is a hash of the recogniser: encodings of two packs must never be compared.
        PluginError when there is no pack, or it has no recogniser.
        """
        model = packs.find(setup).recogniser
        with model.path.open("rb") as file:
            digest = file_digest(file, lambda: blake2b(digest_size=4)).hexdigest()
        return f"{cls.version}-{digest}", _scale_of(model.header)

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        """Return the encodings (n, D), unit vectors, of ``faces`` of an RGB picture (H, W, 3).

        One face after the other, as most recognisers take no more: a thousand need the memory of
        one.  PluginError when the model's numbers are not finite.
        """
        encodings = np.empty((len(faces), self.scale.dimensions), np.float32)
        for row, face in zip(encodings, faces, strict=True):
            if face.points is None:
                raise ValueError("a face without points cannot be aligned")
            planes = chip(pixels, face.points).transpose(2, 0, 1)
            blob = (planes[None] - self._middle) / self._spread
            row[:] = self._session.run(None, {self._input: blob.astype(np.float32)})[0][0]
        lengths = np.linalg.norm(encodings, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise PluginError(
                f"{self._path} gives no usable numbers for a face: it is damaged.",
                "Fetch it again. See: facewatchctl models check",
            )
        return np.asarray(encodings / lengths, np.float32)


def _scale_of(header: Header) -> Scale:
    dimensions = cast("int", header.outputs[0].shape[1])  # packs.is_recogniser takes no other
    return replace(ArcfaceEncoder.scale, dimensions=dimensions)


def _range_of(header: Header) -> tuple[float, float]:
    """Return the middle and half the range of the pixels that the model expects to be taken out."""
    does_it_itself = {"Sub", "Mul"} <= set(header.operators[:_FIRST])
    return (0.0, 1.0) if does_it_itself else (_MIDDLE, _MIDDLE)
