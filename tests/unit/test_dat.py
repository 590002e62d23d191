"""dlib's networks, read from files that are written here byte by byte."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.engines.dat import Affine, Convolution, Linear, layers
from facewatchd.errors import PluginError

numbers = st.integers(0, 2**64 - 1)


def integer(value: int) -> bytes:
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes([size]) + value.to_bytes(size, "little")


def text(value: str) -> bytes:
    return integer(len(value)) + value.encode()


def tensor(*values: float) -> bytes:
    sizes = b"".join(integer(size) for size in (2, len(values), 1, 1, 1))
    return sizes + struct.pack(f"<{len(values)}f", *values)


def convolution(
    filters: int, inputs: int, side: int, *, stride: int = 1, padding: int = 0
) -> bytes:
    values = range(filters * inputs * side * side + filters)
    geometry = (filters, side, side, stride, stride, padding, padding)
    return text("con_4") + tensor(*values) + b"".join(integer(number) for number in geometry)


def affine(*gamma_and_beta: float) -> bytes:
    return text("affine_") + tensor(*gamma_and_beta)


def normalisation(gamma: float, beta: float, mean: float, variance: float) -> bytes:
    alias = b"".join(integer(number) for number in (1, 1, 1, 1, 1))
    statistics = tensor(9.0) + tensor(9.0) + tensor(mean) + tensor(variance)
    return text("bn_con2") + tensor(gamma, beta) + alias + alias + statistics


def linear(outputs: int, inputs: int) -> bytes:
    sizes = integer(outputs) + integer(inputs)
    return text("fc_2") + sizes + tensor(*range(inputs * outputs))


NETWORK = (
    text("loss_metric_2")
    + convolution(2, 3, 5, stride=2)
    + affine(2, 4, 1, 3)
    + text("relu_")
    + linear(4, 2)
    + b"\x01\x00" * 10
)


def test_layers_come_in_order_with_their_shapes() -> None:
    first, second, third = layers(NETWORK, "x.dat")
    assert isinstance(first, Convolution)
    assert first.weights.shape == (2, 3, 5, 5)
    assert first.weights[1, 0, 0, 0] == 75
    assert first.bias.tolist() == [150, 151]
    assert (first.stride, first.padding) == (2, 0)
    assert isinstance(second, Affine)
    assert second.gamma.tolist() == [2, 4]
    assert second.beta.tolist() == [1, 3]
    assert isinstance(third, Linear)
    assert third.weights.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_batch_normalisation_becomes_what_it_does() -> None:
    (layer,) = layers(normalisation(2.0, 5.0, 3.0, 0.25), "x.dat")
    assert isinstance(layer, Affine)
    value = 7.0
    expected = 2.0 * (value - 3.0) / np.sqrt(0.25 + 1e-4) + 5.0
    assert layer.gamma[0] * value + layer.beta[0] == pytest.approx(expected, rel=1e-6)


def test_no_layer_keeps_the_file_in_memory() -> None:
    first, *_ = layers(NETWORK, "x.dat")
    assert isinstance(first, Convolution)
    base = first.weights.base
    assert isinstance(base, np.ndarray)
    assert base.nbytes <= 4 * (first.weights.size + first.bias.size)


@given(end=st.integers(0, len(NETWORK) - 21))
def test_a_truncated_file_has_fewer_layers_or_is_an_error(end: int) -> None:
    try:
        found = layers(NETWORK[:end], "x.dat")
    except PluginError:
        return
    assert len(found) < 3


def test_an_error_says_how_to_get_a_whole_file() -> None:
    with pytest.raises(PluginError, match=r"x\.dat") as caught:
        layers(NETWORK[:300], "x.dat")
    assert "--force-reinstall" in caught.value.remedy


@given(data=st.binary(max_size=200))
def test_a_foreign_file_is_an_error_that_names_it(data: bytes) -> None:
    with pytest.raises(PluginError, match=r"x\.dat.*no network of dlib"):
        layers(data, "x.dat")


@given(sizes=st.tuples(numbers, numbers, numbers, numbers), rest=st.binary(max_size=50))
def test_a_tensor_is_never_believed_to_be_larger_than_the_file(
    sizes: tuple[int, int, int, int], rest: bytes
) -> None:
    data = text("affine_") + integer(2) + b"".join(integer(size) for size in sizes) + rest
    if np.prod([float(size) for size in sizes]) * 4 > len(rest):
        with pytest.raises(PluginError, match="in the middle of a layer"):
            layers(data, "x.dat")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (text("affine_") + tensor(1.0, float("nan")), "not numbers"),
        (text("affine_") + tensor(1.0, 2.0, 3.0), "not of one number"),
        (text("affine_") + b"\x00", "no number"),
        (text("affine_") + b"\x09" + bytes(9), "no number"),
        (text("affine_") + b"\x81\x02", "no number"),
        (text("affine_") + integer(3) + integer(1) * 4, "version 3"),
        (text("con_4") + tensor(1, 2, 3) + integer(1) * 3 + integer(2) + integer(1) * 3, "size"),
        (text("con_4") + tensor(1, 2) + integer(2) + integer(1) * 6, "size"),
        (text("fc_2") + integer(2) + integer(2) + tensor(1, 2, 3), "size"),
        (normalisation(1.0, 0.0, 0.0, -1.0), "does not fit"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, what: str) -> None:
    with pytest.raises(PluginError, match=rf"x\.dat cannot be used: .*{what}"):
        layers(data, "x.dat")


@given(flips=st.lists(st.tuples(st.integers(0, len(NETWORK) - 1), st.integers(0, 255)), max_size=4))
def test_damage_is_found_or_harmless_but_never_another_error(flips: list[tuple[int, int]]) -> None:
    data = bytearray(NETWORK)
    for at, value in flips:
        data[at] = value
    try:
        found = layers(bytes(data), "x.dat")
    except PluginError:
        return
    assert 1 <= len(found) <= 3
    assert all(one is not other for one, other in pairwise(found))
