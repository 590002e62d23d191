"""From the answers of the Dual Shot Face Detector to boxes, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewatchd.engines.boxes import overlaps
from facewatchd.engines.dsfd import found
from facewatchd.engines.dsfd_graph import STRIDES

Levels = list[NDArray[np.float32]]
WIDTH, HEIGHT = 640, 480


def nothing(width: int = WIDTH, height: int = HEIGHT) -> Levels:
    """Return the answers of a network that sees no face."""
    levels = []
    for stride in STRIDES:
        shape = (5, math.ceil(height / stride), math.ceil(width / stride))
        levels.append(np.zeros(shape, np.float32))
        levels[-1][0] = -9
    return levels


def test_a_picture_without_faces_has_none() -> None:
    boxes, confidences = found(nothing(), WIDTH, HEIGHT)
    assert (boxes.shape, confidences.shape) == ((0, 4), (0,))


def test_an_anchor_is_four_cells_large_and_half_as_high_again_as_it_is_wide() -> None:
    levels = nothing()
    levels[2][0, 10, 20] = 2  # cells of 16 pixels: the middle is at 20.5 * 16, 10.5 * 16
    boxes, confidences = found(levels, WIDTH, HEIGHT)
    half_width, half_height = 32 / math.sqrt(1.5), 32 * math.sqrt(1.5)
    assert boxes == pytest.approx(
        np.array([[328 - half_width, 168 - half_height, 328 + half_width, 168 + half_height]])
    )
    assert confidences == pytest.approx(1 / (1 + math.exp(-2)))


def test_offsets_move_a_tenth_of_the_anchor_and_scale_by_a_fifth_of_a_power_of_e() -> None:
    levels = nothing()
    levels[3][:, 4, 6] = [3, 1.5, -0.5, 2, -1]
    boxes, _ = found(levels, WIDTH, HEIGHT)
    width, height = 128 / math.sqrt(1.5), 128 * math.sqrt(1.5)
    x, y = 6.5 * 32 + 0.15 * width, 4.5 * 32 - 0.05 * height
    half_width, half_height = width * math.exp(0.4) / 2, height * math.exp(-0.2) / 2
    assert boxes == pytest.approx(
        np.array([[x - half_width, y - half_height, x + half_width, y + half_height]])
    )


def test_an_anchor_is_no_larger_than_the_picture_and_its_middle_no_further_out() -> None:
    levels = nothing(200, 150)
    levels[5][0, 1, 1] = 1  # its middle at 192, 192, its size 418 x 627
    boxes, _ = found(levels, 200, 150)
    assert boxes == pytest.approx(np.array([[92, 75, 292, 225]]))


def test_from_a_probability_of_a_half_on_it_is_a_face() -> None:
    levels = nothing()
    levels[1][0, 3, 3], levels[1][0, 30, 60] = 0, -1e-3
    boxes, confidences = found(levels, WIDTH, HEIGHT)
    assert len(boxes) == 1
    assert confidences.tolist() == [0.5]


@pytest.mark.parametrize(("shift", "left"), [(0.53, 1), (0.55, 2)])
def test_of_boxes_that_overlap_by_more_than_three_tenths_the_surest_stays(
    shift: float, left: int
) -> None:
    # Two equal boxes, one moved by a share s of its width: they overlap by (1 - s) / (1 + s),
    # which is 0.307 for 0.53 and 0.290 for 0.55.
    levels = nothing()
    levels[4][0, 3, 5], levels[4][0, 3, 4] = 2, 1
    width = 256 / math.sqrt(1.5)
    levels[4][1, 3, 4] = (64 - shift * width) / width / 0.1
    boxes, confidences = found(levels, WIDTH, HEIGHT)
    assert len(boxes) == left
    assert confidences[0] == pytest.approx(1 / (1 + math.exp(-2)))


@given(st.integers(0, 2**32 - 1))
def test_boxes_are_sorted_overlap_little_and_are_finite(seed: int) -> None:
    choice = np.random.default_rng(seed)
    levels = [choice.normal(0, 30, level.shape).astype(np.float32) for level in nothing(160, 90)]
    boxes, confidences = found(levels, 160, 90)
    assert np.isfinite(boxes).all()
    assert (np.diff(confidences) <= 0).all()
    assert (confidences >= 0.5).all()
    meet = overlaps(boxes, boxes)
    np.fill_diagonal(meet, 0)
    assert (meet <= 0.3).all()
