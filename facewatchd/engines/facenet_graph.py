"""InceptionResnetV1 as an ONNX model, from the weights of the package facenet-pytorch.

Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the Impact of Residual Connections on
Learning", in the sizes of David Sandberg's facenet (https://github.com/davidsandberg/facenet).  The
names, sizes and factors are those of InceptionResnetV1 in facenet-pytorch 2.6.0
(https://github.com/timesler/facenet-pytorch, models/inception_resnet_v1.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd.engines.onnx_graph import Graph
from facewatchd.engines.torch_graph import Layers, Norm, Plane, Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Sizes = tuple[int, Window]  # filters, and how they move
    Branches = Sequence[Sequence[Sizes]]

SIDE, DIMENSIONS = 160, 512

_EPSILON = 0.001  # of every batch norm
_MIDDLE, _SPREAD = 127.5, 128.0  # of the pixel values that the network was trained on
_FLOAT = 1  # ONNX's number of float32
_ONE, _THREE = Window(), Window(3, 3)
_INSIDE, _HALVING = Window(3, 3, padded=False), Window(3, 3, stride=2, padded=False)

# Of each kind of residual block: its branches, layer by layer, and the share of their answer that
# is added to what goes past them.
_BLOCK35 = (
    ([(32, _ONE)], [(32, _ONE), (32, _THREE)], [(32, _ONE), (32, _THREE), (32, _THREE)]),
    0.17,
)
_BLOCK17 = (([(128, _ONE)], [(128, _ONE), (128, Window(1, 7)), (128, Window(7, 1))]), 0.10)
_BLOCK8 = (([(192, _ONE)], [(192, _ONE), (192, Window(1, 3)), (192, Window(3, 1))]), 0.20)
_LAST = (_BLOCK8[0], 1.0)

# Of the two blocks that halve the size, the branches besides the pooling.
_MIXED6 = ([(384, _HALVING)], [(192, _ONE), (192, _THREE), (256, _HALVING)])
_MIXED7 = (
    [(256, _ONE), (384, _HALVING)],
    [(256, _ONE), (256, _HALVING)],
    [(256, _ONE), (256, _THREE), (256, _HALVING)],
)


def encoding_network(tensors: Mapping[str, NDArray[Any]], source: str) -> bytes:
    """Return the model that turns ``faces``, uint8 (n, 160, 160, 3), into ``encodings`` (n, 512).

    Encodings are those before they are brought to length one.  ``tensors`` is the state dict; the
    layer that names the people of the training (``logits``) is left out.  PluginError, with the
    name ``source``, when it is another network's.
    """
    graph = Graph(faces=("uint8", ("n", SIDE, SIDE, 3)))
    layers = Layers(graph, tensors, source)
    planes = graph.node("Transpose", graph.node("Cast", "faces", to=_FLOAT), perm=[0, 3, 1, 2])
    centred = graph.node("Sub", planes, graph.constant(np.array([_MIDDLE])))
    plane = Plane(graph.node("Div", centred, graph.constant(np.array([_SPREAD]))), 3)
    plane = _convolved(layers, plane, "conv2d_1a", (32, _HALVING))
    plane = _convolved(layers, plane, "conv2d_2a", (32, _INSIDE))
    plane = _convolved(layers, plane, "conv2d_2b", (64, _THREE))
    plane = _pooled(layers, plane)
    plane = _convolved(layers, plane, "conv2d_3b", (80, _ONE))
    plane = _convolved(layers, plane, "conv2d_4a", (192, _INSIDE))
    plane = _convolved(layers, plane, "conv2d_4b", (256, _HALVING))
    for number in range(5):
        plane = layers.rectified(_residual(layers, plane, f"repeat_1.{number}", *_BLOCK35))
    plane = _halved(layers, plane, "mixed_6a", _MIXED6)
    for number in range(10):
        plane = layers.rectified(_residual(layers, plane, f"repeat_2.{number}", *_BLOCK17))
    plane = _halved(layers, plane, "mixed_7a", _MIXED7)
    for number in range(5):
        plane = layers.rectified(_residual(layers, plane, f"repeat_3.{number}", *_BLOCK8))
    plane = _residual(layers, plane, "block8", *_LAST)
    flat = graph.node("Flatten", graph.node("GlobalAveragePool", plane.value))
    sizes = (plane.channels, DIMENSIONS)
    encodings = layers.dense(flat, "last_linear", sizes, Norm("last_bn", _EPSILON))
    layers.ignore("logits.weight", "logits.bias")
    layers.check_all_used()
    return graph.model(encodings=(encodings, "float32", ("n", DIMENSIONS)))


def _convolved(layers: Layers, plane: Plane, name: str, sizes: Sizes) -> Plane:
    """Add a convolution with its batch norm and ReLU."""
    norm = Norm(f"{name}.bn", _EPSILON)
    return layers.rectified(
        layers.convolved(plane, f"{name}.conv", *sizes, norm=norm, biased=False)
    )


def _branched(layers: Layers, plane: Plane, name: str, branches: Branches) -> list[Plane]:
    """Add branches that all see the same plane; return their ends."""
    ends = []
    for number, branch in enumerate(branches):
        end = plane
        for place, sizes in enumerate(branch):
            part = f"{name}.branch{number}"
            end = _convolved(layers, end, part if len(branch) == 1 else f"{part}.{place}", sizes)
        ends.append(end)
    return ends


def _residual(layers: Layers, plane: Plane, name: str, branches: Branches, share: float) -> Plane:
    """Add a block whose branches, mixed and multiplied by ``share``, are added to the plane."""
    seen = layers.together(*_branched(layers, plane, name, branches))
    weights = layers.take(f"{name}.conv2d.weight", (plane.channels, seen.channels, 1, 1))
    bias = layers.take(f"{name}.conv2d.bias", (plane.channels,))
    factor = np.float32(share)
    mixed = layers.added(seen, weights * factor, bias * factor, Window())
    return plane._replace(value=layers.graph.node("Add", mixed.value, plane.value))


def _halved(layers: Layers, plane: Plane, name: str, branches: Branches) -> Plane:
    """Add a block that halves the size: branches whose last layer does, and a pooling."""
    ends = _branched(layers, plane, name, branches)
    return layers.together(*ends, _pooled(layers, plane))


def _pooled(layers: Layers, plane: Plane) -> Plane:
    pooled = layers.graph.node("MaxPool", plane.value, kernel_shape=[3, 3], strides=[2, 2])
    return plane._replace(value=pooled)
