"""Reads the weights in a file that PyTorch wrote, without PyTorch.

``torch.save`` writes a pickle, in which each tensor is a reference to a storage (numbers without a
shape), and the storages.  Since PyTorch 1.6 both lie in a zip that compresses nothing: ``data.pkl``
and one member a storage.  Before, there were five pickles one behind the other (a magic number, a
version, the machine, the object, the storages' keys), then each storage, its length first.  A
pickle can run any code: here none of its names is looked up but the few that make a state dict, and
each stands for something of ours.  Formats: torch/serialization.py and torch/_utils.py of
https://github.com/pytorch/pytorch.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_LENGTH = 8  # bytes of the length of a storage, before 1.6
_DTYPES = {
    "HalfStorage": "<f2",
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "ByteStorage": "u1",
    "CharStorage": "i1",
    "ShortStorage": "<i2",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
    "BoolStorage": "?",
}
_DAMAGES = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)


def state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of the state dict in ``path``, by name.

    FacewatchError when the file cannot be read, is damaged, or holds anything else: whole models
    and what else needs PyTorch's code are not read.
    """
    try:
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                return _from_zip(file)
            file.seek(0)
            return _from_pickles(file)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise FacewatchError(
            f"There is no file {path}." if missing else f"{path} cannot be read: {error.strerror}.",
            "Name the file of weights that you downloaded.",
        ) from error
    except _DAMAGES as error:
        raise FacewatchError(
            f"{path} holds no weights as PyTorch saves them, or is damaged: {_words(error)}.",
            "Name the file of weights that you downloaded, or download it anew.",
        ) from error


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    length: int

    @property
    def size(self) -> int:
        """Bytes of all its numbers."""
        return self.length * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, data: NDArray[Any]) -> NDArray[Any]:
        """Return the tensor's numbers, of those of its storage."""
        if min((self.offset, *self.shape, *self.strides)) < 0:
            raise ValueError("a tensor has no right shape")
        steps = zip(self.shape, self.strides, strict=True)
        last = self.offset + sum((size - 1) * stride for size, stride in steps)
        if 0 not in self.shape and last >= len(data):
            raise ValueError("a tensor reaches beyond its numbers")
        strides = [stride * data.itemsize for stride in self.strides]
        whole = data[self.offset :]
        return np.lib.stride_tricks.as_strided(whole, self.shape, strides, writeable=False)


class _Unpickler(pickle.Unpickler):
    """Knows only what a state dict is made of; ``storages`` are those that it came upon."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> object:
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        made = _MAKERS.get((module, name))
        if made is None:
            raise pickle.UnpicklingError(f"it needs {module}.{name}, which no state dict does")
        return made

    def persistent_load(self, pid: Any) -> _Storage:
        what, dtype, key, _device, length, *view = pid
        if what != "storage" or dtype not in _DTYPES.values() or any(view):
            raise pickle.UnpicklingError("it refers to something that is no storage")
        storage = _Storage(str(key), np.dtype(dtype), int(length))
        return self.storages.setdefault(storage.key, storage)


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    """Stand for ``torch._utils._rebuild_tensor`` and its second version."""
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _parameter(tensor: _Tensor, *_: object) -> _Tensor:
    """Stand for ``torch._utils._rebuild_parameter``."""
    return tensor


_MAKERS: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}


def _from_zip(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(file) as archive:
        pickled = next((n for n in archive.namelist() if n.endswith("/data.pkl")), None)
        if pickled is None:
            raise ValueError("it is a zip without data.pkl")
        folder = pickled.removesuffix("/data.pkl")
        if f"{folder}/byteorder" in archive.namelist():
            _check_order(little=archive.read(f"{folder}/byteorder") == b"little")

        def data_of(storage: _Storage) -> NDArray[Any]:
            member = archive.getinfo(f"{folder}/data/{storage.key}")
            if member.compress_type != zipfile.ZIP_STORED or member.file_size != storage.size:
                raise ValueError(f"the storage {storage.key} has another size than is said")
            return np.frombuffer(archive.read(member), storage.dtype)

        with archive.open(pickled) as opened:
            reader = _Unpickler(opened)
            return _arrays(reader.load(), data_of)


def _from_pickles(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    if _Unpickler(file).load() != _MAGIC:
        raise ValueError("it does not begin as such a file does")
    if _Unpickler(file).load() != _VERSION:
        raise ValueError("it is of an unknown version")
    _check_order(little=bool(_Unpickler(file).load()["little_endian"]))
    reader = _Unpickler(file)
    found = reader.load()
    data = {}
    for key in _Unpickler(file).load():
        storage = reader.storages[key]
        if int.from_bytes(file.read(_LENGTH), "little") != storage.length:
            raise ValueError(f"the storage {key} has another size than is said")
        data[key] = np.frombuffer(file.read(storage.size), storage.dtype)
    return _arrays(found, lambda storage: data[storage.key])


def _arrays(found: Any, data_of: Callable[[_Storage], NDArray[Any]]) -> dict[str, NDArray[Any]]:
    if not isinstance(found, dict) or not all(isinstance(each, _Tensor) for each in found.values()):
        raise ValueError("it holds something else than tensors by name")
    return {str(name): tensor.array(data_of(tensor.storage)) for name, tensor in found.items()}


def _check_order(*, little: bool) -> None:
    if not little:
        raise ValueError("its numbers have their highest byte first")


def _words(error: BaseException) -> str:
    return str(error).rstrip(".") or type(error).__name__
