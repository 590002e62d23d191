"""MTCNN's three networks as ONNX models, from the weights that the package ``mtcnn`` carries.

Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks".  The package (MIT) is not imported, as it needs TensorFlow: each of its three files is a
joblib pickle of a network's Keras arrays in their order.  A convolution has a kernel (rows,
columns, in, out), a bias and the slopes of a PReLU that are the same in the whole plane; the plane
before a dense layer is flattened in the order column, row, channel.  Each function here takes the
bytes of such a file and its name for errors: PluginError when it is damaged or another one.

Pictures are RGB planes (1, 3, height, width) of float32, 0 to 255.  A network's answers for one box
are, in this order: the logit of its being a face, the offsets of its four edges in its widths and
heights, and from the last network the five points' x, then their y, from the box's left top corner.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd.engines.onnx_graph import Graph
from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Weights = list[NDArray[np.float32]]

WINDOW = 12  # pixels a side of what the first network judges
STRIDE = 2  # pixels from one such window to the next
REFINED, JUDGED = 24, 48  # pixels a side of what the second and the third network judge

_MIDDLE, _SPREAD = 127.5, 128.0  # of the pixel values that the networks were trained on
_LOGITS = 2  # no face, face

# Of each network: rows and columns, channels in and out of its convolutions; its dense layer; the
# numbers of its answers.
_LAYERS = {
    "pnet": (((3, 3, 10), (3, 10, 16), (3, 16, 32)), None, (4, _LOGITS)),
    "rnet": (((3, 3, 28), (3, 28, 48), (2, 48, 64)), (576, 128), (4, _LOGITS)),
    "onet": (
        ((3, 3, 32), (3, 32, 64), (3, 64, 64), (2, 64, 128)),
        (1152, 256),
        (4, 10, _LOGITS),
    ),
}


def proposing(data: bytes, source: str) -> bytes:
    """Return P-Net: from ``picture`` the answers (1, 5, rows, columns) for all its windows."""
    weights = _read(data, source, "pnet")
    graph = Graph(picture=("float32", (1, 3, "height", "width")))
    plane = _first(graph, "picture", weights)
    plane = _pool(graph, plane, 2)
    plane = _prelu(graph, _convolution(graph, plane, weights), weights.pop(0))
    plane = _convolution(graph, plane, weights)
    slopes = weights.pop(0).reshape(1, 1, -1, 1)
    kernel, bias = _heads(weights)
    # The last PReLU is a part of the kernels: a x + (1 - a) relu(x), see _prelu.
    linear = _convolution(graph, plane, [kernel * slopes, bias])
    bent = _convolution(graph, graph.node("Relu", plane), [kernel * (1 - slopes), 0 * bias])
    answers = graph.node("Add", linear, bent)
    return graph.model(answers=(answers, "float32", (1, len(bias), "rows", "columns")))


def refining(data: bytes, source: str) -> bytes:
    """Return R-Net: from ``picture`` and ``boxes`` (n, 4) in its pixels the answers (n, 5)."""
    return _judging(_read(data, source, "rnet"), REFINED, pools=(3, 3, None))


def judging(data: bytes, source: str) -> bytes:
    """Return O-Net: from ``picture`` and ``boxes`` (n, 4) in its pixels the answers (n, 15)."""
    return _judging(_read(data, source, "onet"), JUDGED, pools=(3, 3, 2, None))


def shrinking() -> bytes:
    """Return what scales ``picture`` linearly to ``size`` (height, width).

    It weighs four pixels, which is enough down to half the size.
    """
    graph = Graph(picture=("float32", (1, 3, "height", "width")), size=("int64", (2,)))
    resized = graph.node("Resize", "picture", "", "", "size", mode="linear", axes=[2, 3])
    return graph.model(smaller=(resized, "float32", (1, 3, "rows", "columns")))


def _judging(weights: Weights, side: int, pools: tuple[int | None, ...]) -> bytes:
    """Return a network for boxes, cut out with ``side`` pixels and black beyond the picture.

    ``pools`` gives the size of the pooling after each convolution.
    """
    graph = Graph(picture=("float32", (1, 3, "height", "width")), boxes=("float32", ("n", 4)))
    count = graph.node(
        "Slice", graph.node("Shape", "boxes"), graph.constant([0]), graph.constant([1])
    )
    plane = graph.node(
        "RoiAlign",
        "picture",
        "boxes",
        graph.node("Expand", graph.constant([0]), count),  # all of them in the first picture
        output_height=side,
        output_width=side,
        sampling_ratio=1,
        coordinate_transformation_mode="half_pixel",
    )
    for number, pool in enumerate(pools):
        if number == 0:
            plane = _first(graph, plane, weights)
        else:
            plane = _prelu(graph, _convolution(graph, plane, weights), weights.pop(0))
        if pool is not None:
            plane = _pool(graph, plane, pool)
    flat = graph.node("Flatten", graph.node("Transpose", plane, perm=[0, 3, 2, 1]))
    kernel, bias, slopes = (graph.constant(weights.pop(0)) for _ in range(3))
    hidden = graph.node("PRelu", graph.node("Gemm", flat, kernel, bias), slopes)
    kernels, biases = _heads(weights)
    answers = graph.node("Gemm", hidden, graph.constant(kernels), graph.constant(biases))
    return graph.model(answers=(answers, "float32", ("n", len(biases))))


def _first(graph: Graph, pixels: str, weights: Weights) -> str:
    """Add the first convolution, which also brings pixels into the range of the training."""
    kernel, bias, slopes = (weights.pop(0) for _ in range(3))
    centred = bias - kernel.sum(axis=(0, 1, 2)) * (_MIDDLE / _SPREAD)
    return _prelu(graph, _convolution(graph, pixels, [kernel / _SPREAD, centred]), slopes)


def _convolution(graph: Graph, plane: str, weights: Weights) -> str:
    """Add a convolution; its kernel and bias are taken from the head of ``weights``."""
    kernel, bias = weights.pop(0), weights.pop(0)
    return graph.node(
        "Conv", plane, graph.constant(kernel.transpose(3, 2, 0, 1)), graph.constant(bias)
    )


def _prelu(graph: Graph, plane: str, slopes: NDArray[np.float32]) -> str:
    """Add a PReLU as a x + (1 - a) relu(x).

    ONNX Runtime has no PRelu for the order of memory in which its convolutions are fast, and would
    go there and back for each: a third of all time.
    """
    slopes = slopes.reshape(-1, 1, 1)
    linear = graph.node("Mul", plane, graph.constant(slopes))
    bent = graph.node("Mul", graph.node("Relu", plane), graph.constant(1 - slopes))
    return graph.node("Add", linear, bent)


def _pool(graph: Graph, plane: str, size: int) -> str:
    """Add a pooling that also takes what is left at the right and the lower edge."""
    return graph.node("MaxPool", plane, kernel_shape=[size] * 2, strides=[2, 2], ceil_mode=1)


def _heads(weights: Weights) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the last layers as one: the logit (face minus no face), then all other answers."""
    kernels, biases = weights[0::2], weights[1::2]
    kernels = [np.diff(kernels[-1], axis=-1), *kernels[:-1]]
    biases = [np.diff(biases[-1], axis=-1), *biases[:-1]]
    return np.concatenate(kernels, axis=-1), np.concatenate(biases)


