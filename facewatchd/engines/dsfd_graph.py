"""The Dual Shot Face Detector as an ONNX model, from the weights that its authors published.

Li et al. 2019, "DSFD: Dual Shot Face Detector" (arXiv:1810.10220), with the backbone ResNet-152 (He
et al. 2016).  The names of the weights, the sizes, and what the paper leaves open are those of
WIDERFace_DSFD_RES152.pth and of the code that runs it, Tencent's FaceDetection-DSFD and
https://github.com/hukkelas/DSFD-Pytorch-Inference (face_detection/dsfd/face_ssd.py): a level is
multiplied by the next smaller one, enlarged linearly with its corners on the corners; the first
level has three logits for "no face", all others three for "face", of which the largest counts
(max-out).  The first shot serves the training alone, as do the answers for heads and bodies in the
last layers: neither is in this model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd.engines.onnx_graph import Graph
from facewatchd.engines.torch_graph import Layers, Norm, Plane, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LEVELS = 6
STRIDES = tuple(4 << level for level in range(LEVELS))  # pixels from cell to cell of each level

# Mean of red, green and blue, which is subtracted.  The network takes blue first.
_MEAN = np.array([123, 117, 104], np.float32)
_FLOAT = 1  # ONNX's number of float32
_EPSILON = 1e-5  # of every batch norm
_BLOCKS = (3, 8, 36, 3)  # of ResNet-152, in each of its four levels
_WIDENED = 4  # a block's answer has so many times the channels of its middle
_ENHANCED = 256  # channels of the widest part of a feature enhance module
_HEAD = 256  # channels within a head
_LOGITS, _EDGES = 4, 4  # of an anchor: logits of one more kind than two, and offsets
# The last layers' channels: for the face itself those above, then those for heads and bodies.
_OFFSETS_OF_ALL = (4, 8, 12, 12, 12, 12)
_LOGITS_OF_ALL = (4, 6, 8, 8, 8, 8)
_MODULES = ("cpm3_3", "cpm4_3", "cpm5_3", "cpm7", "cpm6_2", "cpm7_2")


def detecting_network(tensors: Mapping[str, NDArray[Any]], source: str) -> bytes:
    """Return the model that looks for faces in ``pixels``, uint8 RGB (1, H, W, 3).

    It answers with ``level0`` to ``level5``, float32 (1, 5, rows, columns): of each cell the logit
    of its being a face, and the offsets of its anchor's centre (x, y) and size (width, height).
    ``tensors`` is the state dict.  PluginError, with the name ``source``, when it is another
    network's.
    """
    graph = Graph(pixels=("uint8", (1, "height", "width", 3)))
    layers = Layers(graph, tensors, source)
    planes = _backbone(layers, _prepared(graph))
    planes[2] = _multiplied(layers, planes[3], planes[2], number=3)
    planes[1] = _multiplied(layers, planes[2], planes[1], number=2)
    planes[0] = _multiplied(layers, planes[1], planes[0], number=1)
    answers = {}
    for level, (plane, module) in enumerate(zip(planes, _MODULES, strict=True)):
        answer = _answers(layers, _enhanced(layers, plane, module), level)
        shape = (1, 1 + _EDGES, f"rows {level}", f"columns {level}")
        answers[f"level{level}"] = (answer, "float32", shape)
    layers.check_all_used()
    return graph.model(**answers)


def _prepared(graph: Graph) -> Plane:
    """Add what turns pixels into planes, blue first, around zero."""
    centred = graph.node("Sub", graph.node("Cast", "pixels", to=_FLOAT), graph.constant(_MEAN))
    blue_first = graph.node("Gather", centred, graph.constant([2, 1, 0]), axis=3)
    return Plane(graph.node("Transpose", blue_first, perm=[0, 3, 1, 2]), 3)


def _backbone(layers: Layers, plane: Plane) -> list[Plane]:
    """Add ResNet-152 and the two levels behind it; return the six levels, finest first."""
    plane = _normed(layers, plane, "layer1.0", "layer1.1", 64, Window(7, 7, stride=2))
    pooled = layers.graph.node(
        "MaxPool",
        layers.rectified(plane).value,
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[1, 1, 1, 1],
    )
    plane = plane._replace(value=pooled)
    levels = []
    for number, blocks in enumerate(_BLOCKS):
        stage = "layer1.4" if number == 0 else f"layer{number + 1}.0"
        for block in range(blocks):
            stride = 2 if number > 0 and block == 0 else 1
            plane = _bottleneck(layers, plane, f"{stage}.{block}", 64 << number, stride)
        levels.append(plane)
    for name, middle, filters in (("layer5", 512, 512), ("layer6", 128, 256)):
        plane = _normed(layers, plane, f"{name}.0", f"{name}.1", middle, Window(), biased=True)
        plane = layers.rectified(plane)
        halving = Window(3, 3, stride=2)
        plane = _normed(layers, plane, f"{name}.3", f"{name}.4", filters, halving, biased=True)
        plane = layers.rectified(plane)
        levels.append(plane)
    return levels


def _bottleneck(layers: Layers, plane: Plane, name: str, middle: int, stride: int) -> Plane:
    """Add a residual block of three convolutions, and what brings the past to its size."""
    filters = middle * _WIDENED
    past = plane
    if plane.channels != filters:
        down, moving = f"{name}.downsample", Window(stride=stride)
        past = _normed(layers, plane, f"{down}.0", f"{down}.1", filters, moving)
    parts = ((1, middle, Window()), (2, middle, Window(3, 3, stride)), (3, filters, Window()))
    inner = plane
    for number, size, window in parts:
        before = inner if number == 1 else layers.rectified(inner)
        inner = _normed(layers, before, f"{name}.conv{number}", f"{name}.bn{number}", size, window)
    total = layers.graph.node("Add", inner.value, past.value)
    return layers.rectified(Plane(total, filters))


def _normed(
    layers: Layers,
    plane: Plane,
    name: str,
    norm: str,
    filters: int,
    window: Window,
    *,
    biased: bool = False,
) -> Plane:
    """Add a convolution and its batch norm."""
    return layers.convolved(plane, name, filters, window, norm=Norm(norm, _EPSILON), biased=biased)


def _multiplied(layers: Layers, smaller: Plane, plane: Plane, number: int) -> Plane:
    """Add the product of a level with the next ``smaller`` one, which is enlarged to its size."""
    graph = layers.graph
    lateral = layers.convolved(smaller, f"latlayer{number}", plane.channels, Window())
    smooth = layers.convolved(plane, f"smooth{number}", plane.channels, Window())
    rows_and_columns = graph.node(
        "Slice", graph.node("Shape", smooth.value), graph.constant([2]), graph.constant([4])
    )
    enlarged = graph.node(
        "Resize",
        lateral.value,
        "",
        "",
        rows_and_columns,
        mode="linear",
        coordinate_transformation_mode="align_corners",
        axes=[2, 3],
    )
    return smooth._replace(value=graph.node("Mul", smooth.value, enlarged))


def _enhanced(layers: Layers, plane: Plane, name: str) -> Plane:
    """Add a feature enhance module: three views of a plane, each wider than the one before."""

    def seen(plane: Plane, number: int, filters: int, dilation: int = 1) -> Plane:
        window = Window(3, 3, dilation=dilation)
        return layers.rectified(layers.convolved(plane, f"{name}.cpm{number}", filters, window))

    near = seen(plane, 1, _ENHANCED)
    wide = seen(plane, 2, _ENHANCED, dilation=2)
    wider = seen(wide, 3, _ENHANCED // 2)
    widest = seen(seen(wide, 4, _ENHANCED // 2, dilation=2), 5, _ENHANCED // 2)
    return layers.together(near, wider, widest)


def _answers(layers: Layers, plane: Plane, level: int) -> str:
    """Add both heads of a level; return one logit and four offsets a cell."""
    graph = layers.graph
    offsets = _head(layers, plane, f"loc.{level}", _EDGES, _OFFSETS_OF_ALL[level])
    logits = _head(layers, plane, f"conf.{level}", _LOGITS, _LOGITS_OF_ALL[level])
    three, one = (
        graph.node("Slice", logits, *map(graph.constant, ([begin], [end], [1])))
        for begin, end in ((0, 3), (3, 4))
    )
    largest = graph.node("ReduceMax", three, graph.constant([1]))
    face, other = (one, largest) if level == 0 else (largest, one)
    return graph.node("Concat", graph.node("Sub", face, other), offsets, axis=1)


def _head(layers: Layers, plane: Plane, name: str, kept: int, of_all: int) -> str:
    """Add a head; of the ``of_all`` channels of its last layer the first ones are ``kept``."""
    for number in (1, 2, 3):
        part = f"{name}.conv{number}"
        plane = layers.rectified(layers.convolved(plane, part, _HEAD, Window(3, 3)))
    weights = layers.take(f"{name}.conv4.weight", (of_all, _HEAD, 1, 1))
    bias = layers.take(f"{name}.conv4.bias", (of_all,))
    return layers.added(plane, weights[:kept], bias[:kept], Window()).value
