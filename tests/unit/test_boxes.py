"""Arithmetic of boxes, compared with the plainest way to say the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.engines.boxes import areas, centred, overlaps, sizes, survivors

Row = tuple[float, float, float, float]


@st.composite
def rows(draw: st.DrawFn) -> Row:
    left, top = draw(st.integers(-20, 60)), draw(st.integers(-20, 60))
    return left, top, left + draw(st.integers(0, 30)), top + draw(st.integers(0, 30))


lists = st.lists(rows(), max_size=40)
shares = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0])


def array(boxes: list[Row]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array(boxes, np.float64).reshape(-1, 4)


def overlap(one: Row, other: Row) -> float:
    """Count the pixels that both cover, and those that one of them does."""
    a, b = pixels(one), pixels(other)
    return len(a & b) / len(a | b) if a | b else 0.0


def pixels(box: Row) -> set[tuple[int, int]]:
    left, top, right, bottom = (int(edge) for edge in box)
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


@given(st.lists(rows(), max_size=5), st.lists(rows(), max_size=5))
def test_an_overlap_is_the_share_of_common_pixels(boxes: list[Row], others: list[Row]) -> None:
    found = overlaps(array(boxes), array(others))
    assert found.shape == (len(boxes), len(others))
    expected = [[overlap(one, other) for other in others] for one in boxes]
    assert found == pytest.approx(np.array(expected).reshape(found.shape))


@given(st.lists(st.tuples(rows(), st.integers(0, 5)), max_size=40), shares)
def test_survivors_are_those_of_the_plain_loop(faces: list[tuple[Row, int]], most: float) -> None:
    boxes = array([box for box, _ in faces])
    confidences = np.array([sure / 5 for _, sure in faces], np.float64)
    kept: list[int] = []
    for number in sorted(range(len(faces)), key=lambda number: -confidences[number]):
        if all(overlaps(boxes[[number]], boxes[[other]])[0, 0] <= most for other in kept):
            kept.append(number)
    assert survivors(boxes, confidences, most).tolist() == kept


def test_survivors_of_more_boxes_than_are_compared_at_once_are_those_of_the_plain_loop() -> None:
    chance = np.random.default_rng(7)
    corners = chance.uniform(0, 200, (1200, 2))
    boxes = np.concatenate([corners, corners + chance.uniform(5, 40, (1200, 2))], axis=1)
    confidences = chance.uniform(size=1200)
    clashes = overlaps(boxes, boxes) > 0.3
    kept: list[int] = []
    for number in np.argsort(-confidences):
        if not clashes[number, kept].any():
            kept.append(int(number))
    assert 256 < len(kept) < 1200
    assert survivors(boxes, confidences, 0.3).tolist() == kept


@given(lists, shares)
def test_what_survived_survives_again(boxes: list[Row], most: float) -> None:
    confidences = np.linspace(1, 0, len(boxes))
    kept = survivors(array(boxes), confidences, most)
    again = survivors(array(boxes)[kept], confidences[kept], most)
    assert again.tolist() == list(range(len(kept)))


@given(lists, st.floats(0, 100))
def test_squares_have_the_centres_of_the_boxes_and_the_sides_asked_for(
    boxes: list[Row], side: float
) -> None:
    squares = centred(array(boxes), np.full(len(boxes), side))
    assert sizes(squares) == pytest.approx(np.full((len(boxes), 2), side))
    middles = array(boxes)[:, :2] + sizes(array(boxes)) / 2
    assert (squares[:, :2] + squares[:, 2:]) / 2 == pytest.approx(middles)


@given(lists)
def test_areas_count_pixels(boxes: list[Row]) -> None:
    assert areas(array(boxes)).tolist() == [len(pixels(box)) for box in boxes]


def test_answers_have_the_precision_of_the_boxes() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3]], np.float32)
    assert overlaps(boxes, boxes).dtype == np.float32
    assert centred(boxes, areas(boxes)).dtype == np.float32
