"""Networks with random weights, in files as PyTorch writes them, without PyTorch."""

from __future__ import annotations

import pickle
import sys
import zipfile
from io import BytesIO
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import numpy as np

from facewatchd.engines.onnx_graph import Graph
from facewatchd.engines.torch_graph import Layers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facewatchd.models.known import Convert

    Tensors = dict[str, NDArray[Any]]


def random_weights(convert: Convert, seed: int = 1) -> Tensors:
    """Return random weights for the network that ``convert`` writes, by name."""
    choice = np.random.default_rng(seed)
    tensors: Tensors = {}

    def invented(_: Layers, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        size = float(np.prod(shape[1:]))
        if name.endswith("running_var"):
            made = choice.uniform(0.5, 1.5, shape)
        elif len(shape) == 1:
            made = choice.uniform(0.8, 1.2, shape) if name.endswith(".weight") else np.zeros(shape)
        else:
            made = choice.standard_normal(shape, np.float32) * (2 / size) ** 0.5
        return tensors.setdefault(name, np.asarray(made, np.float32))

    with mock.patch.object(Layers, "take", invented):
        convert({}, "random weights")
    return tensors


class Storage(NamedTuple):
    key: str
    kind: str
    data: bytes
    length: int


_KINDS = {"float32": "FloatStorage", "int64": "LongStorage", "float64": "DoubleStorage"}


def pickled(found: object, view: Sequence[object] = (None,)) -> tuple[bytes, list[Storage]]:
    """Return the pickle of an object with arrays as tensors, and their storages."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for name in _KINDS.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_: object) -> None: ...

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    vars(utils)["_rebuild_tensor_v2"] = _rebuild_tensor_v2
    storages: list[Storage] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: object) -> object:
            if not isinstance(thing, Storage):
                return None
            kind = getattr(torch, thing.kind)
            return ("storage", kind, thing.key, "cpu", thing.length, *view)

        def reducer_override(self, thing: object) -> Any:
            if not isinstance(thing, np.ndarray):
                return NotImplemented
            whole = np.array(thing, order="C")
            kind = _KINDS[whole.dtype.name]
            storage = Storage(str(len(storages)), kind, whole.tobytes(), whole.size)
            storages.append(storage)
            strides = tuple(step // whole.itemsize for step in whole.strides)
            return _rebuild_tensor_v2, (storage, 0, whole.shape, strides, False, {})

    made = BytesIO()
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        Pickler(made, protocol=2).dump(found)
    return made.getvalue(), storages


def new_format(found: object, folder: str = "archive") -> bytes:
    """Return a file as PyTorch writes it since 1.6."""
    data, storages = pickled(found, view=())
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{folder}/data.pkl", data)
        archive.writestr(f"{folder}/byteorder", "little")
        for storage in storages:
            archive.writestr(f"{folder}/data/{storage.key}", storage.data)
    return made.getvalue()


def old_format(found: object, *, little: bool = True) -> bytes:
    """Return a file as PyTorch wrote it before 1.6."""
    data, storages = pickled(found)
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": little}]
    parts = [*(pickle.dumps(each, 2) for each in head), data]
    parts.append(pickle.dumps([storage.key for storage in storages], 2))
    parts += [storage.length.to_bytes(8, "little") + storage.data for storage in storages]
    return b"".join(parts)


def written(path: Path, tensors: Mapping[str, NDArray[Any]]) -> Path:
    path.write_bytes(old_format(dict(tensors)))
    return path


def constant_dsfd(levels: Sequence[NDArray[np.float32]]) -> bytes:
    """Return a model of the detector's shape that answers every picture with ``levels``."""
    graph = Graph(pixels=("uint8", (1, "height", "width", 3)))
    brightest = graph.node("ReduceMax", graph.node("Cast", "pixels", to=1), keepdims=0)
    nothing = graph.node("Mul", brightest, graph.constant(np.array([0.0])))
    return graph.model(
        **{
            f"level{number}": (
                graph.node("Add", graph.constant(level[None]), nothing),
                "float32",
                (1, 5, f"rows {number}", f"columns {number}"),
            )
            for number, level in enumerate(levels)
        }
    )
