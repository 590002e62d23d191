"""A little work for each native library, so that more of its code runs than an import does."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_SIDE = 64  # pixels


def computes_on(hardware: str) -> str:
    """Run a small graph on ``hardware`` and return what it ran on, as engine.hardware names it.

    Raises PluginError when that hardware cannot be had.
    """
    from facewatchd.engines.onnx_graph import Graph  # noqa: PLC0415 -- only this needs ONNX Runtime
    from facewatchd.engines.session import PROVIDERS, session  # noqa: PLC0415 -- the same

    graph = Graph(x=("float32", (_SIDE, _SIDE)))
    product = graph.node("MatMul", "x", "x")
    loaded = session(graph.model(y=(product, "float32", (_SIDE, _SIDE))), hardware, name="a trial")
    loaded.run(None, {"x": np.eye(_SIDE, dtype=np.float32)})
    used = loaded.get_providers()[0]
    return next((name for name, provider in PROVIDERS.items() if provider == used), str(used))


def _numpy() -> None:
    square = np.ones((_SIDE, _SIDE), np.float32)
    np.linalg.svd(square @ square)


def _onnxruntime() -> None:
    computes_on("cpu")


def _pillow_heif() -> None:
    import pillow_heif  # noqa: PLC0415 -- it is what is tried

    stored = io.BytesIO()
    pillow_heif.encode("RGB", (_SIDE, _SIDE), bytes(3 * _SIDE**2), stored)
    pillow_heif.open_heif(stored).to_pillow()


def _dlib() -> None:
    import dlib  # noqa: PLC0415 -- it is what is tried

    dlib.get_frontal_face_detector()(np.zeros((_SIDE, _SIDE), np.uint8))


def _cv2() -> None:
    import cv2  # noqa: PLC0415 -- it is what is tried

    cv2.resize(np.zeros((_SIDE, _SIDE, 3), np.uint8), (_SIDE // 2, _SIDE // 2))


TRIALS: dict[str, Callable[[], None]] = {
    "numpy": _numpy,
    "onnxruntime": _onnxruntime,
    "pillow_heif": _pillow_heif,
    "dlib": _dlib,
    "cv2": _cv2,
}
