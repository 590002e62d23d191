"""Folders with models for the engines whose weights users fetch, real ones and written ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines.onnx_graph import Graph

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_GRID = 14


def weights(dimensions: int) -> NDArray[np.float32]:
    choice = np.random.default_rng(dimensions)
    return choice.normal(size=(3 * (112 // _GRID) ** 2, dimensions)).astype(np.float32)


def recogniser(dimensions: int, *, centres: bool = False, broken: bool = False) -> bytes:
    """Return a model of a recogniser's shape: a small picture's pixels, mixed at random.

    With ``centres`` it takes pixels from 0 to 255 and centres them itself, else from -1 to 1.
    """
    graph = Graph(data=("float32", (1, 3, 112, 112)))
    value = "data"
    if centres:
        value = graph.node("Sub", value, graph.constant(np.array([127.5])))
        value = graph.node("Mul", value, graph.constant(np.array([1 / 127.5])))
    value = graph.node("AveragePool", value, kernel_shape=[_GRID, _GRID], strides=[_GRID, _GRID])
    mix = weights(dimensions) * (np.nan if broken else 1)
    value = graph.node("MatMul", graph.node("Flatten", value), graph.constant(mix))
    return graph.model(fc1=(value, "float32", (1, dimensions)))


def detector(outputs: Mapping[str, NDArray[np.float32]], side: int | str = "side") -> bytes:
    """Return a model of a detector's shape that gives the same ``outputs`` for every picture."""
    graph = Graph(picture=("float32", (1, 3, side, side if side != "side" else "other side")))
    nothing = graph.node(
        "Mul", graph.node("ReduceMax", "picture", keepdims=0), graph.constant(np.array([0.0]))
    )
    return graph.model(
        **{
            name: (graph.node("Add", graph.constant(values), nothing), "float32", values.shape)
            for name, values in outputs.items()
        }
    )


def folder(path: Path, **files: bytes | Path) -> Path:
    """Make a folder with models, ``files`` by name: bytes, or real ones that are linked to."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        target = path / f"{name}.onnx"
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            target.symlink_to(content)
    return path
