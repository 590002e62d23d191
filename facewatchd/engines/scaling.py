"""Scales pictures, with ONNX Runtime alone."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines.onnx_graph import Graph

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray


def scaled(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) as (height, width, 3), both at least 1.

    A triangle filter, as wide as what falls into one pixel, so that small structures are averaged
    and not missed: the same as Pillow's BILINEAR, but for a level in a few pixels.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    size = np.array([height, width])
    feed = {"pixels": np.ascontiguousarray(pixels)[None], "size": size}
    (batch,) = _resize().run(None, feed)
    return np.asarray(batch[0], np.uint8)


def fitted(
    pixels: NDArray[np.uint8], longest_side: int, *, most: float = 1.0
) -> tuple[NDArray[np.uint8], float]:
    """Return the picture (H, W, 3) scaled so that its longest side is ``longest_side``.

    It is enlarged at most by the factor ``most``.  Returned with it is the factor: a pixel (x, y)
    of the result lies at (x / factor, y / factor) of ``pixels``, but for rounding.
    """
    height, width = pixels.shape[:2]
    factor = min(most, longest_side / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return scaled(pixels, *size), factor


@cache
def _resize() -> onnxruntime.InferenceSession:
    # Here, so that a daemon which only asks a detector for its name does not load ONNX Runtime.
    from facewatchd.engines.session import session  # noqa: PLC0415

    graph = Graph(pixels=("uint8", (1, "height", "width", 3)), size=("int64", (2,)))
    resized = graph.node(
        "Resize",
        "pixels",
        "",
        "",
        "size",
        mode="linear",
        antialias=1,
        exclude_outside=1,  # at the edges, weigh only what there is, as Pillow does
        axes=[1, 2],
    )
    shape = (1, "new height", "new width", 3)
    return session(graph.model(scaled=(resized, "uint8", shape)), name="that scales pictures")
