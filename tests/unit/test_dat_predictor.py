"""dlib's predictor of landmarks, read from a small file that is written here number by number."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.engines.dat_predictor import POINTS, QUESTIONS, Predictor, predictor
from facewatchd.engines.landmarks import Landmarks
from facewatchd.errors import PluginError
from facewatchd.model import Box

if TYPE_CHECKING:
    from collections.abc import Iterable

STAGES, TREES, FEATURES = 2, 3, 7
MEAN = [0.25, 0.5, 0.75, 0.5, 0.5, 0.625, 0.375, 0.75, 0.625, 0.75]


def integers(*values: int) -> bytes:
    written = []
    for value in values:
        size = max(1, (abs(value).bit_length() + 7) // 8)
        written.append(bytes([size | (0x80 if value < 0 else 0)]))
        written.append(abs(value).to_bytes(size, "little"))
    return b"".join(written)


def reals(*values: float) -> bytes:
    pairs = (math.frexp(value) for value in values)
    return b"".join(integers(int(part * 2**24), power - 24) for part, power in pairs)


def matrix(*values: float) -> bytes:
    return integers(-len(values), -1) + reals(*values)


def tree(number: int) -> bytes:
    splits = b"".join(integers(s % FEATURES, number % FEATURES) + reals(s / 4) for s in range(15))
    leaves = [[number + leaf / 16] * (2 * POINTS) for leaf in range(QUESTIONS + 1)]
    written = b"".join(matrix(*leaf) for leaf in leaves)
    return integers(QUESTIONS) + splits + integers(QUESTIONS + 1) + written


def file(parts: Iterable[bytes] | None = None) -> bytes:
    forest = integers(TREES) + b"".join(tree(number) for number in range(TREES))
    anchors = integers(FEATURES, *(number % POINTS for number in range(FEATURES)))
    offsets = integers(FEATURES) + reals(*(number / 8 for number in range(2 * FEATURES)))
    whole = [
        integers(1) + matrix(*MEAN),
        integers(STAGES) + forest * STAGES,
        integers(STAGES) + anchors * STAGES,
        integers(STAGES) + offsets * STAGES,
    ]
    return b"".join(parts if parts is not None else whole)


FILE = file()


def test_a_predictor_is_read_with_all_its_numbers() -> None:
    found = predictor(FILE, "x.dat")
    assert found.mean.ravel().tolist() == MEAN
    assert found.anchors.tolist() == [[0, 1, 2, 3, 4, 0, 1]] * STAGES
    assert found.offsets[1].ravel().tolist() == [number / 8 for number in range(2 * FEATURES)]
    assert found.pairs[1, 2].tolist() == [[s % FEATURES, 2] for s in range(15)]
    assert found.thresholds[0, 1].tolist() == [s / 4 for s in range(15)]
    assert found.leaves.shape == (STAGES, TREES, QUESTIONS + 1, POINTS, 2)
    assert found.leaves[0, 2, 5].tolist() == [[2 + 5 / 16] * 2] * POINTS


def test_a_predictor_survives_being_kept() -> None:
    found = predictor(FILE, "x.dat")
    again = Predictor.from_bytes(found.to_bytes())
    for name in found.__slots__:
        one, other = getattr(found, name), getattr(again, name)
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)


@given(end=st.integers(0, len(FILE) - 1))
def test_a_truncated_file_is_an_error_that_names_it(end: int) -> None:
    with pytest.raises(PluginError, match=r"x\.dat cannot be used"):
        predictor(FILE[:end], "x.dat")


@given(data=st.binary(max_size=300))
def test_a_foreign_file_is_an_error(data: bytes) -> None:
    with pytest.raises(PluginError, match=r"x\.dat cannot be used"):
        predictor(data, "x.dat")


@given(flips=st.lists(st.tuples(st.integers(0, len(FILE) - 1), st.integers(0, 255)), max_size=4))
def test_damage_is_found_or_harmless_but_never_another_error(flips: list[tuple[int, int]]) -> None:
    data = bytearray(FILE)
    for at, value in flips:
        data[at] = value
    try:
        found = predictor(bytes(data), "x.dat")
    except PluginError:
        return
    Landmarks(found).find(np.zeros((20, 30, 3), np.uint8), [Box(2, 3, 14, 15)])


@pytest.mark.parametrize("size", [2**31, 2**40, 2**55, -5])
def test_a_size_is_never_believed_to_be_larger_than_the_file(size: int) -> None:
    for parts in (
        [integers(1), matrix(*MEAN), integers(size, TREES)],
        [integers(1), matrix(*MEAN), integers(size, size), tree(0)],
        [integers(1), integers(size, -1)],
    ):
        with pytest.raises(PluginError, match=r"x\.dat cannot be used"):
            predictor(file(parts), "x.dat")


def walked(found: Predictor, stage: int, tree: int, brightness: list[int]) -> int:
    """Return the leaf that a tree gives, question by question."""
    node = 0
    while node < QUESTIONS:
        one, other = found.pairs[stage, tree, node]
        yes = brightness[one] - brightness[other] > found.thresholds[stage, tree, node]
        node = 2 * node + (1 if yes else 2)
    return node - QUESTIONS


@given(seed=st.integers(0, 2**32 - 1))
def test_landmarks_are_those_of_walking_every_tree(seed: int) -> None:
    choice = np.random.default_rng(seed)
    shape = (STAGES, TREES, QUESTIONS)
    made = Predictor(
        np.array(MEAN, np.float32).reshape(POINTS, 2),
        choice.integers(0, POINTS, (STAGES, FEATURES)),
        np.zeros((STAGES, FEATURES, 2), np.float32),  # looks at the points themselves
        choice.integers(0, FEATURES, (*shape, 2)),
        choice.normal(0, 80, shape).astype(np.float32),
        choice.normal(0, 0.02, (STAGES, TREES, QUESTIONS + 1, POINTS, 2)).astype(np.float32),
    )
    pixels = choice.integers(0, 256, (60, 80, 3)).astype(np.uint8)
    box = Box(-10, 5, 70, 65)
    corner, size = np.array(box[:2]), np.array(box[2:]) - np.array(box[:2])
    points = made.mean.copy()
    for stage in range(STAGES):
        x, y = np.floor(points * size + corner + 0.5).astype(int).T
        inside = (x >= 0) & (x < 80) & (y >= 0) & (y < 60)
        brightness = [
            int(pixels[y[a], x[a]].sum()) // 3 if inside[a] else 0 for a in made.anchors[stage]
        ]
        for number in range(TREES):
            points += made.leaves[stage, number, walked(made, stage, number, brightness)]
    expected = np.floor(points * size + corner + 0.5)
    (found,) = Landmarks(made).find(pixels, [box])
    assert np.array_equal(found, expected)


def test_faces_found_together_are_those_found_one_by_one() -> None:
    finder = Landmarks(predictor(FILE, "x.dat"))
    pixels = np.random.default_rng(1).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    boxes = [Box(5 * n, 3 * n, 5 * n + 40, 3 * n + 60) for n in range(40)]
    together = finder.find(pixels, boxes)
    alone = list(chain.from_iterable(finder.find(pixels, [box]) for box in boxes))
    assert np.array_equal(together, alone)
    assert finder.find(pixels, []).shape == (0, POINTS, 2)
