"""How well a face can be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray  # noqa: TC002 - hypothesis reads annotations

from facewatchd.engines.quality import quality
from facewatchd.model import Box, Detection, Quality

FRONTAL = ((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0))
shares = st.floats(0, 1)


def checked(side: int, field: int) -> NDArray[np.uint8]:
    """Return a chessboard."""
    row = np.arange(side) // field
    board = (row[:, None] + row[None, :]) % 2 * 255
    return np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8)


def face(side: int, confidence: float = 1.0) -> Detection:
    return Detection(Box(0, 0, side, side), confidence)


def turned(degrees: float, *, nose: float) -> Detection:
    """Return a face whose head lies at an angle, its nose ``nose`` eye distances off the middle."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = np.array(FRONTAL)
    points[2, 0] += 40 * nose
    moved = tuple((float(x), float(y)) for x, y in points @ turn.T + 200)
    return Detection(Box(0, 0, 100, 100), 1.0, moved)


def test_a_sharper_face_has_the_higher_quality() -> None:
    sharp = checked(64, 4)
    soft = (sharp // 4 + 96).astype(np.uint8)
    assert quality(soft, face(64)).sharpness < quality(sharp, face(64)).sharpness
    assert quality(soft, face(64)).score < quality(sharp, face(64)).score


def test_a_larger_face_has_the_higher_quality() -> None:
    small, large = checked(64, 4), checked(256, 16)
    assert quality(small, face(64)).size < quality(large, face(256)).size
    assert quality(small, face(64)).score < quality(large, face(256)).score


def test_a_face_of_two_pixels_has_no_quality() -> None:
    assert quality(checked(10, 1), face(2)).score == 0


def test_a_detector_without_points_tells_nothing_of_the_pose() -> None:
    assert quality(checked(64, 4), face(64)).pose is None


@pytest.mark.parametrize("degrees", [0, 30, -90, 180])
def test_the_pose_is_how_far_the_nose_is_from_the_middle_however_the_head_lies(
    degrees: float,
) -> None:
    picture = checked(100, 4)
    assert quality(picture, turned(degrees, nose=0)).pose == pytest.approx(1)
    assert quality(picture, turned(degrees, nose=0.5)).pose == pytest.approx(0.5)
    assert quality(picture, turned(degrees, nose=-0.5)).pose == pytest.approx(0.5)
    assert quality(picture, turned(degrees, nose=1.5)).pose == pytest.approx(0.25)


def test_eyes_in_one_place_are_no_face_that_looks_here() -> None:
    points = ((5.0, 5.0),) * 5
    assert quality(checked(64, 4), Detection(Box(0, 0, 64, 64), 1.0, points)).pose == 0


@given(shares, shares, shares, st.none() | shares)
def test_the_score_lies_between_the_worst_and_the_best_measure(
    size: float, sharpness: float, confidence: float, pose: float | None
) -> None:
    measures = Quality(size, sharpness, confidence, pose)
    known = [each for each in measures if each is not None]
    assert min(known) - 1e-9 <= measures.score <= max(known) + 1e-9


@given(shares, shares, shares, shares, shares)
def test_a_better_measure_never_lowers_the_score(
    size: float, sharpness: float, confidence: float, pose: float, better: float
) -> None:
    before = Quality(size, sharpness, confidence, pose)
    after = before._replace(pose=max(pose, better))
    assert after.score >= before.score
