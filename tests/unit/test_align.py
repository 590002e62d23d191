"""The similarity that aligns a face, and the chip that is cut by it."""

from __future__ import annotations

import cmath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.engines.align import SIDE, TEMPLATE, chip, similarity

coordinates = st.floats(-1000, 1000, allow_nan=False, width=32)
faces = st.lists(st.tuples(coordinates, coordinates), min_size=5, max_size=5)
turns = st.builds(cmath.rect, st.floats(0.1, 10), st.floats(-3.1, 3.1))
shifts = st.builds(complex, coordinates, coordinates)


def moved(points: np.ndarray, factor: complex, shift: complex) -> np.ndarray:
    places = factor * (points[:, 0] + 1j * points[:, 1]) + shift
    return np.stack([places.real, places.imag], axis=1)


def squares(points: np.ndarray, factor: complex, shift: complex) -> float:
    return float(((moved(points, factor, shift) - TEMPLATE) ** 2).sum())


@given(turns, shifts)
def test_a_turned_scaled_and_shifted_face_is_brought_back(factor: complex, shift: complex) -> None:
    found, offset = similarity(moved(TEMPLATE, factor, shift), TEMPLATE)
    assert found == pytest.approx(1 / factor, rel=1e-6)
    assert offset == pytest.approx(-shift / factor, rel=1e-6, abs=1e-6)


@given(faces, turns, shifts)
def test_no_other_similarity_is_nearer(
    points: list[tuple[float, float]], factor: complex, shift: complex
) -> None:
    face = np.array(points, np.float64)
    found, offset = similarity(face, TEMPLATE)
    if np.ptp(face, axis=0).max() > 1e-3:
        best = squares(face, found, offset)
        assert best <= squares(face, factor, shift) * (1 + 1e-9) + 1e-6
        assert best <= squares(face, found * factor, offset + shift) * (1 + 1e-9) + 1e-6


@given(shifts)
def test_points_that_coincide_are_only_moved(place: complex) -> None:
    factor, _ = similarity(np.tile([[place.real, place.imag]], (5, 1)), TEMPLATE)
    assert factor == pytest.approx(1)


def test_a_face_that_lies_as_in_the_template_is_not_changed() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    cut = chip(picture, [(x, y) for x, y in TEMPLATE.tolist()])
    assert cut.dtype == np.float32
    np.testing.assert_allclose(cut, picture, atol=1e-3)


def test_half_a_pixel_to_the_right_is_the_mean_of_two() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    cut = chip(picture, [(x + 0.5, y) for x, y in TEMPLATE.tolist()])
    means = (picture[:, :-1].astype(np.float32) + picture[:, 1:]) / 2
    np.testing.assert_allclose(cut[:, :-1], means, atol=1e-3)


def test_what_lies_outside_of_the_picture_is_black() -> None:
    picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
    cut = chip(picture, [(x - 20, y) for x, y in TEMPLATE.tolist()])
    assert not cut[:, :19].any()
    assert (cut[:, 21:] == 255).all()


@given(faces, st.integers(1, 40), st.integers(1, 40))
def test_any_points_and_any_picture_give_a_chip(
    points: list[tuple[float, float]], height: int, width: int
) -> None:
    cut = chip(np.full((height, width, 3), 200, np.uint8), points)
    assert cut.shape == (SIDE, SIDE, 3)
    assert cut.min() >= 0
    assert cut.max() <= 200.001