def _read(data: bytes, source: str, network: str) -> Weights:
    """Return a network's arrays."""
    try:
        import joblib  # noqa: PLC0415 - needed only here
        import lz4.frame  # noqa: F401, PLC0415 - joblib needs it, but its error would not name it
    except ImportError as cause:
        raise PluginError(
            f"The detector 'mtcnn' needs {cause.name}, which is not installed.",
            "Install it: pip install joblib lz4",
        ) from cause
    try:
        weights = joblib.load(BytesIO(data))
    except Exception as cause:  # pickle and lz4 have no common error for a damaged file
        raise _damaged(source, f"it cannot be read ({cause})") from cause
    if not _fits(weights, network):
        raise _damaged(source, "it does not hold this network")
    if not all(np.isfinite(array).all() for array in weights):
        raise _damaged(source, "it holds weights that are not numbers")
    return list(weights)


def _fits(weights: Any, network: str) -> bool:
    convolutions, dense, heads = _LAYERS[network]
    shapes: list[tuple[int, ...]] = []
    for side, channels, filters in convolutions:
        shapes += [(side, side, channels, filters), (filters,), (1, 1, filters)]
    if dense is None:
        last: tuple[int, ...] = (1, 1, convolutions[-1][-1])
    else:
        shapes += [dense, dense[1:], dense[1:]]
        last = dense[1:]
    for numbers in heads:
        shapes += [(*last, numbers), (numbers,)]
    return isinstance(weights, list) and [
        (np.shape(array), getattr(array, "dtype", None)) for array in weights
    ] == [(shape, np.float32) for shape in shapes]


def _damaged(source: str, how: str) -> PluginError:
    return PluginError(
        f"The weights {source} of the detector 'mtcnn' are damaged: {how}.",
        "Install them anew: pip install --force-reinstall --no-deps mtcnn",
    )
