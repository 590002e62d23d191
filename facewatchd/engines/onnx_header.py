"""Reads what an ONNX model takes and gives from its file, without loading its weights.

A pack's files are told apart by this: loading every model of a large pack would take seconds.
Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx), the wire format is that of
protocol buffers (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # wire types
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_LONGEST_VARINT = 10
_GRAPH, _OPERATOR_SETS = 7, 8  # the fields that are read, of ModelProto,
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12  # of GraphProto,
_OPERATOR, _TENSOR_NAME = 4, 8  # of NodeProto and TensorProto,
_NAME, _TYPE = 1, 2  # of ValueInfoProto,
_TENSOR, _ELEMENT, _SHAPE = 1, 1, 2  # of TypeProto and its tensor,
_DIMENSION, _SIZE = 1, 1  # of TensorShapeProto and its dimension
_FLOAT = 1  # TensorProto.DataType


@dataclass(frozen=True, slots=True)
class Value:
    """An input or output: its name, its shape, and whether its elements are float32.

    None in ``shape`` is a size that varies.
    """

    name: str
    shape: tuple[int | None, ...]
    is_float: bool


@dataclass(frozen=True, slots=True)
class Header:
    """The inputs and outputs of a model, and its operators in the order of the file."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    operators: tuple[str, ...]


class _DamagedError(Exception):
    """The bytes are no ONNX model, or not all of one."""


def read_header(path: Path) -> Header:
    """Return the header of the model at ``path``; PluginError if it cannot be read or is damaged.

    A file that ends too early is found.  Damage inside the weights is not: a checksum finds that.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _header(data)
    except OSError as cause:
        raise PluginError(
            f"The model {path} cannot be read: {cause.strerror}.",
            "Let the account that facewatchd runs as read it.",
        ) from cause
    except (_DamagedError, ValueError) as cause:  # ValueError: an empty file, or a name not UTF-8
        raise PluginError(
            f"{path} is no ONNX model, or is damaged: {cause}.",
            "Fetch it again. See: facewatchctl models check",
        ) from cause


def _header(data: mmap.mmap | bytes) -> Header:
    model = dict(_fields(data, 0, len(data)))
    if not {_GRAPH, _OPERATOR_SETS} <= model.keys():
        raise _DamagedError("it holds no graph, or not what its operators are")
    inputs, outputs, operators, weights = [], [], [], set()
    for number, part in _fields(data, *_span(model[_GRAPH])):
        if number == _NODE:
            operators.append(_text(data, _last(data, part, _OPERATOR)))
        elif number == _INITIALIZER:
            weights.add(_text(data, _last(data, part, _TENSOR_NAME)))
        elif number == _INPUT:
            inputs.append(_value(data, part))
        elif number == _OUTPUT:
            outputs.append(_value(data, part))
    # Older exporters list the weights among the inputs.
    inputs = [each for each in inputs if each.name not in weights]
    return Header(tuple(inputs), tuple(outputs), tuple(operators))


_Span = tuple[int, int]  # of bytes in the file; a number stands where the field is one


def _value(data: mmap.mmap | bytes, at: _Span | int) -> Value:
    name = _text(data, _last(data, at, _NAME))
    tensor = _last(data, _last(data, at, _TYPE), _TENSOR)
    shape = _last(data, tensor, _SHAPE)
    sizes = [_last(data, part, _SIZE) for number, part in _all(data, shape) if number == _DIMENSION]
    return Value(
        name,
        tuple(size if isinstance(size, int) and size > 0 else None for size in sizes),
        _last(data, tensor, _ELEMENT) == _FLOAT,
    )


def _all(data: mmap.mmap | bytes, message: _Span | int | None) -> Iterator[tuple[int, _Span | int]]:
    return _fields(data, *_span(message)) if message is not None else iter(())


def _last(data: mmap.mmap | bytes, message: _Span | int | None, wanted: int) -> _Span | int | None:
    """Return the last field of this number, which is the one that counts; None if there is none."""
    return dict(_all(data, message)).get(wanted)


def _text(data: mmap.mmap | bytes, at: _Span | int | None) -> str:
    return "" if at is None else data[slice(*_span(at))].decode()


def _span(at: _Span | int) -> _Span:
    if isinstance(at, int):
        raise _DamagedError("a number stands where a message should")
    return at


def _fields(data: mmap.mmap | bytes, at: int, end: int) -> Iterator[tuple[int, _Span | int]]:
    """Yield the number of each field between two positions, and where it lies or its number."""
    while at < end:
        key, at = _varint(data, at, end)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(data, at, end)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at, end)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise _DamagedError(f"wire type {kind} at byte {at:,}")
        if at + length > end:
            raise _DamagedError(f"it ends within the field at byte {at:,}")
        yield number, (at, at + length)
        at += length


def _varint(data: mmap.mmap | bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(data[at : min(end, at + _LONGEST_VARINT)]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004 - the top bit says that more follows
            return value, at + place + 1
    raise _DamagedError(f"a number at byte {at:,} has no end")
