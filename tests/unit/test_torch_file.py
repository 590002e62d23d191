"""PyTorch's files of weights, read without PyTorch; test_torch_networks.py reads what it wrote."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.errors import FacewatchError
from facewatchd.models.torch_file import state_dict
from tests.support.networks import new_format, old_format, pickled

if TYPE_CHECKING:
    from pathlib import Path

TENSORS = OrderedDict(
    [
        ("conv.weight", np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)),
        ("conv.bias", np.array([0.5, -1.5])),
        ("bn.num_batches_tracked", np.array(7)),
        ("empty", np.empty((0, 3), np.float32)),
    ]
)
FORMATS = [new_format, old_format]
Write = Callable[[object], bytes]


def read(folder: Path, data: bytes) -> dict[str, np.ndarray]:
    path = folder / "weights.pt"
    path.write_bytes(data)
    return state_dict(path)


@pytest.mark.parametrize("write", FORMATS)
def test_every_tensor_is_read_in_its_shape_and_kind(tmp_path: Path, write: Write) -> None:
    found = read(tmp_path, write(TENSORS))
    assert list(found) == list(TENSORS)
    for name, tensor in TENSORS.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        assert np.array_equal(found[name], tensor)


class Runs:
    """What runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch ran",)


@pytest.mark.parametrize("write", FORMATS)
def test_a_file_cannot_run_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FacewatchError, match=r"needs posix\.system, which no state dict does"):
        read(tmp_path, write({"weight": Runs()}))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("found", [[1, 2], {"state_dict": TENSORS, "epoch": 3}, "weights", None])
def test_what_is_no_state_dict_is_one_error(tmp_path: Path, write: Write, found: object) -> None:
    with pytest.raises(FacewatchError, match="something else than tensors by name") as error:
        read(tmp_path, write(found))
    assert str(tmp_path) in error.value.title


def test_numbers_with_their_highest_byte_first_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FacewatchError, match="highest byte first"):
        read(tmp_path, old_format(TENSORS, little=False))


def test_a_part_of_another_storage_is_refused(tmp_path: Path) -> None:
    data, _ = pickled(TENSORS, view=(("0", 0, 1),))
    head = [pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": 1})]
    with pytest.raises(FacewatchError, match="no storage"):
        read(tmp_path, b"".join([*head, data]))


def test_a_storage_that_is_shorter_than_its_tensor_is_refused(tmp_path: Path) -> None:
    cut = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(new_format(TENSORS))) as whole,
        zipfile.ZipFile(cut, "w") as archive,
    ):
        for name in whole.namelist():
            archive.writestr(name, whole.read(name)[: -4 if name.endswith("data/0") else None])
    with pytest.raises(FacewatchError, match="another size than is said"):
        read(tmp_path, cut.getvalue())


def test_another_zip_and_no_file_are_errors_with_a_remedy(tmp_path: Path) -> None:
    other = BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("photo.jpg", b"")
    with pytest.raises(FacewatchError, match=r"a zip without data\.pkl") as error:
        read(tmp_path, other.getvalue())
    assert "download it anew" in error.value.remedy
    with pytest.raises(FacewatchError, match="There is no file"):
        state_dict(tmp_path / "none.pt")
    with pytest.raises(FacewatchError, match="cannot be read: Is a directory"):
        state_dict(tmp_path)


@pytest.mark.parametrize("write", FORMATS)
@given(data=st.data())
def test_a_damaged_file_is_an_error_or_has_other_numbers(
    tmp_path_factory: pytest.TempPathFactory, write: Write, data: st.DataObject
) -> None:
    whole = bytearray(write(TENSORS))
    if data.draw(st.booleans()):
        whole = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = read(tmp_path_factory.mktemp("damaged"), bytes(whole))
    except FacewatchError as error:
        assert "weights.pt" in error.title  # noqa: PT017 - both ends are right
    else:
        assert all(isinstance(each, np.ndarray) for each in found.values())
