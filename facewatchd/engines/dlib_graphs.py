"""dlib's two networks of faces as ONNX models, from the layers that `dat` reads.

What stands between the layers with weights is not in the files; it is that of dlib's programs
dnn_face_recognition_ex.cpp and dnn_mmod_face_detection_ex.cpp (http://dlib.net).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from facewatchd.engines.chip import CHIP
from facewatchd.engines.dat import Affine, Convolution, Layer, Linear, damaged
from facewatchd.engines.onnx_graph import Graph

if TYPE_CHECKING:
    from collections.abc import Sequence

_MEAN = np.array([122.782, 117.001, 104.298], np.float32)  # of red, green and blue
_DIVISOR = np.array(256, np.float32)
_FLOAT = 1  # ONNX's number of float32
_FACE_CONVOLUTIONS = 29
_DIMENSIONS = 128  # of an encoding
_MMOD_CONVOLUTIONS = 7

_Kind = TypeVar("_Kind", Convolution, Affine, Linear)


def face_network(layers: Sequence[Layer], name: str) -> bytes:
    """Return the model that turns ``chips``, uint8 (n, 150, 150, 3), into ``encodings`` (n, 128).

    ``name`` stands for the file of ``layers`` in errors.
    """
    graph = Graph(chips=("uint8", ("n", CHIP, CHIP, 3)))
    rest = _Layers(layers, name, _FACE_CONVOLUTIONS)
    value = graph.node("Transpose", _normalised(graph, "chips"), perm=[0, 3, 1, 2])
    value, channels, _ = _convolved(graph, value, rest)
    value = graph.node("Relu", value)
    value = graph.node("MaxPool", value, kernel_shape=[3, 3], strides=[2, 2])
    side = _halved(_halved(CHIP, 7), 3)
    while rest.convolutions:
        value, channels, side = _residual(graph, value, rest, channels, side)
    value = graph.node("Flatten", graph.node("GlobalAveragePool", value))
    weights = rest.take(Linear).weights
    if weights.shape[1] != _DIMENSIONS:
        made = f"its encodings have {weights.shape[1]} numbers where {_DIMENSIONS} are due"
        raise damaged(name, made)
    encodings = graph.node("MatMul", value, graph.constant(weights))
    return graph.model(encodings=(encodings, "float32", ("n", weights.shape[1])))


def mmod_network(layers: Sequence[Layer], name: str) -> bytes:
    """Return the model that turns ``planes`` into ``scores``.

    ``planes`` are float32 (1, 3, H, W), as `planes_of_picture` makes them; ``scores`` are
    (1, 1, h, w).  The score at row r and column c is that of the window of 80 x 80 pixels around
    row 8 r + 14 and column 8 c + 14.
    """
    graph = Graph(planes=("float32", (1, 3, "height", "width")))
    rest = _Layers(layers, name, _MMOD_CONVOLUTIONS)
    value = "planes"
    while rest.convolutions > 1:
        value = graph.node("Relu", _convolved(graph, value, rest)[0])
    last = rest.take(Convolution)
    scores = _convolution(graph, value, last, last.weights, last.bias)
    return graph.model(scores=(scores, "float32", (1, 1, "rows", "columns")))


def planes_of_picture() -> bytes:
    """Return the model that turns ``pixels``, uint8 (1, H, W, 3), into ``planes`` (1, 3, H, W)."""
    graph = Graph(pixels=("uint8", (1, "height", "width", 3)))
    planes = graph.node("Transpose", _normalised(graph, "pixels"), perm=[0, 3, 1, 2])
    return graph.model(planes=(planes, "float32", (1, 3, "height", "width")))


def smaller_planes() -> bytes:
    """Return the model that scales ``planes`` to ``size`` (height, width), as MMOD does."""
    graph = Graph(planes=("float32", (1, 3, "height", "width")), size=("int64", (2,)))
    smaller = graph.node(
        "Resize",
        "planes",
        "",
        "",
        "size",
        mode="linear",
        coordinate_transformation_mode="align_corners",
        axes=[2, 3],
    )
    return graph.model(smaller=(smaller, "float32", (1, 3, "new height", "new width")))


class _Layers:
    """The layers that are left, in order, and how many ``convolutions`` are among them."""

    def __init__(self, layers: Sequence[Layer], name: str, convolutions: int) -> None:
        self._layers = list(reversed(layers))
        self._name = name
        self.convolutions = sum(isinstance(layer, Convolution) for layer in layers)
        if self.convolutions != convolutions:
            raise damaged(
                name, f"it has {self.convolutions} convolutions where {convolutions} are due"
            )

    def take(self, kind: type[_Kind]) -> _Kind:
        """Return the next layer, which must be of this kind."""
        layer = self._layers.pop() if self._layers else None
        if not isinstance(layer, kind):
            raise damaged(self._name, f"a layer is missing or no {kind.__name__.lower()} layer")
        self.convolutions -= kind is Convolution
        return layer


def _normalised(graph: Graph, pixels: str) -> str:
    value = graph.node("Cast", pixels, to=_FLOAT)
    value = graph.node("Sub", value, graph.constant(_MEAN))
    return graph.node("Div", value, graph.constant(_DIVISOR))


def _residual(
    graph: Graph, value: str, rest: _Layers, channels: int, side: int
) -> tuple[str, int, int]:
    """Add a block; ``value`` has ``channels`` of ``side`` pixels.  Return the same of its sum.

    Two convolutions, and what goes past them.  Where the first one halves the size, the past is
    halved too, by averaging, and what is then smaller is filled up with zeros.
    """
    inner, _, stride = _convolved(graph, value, rest)
    inner, widened, _ = _convolved(graph, graph.node("Relu", inner), rest)
    if stride == 1:
        return graph.node("Relu", graph.node("Add", inner, value)), channels, side
    past = graph.node("AveragePool", value, kernel_shape=[2, 2], strides=[2, 2])
    halves = _halved(side, 3), _halved(side, 2)
    side = max(halves)
    inner = _filled(graph, inner, 0, side - halves[0])
    past = _filled(graph, past, widened - channels, side - halves[1])
    return graph.node("Relu", graph.node("Add", inner, past)), widened, side


def _halved(side: int, window: int) -> int:
    """Return the size of what a window leaves that moves by two and stays inside."""
    return (side - window) // 2 + 1


def _filled(graph: Graph, value: str, channels: int, pixels: int) -> str:
    if channels == pixels == 0:
        return value
    behind = [0, channels, pixels, pixels]
    return graph.node("Pad", value, graph.constant([0, 0, 0, 0, *behind]))


def _convolved(graph: Graph, value: str, rest: _Layers) -> tuple[str, int, int]:
    """Add a convolution and its affine layer as one; return value, channels and stride."""
    layer, affine = rest.take(Convolution), rest.take(Affine)
    weights = layer.weights * affine.gamma[:, None, None, None]
    bias = layer.bias * affine.gamma + affine.beta
    return _convolution(graph, value, layer, weights, bias), len(bias), layer.stride


def _convolution(
    graph: Graph, value: str, layer: Convolution, weights: np.ndarray, bias: np.ndarray
) -> str:
    return graph.node(
        "Conv",
        value,
        graph.constant(weights),
        graph.constant(bias),
        kernel_shape=weights.shape[2:],
        strides=[layer.stride] * 2,
        pads=[layer.padding] * 4,
    )
