"""Writes the layers of a PyTorch module as an ONNX graph, from the module's weights by name.

A batch norm becomes a part of the convolution before it: with s = weight / sqrt(variance + eps) the
kernel is multiplied by s and the bias becomes (bias - mean) s + beta (Ioffe, Szegedy 2015).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from facewatchd.engines.onnx_graph import Graph

    Weights = NDArray[np.float32]

_COUNTED = ".num_batches_tracked"  # what a batch norm saw in its training, of no use here


class Plane(NamedTuple):
    """A value of the graph, (n, channels, rows, columns)."""

    value: str
    channels: int


class Window(NamedTuple):
    """How a convolution moves: its kernel's rows and columns, and by how many pixels.

    ``padded`` adds so many zeros that with a stride of 1 the size stays; with a ``dilation`` of 2
    the kernel takes every other pixel.
    """

    rows: int = 1
    columns: int = 1
    stride: int = 1
    padded: bool = True
    dilation: int = 1


class Norm(NamedTuple):
    """The batch norm after a layer: the name of its weights, and its epsilon."""

    name: str
    epsilon: float


class Layers:
    """Adds layers to ``graph`` by their names in ``tensors``, a module's state dict.

    ``source`` names the file of weights in errors.  Every tensor can be used once, so that what is
    left in the end was in the file and not in the network.
    """

    def __init__(self, graph: Graph, tensors: Mapping[str, NDArray[Any]], source: str) -> None:
        self.graph = graph
        self._source = source
        self._left = {k: v for k, v in tensors.items() if not k.endswith(_COUNTED)}

    def convolved(
        self,
        plane: Plane,
        name: str,
        filters: int,
        window: Window,
        *,
        norm: Norm | None = None,
        biased: bool = True,
    ) -> Plane:
        """Add the convolution ``name``, with the batch norm that follows it."""
        shape = (filters, plane.channels, window.rows, window.columns)
        weights = self.take(f"{name}.weight", shape)
        bias = self.take(f"{name}.bias", (filters,)) if biased else np.zeros(filters, np.float32)
        if norm is not None:
            weights, bias = self._normed(weights, bias, norm)
        return self.added(plane, weights, bias, window)

    def added(self, plane: Plane, weights: Weights, bias: Weights, window: Window) -> Plane:
        """Add a convolution with these ``weights`` (filters, channels, rows, columns)."""
        sides = [window.rows, window.columns]
        around = [side // 2 * window.dilation if window.padded else 0 for side in sides]
        value = self.graph.node(
            "Conv",
            plane.value,
            self.graph.constant(weights),
            self.graph.constant(bias),
            kernel_shape=sides,
            strides=[window.stride] * 2,
            pads=around * 2,
            dilations=[window.dilation] * 2,
        )
        return Plane(value, len(bias))

    def dense(self, value: str, name: str, sizes: tuple[int, int], norm: Norm) -> str:
        """Add the linear layer ``name``, without a bias, from ``sizes[0]`` numbers to the other."""
        weights, bias = self._normed(
            self.take(f"{name}.weight", (sizes[1], sizes[0])), np.zeros(sizes[1], np.float32), norm
        )
        numbers = (self.graph.constant(weights), self.graph.constant(bias))
        return self.graph.node("Gemm", value, *numbers, transB=1)

    def rectified(self, plane: Plane) -> Plane:
        """Add a ReLU."""
        return plane._replace(value=self.graph.node("Relu", plane.value))

    def together(self, *planes: Plane) -> Plane:
        """Add what puts the channels of ``planes`` one behind the other."""
        value = self.graph.node("Concat", *(plane.value for plane in planes), axis=1)
        return Plane(value, sum(plane.channels for plane in planes))

    def take(self, name: str, shape: tuple[int, ...]) -> Weights:
        """Return the tensor ``name``; PluginError when it is missing, or is not of that shape."""
        tensor = self._left.pop(name, None)
        if tensor is None:
            raise self._wrong(f"it has no {name}")
        if tensor.shape != shape:
            raise self._wrong(f"{name} is {tensor.shape}, where {shape} is due")
        weights = np.asarray(tensor, np.float32)
        if not np.isfinite(weights).all():
            raise self._wrong(f"{name} holds what is no number")
        return weights

    def ignore(self, *names: str) -> None:
        """Leave out tensors that the network has but nobody needs here."""
        for name in names:
            self._left.pop(name, None)

    def check_all_used(self) -> None:
        """Raise PluginError when the file has tensors that the network does not have."""
        if self._left:
            raise self._wrong(f"it has {min(self._left)}, which that network does not have")

    def _normed(self, weights: Weights, bias: Weights, norm: Norm) -> tuple[Weights, Weights]:
        shape = bias.shape
        gamma, beta = (self.take(f"{norm.name}.{each}", shape) for each in ("weight", "bias"))
        mean = self.take(f"{norm.name}.running_mean", shape)
        variance = self.take(f"{norm.name}.running_var", shape)
        if (variance < 0).any():
            raise self._wrong(f"{norm.name}.running_var is negative")
        scale = gamma / np.sqrt(variance + np.float32(norm.epsilon))
        return (
            np.asarray(weights * scale.reshape(-1, *[1] * (weights.ndim - 1)), np.float32),
            np.asarray((bias - mean) * scale + beta, np.float32),
        )

    def _wrong(self, how: str) -> PluginError:
        return PluginError(
            f"{self._source} does not hold the network that its names are like: {how}.",
            "It is damaged, or of another network. Download the published file anew.",
        )
