"""Layers of PyTorch modules as ONNX graphs: computed by hand, and weights that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facewatchd.engines.dsfd_graph import detecting_network
from facewatchd.engines.facenet_graph import encoding_network
from facewatchd.engines.onnx_graph import Graph
from facewatchd.engines.session import session
from facewatchd.engines.torch_graph import Layers, Norm, Plane, Window
from facewatchd.errors import PluginError
from tests.support.networks import random_weights

Tensors = dict[str, NDArray[Any]]


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


@pytest.fixture
def tensors() -> Tensors:
    """Return a convolution that sums 3 x 3 pixels, and its batch norm."""
    return {
        "conv.weight": np.ones((1, 1, 3, 3), np.float32),
        "conv.bias": floats(2),
        "bn.weight": floats(3),
        "bn.bias": floats(10),
        "bn.running_mean": floats(4),
        "bn.running_var": floats(8.75),
        "bn.num_batches_tracked": np.array(5),
    }


def answer(tensors: Tensors, plane: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
    graph = Graph(plane=("float32", (1, 1, "height", "width")))
    layers = Layers(graph, tensors, "weights.pt")
    found = layers.convolved(
        Plane("plane", 1), "conv", 1, window, norm=Norm("bn", 0.25), biased=True
    )
    layers.check_all_used()
    model = graph.model(found=(found.value, "float32", (1, 1, "rows", "columns")))
    (result,) = session(model).run(None, {"plane": plane[None, None]})
    return np.asarray(result[0, 0])


def test_a_batch_norm_is_a_part_of_the_convolution(tensors: Tensors) -> None:
    plane = np.arange(12, dtype=np.float32).reshape(3, 4)
    # The sums of 3 x 3 pixels are 45 and 54; (sum + 2 - 4) * 3 / sqrt(8.75 + 0.25) + 10
    found = answer(tensors, plane, Window(3, 3, padded=False))
    assert found == pytest.approx(np.array([[53, 62]]))


def test_padding_keeps_the_size_and_a_stride_halves_it(tensors: Tensors) -> None:
    plane = np.ones((4, 4), np.float32)
    found = answer(tensors, plane, Window(3, 3, stride=2))
    assert found == pytest.approx(np.array([[4, 6], [6, 9]]) + 8)
    assert answer(tensors, plane, Window(3, 3)).shape == (4, 4)


def test_a_dilated_window_takes_every_other_pixel(tensors: Tensors) -> None:
    plane = np.arange(25, dtype=np.float32).reshape(5, 5)
    found = answer(tensors, plane, Window(3, 3, dilation=2))
    assert found.shape == (5, 5)
    assert found[2, 2] == plane[::2, ::2].sum() + 8


def lost(tensors: Tensors) -> None:
    del tensors["bn.weight"]


def reshaped(tensors: Tensors) -> None:
    tensors["conv.weight"] = np.ones((1, 1, 5, 5), np.float32)


def no_number(tensors: Tensors) -> None:
    tensors["conv.bias"] = floats(np.nan)


def negative(tensors: Tensors) -> None:
    tensors["bn.running_var"] = floats(-1)


def more(tensors: Tensors) -> None:
    tensors["head.weight"] = floats(1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lost, "has no bn.weight"),
        (reshaped, r"conv.weight is \(1, 1, 5, 5\), where \(1, 1, 3, 3\) is due"),
        (no_number, "conv.bias holds what is no number"),
        (negative, "bn.running_var is negative"),
        (more, "has head.weight, which that network does not have"),
    ],
)
def test_weights_that_do_not_fit_are_one_error_with_their_file(
    tensors: Tensors, change: Any, says: str
) -> None:
    change(tensors)
    with pytest.raises(PluginError, match=says) as error:
        answer(tensors, np.ones((3, 3), np.float32), Window(3, 3))
    assert error.value.title.startswith("weights.pt does not hold")


# What hukkelas/DSFD-Pytorch-Inference and timesler/facenet-pytorch say of their files, less what
# a file has besides numbers: 481,004,605 bytes, and 111,898,327 with 8,631 names of people (513
# numbers each).
@pytest.mark.parametrize(
    ("build", "tensors", "numbers"),
    [(detecting_network, 967, 120_212_646), (encoding_network, 602, 23_512_224)],
)
def test_the_networks_have_as_many_weights_as_the_published_files(
    build: Any, tensors: int, numbers: int
) -> None:
    asked: dict[str, tuple[int, ...]] = {}

    def noted(_: Layers, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        asked[name] = shape
        return np.broadcast_to(np.float32(1), shape)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Layers, "take", noted)
        patch.setattr(Graph, "constant", lambda *_: "nothing")
        build({}, "none")
    assert (len(asked), sum(int(np.prod(shape)) for shape in asked.values())) == (tensors, numbers)


def test_facenet_turns_faces_into_512_numbers_each() -> None:
    network = session(encoding_network(random_weights(encoding_network), "random"))
    (faces,), (encodings,) = network.get_inputs(), network.get_outputs()
    assert (faces.name, faces.type, faces.shape) == ("faces", "tensor(uint8)", ["n", 160, 160, 3])
    assert (encodings.name, encodings.shape) == ("encodings", ["n", 512])
    seen = np.random.default_rng(3).integers(0, 256, (3, 160, 160, 3), np.uint8)
    together = network.run(None, {"faces": seen})[0]
    alone = np.concatenate([network.run(None, {"faces": face[None]})[0] for face in seen])
    assert together.shape == (3, 512)
    assert together == pytest.approx(alone, abs=1e-5)
