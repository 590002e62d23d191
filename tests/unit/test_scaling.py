"""Scaling with ONNX Runtime, beside Pillow's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facewatchd.engines.scaling import fitted, scaled

sides = st.integers(1, 90)


@given(width=sides, height=sides, to_width=sides, to_height=sides, seed=st.integers(0, 2**16))
def test_a_scaled_picture_is_pillows_but_for_a_level(
    width: int, height: int, to_width: int, to_height: int, seed: int
) -> None:
    choice = np.random.default_rng(seed)
    pixels = choice.integers(0, 256, (height, width, 3)).astype(np.uint8)
    found = scaled(pixels, to_width, to_height)
    image = Image.fromarray(pixels).resize((to_width, to_height), Image.Resampling.BILINEAR)
    expected = np.array(image)
    assert found.shape == (to_height, to_width, 3)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 2


def test_a_picture_of_the_right_size_is_returned_as_it_is() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    assert scaled(pixels, 6, 4) is pixels


def test_a_picture_that_is_a_view_is_scaled() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    turned = pixels[::-1].swapaxes(0, 1)
    assert np.array_equal(scaled(turned, 20, 30), scaled(turned.copy(), 20, 30))


@pytest.mark.parametrize(
    ("size", "longest_side", "most", "expected"),
    [
        ((300, 400), 200, 1.0, (150, 200)),
        ((300, 400), 800, 1.0, (300, 400)),
        ((300, 400), 800, 3.0, (600, 800)),
        ((300, 400), 4000, 2.0, (600, 800)),
        ((1, 5000), 1600, 2.0, (1, 1600)),
        ((5000, 1), 1600, 2.0, (1600, 1)),
        ((1, 1), 1600, 2.0, (2, 2)),
    ],
)
def test_a_picture_is_fitted_to_its_longest_side(
    size: tuple[int, int], longest_side: int, most: float, expected: tuple[int, int]
) -> None:
    pixels = np.zeros((*size, 3), np.uint8)
    found, factor = fitted(pixels, longest_side, most=most)
    assert found.shape[:2] == expected
    assert max(size) * factor == pytest.approx(max(expected))
