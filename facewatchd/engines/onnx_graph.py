"""Writes ONNX models: the few fields of its protocol buffers that our graphs need.

The ``onnx`` package would do, but whoever only uses our engines needs no more than numpy and
onnxruntime.  Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx), the wire format
is that of protocol buffers (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Attribute = int | str | Sequence[int]

_IR_VERSION = 8
_OPSET = 18
_VARINT, _BYTES = 0, 2  # wire types
_ATTRIBUTE_TYPES = {"i": 2, "s": 3, "ints": 7}
_DATA_TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "bool": 9}


class Graph:
    """A graph that grows node by node; every value in it has a name.

    ``inputs`` gives each input's dtype and shape, in which a name stands for a size that varies.
    """

    def __init__(self, **inputs: tuple[str, Sequence[int | str]]) -> None:
        self._inputs = [_value(name, dtype, shape) for name, (dtype, shape) in inputs.items()]
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._named = 0

    def constant(self, value: np.ndarray[Any, Any] | Sequence[int] | Sequence[float]) -> str:
        """Add a constant (integers become int64, other numbers float32); return its name."""
        array = np.asarray(value)
        if array.dtype.name not in _DATA_TYPES:
            array = array.astype(np.float32)
        name = self._new("constant")
        self._constants.append(_tensor(name, np.ascontiguousarray(array)))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """Add an operator; return the name of its output.

        An empty name leaves out an optional input.
        """
        name = self._new(kind)
        self._nodes.append(
            b"".join(_bytes(1, each.encode()) for each in inputs)
            + _bytes(2, name.encode())
            + _bytes(3, name.encode())
            + _bytes(4, kind.encode())
            + b"".join(_bytes(5, _attribute(key, value)) for key, value in attributes.items())
        )
        return name

    def model(self, **outputs: tuple[str, str, Sequence[int | str]]) -> bytes:
        """Return the whole model; ``outputs`` gives each output's value, dtype and shape."""
        for name, (value, _, _) in outputs.items():
            self._nodes.append(
                _bytes(1, value.encode())
                + _bytes(2, name.encode())
                + _bytes(3, f"output {name}".encode())
                + _bytes(4, b"Identity")
            )
        graph = (
            b"".join(_bytes(1, node) for node in self._nodes)
            + _bytes(2, b"facewatchd")
            + b"".join(_bytes(5, constant) for constant in self._constants)
            + b"".join(_bytes(11, each) for each in self._inputs)
            + b"".join(_bytes(12, _value(name, *out[1:])) for name, out in outputs.items())
        )
        opset = _bytes(1, b"") + _integer(2, _OPSET)
        head = _integer(1, _IR_VERSION) + _bytes(2, b"facewatchd")
        return head + _bytes(7, graph) + _bytes(8, opset)

    def _new(self, kind: str) -> str:
        self._named += 1
        return f"{kind}_{self._named}"


def _value(name: str, dtype: str, shape: Iterable[int | str]) -> bytes:
    dims = b"".join(
        _bytes(1, _bytes(2, size.encode()) if isinstance(size, str) else _integer(1, size))
        for size in shape
    )
    tensor = _integer(1, _DATA_TYPES[dtype]) + _bytes(2, dims)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _tensor(name: str, array: np.ndarray[Any, Any]) -> bytes:
    return (
        b"".join(_integer(1, size) for size in array.shape)
        + _integer(2, _DATA_TYPES[array.dtype.name])
        + _bytes(8, name.encode())
        + _bytes(9, array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    )


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, str):
        kind, data = "s", _bytes(4, value.encode())
    elif isinstance(value, int):
        kind, data = "i", _integer(3, value)
    else:
        kind, data = "ints", b"".join(_integer(8, int(each)) for each in value)
    return _bytes(1, name.encode()) + data + _integer(20, _ATTRIBUTE_TYPES[kind])


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte, as the format has it
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)
