"""Reading what a model takes and gives from its file."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facewatchd.engines.onnx_graph import Graph
from facewatchd.engines.onnx_header import Header, Value, read_header
from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
sizes = st.integers(1, 2**40) | st.none()


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def model(shape: list[int | None], dtype: str = "float32") -> bytes:
    named = ["varies" if size is None else size for size in shape]
    graph = Graph(picture=(dtype, named))
    half = graph.node("Mul", graph.node("Relu", "picture"), graph.constant(np.array([0.5])))
    return graph.model(first=(half, dtype, named), second=(half, dtype, named[:1]))


@same_folder
@given(shape=st.lists(sizes, min_size=1, max_size=6), dtype=st.sampled_from(["float32", "uint8"]))
def test_inputs_outputs_and_operators_are_read(
    tmp_path: Path, shape: list[int | None], dtype: str
) -> None:
    header = read_header(written(tmp_path / "m.onnx", model(shape, dtype)))
    is_float = dtype == "float32"
    assert header == Header(
        (Value("picture", tuple(shape), is_float),),
        (Value("first", tuple(shape), is_float), Value("second", (shape[0],), is_float)),
        ("Relu", "Mul", "Identity", "Identity"),
    )


@same_folder
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_model_that_ends_too_early_is_one_clear_error(tmp_path: Path, share: float) -> None:
    whole = model([1, 3, None, None])
    path = written(tmp_path / "cut.onnx", whole[: int(share * len(whole))])
    with pytest.raises(PluginError, match=r"cut\.onnx is no ONNX model, or is damaged"):
        read_header(path)


@same_folder
@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_header_or_one_clear_error(tmp_path: Path, data: bytes) -> None:
    path = written(tmp_path / "any.onnx", data)
    with suppress(PluginError):
        assert isinstance(read_header(path), Header)


@same_folder
@given(at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_a_changed_byte_is_a_header_or_one_clear_error(tmp_path: Path, at: int, byte: int) -> None:
    data = bytearray(model([1, 3, 112, 112]))
    data[at % len(data)] = byte
    path = written(tmp_path / "changed.onnx", bytes(data))
    with suppress(PluginError):
        assert isinstance(read_header(path), Header)


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(PluginError, match=r"folder\.onnx cannot be read"):
        read_header(tmp_path / "folder.onnx")
